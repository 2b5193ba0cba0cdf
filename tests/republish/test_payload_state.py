from __future__ import annotations

import pytest

from dlqkit.republish.payload_state import judge_payload


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (None, "payload missing"),
        (" ", "payload missing"),
        ('{"a": 1', "payload truncated"),
        ("[1, 2", "payload truncated"),
        ("some text...", "payload truncated"),
        ('{"text": "abc… (truncated)"}', "payload truncated"),
        ('{"text": "abc...[truncated]"}', "payload truncated"),
        ('{"items": [{"text": "x... (120 more bytes)"}]}', "payload truncated"),
        ('{"a": 1, "_truncated": true}', "payload truncated"),
        ('{"card": "***"}', "payload redacted"),
        ('{"card": "4111********1111"}', "payload redacted"),
        ('{"a": ["[REDACTED]"]}', "payload redacted"),
        ('{"a": "<masked>"}', "payload redacted"),
        ('{"a": "redacted"}', "payload redacted"),
        ('{"a": "•••"}', "payload redacted"),
        ('{"a": "XXXX-XXXX-XXXX-1234"}', "payload redacted"),
        ("hello", "payload not JSON"),
        ('"\ud800"', "payload not JSON"),
    ],
)
def test_a_payload_that_is_not_the_whole_one_is_told(payload: str | None, reason: str) -> None:
    """What was cut, masked or is no JSON is never taken for the event's own payload."""
    judged = judge_payload(payload)

    assert judged is not None
    assert judged[0] == reason


@pytest.mark.parametrize(
    "payload",
    ['{"a": 1}', "[]", '"x"', "null", '{"note": "and so on..."}', '{"stars": "great **"}', '{"state": "hidden"}',
     '{"text": "removed from stock"}', '{"name": "item [cut glass]"}', '{"truncated": false}', "1.10",
     '{"pad": "xxxxxxxxxx"}'],
)  # fmt: skip
def test_ordinary_text_is_not_suspected(payload: str) -> None:
    """Two stars, an ellipsis, or a state called hidden are what people write."""
    assert judge_payload(payload) is None


def test_the_place_is_told_and_not_the_value() -> None:
    """The plan's list goes into reports, so it names the field alone."""
    judged = judge_payload('{"customer": {"card": "4111****1111"}}')

    assert judged == ("payload redacted", "payload.customer.card looks masked")


def test_a_payload_nested_too_deeply_ends_nothing() -> None:
    """An attacker's payload is left out, and the others are planned."""
    judged = judge_payload("[" * 900 + "]" * 900)

    assert judged is None or judged[0] == "payload not JSON"
    assert judge_payload("[" * 100_000) is not None
