"""Pages of execution records to frames: fields found by name, payloads left as text, what does not fit counted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from dlqkit.errors import UnexpectedAnswer
from dlqkit.frames import RECORDS, empty_frame
from dlqkit.language import in_english, mark
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.http import TooLarge, describe_body
from dlqkit.sources.json_elements import MOST_ELEMENTS, count_elements
from dlqkit.sources.page_markers import UNREADABLE, names_next
from dlqkit.sources.record_fields import TELLING, find_fields, normal, split_errors
from dlqkit.sources.record_plain import decode_plain
from dlqkit.sources.record_repair import MENDED, Quarantined, mend_page
from dlqkit.sources.record_unread import keep_unread
from dlqkit.sources.record_values import recorded_times, text_array, whole_numbers

__all__ = ["REPAIRED", "Decoded", "decode_page", "finish_records", "read_field_names", "repair_json"]

TIME = "datetime64[us, UTC]"
REPLACED = mark("Error texts that are no UTF-8, or numbers that are no JSON, were replaced.")
KEPT_AS_TEXT = mark("A payload that is no JSON is kept as the text that it is.")
REPAIRED = mark(
    "A page held text that is no UTF-8, or numbers that are no JSON; they were replaced, the raw page is kept."
)
_WRAPPERS = (
    "items", "data", "results", "records", "logs", "executions", "executionlogs", "entries", "content", "rows",
    "values", "hits", "documents", "list",
)  # fmt: skip
_ABOUT_PAGES = frozenset({"meta", "metadata", "pagination", "paging", "page", "links", "cursor"})
# APIs nest two or three; each is read through once more, and a page may hold nothing else.
_DEEPEST_ABOUT_PAGES = 8
_ADDRESSES, _EMPTY = frozenset({"href", "url", "link", "uri"}), {b"null", b'""', b"{}", b"[]", b"false"}
_LONGEST_LINK = 1 << 16  # longer ones are taken by no server
# An address may have some 8,000 letters at the most servers (RFC 9110, section 4.1), and a cursor stands in one.
_LONGEST_PLAIN = 8192


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
    """Plain values beside the records, such as ``next_cursor``, ``has_more`` or ``total``."""


def _begins_with(raw: msgspec.Raw, sign: bytes) -> bool:
    """Whether a value is an array, an object or null; it is not copied, for it may be all of the page."""
    return bytes(memoryview(raw)[: len(sign)]) == sign


def _open_wrapper(body: bytes, path: str | None) -> tuple[bytes | msgspec.Raw, dict[str, Any], str]:
    """The array of the page's elements, the plain values beside them, and the name of what held them."""
    head = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    text = body.removeprefix(b"\xef\xbb\xbf")
    if head == b"[":
        return text, {}, ""
    if head != b"{":
        raise UnexpectedAnswer(
            in_english(mark("The Execution Logs API answers with {body}."), body=describe_body(body)),
            mark("Check execution_logs.url; open it in a browser to see what is there."),
        )
    outer = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    beside: dict[str, Any] = {}
    _keep_plain(outer, beside)
    if path is not None:
        return _follow(outer, path), beside, path
    for holder, prefix in ((outer, ""), *_inner(outer)):
        _keep_plain(holder, beside)
        arrays = {normal(name): name for name, raw in holder.items() if _begins_with(raw, b"[")}
        names = [arrays[name] for name in _WRAPPERS if name in arrays] or list(arrays.values())[:1]
        if names:
            return holder[names[0]], beside, prefix + names[0]
        empty = [name for name in holder if normal(name) in _WRAPPERS and _begins_with(holder[name], b"null")]
        if empty:
            return b"[]", beside, prefix + empty[0]
    said = _said(beside)
    problem = (
        mark("The Execution Logs API answers with an object that holds no list of records: {said}.")
        if said
        else mark("The Execution Logs API answers with an object that holds no list of records.")
    )
    raise UnexpectedAnswer(
        in_english(problem, said=said),
        mark('Check execution_logs.url, or name the list: execution_logs.records_path = "data.items".'),
    )


def _said(beside: Mapping[str, Any]) -> str:
    for name in ("message", "error", "detail"):
        if isinstance(beside.get(name), str):
            return " ".join(beside[name].split())[:120]
    return ""


def _inner(outer: Mapping[str, msgspec.Raw]) -> Iterable[tuple[dict[str, msgspec.Raw], str]]:
    for name, raw in outer.items():
        if _begins_with(raw, b"{"):
            yield msgspec.json.decode(raw, type=dict[str, msgspec.Raw]), f"{name}."


def _keep_plain(holder: Mapping[str, msgspec.Raw], beside: dict[str, Any], depth: int = 0) -> None:
    for name, raw in holder.items():
        is_object = _begins_with(raw, b"{")
        if not is_object and not _begins_with(raw, b"[") and len(raw) <= _LONGEST_PLAIN:
            beside.setdefault(name, msgspec.json.decode(raw))
        elif is_object and normal(name) in _ABOUT_PAGES:
            if depth < _DEEPEST_ABOUT_PAGES:
                _keep_plain(msgspec.json.decode(raw, type=dict[str, msgspec.Raw]), beside, depth + 1)
        elif is_object and name == "next":
            _keep_next(msgspec.json.decode(raw, type=dict[str, msgspec.Raw]), beside)
        elif names_next(name):
            is_empty = len(raw) <= _LONGEST_PLAIN and not msgspec.json.decode(raw)
            beside.setdefault(name, None if is_empty else UNREADABLE)


def _keep_next(link: Mapping[str, msgspec.Raw], beside: dict[str, Any]) -> None:
    """What an object says of the next page: HAL has a link in it, others a cursor or an address."""
    told = {name: raw for name, raw in link.items() if names_next(name) or normal(name) in _ADDRESSES}
    found = [raw for raw in (told or link).values() if bytes(memoryview(raw)[:5]) not in _EMPTY]
    href = link.get("href")
    if href is not None and _begins_with(href, b'"') and len(href) <= _LONGEST_LINK:
        beside.setdefault("next", msgspec.json.decode(href))
        return
    beside.setdefault("next", UNREADABLE if found else None)
    for name, raw in link.items():
        if names_next(name) and not _begins_with(raw, b"{") and not _begins_with(raw, b"["):
            beside.setdefault(name, msgspec.json.decode(raw) if len(raw) <= _LONGEST_PLAIN else UNREADABLE)


def _follow(outer: Mapping[str, msgspec.Raw], path: str) -> msgspec.Raw:
    holder = outer
    *parents, last = path.split(".")
    try:
        for name in parents:
            holder = msgspec.json.decode(holder[name], type=dict[str, msgspec.Raw])
    except (KeyError, msgspec.DecodeError):
        holder = {}
    if last not in holder or not _begins_with(holder[last], b"["):
        raise UnexpectedAnswer(
            f"The answer of the Execution Logs API has no list at {path[:80]}.", "Mend execution_logs.records_path."
        )
    return holder[last]


def decode_page(body: bytes, settings: ExecutionLogsSettings | None = None) -> Decoded:
    """A page of the Execution Logs API as a frame.

    Raises
    ------
    UnexpectedAnswer
        If the body is no JSON, or holds no list of records. Single elements that are no record are quarantined.
    """
    own = settings or ExecutionLogsSettings()
    try:
        return _decode(body, own)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        given = [own.fields[name] for name in MENDED if name in own.fields]
        mended, apart, taken = mend_page(body, given, own.fields.get("payload_snapshot"))
    said = [text for text, holds in ((REPLACED, mended.is_replaced), (KEPT_AS_TEXT, mended.has_text_payload)) if holds]
    try:
        page = _decode(mended.raw, own)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # What is odd stands beside the records.
        page, said = _decode(repair_json(mended.raw), own), [REPAIRED]
    places = (*taken, *_before_they_were_taken(page.odd_at, taken))
    odd = sorted(zip(places, (*apart, *page.quarantined), strict=True), key=itemgetter(0))
    return replace(
        page,
        received=page.received + len(apart),
        quarantined=tuple(one for _, one in odd),
        odd_at=tuple(place for place, _ in odd),
        findings=(*page.findings, *said),
    )


def _before_they_were_taken(odd_at: Sequence[int], taken: Sequence[int]) -> Iterator[int]:
    """Places among all elements, of places among those that were left."""
    gone = iter(sorted(taken))
    following, moved = next(gone, None), 0
    for place in odd_at:
        while following is not None and following <= place + moved:
            moved, following = moved + 1, next(gone, None)
        yield place + moved


def _decode(body: bytes, settings: ExecutionLogsSettings) -> Decoded:
    array, beside, holder = _open_wrapper(body, settings.records_path)
    wrapped = mark("Records come as a bare array.")
    if holder:
        wrapped = in_english(mark("Records are wrapped in “{name}”."), name=holder)
    plain = decode_plain(array, settings)
    if plain is not None:
        return Decoded(plain[0], len(plain[0]), findings=(wrapped, *plain[1]), wrapper=beside)
    count = count_elements(bytes(array))
    if count > MOST_ELEMENTS:
        text = mark("The Execution Logs API answers with more than {count} elements at once.")
        next_step = mark("Ask for less: a shorter window, or a smaller page_limit.")
        raise TooLarge(in_english(text, count=MOST_ELEMENTS), next_step)
    elements = msgspec.json.decode(array, type=list[msgspec.Raw])
    rows, bad = _rows(elements)
    frame, findings, more = _build(list(rows.values()), settings)
    places = list(rows)
    odd = bad | {places[row]: one for row, one in more.items()}
    odd_at = tuple(sorted(odd))
    apart = tuple(odd[place] for place in odd_at)
    return Decoded(frame, len(elements), apart, odd_at, (wrapped, *findings), beside)


def read_field_names(body: bytes, settings: ExecutionLogsSettings | None = None) -> tuple[str, ...]:
    """Names of the fields that the records of a page have, in the order in which they come; no value is read."""
    path = (settings or ExecutionLogsSettings()).records_path
    try:
        rows, _ = _rows(msgspec.json.decode(_open_wrapper(body, path)[0], type=list[msgspec.Raw]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        rows, _ = _rows(msgspec.json.decode(_open_wrapper(repair_json(body), path)[0], type=list[msgspec.Raw]))
    return tuple(dict.fromkeys(name for row in rows.values() for name in row))


def repair_json(body: bytes) -> bytes:
    """The body as strict JSON: one odd character of one record must not cost the whole page."""
    try:
        value = json.loads(
            body.decode("utf-8-sig", "replace"),
            parse_constant=lambda _: None,
            parse_float=lambda text: float(text) if np.isfinite(float(text)) else None,
        )
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError) as error:
        raise UnexpectedAnswer(
            in_english(mark("The Execution Logs API answers with {body}."), body=describe_body(body)),
            mark("Ask again; if it stays so, check execution_logs.url and what stands in between."),
        ) from error


def _rows(elements: Sequence[msgspec.Raw]) -> tuple[dict[int, dict[str, msgspec.Raw]], dict[int, Quarantined]]:
    """The objects and the other elements, by their places."""
    rows: dict[int, dict[str, msgspec.Raw]] = {}
    bad: dict[int, Quarantined] = {}
    decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
    for place, element in enumerate(elements):
        try:
            rows[place] = decoder.decode(element)
        except msgspec.ValidationError:
            bad[place] = Quarantined(bytes(element), "It is no object.")
    return rows, bad


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


def _build(
    rows: list[dict[str, msgspec.Raw]], settings: ExecutionLogsSettings
) -> tuple[pd.DataFrame, tuple[str, ...], dict[int, Quarantined]]:
    """The frame, what is to be said, and by their places the rows that are no records."""
    present: dict[str, None] = {}
    for keys in {tuple(row): None for row in rows}:
        present.update(dict.fromkeys(keys))
    fields, findings = find_fields(present, settings.fields)
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
        _extras(good, [name for name in present if name not in columns_of]),
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
_ERROR = msgspec.json.Decoder(list[str | dict[str, Any] | None])


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
    found = _as_one(_ERROR, columns["last_error"]) if "last_error" in columns else [None] * count
    if found is None:
        found = [_error_of(raw) for raw in columns["last_error"]]
    messages, unsaid = split_errors(found, kinds, codes)
    for index in unsaid:
        messages[index] = bytes(columns["last_error"][index]).decode("utf-8")
    return [text or None for text in messages], kinds, codes


def _error_of(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:
        return bytes(raw).decode()  # a number that no double holds


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
    except msgspec.DecodeError:
        return None
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return None if value is None or isinstance(value, (dict, list)) else str(value)
