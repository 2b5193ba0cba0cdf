"""Records of which one is odd: it is mended or put apart, and its neighbours stay as they came, byte by byte."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from dlqkit.sources.json_elements import BLANK, MOST_FIELDS, find_elements, find_values, is_too_wide
from dlqkit.sources.record_fields import names_of, normal

__all__ = ["MENDED", "TOO_WIDE", "Mended", "Quarantined", "mend_array", "mend_record"]

# What people read, and numbers that may as well be absent. An id or a payload with a letter changed is another one.
MENDED = ("last_error", "error_type", "error_code", "attempts", "action_duration_ms")
_MEMBER = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{},:]', re.DOTALL)
_QUOTE, _COLON = b'":'
_ENDING = frozenset(b",}")
_OPENING, _CLOSING = frozenset(b"[{"), frozenset(b"]}")
_NO_JSON, _HALF_CHARACTER = "It is no JSON.", "It holds half a character."
TOO_WIDE = f"It has more than {MOST_FIELDS:,} fields."
# Tokens of a longer one may be twenty million, and the way through them all at once is faster from here on.
_LONGEST_BY_TOKENS = 1 << 16
# An object or a list takes thirty times as much in Python as its text, and no error that people read is as long.
_LONGEST_MENDED = 1 << 16
# How deep one may read depends on how deep the caller is, and what is kept here is read from elsewhere once more.
_TO_SPARE, _SURELY_SHALLOW = 30, 200
_RAW = msgspec.json.Decoder(msgspec.Raw)
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An element that is no record, as it came, and why it is none."""

    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Mended:
    """JSON, and what was done for it to be that."""

    raw: bytes
    is_replaced: bool
    """Whether an error text or a number is another one now."""
    has_text_payload: bool
    """Whether a payload that is no JSON became a text, to the letter."""


def mend_array(
    array: bytes | msgspec.Raw, given: Collection[str] = (), payload: str | None = None
) -> tuple[Mended, tuple[Quarantined, ...], tuple[int, ...]] | None:
    """The array of a page's records without the elements that are no JSON.

    Parameters
    ----------
    array : bytes or Raw
        The array, of which something is no JSON.
    given : collection of str
        Names of fields that may be mended, beside those that are known.
    payload : str, optional
        Name of the payload, where it is none that is known.

    Returns
    -------
    (Mended, tuple of Quarantined, tuple of int) or None
        The array, what was taken out, and where that stood, from 0; None where its elements cannot be told apart.
    """
    spans = find_elements(array)
    if spans is None:
        return None
    kept, apart, taken, is_replaced, has_text = [], [], [], False, False
    view = memoryview(array)
    for place, (begin, end) in enumerate(spans):
        found = mend_record(bytes(view[begin:end]).strip(BLANK), given, payload)
        if isinstance(found, Quarantined):
            apart.append(found)
            taken.append(place)
            continue
        is_replaced, has_text = is_replaced or found.is_replaced, has_text or found.has_text_payload
        kept.append(found.raw)
    return Mended(b"[" + b",".join(kept) + b"]", is_replaced, has_text), tuple(apart), tuple(taken)


def mend_record(element: bytes, given: Collection[str] = (), payload: str | None = None) -> Mended | Quarantined:
    """The element as strict JSON: as it came, or with a text or a number that is none replaced; else put apart.

    A payload is never changed: one that is no JSON, such as with NaN in it, is kept as the text that it is.
    """
    if is_too_wide(element):
        return Quarantined(element, TOO_WIDE)
    problem = _problem_of(element)
    if problem is None:
        return Mended(element, False, False)
    if element[:1] != b"{":
        return Quarantined(element, problem)
    mendable, payloads = _mendable(tuple(given), payload)
    out, at, is_replaced, has_text = [], 0, False, False
    for name, begin, end in _members(element):
        reason = _problem_of(element[begin:end].strip())
        if reason is None:
            continue
        if is_payload := normal(name) in payloads:
            mended = _as_text(element[begin:end].strip()) if reason in {_NO_JSON, _HALF_CHARACTER} else None
        else:
            mended = _mend(element[begin:end]) if normal(name) in mendable else None
        if mended is None:
            return Quarantined(element, f"{reason} Its field is {name!r:.60}.")
        is_replaced, has_text = is_replaced or not is_payload, has_text or is_payload
        out += [element[at:begin], mended]
        at = end
    whole = b"".join([*out, element[at:]])
    return Mended(whole, is_replaced, has_text) if _problem_of(whole) is None else Quarantined(element, problem)


@lru_cache(maxsize=32)
def _mendable(given: tuple[str, ...], payload: str | None) -> tuple[frozenset[str], frozenset[str]]:
    """Normal names of what may be mended, and those of a payload."""
    mendable = frozenset(map(normal, given)).union(*(names_of(column) for column in MENDED))
    return mendable, frozenset({*names_of("payload_snapshot"), *([] if payload is None else [normal(payload)])})


def _problem_of(text: bytes) -> str | None:
    try:
        text.decode()
        _RAW.decode(text)
        if text.count(b"[") + text.count(b"{") > _SURELY_SHALLOW:
            _RAW.decode(b"[" * _TO_SPARE + text + b"]" * _TO_SPARE)
    except UnicodeDecodeError:
        return "It holds bytes that are no UTF-8."
    except RecursionError:
        return "It is nested too deeply."
    except msgspec.DecodeError:
        return _HALF_CHARACTER if _HALF.search(text) else _NO_JSON
    return None


def _members(element: bytes) -> Iterator[tuple[str, int, int]]:
    """Name of each field of an object, and where its value begins and ends."""
    if len(element) > _LONGEST_BY_TOKENS:
        yield from find_values(element)
        return
    depth, name, begin = 0, None, -1
    for token in _MEMBER.finditer(element):
        sign = element[token.start()]
        if sign == _QUOTE:
            if depth == 1 and begin < 0:
                name = token[0][1:-1].decode("utf-8", "replace")
            continue
        if depth == 1 and begin < 0 and sign == _COLON:
            begin = token.end()
        elif depth == 1 and begin >= 0 and name is not None and sign in _ENDING:
            yield name, begin, token.start()
            name, begin = None, -1
        if sign in _OPENING:
            depth += 1
        elif sign in _CLOSING:
            depth -= 1


def _mend(value: bytes) -> bytes | None:
    if len(value) > _LONGEST_MENDED and value.lstrip(BLANK)[:1] != b'"':
        return None
    try:
        found = json.loads(
            value.decode("utf-8", "replace"),
            strict=False,
            parse_constant=lambda _: None,
            parse_float=lambda text: float(text) if math.isfinite(float(text)) else None,
        )
        return json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return None


def _as_text(value: bytes) -> bytes | None:
    """An object or a list that is no JSON, as a JSON string of its own letters."""
    # Of a text that is broken nothing says which letters it was to hold.
    return json.dumps(value.decode(), ensure_ascii=False).encode() if value[:1] in (b"{", b"[") else None
