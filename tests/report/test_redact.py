"""What an error repeats of a payload, and what a log line tells of credentials, does not get into a report."""

from __future__ import annotations

import json

import pytest

from dlqkit.report.redact import mask_credentials, mask_payload_values
from tests.frames import dead, records


def test_a_value_of_the_payload_is_masked_in_its_own_error() -> None:
    own = records([
        dead(0, last_error='card holder "IVAN PETROV" is not valid',
             payload_snapshot=json.dumps({"card": {"holder": "Ivan Petrov"}})),
        dead(1, last_error="no such street: Lenina 5, in Ivan Petrov",
             payload_snapshot=json.dumps({"to": [{"street": "Lenina 5"}]})),
    ])  # fmt: skip

    masked = mask_payload_values(own).tolist()

    assert masked[0] == 'card holder "<value>" is not valid'
    # Only a record's own payload is known to be its own: the name stays here, for it is none of its values.
    assert masked[1] == "no such street: <value>, in Ivan Petrov"


def test_a_category_stays_readable() -> None:
    """Every order has one of two currencies: that word names nobody, and says what is wrong."""
    own = records([
        dead(n, last_error=f"currency {'roubles' if n % 2 else 'euros'} of client-{n}-x is not supported",
             payload_snapshot=json.dumps({"currency": "roubles" if n % 2 else "euros", "client": f"client-{n}-x"}))
        for n in range(60)
    ])  # fmt: skip

    assert set(mask_payload_values(own)) == {
        "currency roubles of <value> is not supported",
        "currency euros of <value> is not supported",
    }


def test_a_part_of_a_word_is_no_value() -> None:
    own = records([dead(0, last_error="database is away", payload_snapshot=json.dumps({"kind": "data"}))])

    assert mask_payload_values(own).iloc[0] == "database is away"


def test_a_payload_that_is_no_json_and_an_error_that_is_absent() -> None:
    own = records([dead(0, payload_snapshot="{broken"), dead(1, last_error=None, payload_snapshot="{}")])

    masked = mask_payload_values(own)

    assert masked.iloc[0] == "connection refused"
    assert masked.isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("config loaded: DATABASE_URL=postgres://worker:hunter2@db/orders", "hunter2"),
        ("starting with api_key=abc123def and region=eu", "abc123def"),
        ('restart, {"clientSecret": "s3cr3t-value", "n": 1}', "s3cr3t-value"),
        ("Authorization: Bearer eyJhbGciOi.J9", "eyJhbGciOi.J9"),
        ("deploy by anna.k@example.com", "anna.k@example.com"),
        ("with PASSWORD=Hunter2 it is refused", "Hunter2"),
        ("ein ſecret=hunter2 mit langem s", "hunter2"),
    ],
)
def test_credentials_in_a_line_are_masked(line: str, secret: str) -> None:
    masked = mask_credentials(line)

    assert secret not in masked
    assert masked.split()[0] in line


def test_a_line_without_credentials_stays_as_it_is() -> None:
    line = "version 1.9.0 starts; tokens left: none of 12, at http://host:8000/metrics"

    assert mask_credentials("worker restarted after OOM at 12:00") == "worker restarted after OOM at 12:00"
    assert "http://host:8000/metrics" in mask_credentials(line)


@pytest.mark.parametrize("text", ["a" * 100_000 + "@", "token" * 20_000, "://" * 30_000 + ":", "x=" * 50_000])
def test_a_long_text_is_masked_in_its_own_length(text: str) -> None:
    """A hostile message must not hold up a report; a quadratic pattern would take minutes here."""
    assert len(mask_credentials(text)) <= len(text) + 8
