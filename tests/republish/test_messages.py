from __future__ import annotations

import json

import pandas as pd
import pytest

from dlqkit.frames import ORIGINALS, conform
from dlqkit.republish.known import Known
from dlqkit.republish.messages import Original, find_originals, wrap_payload
from dlqkit.republish.plan import hash_text
from tests.frames import dead, records
from tests.republish.cases import left_out, plan_of, settings

PAYLOAD = '{"tenant":"eu","customer":{"id":7},"vip":true,"tags":["a","b"]}'
FRAME = records([dead(1, payload_snapshot=PAYLOAD)])


def _message(**more: object) -> dict[str, object]:
    return {"trace_id": "t0", "payload_sha256": hash_text(PAYLOAD), "message_id": "1", "payload_text": PAYLOAD,
            "attributes_json": '{"tenant":"eu"}', "ordering_key": "k7", **more}  # fmt: skip


def _originals(*messages: dict[str, object]) -> pd.DataFrame:
    return conform(pd.DataFrame(list(messages), columns=None if messages else list(ORIGINALS)), ORIGINALS)


def test_attributes_and_ordering_key_come_from_the_original_message() -> None:
    """As the message had them, without what dead-lettering added; nothing is unknown then."""
    attributes = {"tenant": "eu", "CloudPubSubDeadLetterSourceSubscription": "x", "googclient_y": "z"}
    originals = _originals(_message(attributes_json=json.dumps(attributes)))

    plan = plan_of(FRAME, known=Known(originals=originals), own=settings({"attributes": {"tenant": "us"}}))

    assert plan.events[0].attributes == {"tenant": "eu"}
    assert plan.events[0].ordering_key == "k7"
    assert plan.unknowns == ()
    assert not any("execution record's own" in words for words in plan.warnings)


def test_a_dedupe_attribute_that_the_message_had_is_replaced_and_told() -> None:
    """Its value is the sender's alone: a spoofed one could make a consumer drop the event."""
    originals = _originals(_message(attributes_json='{"dlqkit-dedupe-id":"spoofed","a":"b"}'))

    (event,) = plan_of(FRAME, known=Known(originals=originals)).events

    assert event.attributes == {"a": "b"}
    assert event.warnings == ("The original message has a dedupe attribute of its own; ours takes its place.",)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([_message()], ({"tenant": "eu"}, "k7", True)),
        ([_message(), _message(message_id="2")], ({"tenant": "eu"}, "k7", True)),
        ([_message(), _message(message_id="2", ordering_key="k8")], None),
        ([_message(payload_sha256="00", payload_text="{}")], ({"tenant": "eu"}, "k7", False)),
        ([_message(trace_id=None)], ({"tenant": "eu"}, "k7", True)),
        ([_message(trace_id="another")], None),
        ([_message(ordering_key=None)], ({"tenant": "eu"}, "", True)),
        ([_message(), _message(trace_id="another", payload_sha256="00", attributes_json="{}")], None),
        ([], None),
    ],
)
def test_an_event_has_the_one_message_that_fits_it(
    messages: list[dict[str, object]], expected: tuple[dict[str, str], str, bool] | None
) -> None:
    """One that names another trace is not its own, however alike the payload; two that differ tell nothing."""
    found = find_originals(FRAME, FRAME, _originals(*messages))

    assert found == ({} if expected is None else {"e0": Original(*expected)})


def test_attributes_can_be_taken_from_the_payload() -> None:
    """A path gives the field's value, anything else is a constant; what is mapped is not unknown."""
    own = settings(
        {"attributes": {"tenant": "payload.tenant", "trace": "trace_id", "v": "2", "vip": "payload.vip"},
         "ordering_key": "payload.customer.id"}
    )  # fmt: skip

    plan = plan_of(FRAME, own=own)

    assert plan.events[0].attributes == {"tenant": "eu", "trace": "t0", "v": "2", "vip": "true"}
    assert plan.events[0].ordering_key == "7"
    assert plan.unknowns == ()
    assert plan_of(FRAME, own=settings({"ordering_key": ""})).events[0].ordering_key == ""


@pytest.mark.parametrize("path", ["payload.nothing", "payload.tags", "payload.customer"])
def test_an_event_without_the_mapped_field_is_left_out(path: str) -> None:
    """No attribute is sent empty, and no one of several values is picked."""
    frame = records(
        [dead(1, payload_snapshot=PAYLOAD), dead(2, payload_snapshot='{"nothing":1,"tags":2,"customer":3}')]
    )

    for own in (settings({"attributes": {"a": path}}), settings({"ordering_key": path})):
        plan = plan_of(frame, own=own)
        assert left_out(plan) == {"e0": "attribute missing"}
        assert path in plan.left_out[0].detail


def test_an_envelope_goes_around_the_exact_payload() -> None:
    """The payload's text is in it to the character; ids are JSON strings, or null where one is not known."""
    payload = '{"n":1.10, "d":1,"d":2,"t":"{trace_id}"}'
    envelope = '{"trace": {trace_id}, "record": {record_id}, "event": {payload}, "text": {payload_text}}'

    text = wrap_payload(payload, envelope, {"trace_id": 't"1', "record_id": pd.NA})

    assert text == ('{"trace": "t\\"1", "record": null, "event": ' + payload + ', "text": ' + json.dumps(payload) + "}")
    (event,) = plan_of(FRAME, own=settings({"envelope": '{"id": {trace_id}, "p": {payload}}'})).events
    assert event.payload == '{"id": "t0", "p": ' + PAYLOAD + "}"
    assert event.record_sha256 == hash_text(PAYLOAD)
    assert event.payload_sha256 == event.original_sha256 == hash_text(event.payload)


@pytest.mark.parametrize(
    ("attributes", "ordering_key"),
    [
        ({str(n): "v" for n in range(100)}, ""),
        ({"n" * 257: "v"}, ""),
        ({"я" * 129: "v"}, ""),
        ({"n": "v" * 1025}, ""),
        ({"": "v"}, ""),
        ({"google": "v"}, ""),
        ({}, "k" * 1025),
        ({"n": "\ud800"}, ""),
    ],
)
def test_what_pubsub_would_refuse_in_the_middle_of_a_run_is_left_out(
    attributes: dict[str, str], ordering_key: str
) -> None:
    """Counted in bytes, with the dedupe attribute; the event beside it is planned."""
    originals = _originals(_message(attributes_json=json.dumps(attributes), ordering_key=ordering_key))
    two = records([dead(1, payload_snapshot=PAYLOAD), dead(2, payload_snapshot="{}")])

    plan = plan_of(two, known=Known(originals=originals))

    assert left_out(plan) == {"e0": "over a limit"}
    assert [event.event_key for event in plan.events] == ["e1"]


def test_the_dedupe_attribute_counts_towards_the_limits() -> None:
    """A message with a hundred attributes of its own has no room for it, unless it is switched off."""
    originals = _originals(_message(attributes_json=json.dumps({str(n): "v" for n in range(100)})))
    known = Known(originals=originals)
    two = records([dead(1, payload_snapshot=PAYLOAD), dead(2, payload_snapshot="{}")])

    assert left_out(plan_of(two, known=known)) == {"e0": "over a limit"}
    plan = plan_of(two, known=known, own=settings(dedupe_attribute=False))
    assert left_out(plan) == {}
    assert "The dedupe attribute is off: a consumer cannot tell a repeat." in plan.warnings
