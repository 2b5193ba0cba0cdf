"""What is sent for an event: its bytes, attributes and ordering key, within the limits of a message."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dlqkit.executions.originals import match_originals, sendable_attributes
from dlqkit.language import say
from dlqkit.republish.selection import values_of
from dlqkit.settings import WorkflowSettings

__all__ = [
    "Original",
    "find_attributes",
    "find_ordering_keys",
    "find_originals",
    "wrap_payload",
]

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


def find_originals(records: pd.DataFrame, events: pd.DataFrame, originals: pd.DataFrame | None) -> dict[str, Original]:
    """The original message of each event, where exactly one fits.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``, all that are known.
    events : DataFrame
        A row per event: ``event_key``, ``payload_snapshot``.
    originals : DataFrame or None
        ``frames.ORIGINALS``.

    Returns
    -------
    dict
        By event key, as ``executions.originals.match_originals`` finds them.

    Raises
    ------
    FrameError
        If a column is missing.
    """
    if originals is None or originals.empty:
        return {}
    ordered = originals.sort_values(["published_at", "message_id", "payload_sha256"], na_position="first")
    matches = match_originals(records, ordered).dropna(subset=["message_id"])
    # An id is of its topic alone: of two messages with the same one nobody can tell which was meant.
    said = ordered.drop_duplicates(["message_id", "payload_sha256", "attributes_json", "ordering_key"])
    by_id = said.drop_duplicates("message_id", keep=False).set_index("message_id")
    texts = dict(zip(events["event_key"].astype("str"), events["payload_snapshot"], strict=True))
    found = {}
    for key, message_id in matches[["event_key", "message_id"]].itertuples(index=False):
        if key in texts and message_id in by_id.index:
            message = by_id.loc[message_id]
            ordering_key = "" if pd.isna(message["ordering_key"]) else str(message["ordering_key"])
            is_same = _hash(texts[key]) == message["payload_sha256"]
            found[str(key)] = Original(sendable_attributes(message["attributes_json"]), ordering_key, is_same)
    return found


def _hash(text: Any) -> str | None:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() if isinstance(text, str) else None


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
                missing.setdefault(key, say("{name}: {source} has no value, or several", name=name, source=source))
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
                missing[key] = say("ordering key: {source} has no value, or several", source=own.ordering_key)
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
