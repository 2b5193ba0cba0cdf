from __future__ import annotations

import pandas as pd
import pytest

from dlqkit.decision.signatures import sign_errors
from dlqkit.decision.signing.templates import count_kinds, generalise, name_kind


def template(text: str) -> str:
    return str(sign_errors(pd.DataFrame({"last_error": pd.Series([text], dtype="str")}))["template"].iloc[0])


@pytest.mark.parametrize(
    ("token", "kind"),
    [("10.0.0.1", "host"), ("10.0.0.1:5432", "host"), ("db-7.prod.internal:5432", "host"), ("14:00:05", "time"),
     ("2026-03-02T14:00:05.123Z", "time"), ("30.5s", "n"), ("-12,50", "n"), ("10MiB", "n"), ("a1b2c3d4", "id"),
     ("ORD-10023", "id"), ("x@y.z", "email")],
)  # fmt: skip
def test_a_mask_says_what_kind_of_thing_it_hides(token: str, kind: str) -> None:
    assert name_kind(token) == kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("connect to fe80::1ff:fe23:4567:890a, [::1]:80", "connect to <host>, [<host>]:<n>"),
        ("open '/var/spool/worker/ab12/7.json' failed", "open '<path>' failed"),
        ("GET https://api.x.com/v1/orders/123?x=1 gave HTTP 503", "GET https://api.x.com/<path> gave HTTP 503"),
        ("at 2026-03-02 14:00:05,123 it stopped", "at <time> it stopped"),
        ("on Fri Jul 12 it stopped", "on <time> it stopped"),
        ("size 5 KB, at most 3 B", "size <n>, at most <n>"),
        ("nodes 1, 2, 3, 4 are gone", "nodes <n> are gone"),
        ("flags deadbeef and ffffffff, a facade", "flags <id> and <id>, a facade"),
        ("{\"code\":503,\"message\":\"upstream 10.0.0.1:80\"}", "{\"code\":503,\"message\":\"upstream <host>\"}"),
        ("token dGhpcyBpcyBhIHRlc3Q0Mg== is bad", "token <id> is bad"),
        ("заказ ٤٥ и 7", "заказ <n> и <n>"),
        ("application/json and/or I/O", "application/json and/or I/O"),
        ("is \ufffd 12 \ufffd", "is \ufffd <n> \ufffd"),
        ("50% of 3 std::vector", "<n>% of <n> std::vector"),
    ],
)  # fmt: skip
def test_paths_dates_sizes_and_lists_are_masked_as_wholes(text: str, expected: str) -> None:
    assert template(text) == expected


def test_two_texts_of_one_form_have_one_template_whatever_was_masked_in_them() -> None:
    """An id of digits alone is no other signature than one with letters."""
    assert generalise(template("order 12345678 failed")) == generalise(template("order 1234567a failed"))


def test_a_template_counts_what_it_hides() -> None:
    assert count_kinds("<id> of <n> by <id>") == "<id> ×2, <n>"
    assert count_kinds("nothing") == ""
