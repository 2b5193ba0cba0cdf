"""Pages of execution records to frames: fields found by name, payloads left as text, what does not fit counted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from dlqkit.errors import UnexpectedAnswer
from dlqkit.frames import RECORDS, empty_frame
from dlqkit.language import in_english, mark
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.http import TooLarge
from dlqkit.sources.json_elements import MOST_ELEMENTS, count_elements, is_too_wide
from dlqkit.sources.page_faults import find_failure
from dlqkit.sources.page_wrapper import UNREAD_BESIDE, no_page, open_page
from dlqkit.sources.record_fields import TELLING, find_fields, read_errors, split_errors
from dlqkit.sources.record_inner import SAID_OF_INNER, hoist
from dlqkit.sources.record_plain import LONGEST_NAME, NAMING, decode_plain
from dlqkit.sources.record_repair import MENDED, TOO_WIDE, Mended, Quarantined, mend_array
from dlqkit.sources.record_unread import keep_unread
from dlqkit.sources.record_values import recorded_times, text_array, whole_numbers
from dlqkit.untrusted import shorten

__all__ = ["NO_LIST", "REPAIRED", "Decoded", "decode_page", "finish_records", "read_field_names"]

TIME = "datetime64[us, UTC]"
REPLACED = mark("Error texts that are no UTF-8, or numbers that are no JSON, were replaced.")
KEPT_AS_TEXT = mark("A payload that is no JSON is kept as the text that it is.")
# Evidence of former versions says so of pages that were mended as a whole.
REPAIRED = mark(
    "A page held text that is no UTF-8, or numbers that are no JSON; they were replaced, the raw page is kept."
)
NO_LIST = mark(
    "The answer holds no list, which may be how the API writes an empty one; execution_logs.records_path says where "
    "the list would be."
)
# Of all records of a page; 64 MiB of records that have nothing but numbers have seldom as many.
_MOST_FIELDS_AT_ONCE = 3_000_000
# Fields that differ in their names: each has a name of its own in memory.
_MOST_NAMES = 200_000
# A field of a record takes some hundred bytes in Python; so many records, or so many bytes of them, take up to 100 MB.
_MOST_OF_LOT = 10_000
_LONGEST_LOT = 4 << 20
# What an error holds may take thirty times as much in Python as its text has.
_ERRORS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Decoded:
    """A page: its records, and what its wrapper says of further pages."""

    frame: pd.DataFrame
    received: int
    """Elements in the page, the ones that are no record included."""
    quarantined: tuple[Quarantined, ...] = ()
    """Elements that are no record, as they came, and why; in their order."""
    odd_at: tuple[int, ...] = ()
    """Where each of those stands in the page, from 0."""
    findings: tuple[str, ...] = ()
    wrapper: Mapping[str, Any] = field(default_factory=dict)
    """Plain values beside the records, such as ``next_cursor``, ``has_more`` or ``total``; and what tells of faults."""
    left_out: tuple[str, ...] = ()
    """Sentences, in English, on further lists in the answer that look like records and were not read; ``NO_LIST``."""
    has_list: bool = True
    """Whether the answer holds a list; one that leaves it out, and says nothing else, has no record."""


def decode_page(body: bytes, settings: ExecutionLogsSettings | None = None) -> Decoded:
    """A page of the Execution Logs API as a frame.

    Raises
    ------
    UnexpectedAnswer
        If the body is no JSON, holds no list of records, or says that it failed and has no record. Single elements that
        are no record are quarantined.
    """
    own = settings or ExecutionLogsSettings()
    opened = open_page(body, own.records_path, own.fields)
    wrapped = mark("Records come as a bare array.")
    if opened.holder:
        name = shorten(" ".join(opened.holder.split()), 60)
        wrapped = in_english(mark("Records are wrapped in “{name}”."), name=name)
    findings = (*([wrapped] if opened.has_list else []), *([UNREAD_BESIDE] if opened.has_odd else []))
    try:
        page = _decode(opened.array, own)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        page = _mended(opened.array, body, own)
    failure = find_failure(opened.beside) if page.frame.empty else None
    if failure is not None:
        # Without a record it is no answer, and not an empty one.
        raise UnexpectedAnswer(
            in_english(mark("The Execution Logs API answers that it failed: {said}."), said=failure),
            mark("Try again later; what was collected stays."),
        )
    findings = (*findings, *page.findings)
    is_sure = opened.has_list or opened.says_none or own.records_path is not None
    left_out = opened.left_out if is_sure else (NO_LIST,)
    return replace(page, findings=findings, wrapper=opened.beside, left_out=left_out, has_list=opened.has_list)


def _mended(array: bytes | msgspec.Raw, body: bytes, settings: ExecutionLogsSettings) -> Decoded:
    mended, apart, taken = _as_json(array, body, settings)
    said = [text for text, holds in ((REPLACED, mended.is_replaced), (KEPT_AS_TEXT, mended.has_text_payload)) if holds]
    try:
        page = _decode(mended.raw, settings)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise no_page(body) from error
    places = (*taken, *_before_they_were_taken(page.odd_at, taken))
    odd = sorted(zip(places, (*apart, *page.quarantined), strict=True), key=itemgetter(0))
    return replace(
        page,
        received=page.received + len(apart),
        quarantined=tuple(one for _, one in odd),
        odd_at=tuple(place for place, _ in odd),
        findings=(*page.findings, *said),
    )


def _as_json(
    array: bytes | msgspec.Raw, body: bytes, settings: ExecutionLogsSettings
) -> tuple[Mended, tuple[Quarantined, ...], tuple[int, ...]]:
    _check_count(array)
    given = [settings.fields[name] for name in MENDED if name in settings.fields]
    found = mend_array(array, given, settings.fields.get("payload_snapshot"))
    if found is None:
        raise no_page(body)
    return found


def _check_count(array: bytes | msgspec.Raw) -> None:
    if count_elements(array) > MOST_ELEMENTS:
        text = mark("The Execution Logs API answers with more than {count} elements at once.")
        next_step = mark("Ask for less: a shorter window, or a smaller page_limit.")
        raise TooLarge(in_english(text, count=MOST_ELEMENTS), next_step)


def _before_they_were_taken(odd_at: Sequence[int], taken: Sequence[int]) -> Iterator[int]:
    """Places among all elements, of places among those that were left."""
    gone = iter(sorted(taken))
    following, moved = next(gone, None), 0
    for place in odd_at:
        while following is not None and following <= place + moved:
            moved, following = moved + 1, next(gone, None)
        yield place + moved


def _decode(array: bytes | msgspec.Raw, settings: ExecutionLogsSettings) -> Decoded:
    plain = decode_plain(array, settings)
    if plain is not None:
        return Decoded(plain[0], len(plain[0]), findings=plain[1])
    _check_count(array)
    elements = msgspec.json.decode(array, type=list[msgspec.Raw])
    lots = list(_lots(elements))
    # Of a page in several lots each record is read twice: once for the names of all.
    names = _find_names(_names_in(lots, settings), settings) if len(lots) > 1 else None
    seen, frames, odd, findings = _Seen(settings.fields), [], dict[int, Quarantined](), dict[str, None]()
    for begin, lot in lots:
        rows, bad = _rows(lot, seen)
        frame, said, more = _build(list(rows.values()), settings, names)
        places = list(rows)
        odd |= {begin + place: one for place, one in bad.items()}
        odd |= {begin + places[row]: _as_it_came(one, lot[places[row]], seen) for row, one in more.items()}
        frames.append(frame)
        findings |= dict.fromkeys(said)
    findings |= dict.fromkeys(in_english(SAID_OF_INNER, name=name) for name in seen.inner)
    odd_at = tuple(sorted(odd))
    apart = tuple(odd[place] for place in odd_at)
    return Decoded(_as_one_frame(frames), len(elements), apart, odd_at, tuple(findings))


def _as_it_came(one: Quarantined, element: msgspec.Raw, seen: _Seen) -> Quarantined:
    return Quarantined(bytes(element), one.reason) if seen.inner else one


def _lots(elements: Sequence[msgspec.Raw]) -> Iterator[tuple[int, Sequence[msgspec.Raw]]]:
    """Elements that are made Python objects of at once, and the place of the first; at least one lot."""
    begin, size = 0, 0
    for place, element in enumerate(elements):
        if place - begin == _MOST_OF_LOT or (size > _LONGEST_LOT and place > begin):
            yield begin, elements[begin:place]
            begin, size = place, 0
        size += len(element)
    yield begin, elements[begin:]


def _names_in(lots: Sequence[tuple[int, Sequence[msgspec.Raw]]], settings: ExecutionLogsSettings) -> dict[str, None]:
    """Names of the fields of all lots, in the order in which they come."""
    seen, present = _Seen(settings.fields), dict[str, None]()
    for _, lot in lots:
        present |= _names_of(_rows(lot, seen)[0].values())
    return present


def _names_of(rows: Iterable[Mapping[str, msgspec.Raw]]) -> dict[str, None]:
    present: dict[str, None] = {}
    for keys in {tuple(row): None for row in rows}:
        present.update(dict.fromkeys(keys))
    return present


def _as_one_frame(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    full = [frame for frame in frames if len(frame)] or frames[:1]
    if len(full) == 1:
        return full[0]
    status = union_categoricals([frame["status"] for frame in full], sort_categories=True)
    # Of a category whose values differ from frame to frame there would be objects.
    whole = pd.concat([frame.drop(columns="status") for frame in full], ignore_index=True)
    whole.insert(list(RECORDS).index("status"), "status", status)
    return whole


def read_field_names(body: bytes, settings: ExecutionLogsSettings | None = None) -> tuple[str, ...]:
    """Names of the fields that the records of a page have, in the order in which they come; no value is read."""
    own = settings or ExecutionLogsSettings()
    array = open_page(body, own.records_path, own.fields).array
    _check_count(array)
    try:
        return _names_of_all(array, own)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _names_of_all(_as_json(array, body, own)[0].raw, own)


def _names_of_all(array: bytes | msgspec.Raw, settings: ExecutionLogsSettings) -> tuple[str, ...]:
    return tuple(_names_in(list(_lots(msgspec.json.decode(array, type=list[msgspec.Raw]))), settings))


@dataclass(slots=True)
class _Seen:
    """What is counted over all lots of a page."""

    given: Mapping[str, str]
    """The API's names of columns, where they are set."""
    fields: int = 0
    names: set[str] = field(default_factory=set)
    inner: dict[str, None] = field(default_factory=dict)
    """Names of the objects in which the fields of records stood."""


def _rows(
    elements: Sequence[msgspec.Raw], seen: _Seen
) -> tuple[dict[int, dict[str, msgspec.Raw]], dict[int, Quarantined]]:
    """The objects and the other elements, by their places."""
    rows: dict[int, dict[str, msgspec.Raw]] = {}
    bad: dict[int, Quarantined] = {}
    decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
    for place, element in enumerate(elements):
        if is_too_wide(element):
            bad[place] = Quarantined(bytes(element), TOO_WIDE)
            continue
        try:
            row = rows[place] = hoist(decoder.decode(element), seen.given, seen.inner)
        except msgspec.ValidationError:
            bad[place] = Quarantined(bytes(element), "It is no object.")
            continue
        name = _too_long(row, seen.given) if len(element) > LONGEST_NAME else None
        if name is not None:
            del rows[place]
            bad[place] = Quarantined(bytes(element), f"It has more than {LONGEST_NAME:,} bytes in {name!r:.60}.")
            continue
        seen.fields += len(row)
        if seen.fields > _MOST_NAMES:
            # Names that many records have are in memory once.
            seen.names.update(row)
        if seen.fields > _MOST_FIELDS_AT_ONCE or len(seen.names) > _MOST_NAMES:
            text = mark("The Execution Logs API answers with more than {count} fields at once.")
            next_step = mark("Ask for less: a shorter window, or a smaller page_limit.")
            most = _MOST_NAMES if len(seen.names) > _MOST_NAMES else _MOST_FIELDS_AT_ONCE
            raise TooLarge(in_english(text, count=most), next_step)
    return rows, bad


def _too_long(row: Mapping[str, msgspec.Raw], given: Mapping[str, str]) -> str | None:
    """The field that names something by more than a name can have."""
    fields, _ = find_fields(row, given)
    return next((fields[one] for one in NAMING if one in fields and len(row[fields[one]]) > LONGEST_NAME), None)


def finish_records(
    rows: list[dict[str, Any]], settings: ExecutionLogsSettings | None = None
) -> tuple[pd.DataFrame, tuple[str, ...], int]:
    """Records that are Python values already, such as the rows of an export.

    Returns
    -------
    (DataFrame, tuple of str, int)
        ``frames.RECORDS``, what was found out or assumed, and how many rows are no record.
    """
    raw = [{str(name): msgspec.Raw(msgspec.json.encode(value)) for name, value in row.items()} for row in rows]
    frame, findings, bad = _build(raw, settings or ExecutionLogsSettings())
    return frame, findings, len(bad)


@dataclass(frozen=True, slots=True)
class _Names:
    """The fields of a page."""

    places: Mapping[str, int]
    """Of all of them, in the order in which they come."""
    fields: Mapping[str, str]
    """The API's name of each column."""
    findings: Sequence[str]


def _find_names(present: Iterable[str], settings: ExecutionLogsSettings) -> _Names:
    places = {name: place for place, name in enumerate(present)}
    fields, findings = find_fields(places, settings.fields)
    return _Names(places, fields, findings)


def _build(
    rows: list[dict[str, msgspec.Raw]], settings: ExecutionLogsSettings, names: _Names | None = None
) -> tuple[pd.DataFrame, tuple[str, ...], dict[int, Quarantined]]:
    """The frame, what is to be said, and by their places the rows that are no records."""
    present = _names_of(rows)
    names = names or _find_names(present, settings)
    fields, findings = names.fields, list(names.findings)
    telling = {fields[name] for name in TELLING if name in fields}
    good = [row for row in rows if not telling.isdisjoint(row)]
    bad = {}
    if len(good) < len(rows):
        reason = "It has none of the fields by which a record is told."
        bad = {
            place: Quarantined(msgspec.json.encode(row), reason)
            for place, row in enumerate(rows) if telling.isdisjoint(row)
        }  # fmt: skip
    if not good:
        return empty_frame(RECORDS), tuple(findings), bad
    columns = {name: [row.get(own, _NULL) for row in good] for name, own in fields.items()}
    texts = {name: _texts(columns, name, len(good)) for name in ("workflow_id", "trace_id", "status", "record_id")}
    moments = _texts(columns, "recorded_at", len(good)) if "recorded_at" in columns else None
    recorded_at, said = recorded_times(moments, settings.timezone, len(good))
    findings += said
    message, error_type, error_code = _errors(columns, len(good))
    payload = _payloads(columns, len(good))
    if "record_id" not in fields:
        findings.append(mark("Records have no id; a hash of their content stands for it."))
    record_id = [
        value or "h-" + hashlib.blake2b(msgspec.json.encode(row), digest_size=10).hexdigest()
        for value, row in zip(texts["record_id"], good, strict=True)
    ]
    own_keys = _event_keys(good, texts, record_id, payload, settings.event_key, fields)
    read: dict[str, Any] = {
        "recorded_at": recorded_at,
        "retryable": _booleans(columns, "retryable", len(good)),
        "queued_to_dlq": _booleans(columns, "queued_to_dlq", len(good)),
        "attempts": whole_numbers(_numbers(columns, "attempts", len(good))),
        "action_duration_ms": _numbers(columns, "action_duration_ms", len(good)),
    }
    columns_of = set(fields.values())
    extras, unread = keep_unread(
        _extras(good, sorted(present.keys() - columns_of, key=names.places.__getitem__)),
        good.__getitem__,
        {name: np.asarray(pd.isna(array)) for name, array in read.items()},
        fields,
        settings.timezone,
    )
    findings += unread
    values: dict[str, Any] = {
        "record_id": text_array(record_id),
        "event_key": text_array(own_keys),
        "workflow_id": text_array(texts["workflow_id"]),
        "trace_id": text_array(texts["trace_id"]),
        **read,
        "status": pd.Categorical(text_array(texts["status"])),
        "last_error": text_array(message),
        "error_type": text_array(error_type),
        "error_code": text_array(error_code),
        "payload_snapshot": text_array(payload),
        "extra_json": text_array(extras),
    }
    return pd.DataFrame({name: values[name] for name in RECORDS}), tuple(findings), bad


_NULL = msgspec.Raw(b"null")
_Columns = Mapping[str, Sequence[msgspec.Raw]]
_TEXT = msgspec.json.Decoder(list[str | None])
_NUMBER = msgspec.json.Decoder(list[float | None])
_BOOLEAN = msgspec.json.Decoder(list[bool | None])


def _as_one(decoder: msgspec.json.Decoder[list[Any]], raws: Sequence[msgspec.Raw]) -> list[Any] | None:
    """A column decoded in a single call, which costs less than its values one by one; None where one does not fit."""
    try:
        return decoder.decode(b"[" + b",".join(raws) + b"]")
    except msgspec.ValidationError:
        return None


def _as_text(raw: msgspec.Raw | None) -> str | None:
    if raw is None:
        return None
    body = bytes(raw)
    if body[:1] == b'"':
        return str(msgspec.json.decode(body))
    return None if body == b"null" else body.decode("utf-8", "replace")


def _texts(columns: _Columns, name: str, count: int) -> list[str | None]:
    if name not in columns:
        return [None] * count
    found = _as_one(_TEXT, columns[name])
    if found is None:
        found = [_as_text(raw) for raw in columns[name]]
    return [text or None for text in found]


def _numbers(columns: _Columns, name: str, count: int) -> Any:
    """A ``Float64`` array."""
    found = _as_one(_NUMBER, columns[name]) if name in columns else [None] * count
    if found is None:
        texts = pd.Series(_texts(columns, name, count), dtype="str")
        found = pd.to_numeric(texts, errors="coerce").tolist()
    values = np.array([np.nan if value is None else value for value in found], dtype=np.float64)
    absent = ~np.isfinite(values)
    return pd.arrays.FloatingArray(np.where(absent, 1.0, values), absent)


_TRUE, _FALSE = {"true", "1", "yes", "t", "y"}, {"false", "0", "no", "f", "n"}


def _booleans(columns: _Columns, name: str, count: int) -> Any:
    """A ``boolean`` array."""
    found = _as_one(_BOOLEAN, columns[name]) if name in columns else [None] * count
    if found is None:
        words = [None if text is None else text.lower() for text in _texts(columns, name, count)]
        found = [True if word in _TRUE else False if word in _FALSE else None for word in words]
    absent = np.array([value is None for value in found], dtype=bool)
    return pd.arrays.BooleanArray(np.array([bool(value) for value in found], dtype=bool), absent)


def _errors(columns: _Columns, count: int) -> tuple[list[str | None], list[str | None], list[str | None]]:
    kinds, codes = _texts(columns, "error_type", count), _texts(columns, "error_code", count)
    if "last_error" not in columns:
        return [None] * count, kinds, codes
    messages: list[str | None] = []
    for at in range(0, count, _ERRORS_AT_ONCE):
        lot = slice(at, at + _ERRORS_AT_ONCE)
        raws, own_kinds, own_codes = columns["last_error"][lot], kinds[lot], codes[lot]
        said, unsaid = split_errors(read_errors(raws), own_kinds, own_codes)
        for index in unsaid:
            said[index] = bytes(raws[index]).decode("utf-8")
        messages += said
        kinds[lot], codes[lot] = own_kinds, own_codes
    return [text or None for text in messages], kinds, codes


def _payloads(columns: _Columns, count: int) -> list[str | None]:
    """The payload as exact JSON text; where the API gives it as text, that text."""
    raws = columns.get("payload_snapshot", ())
    texts: list[str | None] = [str(raw, "utf-8") for raw in raws]
    if any(text is not None and text[:1] in '"n' for text in texts):
        texts = [_as_text(raw) for raw in raws]
    return texts or [None] * count


def _extras(rows: Sequence[Mapping[str, msgspec.Raw]], names: Sequence[str]) -> list[str | None]:
    if not names:
        return [None] * len(rows)
    out: list[str | None] = []
    places = {name: place for place, name in enumerate(names)}
    for row in rows:
        # Where each record has a field of its own there are far more names than it has.
        own = names if len(names) <= len(row) else sorted(places.keys() & row, key=places.__getitem__)
        rest = {name: row[name] for name in own if name in row}
        out.append(msgspec.json.encode(rest).decode("utf-8", "replace") if rest else None)
    return out


def _event_keys(
    rows: Sequence[Mapping[str, msgspec.Raw]],
    texts: Mapping[str, Sequence[str | None]],
    record_id: Sequence[str],
    payload: Sequence[str | None],
    wanted: Sequence[str],
    fields: Mapping[str, str],
) -> list[str]:
    if wanted:
        return [_own_key(row, payload[index], wanted, fields) or record_id[index] for index, row in enumerate(rows)]
    keys = []
    for trace, workflow, text, record in zip(texts["trace_id"], texts["workflow_id"], payload, record_id, strict=True):
        if trace is None:
            # Nothing ties such a record to another one.
            keys.append(record)
            continue
        digest = hashlib.blake2b((text or "").encode("utf-8", "replace"), digest_size=6).hexdigest()
        keys.append(f"{trace}.{workflow or ''}.{digest}")
    return keys


def _own_key(
    row: Mapping[str, msgspec.Raw], payload: str | None, wanted: Sequence[str], fields: Mapping[str, str]
) -> str | None:
    parts = []
    for name in wanted:
        if name.startswith("payload."):
            parts.append(_inside(payload, name.removeprefix("payload.").split(".")))
        else:
            parts.append(_as_text(row.get(fields.get(name, name))))
    return ".".join(part or "" for part in parts) if any(parts) else None


def _inside(payload: str | None, path: Sequence[str]) -> str | None:
    try:
        value = msgspec.json.decode(payload) if payload else None
    except (ValueError, RecursionError):
        return None  # no JSON, nested too deeply, a number that no double holds, or half a character
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return None if value is None or isinstance(value, (dict, list)) else str(value)
