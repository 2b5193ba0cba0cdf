"""Which of the lists in an answer holds records, and which others would be dropped unsaid."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec
import numpy as np

from dlqkit.language import in_english, mark
from dlqkit.sources.json_elements import MOST_ELEMENTS, count_elements
from dlqkit.sources.record_fields import TELLING, find_fields, normal
from dlqkit.untrusted import shorten

__all__ = [
    "Holder",
    "are_records",
    "are_words",
    "find_other_lists",
    "is_empty",
    "is_named_like_records",
    "may_hold_records",
    "records_first",
]

Holder: TypeAlias = tuple[str, Mapping[str, msgspec.Raw], bytes | msgspec.Raw]
# So many elements of a list are looked at, and no more of its text.
_LOOKED_AT = 4
_LOOK_BYTES = 1 << 17
# So many lists of a page are named; the others are counted.
_NAMED = 3
_LONGEST_NAME = 60
# Quotes, colon, comma, and the blanks of an indented page: what each name takes beside itself and its value.
_BESIDE_A_VALUE = 16
# How names of lists of records end, such as dag_runs and the Resources of SCIM (RFC 7644, section 3.4.2).
_NAMED_LIKE_RECORDS = ("resources", "records", "results", "items", "entries", "logs", "executions", "runs", "jobs",
                       "tasks", "events", "instances", "operations", "invocations")  # fmt: skip
_JSON = json.JSONDecoder()
_BLANK = " \t\r\n"


def may_hold_records(array: msgspec.Raw, fields: Mapping[str, str] | None) -> bool:
    """Whether a list that is called “errors” may be one of records: errors have a status, too, and some an id."""
    if is_empty(array):
        return True
    columns = _columns(array, fields)
    return not columns.isdisjoint({"workflow_id", "queued_to_dlq"}) or {"trace_id", "recorded_at"} <= columns


def records_first(
    names: Sequence[str], holder: Mapping[str, msgspec.Raw], fields: Mapping[str, str] | None
) -> str | None:
    """The first of these lists that holds what looks like records, or else the first; None of none.

    A list of words, as of warnings, is not that where an empty one is named like a list of records.
    """
    if len(names) < 2:
        return names[0] if names else None
    first = next((name for name in names if are_records(holder[name], fields)), None)
    if first is None and are_words(names[0], holder[names[0]]):
        first = next((name for name in names if is_empty(holder[name]) and is_named_like_records(name)), None)
    return first or names[0]


def is_empty(array: msgspec.Raw) -> bool:
    """Whether the first letters of a list show no element."""
    return not bytes(memoryview(array)[1:65]).strip(b" \t\r\n]")


def is_named_like_records(name: str) -> bool:
    """Whether records are what one expects under this name."""
    return normal(name).endswith(_NAMED_LIKE_RECORDS)


def are_words(name: str, array: msgspec.Raw) -> bool:
    """Whether a list holds nothing but texts, and no records are expected under its name."""
    if len(array) > _LOOK_BYTES or is_empty(array) or is_named_like_records(name):
        return False
    try:
        msgspec.json.decode(array, type=list[str])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def are_records(array: msgspec.Raw, fields: Mapping[str, str] | None) -> bool:
    """Whether the first elements of a list look like records: such as have an id or a time, and what tells them."""
    return _tell_records(_columns(array, fields))


def find_other_lists(holders: Sequence[Holder], chosen: str, fields: Mapping[str, str] | None) -> tuple[str, ...]:
    """Sentences, in English, on lists that look like records, beside the one that is read.

    Parameters
    ----------
    holders : sequence
        Objects that may hold lists: what their names begin with, their values, and their text.
    chosen : str
        The full name of the list that is read.
    fields : mapping, optional
        The API's names of columns, where they are set.
    """
    others = [
        (prefix + name, raw)
        for prefix, holder, text in holders
        for name, raw in (*holder.items(), *_replaced(text, holder))
        if bytes(memoryview(raw)[:1]) == b"[" and (prefix + name != chosen or holder.get(name) is not raw)
    ]
    if not others:
        return ()
    own = next(holder[chosen.removeprefix(prefix)] for prefix, holder, _ in holders if _has(holder, chosen, prefix))
    known = _columns(own, fields)
    records: frozenset[bytes] | None = None
    found: dict[str, None] = {}
    for name, raw in others:
        columns = _columns(raw, fields)
        if _tell_records(columns) and _are_alike(columns, known):
            records = _elements(own) if records is None else records
            if not (repeated := _elements(raw)) or not repeated <= records:
                found[name] = None
    # All, where the sentence on further ones would be of a single one.
    names = list(found) if len(found) <= _NAMED + 1 else list(found)[:_NAMED]
    text = mark("An answer holds another list that looks like records, “{name}”; it was not read.")
    said = [in_english(text, name=shorten(" ".join(name.split()), _LONGEST_NAME)) for name in names]
    if len(found) > len(names):
        text = mark("Further lists of an answer that look like records and were not read: {count}.")
        said.append(in_english(text, count=len(found) - len(names)))
    return tuple(dict.fromkeys(said))


def _are_alike(columns: frozenset[str], known: frozenset[str]) -> bool:
    """Whether another list has what the one that is read has; lists of workflows or links have fewer of the fields."""
    # Of an empty list no field is known, so that the other one is to have what only records have.
    return 2 * len(columns & known) >= len(known) if known else columns >= {"trace_id", "recorded_at"}


def _elements(array: msgspec.Raw) -> frozenset[bytes]:
    """The elements of a list, without the blanks of an indented page; none where they cannot be told apart."""
    if count_elements(array, MOST_ELEMENTS) > MOST_ELEMENTS:
        return frozenset()
    try:
        plain = msgspec.json.format(bytes(array), indent=-1)
        return frozenset(map(bytes, msgspec.json.decode(plain, type=list[msgspec.Raw])))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return frozenset()


def _has(holder: Mapping[str, msgspec.Raw], chosen: str, prefix: str) -> bool:
    return chosen.startswith(prefix) and chosen.removeprefix(prefix) in holder


def _tell_records(columns: frozenset[str]) -> bool:
    return not columns.isdisjoint(TELLING) and not columns.isdisjoint({"record_id", "recorded_at"})


def _columns(array: msgspec.Raw, fields: Mapping[str, str] | None) -> frozenset[str]:
    """Columns for which the first elements of a list have a field."""
    text = bytes(memoryview(array)[:_LOOK_BYTES]).decode("utf-8", "replace")
    names: dict[str, None] = {}
    at = 1
    try:
        for _ in range(_LOOKED_AT):
            while text[at : at + 1] in (*_BLANK, ","):
                at += 1
            value, at = _JSON.raw_decode(text, at)
            names.update(dict.fromkeys(value if isinstance(value, dict) else ()))
    except (ValueError, RecursionError):
        pass  # the list or what is looked at of it ends
    return frozenset(find_fields(names, fields or {})[0])


def _replaced(text: bytes | msgspec.Raw, holder: Mapping[str, msgspec.Raw]) -> Iterator[tuple[str, msgspec.Raw]]:
    """Values of an object whose place a later one of the same name took."""
    least = sum(len(name) + len(raw) + _BESIDE_A_VALUE for name, raw in holder.items())
    if len(text) <= least + _BESIDE_A_VALUE:
        return
    view, begin = memoryview(text), _address(text)
    places = sorted((_address(raw) - begin, len(raw), name) for name, raw in holder.items())
    at = 0
    for place, length, name in places:
        # What stands before a value: dropped members, and its own name.
        gap = bytes(view[at:place]).lstrip(b" \t\r\n{,").rstrip(b" \t\r\n:")
        at = place + length
        quoted = msgspec.json.encode(name)
        if len(gap) > len(quoted) and gap.endswith(quoted):
            yield from _members(b"{" + gap.removesuffix(quoted).rstrip(b" \t\r\n,") + b"}")


def _members(text: bytes) -> Iterable[tuple[str, msgspec.Raw]]:
    try:
        return msgspec.json.decode(text, type=dict[str, msgspec.Raw]).items()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()


def _address(text: bytes | msgspec.Raw) -> int:
    return int(np.frombuffer(text, np.uint8).__array_interface__["data"][0])
