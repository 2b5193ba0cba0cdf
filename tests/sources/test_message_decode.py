"""A message of a dead-letter subscription as a row: ids where they stand, bytes as they came, secrets masked."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from google.pubsub_v1 import types

from dlqkit.errors import ParameterError
from dlqkit.frames import ORIGINALS
from dlqkit.sources.masking import Masks
from dlqkit.sources.message_decode import MessageReader, frame_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def received(data: bytes = b"{}", key: str = "", **attributes: str) -> Any:
    message = types.PubsubMessage(data=data, attributes=attributes, message_id="7", publish_time=AT, ordering_key=key)
    return types.ReceivedMessage(ack_id="a", message=message)


def row_of(one: Any, fields: dict[str, str] | None = None, workflow_id: str | None = None) -> dict[str, Any]:
    page = MessageReader(fields or {}, Masks(()), workflow_id).read([one])
    return dict(page.rows[0])


@pytest.mark.parametrize(
    ("one", "trace_id"),
    [
        (received(trace_id="t1"), "t1"),
        (received(**{"X-Trace-Id": "t1"}), "t1"),
        (received(traceparent=f"00-{TRACE}-00f067aa0ba902b7-01"), TRACE),
        (received(**{"X-Cloud-Trace-Context": f"{TRACE}/123;o=1"}), TRACE),
        (received(b'{"traceId":"t1"}'), "t1"),
        (received(b'{"traceId":"t2"}', trace_id="t1"), "t1"),
        (received(b'{"trace_id":17}'), "17"),
        (received(traceparent="00-short-01"), None),
        (received(b'{"trace_id":true}'), None),
        (received(b'{"trace_id":{"id":"t1"}}'), None),
        (received(b'["trace_id"]'), None),
        (received(trace_id="t" * 300), None),
        (received(trace_id=""), None),
    ],
)
def test_the_trace_is_found_in_the_attributes_first_and_else_in_the_payload(one: Any, trace_id: str | None) -> None:
    assert row_of(one)["trace_id"] == trace_id


def test_the_settings_say_where_an_id_stands_and_then_nothing_else_is_tried() -> None:
    one = received(b'{"meta":{"flow":"wf"}}', request="t1", trace_id="t2")
    fields = {"trace_id": "attributes.request", "workflow_id": "payload.meta.flow"}

    row = row_of(one, fields)
    assert (row["trace_id"], row["workflow_id"]) == ("t1", "wf")
    assert row_of(received(trace_id="t2"), fields)["trace_id"] is None


@pytest.mark.parametrize("fields", [{"status": "attributes.x"}, {"trace_id": "x"}, {"trace_id": "header.x"}])
def test_a_place_that_no_message_has_is_refused_before_anything_is_read(fields: dict[str, str]) -> None:
    with pytest.raises(ParameterError, match=r"dead_letter_subscription\.fields"):
        MessageReader(fields, Masks(()))


def test_a_subscription_of_one_workflow_tells_it_for_messages_that_do_not() -> None:
    assert row_of(received(), workflow_id="wf")["workflow_id"] == "wf"
    assert row_of(received(workflow_id="own"), workflow_id="wf")["workflow_id"] == "own"


def test_what_pubsub_tells_of_the_source_becomes_columns() -> None:
    mark = "CloudPubSubDeadLetterSource"
    told = {f"{mark}DeliveryCount": "5", f"{mark}Subscription": "orders", f"{mark}SubscriptionProject": "p"}
    one = received(**told, **{f"{mark}TopicPublishTime": "2026-03-02T11:59:00.5Z"}, tenant="acme")
    frame = frame_of([row_of(one)])

    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == dict(ORIGINALS)
    assert frame["delivery_attempts"].tolist() == [5]
    assert frame["source_subscription"].tolist() == ["projects/p/subscriptions/orders"]
    assert frame["topic_published_at"].tolist() == [pd.Timestamp("2026-03-02T11:59:00.5Z")]
    assert frame["published_at"].tolist() == [pd.Timestamp(AT)]
    assert json.loads(frame["attributes_json"][0])["tenant"] == "acme"


@pytest.mark.parametrize("count", ["", "-1", "1e3", "٣", "9" * 40])
@pytest.mark.parametrize("at", ["", "yesterday", "99999-01-01T00:00:00Z", "12"])
def test_what_somebody_else_wrote_under_those_names_is_not_taken_for_a_number_or_a_time(count: str, at: str) -> None:
    mark = "CloudPubSubDeadLetterSource"
    frame = frame_of([row_of(received(**{f"{mark}DeliveryCount": count, f"{mark}TopicPublishTime": at}))])

    assert frame["delivery_attempts"].isna().all()
    assert frame["topic_published_at"].isna().all()
    assert frame["source_subscription"].isna().all()


def test_bytes_that_are_no_text_are_kept_as_they_came() -> None:
    data = b"\xff\x00\x01binary"
    page = MessageReader({}, Masks(())).read([received(data, a="b")])
    frame = frame_of(page.rows)

    assert frame["payload_text"].isna().all()
    assert frame["payload_sha256"].tolist() == [hashlib.sha256(data).hexdigest()]
    assert base64.b64decode(json.loads(page.body)["data"]) == data


def test_a_message_without_data_has_an_empty_payload_and_not_an_unknown_one() -> None:
    row = row_of(received(b"", a="b"))

    assert row["payload_text"] == ""
    assert row["payload_sha256"] == hashlib.sha256(b"").hexdigest()


def test_a_known_secret_is_masked_in_data_attributes_and_key_and_the_original_hash_is_told() -> None:
    """Base64 of the whole would hide it from a search of the page, so it is looked for before."""
    secret = "s3cret-of-tests"
    one = received(f'x{{"key":"{secret}"}}'.encode(), key=f"k-{secret}", auth=f"Bearer {secret}")
    page = MessageReader({}, Masks((secret,))).read([one])
    plain = MessageReader({}, Masks(())).read([one])
    row = page.rows[0]

    assert page.masked == 3
    assert page.original_sha256 == hashlib.sha256(plain.body).hexdigest()
    assert plain.original_sha256 is None
    assert secret not in page.body.decode() + base64.b64decode(json.loads(page.body)["data"]).decode()
    assert not any(secret in str(value) for value in row.values())
    assert row["payload_sha256"] == plain.rows[0]["payload_sha256"]


def test_ids_that_were_found_are_counted_by_their_place() -> None:
    reader = MessageReader({}, Masks(()))
    reader.read([received(trace_id="t1"), received(trace_id="t2"), received(b'{"traceId":"t3"}')])

    assert dict(reader.found) == {("trace_id", "attributes.trace_id"): 2, ("trace_id", "payload.traceId"): 1}
