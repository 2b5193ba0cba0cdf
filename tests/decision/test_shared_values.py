"""Whose events fail: the value that nearly all of them have, and that others seldom have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from dlqkit.decision.shared_values import Shared, find_shared


def records(payloads: Sequence[dict[str, Any]], extra: Sequence[dict[str, Any]] | None = None) -> pd.DataFrame:
    extra = extra or [{} for _ in payloads]
    return pd.DataFrame({"payload_snapshot": [json.dumps(one) for one in payloads],
                         "extra_json": [json.dumps(one) for one in extra]}, dtype="str")  # fmt: skip


def clients(*counts: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"client_id": name, "currency": "EUR"} for name, count in counts for _ in range(count)]


def test_the_client_of_all_failing_events_is_named_with_its_usual_share() -> None:
    """All 65 are globex's; of 1,277 that succeeded 173 were. The currency is everybody's."""
    found = find_shared(records(clients(("globex", 65))), records(clients(("globex", 173), ("acme", 1104))))

    assert found == Shared("payload.client_id", "payload.client_id = globex", 65, 65, 173, 1277)


@pytest.mark.parametrize(
    ("failing", "healthy"),
    [
        ([("globex", 4)], [("acme", 100)]),  # four events: too few, and perhaps one person's
        ([("globex", 65)], [("acme", 19)]),  # nineteen successes do not tell what is usual
        ([("globex", 65)], [("globex", 60), ("acme", 40)]),  # most of the traffic is his anyway
        ([("globex", 58), ("acme", 7)], [("acme", 100)]),  # 89 % of them: the others' events fail, too
    ],
)
def test_nothing_is_named_where_the_records_do_not_show_it(
    failing: list[tuple[str, int]], healthy: list[tuple[str, int]]
) -> None:
    assert find_shared(records(clients(*failing)), records(clients(*healthy))) is None


def test_what_chance_could_have_made_is_not_named() -> None:
    """Five of five where 41 of 102 is usual: 3 × (41/102)^5 = 3.1 %, the payload itself being a field; of 31, 0.8 %."""
    often, seldom = records(clients(("globex", 40), ("acme", 60))), records(clients(("globex", 30), ("acme", 70)))
    failing = records(clients(("globex", 5)))

    assert find_shared(failing, often) is None
    assert find_shared(failing, seldom) == Shared("payload.client_id", "payload.client_id = globex", 5, 5, 30, 100)


def test_who_sends_them_is_named_before_anything_else_and_what_settings_name_before_that() -> None:
    """Region and client say the same of these; nobody can be asked who is a region."""
    failing = records([{"region": "eu", "client_id": "globex", "shop": 7}] * 9)
    healthy = records([{"region": "us", "client_id": "acme", "shop": 8}] * 50)

    first, named = find_shared(failing, healthy), find_shared(failing, healthy, ("payload.shop",))

    assert first is not None and first.text == "payload.client_id = globex"
    assert named is not None and named.text == "payload.shop = 7"


def test_of_a_payload_only_a_senders_id_is_named() -> None:
    """All nine are of one person and one region; those are nobody to name in a report, unless settings say so."""
    failing = records([{"name": "Anna Rao", "region": "north-7"}] * 9)
    healthy = records([{"name": "Li", "region": "south-1"}] * 50)
    named = find_shared(failing, healthy, ("payload.region",))

    assert find_shared(failing, healthy) is None
    assert named is not None and named.text == "payload.region = north-7"


def test_what_follows_from_the_failure_is_no_sender() -> None:
    """The API's own fields say how it ended; the record's own client does not."""
    ends, passes = {"error_kind": "x", "outcome": "dead"}, {"error_kind": "none", "outcome": "ok"}
    failing = records([{}] * 9, [ends | {"client_id": "globex"}] * 9)
    healthy = records([{}] * 50, [passes | {"client_id": "acme"}] * 50)

    found = find_shared(failing, healthy)

    assert found is not None and found.text == "client_id = globex"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Globex & Sons", 'payload.client_id = "Globex & Sons"'),
        (17, "payload.client_id = 17"),
        (True, None),
        (None, None),
        ("", None),
        ('say "x"', None),
        ("a\nb", None),
        ("x" * 61, None),
    ],
)
def test_only_a_short_plain_value_is_named_and_in_quotes_where_it_has_signs(value: Any, text: str | None) -> None:
    found = find_shared(records([{"client_id": value}] * 9), records(clients(("acme", 50))))

    assert (found.text if found else None) == text


def test_a_value_that_no_column_could_take_is_no_cause() -> None:
    """How it ended, told in a word that nobody reads, comes with the failure and does not make it."""
    failing = records([{}] * 100, [{"region": "eu", "_unread": {"isRetryable": "never"}}] * 100)
    healthy = records([{}] * 300, [{"region": "eu", "_unread": {"isRetryable": "always"}}] * 300)

    assert find_shared(failing, healthy) is None
    assert find_shared(
        records([{}] * 100, [{"isRetryable": "never"}] * 100), records([{}] * 300, [{"isRetryable": "always"}] * 300)
    )
