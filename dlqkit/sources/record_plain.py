"""Pages whose records are as the runbook has them, decoded straight into columns.

Most of the time that a page takes is spent on Python objects that nobody looks at. A class with the page's own fields,
made for it, lets the decoder build one value for each column and leave payloads unread. Whatever does not fit, in any
way, is left to ``record_decode``, which gives the same frame of such a page and can read many more.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa

from dlqkit.frames import RECORDS
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.record_fields import find_fields, split_errors
from dlqkit.sources.record_values import recorded_times, text_array, whole_numbers

__all__ = ["decode_plain"]

# Enough to meet the fields that records of one page have; one that comes later costs a second look at the page.
_LOOKED_AT = 8
_LOOK_BYTES = 1 << 18
_TEXT, _BOOLEAN, _NUMBER = str | None, bool | None, float | None
_TYPES: Mapping[str, Any] = {
    "record_id": str,
    "workflow_id": _TEXT,
    "trace_id": _TEXT,
    "recorded_at": _TEXT,
    "status": str,
    "retryable": _BOOLEAN,
    "queued_to_dlq": _BOOLEAN,
    "attempts": _NUMBER,
    "last_error": str | dict[str, Any] | None,
    "error_type": _TEXT,
    "error_code": _TEXT,
    "action_duration_ms": _NUMBER,
}
_ABSENT = msgspec.Raw(b"null")
_OBJECT = ord("{")


def decode_plain(
    array: bytes | msgspec.Raw, settings: ExecutionLogsSettings
) -> tuple[pd.DataFrame, tuple[str, ...]] | None:
    """A JSON array of plain records as a frame.

    Parameters
    ----------
    array : bytes or Raw
        The array's text.
    settings : ExecutionLogsSettings

    Returns
    -------
    (DataFrame, tuple of str) or None
        ``frames.RECORDS`` and what was found out; None where an element is anything but a plain record, with an id, a
        status and a payload that is an object: then nothing is known of the page.
    """
    if settings.event_key:
        return None
    found = _read(array, _first_names(array), settings) or _read(array, _all_names(array), settings)
    return None if found is None else _frame(*found, settings)


# msgspec takes no name of a field that JSON would escape.
_UNNAMEABLE = re.compile(r'[\\"\x00-\x1f]')
_Found = tuple[list[Any], dict[str, str], list[str], list[str]]


def _read(array: bytes | msgspec.Raw, names: list[str], settings: ExecutionLogsSettings) -> _Found | None:
    """Records, the API's name of each column, what is to be said of them, and the names of all fields."""
    fields, findings = find_fields(names, settings.fields)
    if not {"record_id", "status"} <= set(fields) or any(map(_UNNAMEABLE.search, names)):
        return None
    try:
        return _decoder(tuple(names), tuple(fields.items())).decode(array), fields, findings, names
    except msgspec.ValidationError:
        return None


def _first_names(array: bytes | msgspec.Raw) -> list[str]:
    """Names of the first records' fields, in their order."""
    text = bytes(memoryview(array)[:_LOOK_BYTES]).decode("utf-8", "ignore")
    names: dict[str, None] = {}
    at = 0
    for _ in range(_LOOKED_AT):
        at = text.find("{", at)
        try:
            record, at = json.JSONDecoder().raw_decode(text, at) if at >= 0 else (None, 0)
        except (ValueError, RecursionError):
            break
        if record is None:
            break
        names.update(dict.fromkeys(record))
    return list(names)


def _all_names(array: bytes | msgspec.Raw) -> list[str]:
    names: dict[str, None] = {}
    try:
        for keys in {tuple(row): None for row in msgspec.json.decode(array, type=list[dict[str, msgspec.Raw]])}:
            names.update(dict.fromkeys(keys))
    except msgspec.ValidationError:
        return []
    return list(names)


@lru_cache(maxsize=32)
def _decoder(names: tuple[str, ...], fields: tuple[tuple[str, str], ...]) -> msgspec.json.Decoder[list[Any]]:
    """A decoder of records that have these fields and no others; what is no column stays as it came."""
    types = {name: _TYPES[column] for column, name in fields if column in _TYPES}
    needed = {name for column, name in fields if column in ("record_id", "status")}
    own: list[Any] = []
    for number, name in enumerate(names):
        kind = types.get(name, msgspec.Raw)
        given = {} if name in needed else {"default": _ABSENT if kind is msgspec.Raw else None}
        own.append((f"c{number}", kind, msgspec.field(name=name, **given)))
    # Those that are needed come first, or a class could not have them.
    own.sort(key=lambda one: one[2].name not in needed)
    return msgspec.json.Decoder(list[msgspec.defstruct("Record", own, gc=False, forbid_unknown_fields=True)])  # type: ignore[misc]


def _frame(
    rows: list[Any], fields: dict[str, str], findings: list[str], names: list[str], settings: ExecutionLogsSettings
) -> tuple[pd.DataFrame, tuple[str, ...]] | None:
    count = len(rows)
    attribute = {name: f"c{number}" for number, name in enumerate(names)}
    columns = {column: list(map(attrgetter(attribute[name]), rows)) for column, name in fields.items()}

    def texts(column: str) -> list[str | None]:
        values = columns.get(column)
        if values is None:
            return [None] * count
        return [value or None for value in values] if "" in values else values

    record_id, kinds, codes = texts("record_id"), list(texts("error_type")), list(texts("error_code"))
    # Copied: as parts of the page they would keep it in memory.
    raws = [bytes(raw) for raw in columns["payload_snapshot"]] if "payload_snapshot" in fields else [b""] * count
    payload = _payloads(raws) if "payload_snapshot" in fields else pa.nulls(count, pa.large_string())
    messages, unsaid = split_errors(columns.get("last_error", [None] * count), kinds, codes)
    if None in record_id or unsaid or payload is None:
        return None
    workflow_id, trace_id = texts("workflow_id"), texts("trace_id")
    recorded_at, said = recorded_times(
        texts("recorded_at") if "recorded_at" in fields else None, settings.timezone, count
    )
    others = {name: attribute[name] for name in names if name not in fields.values()}
    values: dict[str, Any] = {
        "record_id": text_array(record_id),
        "event_key": text_array(_event_keys(trace_id, workflow_id, raws, record_id)),
        "workflow_id": text_array(workflow_id),
        "trace_id": text_array(trace_id),
        "recorded_at": recorded_at,
        "status": _categories(texts("status")),
        "retryable": _booleans(columns.get("retryable"), count),
        "queued_to_dlq": _booleans(columns.get("queued_to_dlq"), count),
        "attempts": whole_numbers(_numbers(columns.get("attempts"), count)),
        "last_error": text_array(messages),
        "error_type": text_array(kinds),
        "error_code": text_array(codes),
        "action_duration_ms": _numbers(columns.get("action_duration_ms"), count),
        "payload_snapshot": text_array(payload),
        "extra_json": text_array(_extras(rows, others)),
    }  # fmt: skip
    return pd.DataFrame({name: values[name] for name in RECORDS}, copy=False), (*findings, *said)


def _categories(values: Sequence[str | None]) -> pd.Categorical:
    """As ``pd.Categorical`` has it: categories in order, none for what is absent."""
    names = sorted({value for value in values if value is not None})
    codes: dict[str | None, int] = {name: code for code, name in enumerate(names)}
    found = np.fromiter(map(codes.get, values, itertools.repeat(-1)), np.int64, len(values))
    return pd.Categorical.from_codes(found, dtype=pd.CategoricalDtype(text_array(names)), validate=False)


def _numbers(values: Sequence[float | None] | None, count: int) -> Any:
    """A ``Float64`` array."""
    found = pa.array(values if values is not None else [None] * count, pa.float64()).to_numpy(zero_copy_only=False)
    absent = ~np.isfinite(found)
    return pd.arrays.FloatingArray(np.where(absent, 1.0, found), absent)


def _booleans(values: Sequence[bool | None] | None, count: int) -> Any:
    """A ``boolean`` array."""
    found = pa.array(values if values is not None else [None] * count, pa.bool_())
    absent = found.is_null().to_numpy(zero_copy_only=False)
    return pd.arrays.BooleanArray(found.fill_null(False).to_numpy(zero_copy_only=False), absent)


def _payloads(raws: Sequence[bytes]) -> Any:
    """An Arrow array of the payloads' own bytes; None where one is no object, such as null or text that holds JSON."""
    count, body = len(raws), b"".join(raws)
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(np.fromiter(map(len, raws), np.int64, count), out=offsets[1:])
    data = np.frombuffer(body, np.uint8)
    if not (data[offsets[:-1]] == _OBJECT).all():
        return None
    array = pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets.tobytes()), pa.py_buffer(body))
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return None  # no UTF-8: for those who repair it
    return array


def _event_keys(
    traces: Sequence[str | None],
    workflows: Sequence[str | None],
    payloads: Sequence[bytes],
    record_id: Sequence[str | None],
) -> list[str | None]:
    """As ``record_decode`` has them: of a record without a trace its id, since nothing ties it to another one."""
    blake2b = hashlib.blake2b
    return [
        f"{trace}.{workflow or ''}.{blake2b(payload, digest_size=6).hexdigest()}" if trace is not None else record
        for trace, workflow, payload, record in zip(traces, workflows, payloads, record_id, strict=True)
    ]


def _extras(rows: Sequence[Any], attributes: Mapping[str, str]) -> list[str | None]:
    """What is no column, as JSON, in the order of the record's class."""
    out: list[str | None] = [None] * len(rows)
    if attributes:
        for index, row in enumerate(rows):
            rest = {name: raw for name, own in attributes.items() if (raw := getattr(row, own)) is not _ABSENT}
            out[index] = msgspec.json.encode(rest).decode("utf-8", "replace") if rest else None
    return out
