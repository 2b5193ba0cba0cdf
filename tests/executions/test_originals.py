"""An original message is taken for a dead event only where no other fits: by trace, else by payload."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pandas as pd
import pytest

from dlqkit.errors import FrameError
from dlqkit.executions.originals import MATCHES, canonical_sha256, match_originals, sendable_attributes
from dlqkit.frames import ORIGINALS, RECORDS, conform, empty_frame

Match = tuple[str, str | None, str, bool]


def records(*rows: dict[str, Any]) -> pd.DataFrame:
    """Dead letters in order of time, unless a row says otherwise."""
    filled = [
        {"record_id": f"r{n}", "event_key": f"e{n}", "workflow_id": "wf", "queued_to_dlq": True,
         "recorded_at": pd.Timestamp("2026-03-02T12:00Z") + pd.Timedelta(minutes=n), "status": "failed", **row}
        for n, row in enumerate(rows)
    ]  # fmt: skip
    return conform(pd.DataFrame(filled), RECORDS)


def messages(*rows: dict[str, Any]) -> pd.DataFrame:
    filled = []
    for n, row in enumerate(rows):
        text = row.get("payload_text", f'{{"message":{n}}}')
        filled.append(
            {"message_id": f"m{n}", "ordering_key": "", "payload_text": text,
             "published_at": pd.Timestamp("2026-03-02T12:00Z") + pd.Timedelta(minutes=n),
             "payload_sha256": hashlib.sha256((text or "binary").encode()).hexdigest(),
             "attributes_json": json.dumps(row.pop("attributes", {})), **row}
        )  # fmt: skip
    return conform(pd.DataFrame(filled), ORIGINALS)


def matched(dead: pd.DataFrame, originals: pd.DataFrame) -> list[Match]:
    found = match_originals(dead, originals)
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == dict(MATCHES)
    return [
        (row.event_key, None if pd.isna(row.message_id) else row.message_id, row.matched_by, row.is_unique)
        for row in found.itertuples()
    ]


def test_the_trace_finds_the_message_whatever_its_payload_is() -> None:
    """An envelope around the payload, say: the record shows only what is in it."""
    dead = records({"trace_id": "t0", "payload_snapshot": '{"a":1}'}, {"trace_id": "t1"})
    originals = messages({"trace_id": "t1"}, {"trace_id": "t0", "payload_text": '{"payload":{"a":1}}'})

    assert matched(dead, originals) == [("e0", "m1", "trace", True), ("e1", "m0", "trace", True)]


def test_the_same_trace_in_another_workflow_is_another_event() -> None:
    dead = records({"trace_id": "t", "workflow_id": "wf"}, {"trace_id": "t", "workflow_id": "other"})
    originals = messages({"trace_id": "t", "workflow_id": "other"}, {"trace_id": "t", "workflow_id": "third"})

    assert matched(dead, originals) == [("e1", "m0", "trace", True)]


def test_of_a_trace_with_several_events_the_payload_decides() -> None:
    dead = records({"trace_id": "t", "payload_snapshot": '{"n": 1}'}, {"trace_id": "t", "payload_snapshot": '{"n": 2}'})
    originals = messages({"trace_id": "t", "payload_text": '{"n":2}'}, {"trace_id": "t", "payload_text": '{"n": 1}'})

    assert matched(dead, originals) == [("e0", "m1", "trace", True), ("e1", "m0", "trace", True)]


def test_where_several_of_a_trace_fit_alike_none_is_taken() -> None:
    dead = records({"trace_id": "t", "payload_snapshot": '{"n":1}'})
    originals = messages(
        {"trace_id": "t", "attributes": {"tenant": "a"}}, {"trace_id": "t", "attributes": {"tenant": "b"}}
    )

    assert matched(dead, originals) == [("e0", None, "trace", False)]


def test_one_message_that_fits_two_events_is_taken_for_neither() -> None:
    dead = records({"trace_id": "t", "payload_snapshot": "1"}, {"trace_id": "t", "payload_snapshot": "2"})

    assert matched(dead, messages({"trace_id": "t"})) == [("e0", None, "trace", False), ("e1", None, "trace", False)]


def test_what_was_forwarded_twice_is_one_original_and_the_newest_stands_for_it() -> None:
    """Pub/Sub's own attributes differ from copy to copy; the message's do not."""
    mark = "CloudPubSubDeadLetterSourceDeliveryCount"
    own = {"trace_id": "t", "payload_text": '{"n":1}', "ordering_key": "k"}
    originals = messages(
        {**own, "attributes": {"tenant": "a", mark: "5"}}, {**own, "attributes": {"tenant": "a", mark: "6"}}
    )

    assert matched(records({"trace_id": "t"}), originals) == [("e0", "m1", "trace", True)]


@pytest.mark.parametrize("text", ['{"a": 1, "b": [2.50]}', '{"b":[2.5],"a":1.0}', ' {\n"b": [25e-1], "a": 1 }'])
def test_without_a_trace_the_payload_finds_it_by_its_bytes_or_as_the_same_json(text: str) -> None:
    dead = records({"payload_snapshot": '{"a": 1, "b": [2.50]}'}, {"payload_snapshot": '{"a": 2}'})

    assert matched(dead, messages({"payload_text": text})) == [("e0", "m0", "payload", True)]


def test_the_same_bytes_come_before_what_is_only_the_same_json() -> None:
    dead = records({"payload_snapshot": '{"a": 1}'}, {"payload_snapshot": '{"a":1}'})
    originals = messages({"payload_text": '{"a":1}'}, {"payload_text": '{"a": 1}'})

    assert matched(dead, originals) == [("e0", "m1", "payload", True), ("e1", "m0", "payload", True)]


def test_a_payload_that_the_api_shows_as_a_json_string_is_its_text() -> None:
    dead = records({"payload_snapshot": json.dumps('{"a":1}')})

    assert matched(dead, messages({"payload_text": '{"a":1}'})) == [("e0", "m0", "payload", True)]
    assert matched(dead, messages({"payload_text": '{ "a": 1 }'})) == [("e0", "m0", "payload", True)]


@pytest.mark.parametrize("name", ["trace_id", "workflow_id"])
def test_a_payload_does_not_outweigh_a_trace_or_workflow_that_says_otherwise(name: str) -> None:
    dead = records({"payload_snapshot": "1", name: "one"})

    assert matched(dead, messages({"payload_text": "1", name: "another"})) == []


def test_equal_payloads_of_two_events_are_taken_for_neither() -> None:
    dead = records({"payload_snapshot": "{}"}, {"payload_snapshot": "{}"})

    assert [row[1:] for row in matched(dead, messages({"payload_text": "{}"}))] == [(None, "payload", False)] * 2


def test_a_message_that_its_trace_has_given_away_is_no_candidate_by_payload() -> None:
    """Of two events with one payload the one with the trace gets its message, the other the one that is left."""
    dead = records({"payload_snapshot": "{}", "trace_id": "t"}, {"payload_snapshot": "{}"})
    originals = messages({"payload_text": "{}", "trace_id": "t"}, {"payload_text": "{}", "attributes": {"x": "y"}})

    assert matched(dead, originals) == [("e0", "m0", "trace", True), ("e1", "m1", "payload", True)]


def test_only_dead_events_are_looked_for_each_by_its_last_dead_letter() -> None:
    dead = records({"trace_id": "t", "event_key": "e", "record_id": "first"},
                   {"trace_id": "t", "event_key": "e", "record_id": "last"},
                   {"trace_id": "u", "queued_to_dlq": False})  # fmt: skip
    found = match_originals(dead, messages({"trace_id": "t"}, {"trace_id": "u"}))

    assert found["record_id"].tolist() == ["last"]


def test_binary_messages_and_records_without_a_payload_fit_by_trace_alone() -> None:
    dead = records({"trace_id": "t"}, {})
    originals = messages({"trace_id": "t", "payload_text": None}, {"payload_text": None, "attributes": {"a": "b"}})

    assert matched(dead, originals) == [("e0", "m0", "trace", True)]


def test_nothing_read_is_nothing_found() -> None:
    assert matched(records({"trace_id": "t"}), empty_frame(ORIGINALS)) == []
    assert matched(empty_frame(RECORDS), messages({"trace_id": "t"})) == []


def test_a_frame_of_something_else_is_refused() -> None:
    with pytest.raises(FrameError):
        match_originals(records({}), pd.DataFrame({"message_id": ["m"]}))


@pytest.mark.parametrize(
    ("first", "second"),
    [('{"a":1}', '{"a":"1"}'), ('{"a":[1,2]}', '{"a":[2,1]}'), ("[]", "{}"), ('["a",1]', '{"a":1}'), ("0", "false"),
     ("12345678901234567890", "12345678901234567891"), ("null", '"null"'), ('[["a",1]]', '{"a":1}'),
     ('{"a":1}', '{"A":1}'), ("0.1", "0.10000000000000001")],
)  # fmt: skip
def test_payloads_that_differ_do_not_look_alike(first: str, second: str) -> None:
    assert canonical_sha256(first) is not None
    assert canonical_sha256(first) != canonical_sha256(second)


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"a":1,"a":2}', "1e999999999999", "[" * 100_000, "Infinity"])
def test_what_is_no_plain_json_has_no_canonical_form(text: str) -> None:
    assert canonical_sha256(text) is None


def test_what_is_sent_again_is_without_the_attributes_of_pubsub_itself() -> None:
    attributes = {"tenant": "a", "CloudPubSubDeadLetterSourceSubscription": "s", "googclient_traceparent": "00-1"}

    assert sendable_attributes(json.dumps(attributes)) == {"tenant": "a"}
