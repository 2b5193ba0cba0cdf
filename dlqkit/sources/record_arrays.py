"""Records that a class was made for, as Arrow arrays: the one pass over Python objects that a page costs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from dlqkit.sources.record_fields import split_errors
from dlqkit.sources.record_values import TEXT

__all__ = ["ABSENT", "read_arrays"]

# What a record has where a field that is no column is not there.
ABSENT = msgspec.Raw(b"null")
_OBJECT = ord("{")
_DIGEST = 6
# Written out: an attribute that is known beforehand is read in half the time.
_READ: Mapping[str, Callable[[list[Any]], list[Any]]] = {
    "record_id": lambda rows: [row.record_id for row in rows],
    "workflow_id": lambda rows: [row.workflow_id for row in rows],
    "trace_id": lambda rows: [row.trace_id for row in rows],
    "recorded_at": lambda rows: [row.recorded_at for row in rows],
    "status": lambda rows: [row.status for row in rows],
    "retryable": lambda rows: [row.retryable for row in rows],
    "queued_to_dlq": lambda rows: [row.queued_to_dlq for row in rows],
    "attempts": lambda rows: [row.attempts for row in rows],
    "last_error": lambda rows: [row.last_error for row in rows],
    "error_type": lambda rows: [row.error_type for row in rows],
    "error_code": lambda rows: [row.error_code for row in rows],
    "action_duration_ms": lambda rows: [row.action_duration_ms for row in rows],
    "payload_snapshot": lambda rows: [row.payload_snapshot for row in rows],
}
_TEXTS = ("record_id", "workflow_id", "trace_id", "recorded_at", "status")
_NUMBERS = ("retryable", "queued_to_dlq", "attempts", "action_duration_ms")


def read_arrays(rows: list[Any], fields: Mapping[str, str], others: Mapping[str, str]) -> dict[str, Any] | None:
    """The columns, and the payloads' hashes; None where a payload or an error is not plain.

    Texts are Arrow arrays; numbers, and what is true (1) or not (0), are float64, and NaN where they are absent.
    """
    count = len(rows)
    out: dict[str, Any] = {
        name: pa.array(_READ[name](rows), TEXT) if name in fields else pa.nulls(count, TEXT) for name in _TEXTS
    }
    # NumPy takes None for NaN, and pandas keeps numbers as NumPy has them.
    out |= {
        name: np.array(_READ[name](rows), np.float64) if name in fields else np.full(count, np.nan) for name in _NUMBERS
    }
    errors = _errors(rows, fields)
    if errors is None:
        return None
    out |= errors
    raws: Sequence[bytes | msgspec.Raw] = [b""] * count
    out["payload_snapshot"] = pa.nulls(count, TEXT)
    if "payload_snapshot" in fields:
        raws = _READ["payload_snapshot"](rows)
        out["payload_snapshot"] = _payloads(raws)
        if out["payload_snapshot"] is None:
            return None
    out["hash"] = _hashes(raws)
    out["extra_json"] = pa.array(_extras(rows, others), TEXT) if others else pa.nulls(count, TEXT)
    return out


def _errors(rows: list[Any], fields: Mapping[str, str]) -> dict[str, Any] | None:
    """Arrow arrays of messages, types and codes; None where an error is an object that names no message."""
    names = ("last_error", "error_type", "error_code")
    nothing: list[Any] = [None] * len(rows)
    found, kinds, codes = (_READ[name](rows) if name in fields else list(nothing) for name in names)
    messages, unsaid = split_errors(found, kinds, codes)
    if unsaid:
        return None
    # A column of nothing is had without looking at it; most errors have no code.
    return {
        name: pa.nulls(len(rows), TEXT) if values == nothing else pa.array(values, TEXT)
        for name, values in zip(names, (messages, kinds, codes), strict=True)
    }


def _payloads(raws: Sequence[bytes | msgspec.Raw]) -> Any:
    """An Arrow array of the payloads' own bytes; None where one is no object, such as null or text that holds JSON."""
    # Joined is copied: as parts of the page they would keep it in memory.
    count, body = len(raws), b"".join(raws)
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(np.fromiter(map(len, raws), np.int64, count), out=offsets[1:])
    data = np.frombuffer(body, np.uint8)
    if not (data[offsets[:-1]] == _OBJECT).all():
        return None
    array = pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(body))
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return None  # no UTF-8: for those who repair it
    return array


def _hashes(raws: Sequence[bytes | msgspec.Raw]) -> Any:
    """An Arrow array of the payloads' hashes."""
    # A copy of a hash of nothing is had for less than a new one.
    new, digests = hashlib.blake2b(digest_size=_DIGEST).copy, bytearray()
    for raw in raws:
        one = new()
        one.update(raw)
        digests += one.digest()
    offsets = np.arange(0, 2 * len(digests) + 1, 2 * _DIGEST, dtype=np.int64)
    # Turned into text all at once, which costs less than one by one.
    return pa.LargeStringArray.from_buffers(len(raws), pa.py_buffer(offsets), pa.py_buffer(digests.hex().encode()))


def _extras(rows: Sequence[Any], attributes: Mapping[str, str]) -> list[str | None]:
    """What is no column, as JSON, in the order of the record's class."""
    out: list[str | None] = []
    for row in rows:
        rest = {name: raw for name, own in attributes.items() if (raw := getattr(row, own)) is not ABSENT}
        out.append(msgspec.json.encode(rest).decode("utf-8", "replace") if rest else None)
    return out
