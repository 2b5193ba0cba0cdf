"""Pub/Sub messages to rows of ``frames.ORIGINALS`` and to a page as it is kept; known secrets masked in both."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.frames import ORIGINALS, TIME, conform, empty_frame
from dlqkit.sources.masking import Masks
from dlqkit.sources.record_values import in_range

__all__ = ["MessagePage", "MessageReader"]

# What Pub/Sub adds when it forwards a message to a dead-letter topic (cloud.google.com/pubsub/docs/handling-failures).
_SOURCE = "CloudPubSubDeadLetterSource"
# Names under which an id is looked for, in order, without case, dashes, dots and underscores.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "trace_id": ("traceid", "xtraceid", "trace", "traceparent", "correlationid", "xcloudtracecontext"),
    "workflow_id": ("workflowid", "workflow"),
}
# version-trace-span-flags (w3.org/TR/trace-context)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
_MOST_DIGITS = 9
_LONGEST_ID = 256


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Messages of one answer: as they are kept (JSON lines, data in Base64), and as rows."""

    body: bytes
    rows: tuple[Mapping[str, Any], ...]
    masked: int
    original_sha256: str | None
    """Of the page before masking, where something was masked."""


class MessageReader:
    """Reads messages, and counts where it found their ids.

    Parameters
    ----------
    fields : mapping
        Where ``trace_id`` and ``workflow_id`` stand, such as ``attributes.request`` or ``payload.meta.trace``; what
        is not named is looked for by the usual names, in the attributes first.
    masks : Masks
        Of the known secrets.
    workflow_id : str, optional
        Of every message that does not tell another.
    """

    def __init__(self, fields: Mapping[str, str], masks: Masks, workflow_id: str | None = None) -> None:
        for name, path in fields.items():
            if name not in _NAMES or path.partition(".")[0] not in {"attributes", "payload"} or "." not in path:
                raise ParameterError(
                    f"dead_letter_subscription.fields cannot set {name[:40]!r} to {path[:80]!r}.",
                    "Name trace_id or workflow_id, as attributes.NAME or payload.NAME.",
                )
        self._fields, self._masks, self._workflow_id = dict(fields), masks, workflow_id
        self.found: Counter[tuple[str, str]] = Counter()
        """How many messages told an id, by the id's name and the place."""

    def read(self, messages: Sequence[Any]) -> MessagePage:
        """One answer's messages."""
        as_they_came = [_entry(message) for message in messages]
        entries, masked = [], 0
        for entry in as_they_came:
            kept, places = self._mask(entry)
            entries.append(kept)
            masked += places
        rows = tuple(
            self._row(entry, came, message)
            for entry, came, message in zip(entries, as_they_came, messages, strict=True)
        )
        original = hashlib.sha256(_lines(as_they_came)).hexdigest() if masked else None
        return MessagePage(_lines(entries), rows, masked, original)

    def _mask(self, entry: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
        """The entry without secrets: Base64 of a whole message would hide them from a search."""
        count = 0

        def masked(text: str) -> str:
            nonlocal count
            body, places = self._masks.apply(text.encode())
            count += places
            return body.decode(errors="replace")

        data, places = self._masks.apply(entry["data"])
        count += places
        attributes = {masked(name): masked(value) for name, value in entry["attributes"].items()}
        return {**entry, "data": data, "attributes": attributes, "ordering_key": masked(entry["ordering_key"])}, count

    def _row(self, entry: Mapping[str, Any], came: Mapping[str, Any], message: Any) -> dict[str, Any]:
        attributes: Mapping[str, str] = entry["attributes"]
        try:
            text: str | None = entry["data"].decode()
        except UnicodeDecodeError:
            text = None
        payload = _object(text)
        project = attributes.get(f"{_SOURCE}SubscriptionProject")
        source = attributes.get(f"{_SOURCE}Subscription")
        return {
            "message_id": entry["message_id"],
            "published_at": entry["publish_time"],
            "trace_id": self._id("trace_id", attributes, payload),
            "workflow_id": self._id("workflow_id", attributes, payload) or self._workflow_id,
            "payload_sha256": hashlib.sha256(came["data"]).hexdigest(),
            "payload_text": text,
            "attributes_json": json.dumps(attributes, ensure_ascii=False, sort_keys=True),
            "ordering_key": entry["ordering_key"],
            "delivery_attempts": _count(attributes.get(f"{_SOURCE}DeliveryCount"), int(message.delivery_attempt)),
            "source_subscription": f"projects/{project}/subscriptions/{source}" if project and source else source,
            "topic_published_at": attributes.get(f"{_SOURCE}TopicPublishTime"),
        }

    def _id(self, name: str, attributes: Mapping[str, str], payload: Mapping[str, Any]) -> str | None:
        for place, value in self._candidates(name, attributes, payload):
            text = _as_id(value)
            if text:
                self.found[(name, place)] += 1
                return text
        return None

    def _candidates(
        self, name: str, attributes: Mapping[str, str], payload: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any]]:
        set_path = self._fields.get(name)
        if set_path is not None:
            where, _, path = set_path.partition(".")
            yield set_path, attributes.get(path) if where == "attributes" else _at(payload, path)
            return
        for where, fields in (("attributes", attributes), ("payload", payload)):
            plain = {re.sub("[-_.]", "", key.lower()): key for key in sorted(fields)}
            for known in _NAMES[name]:
                if known in plain:
                    key, value = plain[known], fields[plain[known]]
                    yield f"{where}.{key}", _trace_of(known, value) if name == "trace_id" else value


def frame_of(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """``frames.ORIGINALS`` of the rows; a time that cannot be read is NaT."""
    if not rows:
        return empty_frame(ORIGINALS)
    frame = pd.DataFrame(list(rows))
    frame["published_at"] = _times(frame["published_at"])
    frame["topic_published_at"] = _times(frame["topic_published_at"])
    return conform(frame, ORIGINALS)


def _times(texts: pd.Series) -> pd.Series:
    return in_range(pd.to_datetime(texts.astype("str"), utc=True, format="ISO8601", errors="coerce").astype(TIME))


def _entry(received: Any) -> dict[str, Any]:
    message = received.message
    return {
        "message_id": message.message_id,
        "publish_time": message.publish_time.isoformat() if message.publish_time is not None else None,
        "ordering_key": message.ordering_key,
        "delivery_attempt": int(received.delivery_attempt),
        "attributes": dict(message.attributes),
        "data": bytes(message.data),
    }


def _lines(entries: Sequence[Mapping[str, Any]]) -> bytes:
    lines = ({**entry, "data": base64.b64encode(entry["data"]).decode()} for entry in entries)
    return b"".join(json.dumps(line, ensure_ascii=True, sort_keys=True).encode() + b"\n" for line in lines)


def _object(text: str | None) -> Mapping[str, Any]:
    try:
        value = msgspec.json.decode(text or "")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _at(payload: Mapping[str, Any], path: str) -> Any:
    value: Any = payload
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _trace_of(known: str, value: Any) -> Any:
    if known == "traceparent":
        match = _TRACEPARENT.fullmatch(value) if isinstance(value, str) else None
        return match[1] if match else None
    if known == "xcloudtracecontext":
        return value.partition("/")[0] if isinstance(value, str) else None
    return value


def _as_id(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value)
    return text if 0 < len(text) <= _LONGEST_ID else None


def _count(told: str | None, delivered: int) -> int | None:
    if told is not None and told.isascii() and told.isdigit() and len(told) <= _MOST_DIGITS:
        return int(told)
    return delivered or None
