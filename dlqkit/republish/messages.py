"""What is sent for an event: its bytes, attributes and ordering key, within the limits of a message."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dlqkit.republish.selection import values_of
from dlqkit.settings import WorkflowSettings

__all__ = [
    "MissingAttribute",
    "Original",
    "build_attributes",
    "build_ordering_key",
    "check_limits",
    "find_originals",
    "wrap_payload",
]

# Limits of Pub/Sub: https://cloud.google.com/pubsub/quotas#resource_limits. A request holds no more than a message's
# bytes, so what frames the message counts too.
MOST_BYTES = 10_000_000
FRAME_BYTES, FRAME_BYTES_PER_ATTRIBUTE = 200, 16
MOST_ATTRIBUTES, MOST_NAME_BYTES, MOST_VALUE_BYTES, MOST_KEY_BYTES = 100, 256, 1024, 1024
RESERVED = "goog"
# What a dead-lettering adds; the worker never put it there.
_ADDED = re.compile(r"(?:CloudPubSubDeadLetter|googclient_).*")
_PLACE = re.compile(r"\{(payload|payload_text|trace_id|workflow_id|event_key|record_id)\}")
_ROOTS = ("payload.", "payload_snapshot.", "extra.")


@dataclass(frozen=True, slots=True)
class Original:
    """What a dead-letter subscription still holds of the message that the event came from."""

    attributes: Mapping[str, str]
    ordering_key: str
    is_same_text: bool
    """Whether its bytes are those of the execution record."""


class MissingAttribute(ValueError):
    """The settings name a field for an attribute or the ordering key that this event's payload lacks."""


def wrap_payload(payload: str, envelope: str | None, event: Mapping[str, Any]) -> str:
    """The text that is sent: the payload alone, or the envelope around it.

    Parameters
    ----------
    payload : str
        Exact text of the payload.
    envelope : str, optional
        ``{payload}`` stands for the payload's text, ``{payload_text}`` for the same as a JSON string; ``{trace_id}``,
        ``{workflow_id}``, ``{event_key}`` and ``{record_id}`` for JSON strings, or ``null`` where one is not known.
    event : mapping
        Those four.

    Returns
    -------
    str
    """
    if envelope is None:
        return payload

    def fill(found: re.Match[str]) -> str:
        name = found[1]
        if name == "payload":
            return payload
        value = payload if name == "payload_text" else event.get(name)
        return "null" if value is None or pd.isna(value) else json.dumps(str(value), ensure_ascii=False)

    return _PLACE.sub(fill, envelope)


def find_originals(events: pd.DataFrame, originals: pd.DataFrame | None) -> dict[str, Original]:
    """The original message of each event, where it could be read.

    Parameters
    ----------
    events : DataFrame
        A row per event: ``event_key``, ``trace_id``, ``payload_snapshot``.
    originals : DataFrame or None
        ``trace_id``, ``payload_sha256``, ``message_id``, ``attributes_json``, ``ordering_key``, ``subscription``.

    Returns
    -------
    dict
        By event key. A message is an event's where trace and payload are the same; where no payload is, the trace's
        only message. Two messages that differ in attributes or ordering key are none.
    """
    if originals is None or originals.empty:
        return {}
    by_trace: dict[str, list[Any]] = {}
    by_hash: dict[str, list[Any]] = {}
    for row in originals.itertuples(index=False):
        if isinstance(row.trace_id, str) and row.trace_id:
            by_trace.setdefault(row.trace_id, []).append(row)
        if isinstance(row.payload_sha256, str):
            by_hash.setdefault(row.payload_sha256, []).append(row)
    found = {}
    for event in events.itertuples(index=False):
        digest = _hash(event.payload_snapshot)
        trace = event.trace_id if isinstance(event.trace_id, str) else None
        same = by_hash.get(digest, []) if digest else []
        of_trace = by_trace.get(trace, []) if trace else []
        # A message that names another trace is another event's, however alike their payloads are.
        rows = [row for row in same if trace is None or row.trace_id == trace or not isinstance(row.trace_id, str)]
        original = _only(rows or of_trace, is_same_text=bool(rows))
        if original is not None:
            found[str(event.event_key)] = original
    return found


def _hash(text: Any) -> str | None:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() if isinstance(text, str) else None


def _only(rows: Iterable[Any], *, is_same_text: bool) -> Original | None:
    """What all of the messages say, or None."""
    said = {(row.attributes_json if isinstance(row.attributes_json, str) else "{}",
             row.ordering_key if isinstance(row.ordering_key, str) else "") for row in rows}  # fmt: skip
    if len(said) != 1:
        return None
    attributes_json, ordering_key = said.pop()
    try:
        attributes = json.loads(attributes_json)
    except ValueError:
        return None
    kept = {str(name): str(value) for name, value in attributes.items() if not _ADDED.fullmatch(str(name))}
    return Original(kept, ordering_key, is_same_text)


def build_attributes(event: pd.DataFrame, own: WorkflowSettings, original: Original | None) -> Mapping[str, str] | None:
    """The attributes that the event is sent with, without the dedupe attribute.

    Parameters
    ----------
    event : DataFrame
        One row, ``frames.RECORDS``, its payload as it is sent.
    own : WorkflowSettings
        Whose ``attributes`` say where each value is.
    original : Original or None
        Counts before the settings.

    Returns
    -------
    mapping or None
        None where neither tells.

    Raises
    ------
    MissingAttribute
        If a field that the settings name is not in this payload.
    """
    if original is not None:
        return original.attributes
    if not own.attributes:
        return None
    return {name: _find(event, source, name) for name, source in sorted(own.attributes.items())}


def build_ordering_key(event: pd.DataFrame, own: WorkflowSettings, original: Original | None) -> str | None:
    """The ordering key that the event is sent with: empty for none, None where it is not known.

    Raises
    ------
    MissingAttribute
        If the field that the settings name is not in this payload.
    """
    if original is not None:
        return original.ordering_key
    return own.ordering_key if not own.ordering_key else _find(event, own.ordering_key, "ordering key")


def _find(event: pd.DataFrame, source: str, name: str) -> str:
    """The value of a path, or the constant that stands in its place."""
    if not (source.startswith(_ROOTS) or source in event.columns):
        return source
    values = values_of(event, source)[0]
    if len(values) != 1:
        raise MissingAttribute(f"{name}: {source} has {'no value' if not values else 'several values'}")
    value = values[0]
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_limits(payload: str, attributes: Mapping[str, str], ordering_key: str | None) -> str | None:
    """Which limit of a Pub/Sub message is broken, in words; None where it fits.

    Parameters
    ----------
    payload : str
    attributes : mapping
        All that are sent, the dedupe attribute included.
    ordering_key : str or None

    Returns
    -------
    str or None
    """
    key = (ordering_key or "").encode()
    size = FRAME_BYTES + len(payload.encode()) + len(key)
    if len(attributes) > MOST_ATTRIBUTES:
        return f"{len(attributes)} attributes; {MOST_ATTRIBUTES} are allowed"
    if len(key) > MOST_KEY_BYTES:
        return f"the ordering key has {len(key):,} bytes; {MOST_KEY_BYTES:,} are allowed"
    for name, value in attributes.items():
        name_bytes, value_bytes = len(name.encode()), len(value.encode())
        size += name_bytes + value_bytes + FRAME_BYTES_PER_ATTRIBUTE
        if not name or name_bytes > MOST_NAME_BYTES:
            return f"the name of an attribute has {name_bytes:,} bytes; 1 to {MOST_NAME_BYTES} are allowed"
        if name.startswith(RESERVED):
            return f"an attribute's name begins with “{RESERVED}”, which is reserved"
        if value_bytes > MOST_VALUE_BYTES:
            return f"the value of an attribute has {value_bytes:,} bytes; {MOST_VALUE_BYTES:,} are allowed"
    return f"{size:,} bytes; {MOST_BYTES:,} are allowed" if size > MOST_BYTES else None
