"""Where the elements of a JSON array begin and end, whatever is in them: odd bytes, deep nesting, or far too many."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator

import numpy as np

__all__ = ["MOST_ELEMENTS", "count_elements", "find_arrays"]

# Of one page; a record has a hundred bytes and more, so that a body of 64 MiB has seldom as many.
MOST_ELEMENTS = 500_000
# Fewer commas than this are never too many elements, so that nothing is counted of any usual page.
_FEW = 500_000
_AT_ONCE = 1 << 20
_NO_STRUCTURE = bytes(set(range(256)) - set(b'"[]{},'))
# A text that is not closed goes on to the end, so that no text is looked through twice.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]++|[\]}]++|,', re.DOTALL)
_SPAN = operator.methodcaller("span")
_BRACKET, _COMMA, _QUOTE = b'[,"'
_OPENING = frozenset(b"[{")
# Records stand in an array of the page itself, or of an object in an object of it.
_DEEPEST_HOLDER = 3


def count_elements(array: bytes, too_many: int = MOST_ELEMENTS) -> int:
    """How many elements an array has: at most so many where there are few, at least so many where there are too many.

    Parameters
    ----------
    array : bytes
        The array's text, from bracket to bracket.
    too_many : int, optional
        The count goes on until it is above this.

    Notes
    -----
    An element of three bytes takes a hundred in Python, so that they are counted before they are made.
    """
    most = array.count(b",") + 1
    if most <= min(_FEW, too_many):
        return most
    # Without escapes every quotation mark begins or ends a text.
    bare = array.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in array else array
    count, depth, inside = 1, 0, 0
    for at in range(0, len(bare), _AT_ONCE):
        signs = np.frombuffer(bare[at : at + _AT_ONCE].translate(None, _NO_STRUCTURE), np.uint8)
        quotes = np.cumsum(signs == ord('"'), dtype=np.int64) + inside
        signs = signs[quotes % 2 == 0]
        steps = np.isin(signs, (ord("["), ord("{"))).astype(np.int8) - np.isin(signs, (ord("]"), ord("}")))
        depths = np.cumsum(steps, dtype=np.int64) + depth
        count += int(((signs == ord(",")) & (depths == 1)).sum())
        inside = int(quotes[-1]) % 2 if len(quotes) else inside
        depth = int(depths[-1]) if len(depths) else depth
        if count > too_many:
            break
    return count


def find_arrays(body: bytes) -> Iterator[list[tuple[int, int]]]:
    """Begin and end of each element, for each array that may be that of a page's records.

    Arrays in arrays are not among them; a body that ends within an array gives what is whole of it.
    """
    depth, holder, begin = 0, -1, 0
    elements: list[tuple[int, int]] = []
    for at, end in map(_SPAN, _TOKEN.finditer(body)):
        sign = body[at]
        if sign == _QUOTE:
            continue
        if sign in _OPENING:
            first = body.find(b"[", at, min(end, at + _DEEPEST_HOLDER + 1 - depth)) if holder < 0 else -1
            if first >= 0 and depth <= _DEEPEST_HOLDER:
                holder, begin, elements = depth + first - at, first + 1, []
            depth += end - at
        elif sign == _COMMA:
            if depth == holder + 1 and holder >= 0:
                elements.append((begin, at))
                begin = at + 1
        else:
            last = at + depth - holder - 1
            depth -= end - at
            if depth <= holder and holder >= 0:
                if body[begin:last].strip():
                    elements.append((begin, last))
                yield elements
                holder = -1
            if depth < 0:
                return
    if holder >= 0 and elements:
        yield elements
