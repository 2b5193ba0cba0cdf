"""Where the elements of JSON begin and end, whatever is in them: odd bytes, deep nesting, or far too many."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = [
    "BLANK",
    "MOST_ELEMENTS",
    "MOST_FIELDS",
    "count_elements",
    "find_elements",
    "find_members",
    "find_values",
    "is_too_wide",
]

# Of one page; a record has a hundred bytes and more, so that a body of 64 MiB has seldom as many.
MOST_ELEMENTS = 500_000
# Of one record; each takes forty times as much in Python as in the page, and usual ones have twenty.
MOST_FIELDS = 10_000
# Fewer commas than this are never too many elements, so that nothing is counted of any usual page.
_FEW = 500_000
_AT_ONCE = 1 << 20
BLANK = b" \t\r\n"
_QUOTE, _COMMA, _ESCAPE = ord('"'), ord(","), b"\\"
_IS_SIGN = np.isin(np.arange(256), list(b'"[]{},'))
# How much deeper a sign leads.
_STEP = np.isin(np.arange(256), list(b"[{")).astype(np.int8) - np.isin(np.arange(256), list(b"]}"))
_OPENING, _BLANKS = (b"[", b"{"), re.compile(rb"[ \t\r\n]*+")
_NAME = re.compile(rb'[ \t\r\n]*+("(?:[^"\\]++|\\.)*+")[ \t\r\n]*+:[ \t\r\n]*+', re.DOTALL)

Text: TypeAlias = bytes | msgspec.Raw
_Places: TypeAlias = npt.NDArray[np.int64]


def count_elements(text: Text, most: int = MOST_ELEMENTS) -> int:
    """How many elements an array or an object has: at most so many where there are few, else so many.

    Parameters
    ----------
    text : bytes or Raw
        The array's or object's text, from bracket to bracket.
    most : int
        Where there are more, counting may end.

    Notes
    -----
    An element of three bytes takes a hundred in Python, so that they are counted before they are made.
    """
    # Each but the last takes two bytes and more.
    few = min(most, _FEW)
    if len(text) <= 2 * few - 2:
        return len(text) // 2 + 1
    view = memoryview(text)
    commas = sum(bytes(view[at : at + _AT_ONCE]).count(b",") for at in range(0, len(view), _AT_ONCE))
    if commas < few:
        return commas + 1
    count = 1
    for places, signs, depths in _structure(text):
        del places
        count += int(((signs == _COMMA) & (depths == 1)).sum())
        if count > most:
            break
    return count


def is_too_wide(element: Text) -> bool:
    """Whether an element is an object of more fields than a record may have."""
    # A field takes five bytes, so that most elements are not looked at.
    if len(element) <= 5 * MOST_FIELDS or bytes(memoryview(element)[:1]) != b"{":
        return False
    return count_elements(element, MOST_FIELDS) > MOST_FIELDS


def find_elements(text: Text) -> list[tuple[int, int]] | None:
    """Begin and end of each element of an array, or of each member of an object.

    None where it is not closed, something follows it, or nothing its last comma: then nobody knows what is missing.
    """
    view = memoryview(text)
    bounds, ends = [_BLANKS.match(view).end()], []  # type: ignore[union-attr]
    for places, signs, depths in _structure(text):
        bounds += places[(signs == _COMMA) & (depths == 1)].tolist()
        ends += places[depths <= 0][:2].tolist()
        if len(ends) > 1:
            # Signs before the first bracket or after the last one.
            return None
    opening = bytes(view[bounds[0] : bounds[0] + 1])
    if not ends or opening not in _OPENING or _BLANKS.fullmatch(view, ends[0] + 1) is None:
        return None
    bounds += ends
    if _BLANKS.fullmatch(view, bounds[-2] + 1, bounds[-1]) is not None:
        return [] if len(bounds) == 2 else None
    return [(one + 1, following) for one, following in pairwise(bounds)]


def find_members(text: Text) -> dict[str, msgspec.Raw] | None:
    """The members of an object whose values may be no JSON, as they came; None where they cannot be told apart."""
    spans = find_elements(text)
    body = bytes(text)
    if spans is None or not body.startswith(b"{", _BLANKS.match(body).end()):  # type: ignore[union-attr]
        return None
    view = memoryview(body)
    found = {}
    for begin, end in spans:
        name = _NAME.match(body, begin, end)
        value = name.end() if name is not None else end
        # What is behind a value is blank at most, and is no part of it.
        length = len(body[value:end].rstrip(BLANK))
        if name is None or not length:
            return None
        found[_text(name[1])] = msgspec.Raw(view[value : value + length])
    return found


def find_values(text: bytes) -> Iterator[tuple[str, int, int]]:
    """Name of each member of an object, and where its value begins and ends; nothing of what cannot be told apart."""
    for begin, end in find_elements(text) or ():
        name = _NAME.match(text, begin, end)
        if name is not None:
            yield name[1][1:-1].decode("utf-8", "replace"), name.end(), end


def _text(quoted: bytes) -> str:
    """A text that may hold odd bytes and half characters; these are replaced."""
    try:
        found: Any = json.loads(quoted.decode("utf-8", "replace"), strict=False)
    except ValueError:
        found = quoted[1:-1].decode("utf-8", "replace")
    return str(found).encode("utf-8", "replace").decode()


def _structure(text: Text) -> Iterator[tuple[_Places, npt.NDArray[np.uint8], _Places]]:
    """A part at a time: where brackets and commas stand outside of texts, which they are, and how deep one is then."""
    view = memoryview(text)
    at, depth, inside = 0, 0, 0
    while at < len(view):
        part = bytes(view[at : at + _AT_ONCE])
        if _ESCAPE in part:
            if (len(part) - len(part.rstrip(_ESCAPE))) % 2:
                part = bytes(view[at : at + _AT_ONCE + 1])
            # Without escapes every quotation mark begins or ends a text; what stands for them has their length.
            part = part.replace(b"\\\\", b"__").replace(b'\\"', b"__")
        codes = np.frombuffer(part, np.uint8)
        places = np.flatnonzero(_IS_SIGN[codes])
        signs = codes[places]
        is_quote = signs == _QUOTE
        quotes = np.cumsum(is_quote, dtype=np.int64) + inside
        is_outside = (quotes % 2 == 0) & ~is_quote
        inside = int(quotes[-1]) % 2 if len(quotes) else inside
        signs = signs[is_outside]
        depths = np.cumsum(_STEP[signs], dtype=np.int64) + depth
        depth = int(depths[-1]) if len(depths) else depth
        yield places[is_outside] + at, signs, depths
        at += len(part)
