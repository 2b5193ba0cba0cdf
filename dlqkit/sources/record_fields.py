"""What the fields of a record are called by an API, and what an error is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from dlqkit.errors import ParameterError
from dlqkit.frames import RECORDS
from dlqkit.language import in_english, mark

__all__ = ["TELLING", "find_fields", "names_of", "normal", "read_errors", "split_errors"]

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
TELLING = ("workflow_id", "trace_id", "status", "queued_to_dlq", "last_error")
_MESSAGE_KEYS = ("message", "msg", "error_message", "errorMessage", "detail", "description", "text", "reason", "error")
_TYPE_KEYS = ("type", "error_type", "errorType", "class", "exception", "name", "kind")
_CODE_KEYS = ("code", "error_code", "errorCode", "status", "status_code")
# Values within an error take up to thirty times as much in Python as in the page; of a longer one few are looked at.
_LONGEST_WHOLE_ERROR = 1 << 9
_ERRORS = msgspec.json.Decoder(list[str | dict[str, Any] | None])


def normal(name: str) -> str:
    """A field's name without case, dashes, underscores and spaces."""
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def names_of(column: str) -> tuple[str, ...]:
    """Normal names under which a column is looked for."""
    return _NAMES[column]


def find_fields(present: Iterable[str], given: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The API's name of each column that is there, and a sentence for each name that is not the runbook's."""
    present = dict.fromkeys(present)
    unknown = set(given) - set(RECORDS)
    if unknown:
        raise ParameterError(
            f"execution_logs.fields names {sorted(unknown)[0]!r}, which is no column.",
            f"Its columns are: {', '.join(RECORDS)}.",
        )
    by_normal: dict[str, str] = {}
    for name in present:
        by_normal.setdefault(normal(name), name)
    found = {column: name for column, name in given.items() if name in present}
    for column, names in _NAMES.items():
        if column not in found and column not in given:
            match = next((by_normal[name] for name in names if name in by_normal), None)
            if match is not None and match not in found.values():
                found[column] = match
    text = mark("{column} is read from “{name}”.")
    findings = [in_english(text, column=column, name=name) for column, name in sorted(found.items()) if name != column]
    return found, findings


def read_errors(raws: Sequence[msgspec.Raw]) -> list[Any]:
    """Errors as ``split_errors`` takes them; of a long object what is looked at, of a long list nothing."""
    if all(len(raw) <= _LONGEST_WHOLE_ERROR for raw in raws):
        try:
            return _ERRORS.decode(b"[" + b",".join(raws) + b"]")
        except msgspec.ValidationError:
            pass
    return [_error_of(raw) for raw in raws]


def _error_of(raw: msgspec.Raw) -> Any:
    first = bytes(memoryview(raw)[:1])
    if len(raw) > _LONGEST_WHOLE_ERROR and first in {b"{", b"["}:
        found = _known_keys().decode(raw) if first == b"{" else None
        values = {name: getattr(found, name) for name in _ERROR_KEYS if found is not None}
        return {name: _plain(value) for name, value in values.items() if value is not None}
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:
        return bytes(raw).decode()  # a number that no double holds


_ERROR_KEYS = tuple(dict.fromkeys((*_MESSAGE_KEYS, *_TYPE_KEYS, *_CODE_KEYS)))


@lru_cache(maxsize=1)
def _known_keys() -> msgspec.json.Decoder[Any]:
    """A decoder that leaves unread what nobody looks at in an error."""
    return msgspec.json.Decoder(msgspec.defstruct("Error", [(name, msgspec.Raw, None) for name in _ERROR_KEYS]))


def _plain(raw: msgspec.Raw) -> Any:
    """A text or a number; None for anything else."""
    try:
        return None if bytes(memoryview(raw)[:1]) in {b"{", b"["} else msgspec.json.decode(raw)
    except msgspec.ValidationError:
        return bytes(raw).decode()  # a number that no double holds


def split_errors(
    found: Sequence[Any], kinds: list[str | None], codes: list[str | None]
) -> tuple[list[str | None], list[int]]:
    """Messages of errors that are text or objects, and where an object has none that is known.

    Types and codes are put in where they are not given by fields.
    """
    messages, unsaid = list(found), []
    for index in [index for index, value in enumerate(found) if value.__class__ is not str and value is not None]:
        value = found[index]
        if not isinstance(value, dict):
            messages[index] = msgspec.json.encode(value).decode()
            continue
        said, kinds_said, codes_said = _keys_of(tuple(value))
        messages[index] = _first(value, said)
        if messages[index] is None:
            unsaid.append(index)
        if kinds_said and not kinds[index]:
            kinds[index] = _first(value, kinds_said)
        if codes_said and not codes[index]:
            codes[index] = _first(value, codes_said)
    return messages, unsaid


@lru_cache(maxsize=256)
def _keys_of(names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Under which of its names an object has its message, its type and its code: most objects have the same few."""
    return tuple(tuple(key for key in keys if key in names) for keys in (_MESSAGE_KEYS, _TYPE_KEYS, _CODE_KEYS))


def _first(value: Mapping[str, Any], names: Sequence[str]) -> str | None:
    for name in names:
        found = value[name]
        if type(found) is str and found:
            return found
        if isinstance(found, (str, int, float)) and not isinstance(found, bool) and str(found):
            return str(found)
    return None
