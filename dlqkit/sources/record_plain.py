"""Pages whose records are as the runbook has them, decoded straight into columns.

Most of the time that a page takes is spent on Python objects that nobody looks at. A class with the page's own fields,
made for it, lets the decoder build one value for each column and leave payloads unread. Whatever does not fit, in any
way, is left to ``record_decode``, which gives the same frame of such a page and can read many more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dlqkit.frames import RECORDS
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.json_elements import MOST_ELEMENTS, count_elements, is_too_wide
from dlqkit.sources.record_arrays import ABSENT, read_arrays
from dlqkit.sources.record_fields import find_fields, read_errors
from dlqkit.sources.record_unread import keep_unread
from dlqkit.sources.record_values import TEXT, recorded_times, text_array, whole_numbers, without_empty

__all__ = ["LONGEST_NAME", "NAMING", "decode_plain"]

LONGEST_NAME = 1 << 20
"""Bytes that a value which names something may have: each of them is copied a dozen times."""
NAMING = ("record_id", "workflow_id", "trace_id", "status")
"""Columns of such values."""

# Enough to meet the fields that records of one page have; one that comes later costs a second look at the page.
_LOOKED_AT = 4
_LOOK_BYTES = 1 << 15
# Twice what records have. A class has a place for each name in each record, and each may name a field of its own.
_MOST_NAMES = 64
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
_AT_ONCE = 1000
# What an error holds may take thirty times as much as its text; in a longer page errors are read a few at a time.
_LONGEST_OF_WHOLE_ERRORS = 4 << 20
_COUNTED_AT_ONCE = 1 << 20
_NAMES = pd.Index(list(RECORDS))
_JSON = json.JSONDecoder()


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
    if _may_be_too_many(array) and count_elements(array) > MOST_ELEMENTS:
        return None
    given = tuple(settings.fields.items())
    is_long = len(array) > _LONGEST_OF_WHOLE_ERRORS
    shape = _shape(_first_names(array), given, is_long)
    found = _read(array, shape) or _read(array, _shape(_all_names(array), given, is_long))
    return None if found is None else _frame(*found, array, settings)


def _may_be_too_many(array: bytes | msgspec.Raw) -> bool:
    """Whether a look at the array costs less than what its records may: each has a bracket and takes a few bytes."""
    if len(array) <= 2 * MOST_ELEMENTS:
        return False
    view = memoryview(array)
    # In parts, so that a large page is not copied.
    parts = range(0, len(view), _COUNTED_AT_ONCE)
    return sum(bytes(view[at : at + _COUNTED_AT_ONCE]).count(b"{") for at in parts) > MOST_ELEMENTS


# msgspec takes no name of a field that JSON would escape, nor half a character.
_UNNAMEABLE = re.compile(r'[\\"\x00-\x1f\ud800-\udfff]')


@dataclass(frozen=True, slots=True)
class _Shape:
    """What records with the same fields have in common; made once, since the pages of an API are alike."""

    decoder: msgspec.json.Decoder[list[Any]]
    fields: Mapping[str, str]
    """The API's name of each column."""
    others: Mapping[str, str]
    """What the class of a record calls each field that is no column."""
    findings: tuple[str, ...]
    has_raw_errors: bool
    """Whether errors are left as text."""


def _read(array: bytes | msgspec.Raw, shape: _Shape | None) -> tuple[list[Any], _Shape] | None:
    try:
        return None if shape is None else (shape.decoder.decode(array), shape)
    except msgspec.ValidationError:
        return None


@lru_cache(maxsize=32)
def _shape(names: tuple[str, ...], given: tuple[tuple[str, str], ...], is_long: bool) -> _Shape | None:
    """The shape of records that have these fields; None where they are not those of a plain record."""
    if len(names) > _MOST_NAMES:
        return None
    fields, findings = find_fields(names, dict(given))
    if not {"record_id", "status"} <= set(fields) or any(map(_UNNAMEABLE.search, names)):
        return None
    columns = {name: column for column, name in fields.items()}
    attributes = {name: columns.get(name, f"other{number}") for number, name in enumerate(names)}
    others = {name: attribute for name, attribute in attributes.items() if name not in columns}
    has_raw_errors = is_long and "last_error" in fields
    types = {**_TYPES, "last_error": msgspec.Raw} if has_raw_errors else _TYPES
    return _Shape(_decoder(attributes, columns, types), fields, others, tuple(findings), has_raw_errors)


def _first_names(array: bytes | msgspec.Raw) -> tuple[str, ...]:
    """Names of the first records' fields, in their order."""
    text = bytes(memoryview(array)[:_LOOK_BYTES]).decode("utf-8", "ignore")
    names: dict[str, None] = {}
    at = 0
    for _ in range(_LOOKED_AT):
        at = text.find("{", at)
        try:
            record, at = _JSON.raw_decode(text, at) if at >= 0 else (None, 0)
        except (ValueError, RecursionError):
            break
        if record is None:
            break
        names.update(dict.fromkeys(record))
    return tuple(names)


def _all_names(array: bytes | msgspec.Raw) -> tuple[str, ...]:
    if count_elements(array) > MOST_ELEMENTS:
        return ()
    names: dict[str, None] = {}
    decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    try:
        for raw in msgspec.json.decode(array, type=list[msgspec.Raw]):
            if is_too_wide(raw):
                return ()
            names.update(dict.fromkeys(decode(raw)))
            if len(names) > _MOST_NAMES:
                # Shapes are kept with their names.
                return ()
    except msgspec.ValidationError:
        return ()
    return tuple(names)


def _decoder(
    attributes: Mapping[str, str], columns: Mapping[str, str], types: Mapping[str, Any]
) -> msgspec.json.Decoder[list[Any]]:
    """A decoder of records that have these fields and no others; what is no column stays as it came."""
    own: list[Any] = []
    for name, attribute in attributes.items():
        column = columns.get(name, "")
        kind = types.get(column, msgspec.Raw)
        given = {"default": ABSENT if kind is msgspec.Raw else None} if column not in ("record_id", "status") else {}
        own.append((attribute, kind, msgspec.field(name=name, **given)))
    # By keyword, so that the fields keep the order in which they come: that is where the decoder looks first.
    record = msgspec.defstruct("Record", own, gc=False, kw_only=True, forbid_unknown_fields=True)
    return msgspec.json.Decoder(list[record])  # type: ignore[valid-type]


def _rows_of(text: bytes | msgspec.Raw) -> Callable[[int], dict[str, msgspec.Raw]]:
    """The fields of a record by its place in the array's text."""
    raws = msgspec.json.decode(text, type=list[msgspec.Raw])
    decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    return lambda place: decode(raws[place])


def _frame(
    rows: list[Any], shape: _Shape, text: bytes | msgspec.Raw, settings: ExecutionLogsSettings
) -> tuple[pd.DataFrame, tuple[str, ...]] | None:
    parts = []
    # A few at a time: what was just read is read again from the processor's own memory.
    for at in range(0, max(len(rows), 1), _AT_ONCE):
        lot = rows[at : at + _AT_ONCE]
        if shape.has_raw_errors:
            for row, error in zip(lot, read_errors([row.last_error for row in lot]), strict=True):
                row.last_error = error
        part = read_arrays(lot, shape.fields, shape.others)
        if shape.has_raw_errors:
            for row in lot:
                row.last_error = None
        if part is None:
            return None
        parts.append(part)
    array = parts[0] if len(parts) == 1 else {name: _joined([one[name] for one in parts]) for name in parts[0]}
    count = len(rows)
    if len(text) > LONGEST_NAME and any(_longest(array[name]) > LONGEST_NAME for name in NAMING):
        return None
    record_id, trace_id, workflow_id = (without_empty(array[name]) for name in ("record_id", "trace_id", "workflow_id"))
    if record_id.null_count:
        return None
    moments = without_empty(array["recorded_at"]) if "recorded_at" in shape.fields else None
    recorded_at, said = recorded_times(moments, settings.timezone, count)
    attempts = whole_numbers(array["attempts"])
    odd = {}
    if moments is not None:
        odd["recorded_at"] = np.asarray(pd.isna(recorded_at)) & moments.is_valid().to_numpy(zero_copy_only=False)
    odd["attempts"] = np.asarray(pd.isna(attempts)) & ~np.isnan(array["attempts"])
    odd["action_duration_ms"] = np.isinf(array["action_duration_ms"])
    extras = array["extra_json"]
    if any(places.any() for places in odd.values()):
        extras, unread = keep_unread(extras.to_pylist(), _rows_of(text), odd, shape.fields, settings.timezone)
        said = [*said, *unread]
    columns: dict[str, Any] = {
        "record_id": text_array(record_id),
        "event_key": text_array(_event_keys(trace_id, workflow_id, array["hash"], record_id)),
        "workflow_id": text_array(workflow_id),
        "trace_id": text_array(trace_id),
        "recorded_at": recorded_at,
        "status": _categories(without_empty(array["status"])),
        "retryable": _booleans(array["retryable"]),
        "queued_to_dlq": _booleans(array["queued_to_dlq"]),
        "attempts": attempts,
        "last_error": text_array(without_empty(array["last_error"])),
        "error_type": text_array(without_empty(array["error_type"])),
        "error_code": text_array(without_empty(array["error_code"])),
        "action_duration_ms": _numbers(array["action_duration_ms"]),
        "payload_snapshot": text_array(array["payload_snapshot"]),
        "extra_json": text_array(extras),
    }  # fmt: skip
    # pandas would make its index of the same names anew for each page, which costs as much as the rest of the frame.
    frame = pd.DataFrame(dict(enumerate(columns[name] for name in RECORDS)), pd.RangeIndex(count), copy=False)
    frame.columns = _NAMES.copy()
    return frame, (*shape.findings, *said)


def _longest(texts: Any) -> int:
    """How many bytes the longest of some texts has."""
    return pc.max(pc.binary_length(texts)).as_py() or 0


def _joined(parts: Sequence[Any]) -> Any:
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else pa.concat_arrays(parts)


def _categories(values: Any) -> pd.Categorical:
    """As ``pd.Categorical`` has it: categories in order, none for what is absent."""
    encoded = values.dictionary_encode()
    names = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    place = np.empty(len(names) + 1, np.int64)
    place[order], place[-1] = np.arange(len(names)), -1
    codes = place[encoded.indices.fill_null(-1).to_numpy() if values.null_count else encoded.indices.to_numpy()]
    return pd.Categorical.from_codes(codes, dtype=_dtype(tuple(sorted(names))), validate=False)


@lru_cache(maxsize=32)
def _dtype(names: tuple[str, ...]) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(text_array(names))


def _numbers(values: npt.NDArray[np.float64]) -> Any:
    """A ``Float64`` array."""
    absent = ~np.isfinite(values)
    return pd.arrays.FloatingArray(np.where(absent, 1.0, values) if absent.any() else values, absent)


def _booleans(values: npt.NDArray[np.float64]) -> Any:
    """A ``boolean`` array."""
    return pd.arrays.BooleanArray(values == 1.0, np.isnan(values))


def _event_keys(traces: Any, workflows: Any, hashes: Any, record_id: Any) -> Any:
    """As ``record_decode`` has them: of a record without a trace its id, since nothing ties it to another one."""
    keys = pc.binary_join_element_wise(traces, pc.fill_null(workflows, ""), hashes, pa.scalar(".", TEXT))
    return pc.coalesce(keys, record_id) if traces.null_count else keys
