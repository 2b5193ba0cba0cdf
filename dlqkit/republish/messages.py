"""What is sent for an event: its bytes, attributes and ordering key, within the limits of a message."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dlqkit.republish.selection import values_of
from dlqkit.settings import WorkflowSettings

__all__ = [
    "Original",
    "find_attributes",
    "find_ordering_keys",
    "find_originals",
    "wrap_payload",
]

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


def find_attributes(
    events: pd.DataFrame, own: WorkflowSettings, originals: Mapping[str, Original]
) -> tuple[dict[str, Mapping[str, str] | None], dict[str, str]]:
    """The attributes that each event is sent with, without the dedupe attribute.

    Parameters
    ----------
    events : DataFrame
        ``frames.RECORDS``, a row per event, the payload as it is sent, without an envelope.
    own : WorkflowSettings
        Whose ``attributes`` say where each value is.
    originals : mapping
        By event key; they count before the settings.

    Returns
    -------
    (dict, dict)
        By event key the attributes, None where neither tells; and of the events that lack a field, which.
    """
    missing: dict[str, str] = {}
    mapped: dict[str, dict[str, str]] = {str(key): {} for key in events["event_key"]}
    for name, source in sorted(own.attributes.items()):
        for key, value in _values(events, source):
            if value is None:
                missing.setdefault(key, f"{name}: {source} has no value, or several")
            else:
                mapped[key][name] = value
    found: dict[str, Mapping[str, str] | None] = {}
    for key, attributes in mapped.items():
        known = originals.get(key)
        found[key] = known.attributes if known else attributes if own.attributes else None
    return found, {key: detail for key, detail in missing.items() if key not in originals}


def find_ordering_keys(
    events: pd.DataFrame, own: WorkflowSettings, originals: Mapping[str, Original]
) -> tuple[dict[str, str | None], dict[str, str]]:
    """The ordering key of each event: empty for none, None where it is not known.

    Parameters
    ----------
    events, own, originals
        As for ``find_attributes``; ``ordering_key`` of the settings says where it is.

    Returns
    -------
    (dict, dict)
        By event key the ordering key; and of the events that lack the field, which.
    """
    found: dict[str, str | None] = {str(key): own.ordering_key for key in events["event_key"]}
    missing: dict[str, str] = {}
    if own.ordering_key:
        for key, value in _values(events, own.ordering_key):
            found[key] = value
            if value is None and key not in originals:
                missing[key] = f"ordering key: {own.ordering_key} has no value, or several"
    return {**found, **{key: known.ordering_key for key, known in originals.items()}}, missing


def _values(events: pd.DataFrame, source: str) -> Iterator[tuple[str, str | None]]:
    """Of each event the one value at a path, or the constant that stands in its place."""
    keys = events["event_key"].astype("str")
    if not (source.startswith(_ROOTS) or source in events.columns):
        yield from ((key, source) for key in keys)
        return
    for key, values in zip(keys, values_of(events, source), strict=True):
        value = values[0] if len(values) == 1 else None
        yield key, None if value is None else str(value).lower() if isinstance(value, bool) else str(value)
