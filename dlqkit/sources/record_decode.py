"""Pages of execution records to frames: fields found by name, payloads left as text, what does not fit counted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import numpy as np
import pandas as pd

from dlqkit.errors import ParameterError, UnexpectedAnswer
from dlqkit.frames import RECORDS, empty_frame
from dlqkit.language import in_english, mark
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.http import describe_body

__all__ = ["REPAIRED", "Decoded", "decode_page", "finish_records", "read_times", "repair_json"]

TIME = "datetime64[us, UTC]"
REPAIRED = mark(
    "A page held text that is no UTF-8, or numbers that are no JSON; they were replaced, the raw page is kept."
)
# Names under which a field is looked for, in order, without case, dashes and underscores. The runbook's come first.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "record_id": ("recordid", "executionid", "logid", "id", "uuid"),
    "workflow_id": ("workflowid", "workflow"),
    "trace_id": ("traceid", "trace", "correlationid"),
    "recorded_at": (
        "recordedat", "finishedat", "completedat", "updatedat", "loggedat", "executedat", "processedat", "endedat",
        "timestamp", "@timestamp", "time", "ts", "datetime", "eventtime", "createdat", "startedat", "date",
    ),
    "status": ("status", "state", "outcome", "result"),
    "retryable": ("retryable", "isretryable"),
    "queued_to_dlq": ("queuedtodlq", "dlq", "deadlettered"),
    "attempts": ("attempts", "attempt", "attemptcount", "retrycount"),
    "last_error": ("lasterror", "error", "errormessage"),
    "error_type": ("errortype", "exceptiontype", "exception"),
    "error_code": ("errorcode",),
    "action_duration_ms": ("actiondurationms", "durationms"),
    "payload_snapshot": ("payloadsnapshot", "payload"),
}  # fmt: skip
# A row is a record when it has one of these.
_TELLING = ("workflow_id", "trace_id", "status", "queued_to_dlq", "last_error")
MOST_ATTEMPTS = 1_000_000
_WRAPPERS = (
    "items", "data", "results", "records", "logs", "executions", "executionlogs", "entries", "content", "rows",
    "values", "hits", "documents", "list",
)  # fmt: skip
# A date and a time with its offset, as ISO 8601 writes them.
_AWARE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T t].*(?:[Zz]|[+-][0-9]{2}:?(?:[0-9]{2})?)$"
_COMMA = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}),([0-9]{1,9})"
_MONGO_DATE = r'^\{ ?"\$date" ?: ?"?([^"{}]+)"? ?\}$'
_MESSAGE_KEYS = ("message", "msg", "error_message", "errorMessage", "detail", "description", "text", "reason", "error")
_TYPE_KEYS = ("type", "error_type", "errorType", "class", "exception", "name", "kind")
_CODE_KEYS = ("code", "error_code", "errorCode", "status", "status_code")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A page: its records, and what its wrapper says of further pages."""

    frame: pd.DataFrame
    received: int
    """Elements in the page, the ones that are no record included."""
    quarantined: tuple[bytes, ...] = ()
    """Elements that are no record, as they came."""
    findings: tuple[str, ...] = ()
    wrapper: Mapping[str, Any] = field(default_factory=dict)
    """Plain values beside the records, such as ``next_cursor``, ``has_more`` or ``total``."""


def _normal(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def _is_array(raw: msgspec.Raw) -> bool:
    return bytes(raw).lstrip()[:1] == b"["


def _open_wrapper(body: bytes, path: str | None) -> tuple[list[msgspec.Raw], dict[str, Any], str]:
    """The page's elements, the plain values beside them, and the name of what held them."""
    head = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    text = body.removeprefix(b"\xef\xbb\xbf")
    if head == b"[":
        return msgspec.json.decode(text, type=list[msgspec.Raw]), {}, ""
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
        arrays = {_normal(name): name for name, raw in holder.items() if _is_array(raw)}
        names = [arrays[name] for name in _WRAPPERS if name in arrays] or list(arrays.values())[:1]
        if names:
            return msgspec.json.decode(holder[names[0]], type=list[msgspec.Raw]), beside, prefix + names[0]
        empty = [name for name in holder if _normal(name) in _WRAPPERS and bytes(holder[name]) == b"null"]
        if empty:
            return [], beside, prefix + empty[0]
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
        if bytes(raw).lstrip()[:1] == b"{":
            yield msgspec.json.decode(raw, type=dict[str, msgspec.Raw]), f"{name}."


def _keep_plain(holder: Mapping[str, msgspec.Raw], beside: dict[str, Any]) -> None:
    for name, raw in holder.items():
        text = bytes(raw)
        if text[:1] == b"{" and _normal(name) in {
            "meta",
            "metadata",
            "pagination",
            "paging",
            "page",
            "links",
            "cursor",
        }:
            _keep_plain(msgspec.json.decode(text, type=dict[str, msgspec.Raw]), beside)
        elif text[:1] == b"{" and name == "next":
            # HAL writes a link as an object of its own.
            link = msgspec.json.decode(text)
            beside.setdefault(name, link.get("href") if isinstance(link, dict) else None)
        elif text[:1] not in b"[{" and len(text) <= 4096:
            beside.setdefault(name, msgspec.json.decode(text))


def _follow(outer: Mapping[str, msgspec.Raw], path: str) -> list[msgspec.Raw]:
    holder = outer
    *parents, last = path.split(".")
    try:
        for name in parents:
            holder = msgspec.json.decode(holder[name], type=dict[str, msgspec.Raw])
        return msgspec.json.decode(holder[last], type=list[msgspec.Raw])
    except (KeyError, msgspec.DecodeError):
        raise UnexpectedAnswer(
            f"The answer of the Execution Logs API has no list at {path[:80]}.", "Mend execution_logs.records_path."
        ) from None


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
        repaired = repair_json(body)
    page = _decode(repaired, own)
    return replace(page, findings=(*page.findings, REPAIRED))


def _decode(body: bytes, settings: ExecutionLogsSettings) -> Decoded:
    elements, beside, holder = _open_wrapper(body, settings.records_path)
    rows, bad = _rows(elements)
    frame, findings, more = _build(rows, settings)
    wrapped = mark("Records come as a bare array.")
    if holder:
        wrapped = in_english(mark("Records are wrapped in “{name}”."), name=holder)
    return Decoded(frame, len(elements), (*bad, *more), (wrapped, *findings), beside)


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


def _rows(elements: Sequence[msgspec.Raw]) -> tuple[list[dict[str, msgspec.Raw]], list[bytes]]:
    rows, bad = [], []
    decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
    for element in elements:
        try:
            rows.append(decoder.decode(element))
        except msgspec.ValidationError:
            bad.append(bytes(element))
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


def _find_fields(
    rows: Sequence[Mapping[str, msgspec.Raw]], given: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """The API's name of each column that is there, and a sentence for each name that is not the runbook's."""
    present: dict[str, None] = {}
    for keys in {tuple(row): None for row in rows}:
        present.update(dict.fromkeys(keys))
    unknown = set(given) - set(RECORDS)
    if unknown:
        raise ParameterError(
            f"execution_logs.fields names {sorted(unknown)[0]!r}, which is no column.",
            f"Its columns are: {', '.join(RECORDS)}.",
        )
    by_normal: dict[str, str] = {}
    for name in present:
        by_normal.setdefault(_normal(name), name)
    found = {column: name for column, name in given.items() if name in present}
    for column, names in _NAMES.items():
        if column not in found and column not in given:
            match = next((by_normal[name] for name in names if name in by_normal), None)
            if match is not None and match not in found.values():
                found[column] = match
    text = mark("{column} is read from “{name}”.")
    findings = [in_english(text, column=column, name=name) for column, name in sorted(found.items()) if name != column]
    return found, findings


def _build(
    rows: list[dict[str, msgspec.Raw]], settings: ExecutionLogsSettings
) -> tuple[pd.DataFrame, tuple[str, ...], list[bytes]]:
    fields, findings = _find_fields(rows, settings.fields)
    telling = {fields[name] for name in _TELLING if name in fields}
    good = [row for row in rows if not telling.isdisjoint(row)]
    bad = [msgspec.json.encode(row) for row in rows if telling.isdisjoint(row)] if len(good) < len(rows) else []
    if not good:
        return empty_frame(RECORDS), tuple(findings), bad
    columns = {name: [row.get(own, _NULL) for row in good] for name, own in fields.items()}
    texts = {name: _texts(columns, name, len(good)) for name in ("workflow_id", "trace_id", "status", "record_id")}
    recorded_at, said = _times(columns, settings.timezone, len(good))
    findings += said
    message, error_type, error_code = _errors(columns, len(good))
    payload = _payloads(columns, len(good))
    if "record_id" not in fields:
        findings.append(mark("Records have no id; a hash of their content stands for it."))
    record_id = [
        value or "h-" + hashlib.blake2b(b"".join(row.values()), digest_size=10).hexdigest()
        for value, row in zip(texts["record_id"], good, strict=True)
    ]
    keys = _event_keys(good, texts, record_id, payload, settings.event_key, fields)
    values: dict[str, Any] = {
        "record_id": pd.array(record_id, dtype="str"),
        "event_key": pd.array(keys, dtype="str"),
        "workflow_id": pd.array(texts["workflow_id"], dtype="str"),
        "trace_id": pd.array(texts["trace_id"], dtype="str"),
        "recorded_at": recorded_at,
        "status": pd.Categorical(pd.array(texts["status"], dtype="str")),
        "retryable": _booleans(columns, "retryable", len(good)),
        "queued_to_dlq": _booleans(columns, "queued_to_dlq", len(good)),
        "attempts": _whole(_numbers(columns, "attempts", len(good))),
        "last_error": pd.array(message, dtype="str"),
        "error_type": pd.array(error_type, dtype="str"),
        "error_code": pd.array(error_code, dtype="str"),
        "action_duration_ms": _numbers(columns, "action_duration_ms", len(good)),
        "payload_snapshot": pd.array(payload, dtype="str"),
        "extra_json": pd.array(_extras(good, set(fields.values())), dtype="str"),
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


def _whole(numbers: Any) -> Any:
    """An ``Int64`` array; what no count of attempts can be is absent."""
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    absent = ~((values >= 0) & (values < MOST_ATTEMPTS))
    return pd.arrays.IntegerArray(np.where(absent, 1, np.round(values)).astype(np.int64), absent)


_TRUE, _FALSE = {"true", "1", "yes", "t"}, {"false", "0", "no", "f"}


def _booleans(columns: _Columns, name: str, count: int) -> Any:
    """A ``boolean`` array."""
    found = _as_one(_BOOLEAN, columns[name]) if name in columns else [None] * count
    if found is None:
        words = [None if text is None else text.lower() for text in _texts(columns, name, count)]
        found = [True if word in _TRUE else False if word in _FALSE else None for word in words]
    absent = np.array([value is None for value in found], dtype=bool)
    return pd.arrays.BooleanArray(np.array([bool(value) for value in found], dtype=bool), absent)


def _times(columns: _Columns, zone: str | None, count: int) -> tuple[pd.Series, list[str]]:
    if "recorded_at" not in columns:
        setting = "execution_logs.fields = { recorded_at = … }"
        missing = in_english(mark("No time is found in the records; name its field: {setting}."), setting=setting)
        return pd.Series(pd.NaT, index=range(count)).dt.tz_localize("UTC").astype(TIME), [missing]
    texts = pd.Series(_texts(columns, "recorded_at", count), dtype="str")
    # MongoDB's export writes a time as an object of its own.
    return read_times(texts.str.replace(_MONGO_DATE, r"\1", regex=True), zone)


def read_times(
    texts: pd.Series, zone: str | None, *, setting: str = "execution_logs.timezone"
) -> tuple[pd.Series, list[str]]:
    """Times of any usual form as UTC; ``NaT``, and a sentence, where their zone is not known.

    ``setting`` is where the zone of this source is set.
    """
    findings: list[str] = []
    # Python's logging writes the milliseconds after a comma, as ISO 8601 allows.
    texts = texts.str.replace(_COMMA, r"\1.\2", regex=True)
    aware = texts.str.contains(_AWARE).fillna(False).astype(bool)
    if len(texts) and aware.all():
        return pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce").astype(TIME), findings
    out = pd.Series(pd.NaT, index=texts.index).dt.tz_localize("UTC").astype(TIME)
    if aware.any():
        out[aware] = pd.to_datetime(texts[aware], utc=True, format="ISO8601", errors="coerce").astype(TIME)
    rest = texts[~aware & texts.notna()]
    number = pd.to_numeric(rest, errors="coerce")
    numeric = number[np.isfinite(number)]
    if len(numeric):
        # By size: seconds reach 1e11 in the year 5138, milliseconds begin there in 1973.
        size = numeric.abs()
        micros = numeric * np.select([size < 1e11, size < 1e14, size < 1e17], [1e6, 1e3, 1.0], 1e-3)
        out[numeric.index] = pd.to_datetime(micros.round(), unit="us", utc=True, errors="coerce").astype(TIME)
        findings.append(
            mark("Times are seconds since 1970.")
            if (size < 1e11).all()
            else mark("Times are milliseconds since 1970.")
            if (size < 1e14).all()
            else mark("Times are micro- or nanoseconds since 1970.")
        )
    naive = rest[number.isna() & rest.str.contains("^[0-9]{4}-[0-9]{2}")]
    if len(naive) and zone is None:
        text = mark("Times have no zone, so they are not used; set {setting}.")
        findings.append(in_english(text, setting=setting))
    elif len(naive):
        parsed = pd.to_datetime(naive, format="ISO8601", errors="coerce")
        local = parsed.dt.tz_localize(_zone(str(zone), setting), ambiguous="NaT", nonexistent="shift_forward")
        out[naive.index] = local.dt.tz_convert("UTC").astype(TIME)
        findings.append(in_english(mark("Times without a zone are taken as {zone}, as set."), zone=str(zone)))
    return out, findings


def _zone(name: str, setting: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ParameterError(
            f"The time zone {name[:40]!r} is not known.", f"Write {setting} as UTC or Europe/Berlin."
        ) from None


def _errors(columns: _Columns, count: int) -> tuple[list[str | None], list[str | None], list[str | None]]:
    kinds, codes = _texts(columns, "error_type", count), _texts(columns, "error_code", count)
    found = _as_one(_ERROR, columns["last_error"]) if "last_error" in columns else [None] * count
    if found is None:
        found = [msgspec.json.decode(raw) for raw in columns["last_error"]]
    messages: list[str | None] = []
    for index, value in enumerate(found):
        if isinstance(value, dict):
            messages.append(_first(value, _MESSAGE_KEYS) or bytes(columns["last_error"][index]).decode("utf-8"))
            kinds[index] = kinds[index] or _first(value, _TYPE_KEYS)
            codes[index] = codes[index] or _first(value, _CODE_KEYS)
        elif value is None or isinstance(value, str):
            messages.append(value or None)
        else:
            messages.append(msgspec.json.encode(value).decode())
    return messages, kinds, codes


def _first(value: Mapping[str, Any], names: Sequence[str]) -> str | None:
    for name in names:
        found = value.get(name)
        if isinstance(found, (str, int, float)) and not isinstance(found, bool) and str(found):
            return str(found)
    return None


def _payloads(columns: _Columns, count: int) -> list[str | None]:
    """The payload as exact JSON text; where the API gives it as text, that text."""
    raws = columns.get("payload_snapshot", ())
    texts: list[str | None] = [str(raw, "utf-8") for raw in raws]
    if any(text is not None and text[:1] in '"n' for text in texts):
        texts = [_as_text(raw) for raw in raws]
    return texts or [None] * count


def _extras(rows: Sequence[Mapping[str, msgspec.Raw]], used: set[str]) -> list[str | None]:
    if all(used.issuperset(row) for row in rows):
        return [None] * len(rows)
    out: list[str | None] = []
    for row in rows:
        rest = {name: raw for name, raw in row.items() if name not in used}
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
