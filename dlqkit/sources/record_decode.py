"""Pages of execution records to frames: fields found by name, payloads left as text, what does not fit counted."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import numpy as np
import pandas as pd

from dlqkit.errors import ParameterError, UnexpectedAnswer
from dlqkit.frames import RECORDS, empty_frame
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.http import describe_body

__all__ = ["Decoded", "decode_page", "finish_records"]

TIME = "datetime64[us, UTC]"
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
_WRAPPERS = (
    "items", "data", "results", "records", "logs", "executions", "executionlogs", "entries", "content", "rows",
    "values", "hits", "documents", "list",
)  # fmt: skip
_OFFSET = re.compile(r"(?:Z|z|[+-][0-9]{2}:?(?:[0-9]{2})?)$")
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
            f"The Execution Logs API answers with {describe_body(body)}.",
            "Check execution_logs.url; open it in a browser to see what is there.",
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
    raise UnexpectedAnswer(
        f"The Execution Logs API answers with an object that holds no list of records{_said(beside)}.",
        'Check execution_logs.url, or name the list: execution_logs.records_path = "data.items".',
    )


def _said(beside: Mapping[str, Any]) -> str:
    for name in ("message", "error", "detail"):
        if isinstance(beside.get(name), str):
            return f": {' '.join(beside[name].split())[:120]}"
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
        elements, beside, holder = _open_wrapper(body, own.records_path)
        rows, bad = _rows(elements)
    except msgspec.DecodeError as error:
        raise UnexpectedAnswer(
            f"The Execution Logs API answers with {describe_body(body)}.",
            "Ask again; if it stays so, check execution_logs.url and what stands in between.",
        ) from error
    except UnicodeDecodeError as error:
        raise UnexpectedAnswer(
            "The Execution Logs API answers with bytes that are no UTF-8.", "Ask its owner."
        ) from error
    frame, findings, more = _build(rows, own)
    wrapped = f"Records are wrapped in “{holder}”." if holder else "Records come as a bare array."
    return Decoded(frame, len(elements), (*bad, *more), (wrapped, *findings), beside)


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
    for row in rows:
        present.update(dict.fromkeys(row))
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
    findings = [f"{column} is read from “{name}”." for column, name in sorted(found.items()) if name != column]
    return found, findings


def _build(
    rows: list[dict[str, msgspec.Raw]], settings: ExecutionLogsSettings
) -> tuple[pd.DataFrame, tuple[str, ...], list[bytes]]:
    fields, findings = _find_fields(rows, settings.fields)
    telling = [fields[name] for name in _TELLING if name in fields]
    good = [row for row in rows if any(name in row for name in telling)]
    bad = [msgspec.json.encode(row) for row in rows if not any(name in row for name in telling)]
    if not good:
        return empty_frame(RECORDS), tuple(findings), bad
    texts = {name: _texts(good, fields.get(name)) for name in ("workflow_id", "trace_id", "status", "record_id")}
    recorded_at, said = _times(good, fields.get("recorded_at"), settings.timezone)
    findings += said
    message, error_type, error_code = _errors(good, fields)
    payload = _payloads(good, fields.get("payload_snapshot"))
    if "record_id" not in fields:
        findings.append("Records have no id; a hash of their content stands for it.")
    record_id = [
        value or "h-" + hashlib.blake2b(b"".join(map(bytes, row.values())), digest_size=10).hexdigest()
        for value, row in zip(texts["record_id"], good, strict=True)
    ]
    keys = _event_keys(good, texts, record_id, payload, settings.event_key, fields)
    values: dict[str, Any] = {
        "record_id": record_id,
        "event_key": keys,
        "workflow_id": texts["workflow_id"],
        "trace_id": texts["trace_id"],
        "recorded_at": recorded_at,
        "status": texts["status"],
        "retryable": _booleans(good, fields.get("retryable")),
        "queued_to_dlq": _booleans(good, fields.get("queued_to_dlq")),
        "attempts": _numbers(good, fields.get("attempts")).round(),
        "last_error": message,
        "error_type": error_type,
        "error_code": error_code,
        "action_duration_ms": _numbers(good, fields.get("action_duration_ms")),
        "payload_snapshot": payload,
        "extra_json": _extras(good, set(fields.values())),
    }
    frame = pd.DataFrame({name: pd.Series(values[name]).astype(dtype) for name, dtype in RECORDS.items()})
    return frame, tuple(findings), bad


def _plain(raw: msgspec.Raw | None) -> Any:
    return None if raw is None else msgspec.json.decode(raw)


def _as_text(raw: msgspec.Raw | None) -> str | None:
    if raw is None:
        return None
    body = bytes(raw)
    if body[:1] == b'"':
        return body[1:-1].decode("utf-8", "replace") if b"\\" not in body else str(msgspec.json.decode(body))
    return None if body == b"null" else body.decode("utf-8", "replace")


def _texts(rows: Sequence[Mapping[str, msgspec.Raw]], name: str | None) -> list[str | None]:
    if name is None:
        return [None] * len(rows)
    return [_as_text(row.get(name)) or None for row in rows]


def _numbers(rows: Sequence[Mapping[str, msgspec.Raw]], name: str | None) -> pd.Series:
    numbers = pd.to_numeric(pd.Series(_texts(rows, name), dtype="str"), errors="coerce").astype("Float64")
    return numbers.mask(~np.isfinite(numbers.to_numpy(dtype=np.float64, na_value=np.nan)))


_TRUE, _FALSE = {"true", "1", "yes", "t"}, {"false", "0", "no", "f"}


def _booleans(rows: Sequence[Mapping[str, msgspec.Raw]], name: str | None) -> list[bool | None]:
    words = [None if text is None else text.lower() for text in _texts(rows, name)]
    return [True if word in _TRUE else False if word in _FALSE else None for word in words]


def _times(
    rows: Sequence[Mapping[str, msgspec.Raw]], name: str | None, zone: str | None
) -> tuple[pd.Series, list[str]]:
    if name is None:
        missing = "No time is found in the records; name its field: execution_logs.fields = { recorded_at = … }."
        return pd.Series(pd.NaT, index=range(len(rows))).dt.tz_localize("UTC").astype(TIME), [missing]
    return read_times(pd.Series(_texts(rows, name), dtype="str"), zone)


def read_times(texts: pd.Series, zone: str | None) -> tuple[pd.Series, list[str]]:
    """Times of any usual form as UTC; ``NaT``, and a sentence, where their zone is not known."""
    out = pd.Series(pd.NaT, index=texts.index).dt.tz_localize("UTC").astype(TIME)
    findings: list[str] = []
    number = pd.to_numeric(texts, errors="coerce")
    is_number = number.notna()
    if is_number.any():
        # By size: seconds reach 1e11 in the year 5138, milliseconds begin there in 1973.
        size = number[is_number].abs()
        micros = number[is_number] * np.select([size < 1e11, size < 1e14, size < 1e17], [1e6, 1e3, 1.0], 1e-3)
        out[is_number] = pd.to_datetime(micros.round().astype("int64"), unit="us", utc=True).astype(TIME)
        unit = "seconds" if (size < 1e11).all() else "milliseconds" if (size < 1e14).all() else "micro- or nanoseconds"
        findings.append(f"Times are {unit} since 1970.")
    text = texts[~is_number & texts.notna()]
    aware = text[text.str.contains(_OFFSET)]
    if len(aware):
        out[aware.index] = pd.to_datetime(aware, utc=True, format="ISO8601", errors="coerce").astype(TIME)
    naive = text[~text.str.contains(_OFFSET)]
    if len(naive) and zone is None:
        findings.append("Times have no zone, so they are not used; set execution_logs.timezone.")
    elif len(naive):
        parsed = pd.to_datetime(naive, format="ISO8601", errors="coerce")
        local = parsed.dt.tz_localize(_zone(str(zone)), ambiguous="NaT", nonexistent="shift_forward")
        out[naive.index] = local.dt.tz_convert("UTC").astype(TIME)
        findings.append(f"Times without a zone are taken as {zone}, as set.")
    return out, findings


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ParameterError(
            f"The time zone {name[:40]!r} is not known.", "Write execution_logs.timezone as UTC or Europe/Berlin."
        ) from None


def _errors(
    rows: Sequence[Mapping[str, msgspec.Raw]], fields: Mapping[str, str]
) -> tuple[list[str | None], list[str | None], list[str | None]]:
    kinds, codes = _texts(rows, fields.get("error_type")), _texts(rows, fields.get("error_code"))
    messages: list[str | None] = []
    name = fields.get("last_error")
    for index, row in enumerate(rows):
        raw = row.get(name) if name is not None else None
        if raw is not None and bytes(raw)[:1] == b"{":
            value = msgspec.json.decode(raw)
            messages.append(_first(value, _MESSAGE_KEYS) or bytes(raw).decode("utf-8", "replace"))
            kinds[index] = kinds[index] or _first(value, _TYPE_KEYS)
            codes[index] = codes[index] or _first(value, _CODE_KEYS)
        else:
            messages.append(_as_text(raw) or None)
    return messages, kinds, codes


def _first(value: Mapping[str, Any], names: Sequence[str]) -> str | None:
    for name in names:
        found = value.get(name)
        if isinstance(found, (str, int, float)) and not isinstance(found, bool) and str(found):
            return str(found)
    return None


def _payloads(rows: Sequence[Mapping[str, msgspec.Raw]], name: str | None) -> list[str | None]:
    """The payload as exact JSON text; where the API gives it as text, that text."""
    return _texts(rows, name)


def _extras(rows: Sequence[Mapping[str, msgspec.Raw]], used: set[str]) -> list[str | None]:
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
