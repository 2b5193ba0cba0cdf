"""Samples in the very bytes that Prometheus writes, ``[1700000000.123,"0.5"],…``, read in bulk or not at all.

Each byte is checked: whatever differs from the layout (spaces, escapes) is left to the decoder of any JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Bulk", "read_bulk"]

_OPENING = b'"values":[['
# Stands in the outline for samples that were taken out; JSON may hold it in a text, and then nothing is taken out.
_MARK = b"\x7f"
# The temporary arrays of so much text stay in a processor's cache.
_PORTION_BYTES = 1 << 19
_SHORTEST = len('[1700000000,"0"],')
# What surrounds a stamp, a first one too, as if a value had ended before it.
_BEFORE = b'"],['
_AFTER = b',"'
_WIDTH = len('[1700000000,"')
# After the last sample the next one seems to begin; words are read from what follows.
_END = b",[" + b" " * 64
_ZEROS = np.uint64(0x3030303030303030)
# Of the eight bytes of a word the last n.
_LAST = np.array([0, *(((1 << 8 * n) - 1) << 8 * (8 - n) for n in range(1, 9))], dtype=np.uint64)
# The place, 0 to 7, of the one byte of a word that is 1.
_PLACE = np.uint64(0x0001020304050607)
_SCALES = np.array([1000, 100, 10, 1], dtype=np.uint64)

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bulk:
    """A body without its samples, and the samples of all series one after another."""

    outline: bytes
    at_ms: Ints
    value: Floats
    edges: Ints

    @property
    def series(self) -> int:
        """How many series have samples here."""
        return len(self.edges) - 1

    def of(self, raw: bytes) -> tuple[Ints, Floats] | None:
        """Times and values of a series by what stands in the outline for them; None where they were not taken out."""
        if raw[:2] != b'"' + _MARK:
            return None
        number = int(raw[2:-1])
        part = slice(self.edges[number], self.edges[number + 1])
        return self.at_ms[part], self.value[part]


def read_bulk(body: bytes) -> Bulk | None:
    """Times and values of every series in one go.

    Parameters
    ----------
    body : bytes
        An answer of the HTTP API.

    Returns
    -------
    Bulk or None
        None unless there are samples, and all of them are in the layout.
    """
    outline, spans = _take_out(body)
    if outline is None or not spans:
        return None
    most = sum(end - start + 1 for start, end in spans) // _SHORTEST
    at_ms, value = np.empty(most, dtype=np.int64), np.empty(most)
    counts = np.zeros(len(spans), dtype=np.int64)
    filled = 0
    for numbers, text, ends in _portions(body, spans):
        bounds, words = _brackets(text), np.frombuffer(text, dtype="<u8")
        part = slice(filled, filled + len(bounds) - 1)
        if bounds[0] != 3 or not text.startswith(_BEFORE, bounds[-1] - 3) or part.stop > most:
            return None
        rows = np.searchsorted(bounds[:-1], ends)
        opening = _read_stamps(words, bounds[:-1], int(rows[0]), at_ms[part])
        if opening is None or not _read_values(text, words, opening, bounds[1:] - 3, value[part]):
            return None
        np.add.at(counts, numbers, np.diff(rows, prepend=0))
        filled = part.stop
    # The rest was never touched; what is given back here is an address range.
    at_ms.resize(filled, refcheck=False)
    value.resize(filled, refcheck=False)
    return Bulk(outline, at_ms, value, np.concatenate([[0], np.cumsum(counts)]))


def _take_out(body: bytes) -> tuple[bytes | None, list[tuple[int, int]]]:
    """The body with a number in place of each series' samples, and where these are, without the outer brackets.

    In JSON an unescaped quote ends or begins a text, so that ``"values":`` can only be a key (or the end of one).
    """
    kept, spans, at = [], [], 0
    while (found := body.find(_OPENING, at)) >= 0:
        start = found + len(_OPENING) - 1
        # A brace comes next where a series ends, and none is in the layout: it is found sooner than the brackets.
        brace = body.find(b"{", start)
        end = body.rfind(b"]]", start, brace if brace >= 0 else len(body)) + 1
        if end == 0:
            return None, []
        kept.append(body[at : start - 1])
        spans.append((start, end))
        at = end + 1
    kept.append(body[at:])
    if any(_MARK in text for text in kept):
        return None, []
    pieces = [b'%b"%b%d"' % (text, _MARK, number) for number, text in enumerate(kept[:-1])]
    return b"".join([*pieces, kept[-1]]), spans


def _portions(body: bytes, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[Ints, bytes, Ints]]:
    """Samples of one series after another as one list, in portions: which series, the text, where each ends in it."""
    numbers: list[int] = []
    texts: list[bytes] = []
    size = 0
    for number, (start, end) in enumerate(spans):
        while start < end:
            # A series longer than a portion is cut between two samples.
            cut = body.find(b"],[", start + _PORTION_BYTES, end)
            until = end if cut < 0 else cut + 1
            numbers.append(number)
            texts.append(body[start:until])
            size += until - start
            start = until + 1
            if size >= _PORTION_BYTES:
                yield _portion(numbers, texts)
                numbers, texts, size = [], [], 0
    if texts:
        yield _portion(numbers, texts)


def _portion(numbers: Sequence[int], texts: Sequence[bytes]) -> tuple[Ints, bytes, Ints]:
    before = _BEFORE[:-1]
    ends = np.cumsum([len(text) + 1 for text in texts]) + len(before)
    text = b"".join([before, b",".join(texts), _END])
    return np.array(numbers), text[: len(text) // 8 * 8], ends


def _brackets(text: bytes) -> Ints:
    # Of eight bytes in the layout one at most is a bracket; where it is not so, some check of the layout fails.
    is_bracket = (np.frombuffer(text, dtype=np.uint8) == ord("[")).view("<u8")
    places = np.flatnonzero(is_bracket != 0)
    at: Ints = (places << 3) + (is_bracket[places] * _PLACE >> 56).view(np.int64)
    return at


def _words_at(words: Words, at: Ints, count: int) -> list[Words]:
    """So many words from any byte on; those of the machine are read, which takes a fifth of the time, and shifted."""
    place, shift = at >> 3, ((at & 7) << 3).view(np.uint64)
    parts = [words[number:].take(place) for number in range(count + 1)]
    # A shift by 64 bits leaves nothing, in NumPy on every machine.
    back = 64 - shift
    return [(part >> shift) | (following << back) for part, following in pairwise(parts)]


def _read_stamps(words: Words, bracket: Ints, steps: int, out: Ints) -> Ints | None:
    """Milliseconds of stamps, the first series having so many; where the values begin."""
    # "],[1772 | 452800," | … or "],[1772 | 452800.1 | 23,"…
    read = _words_at(words, bracket - 3, 2)
    if (read[1] >> 48 != _word(_AFTER)).any():
        *read, third = _words_at(words, bracket - 3, 3)
        # The digits after the dot, the comma and the quote; not the value.
        read.append((read[1] >> np.uint64(56) | third << np.uint64(8)) & np.uint64(0xFFFFFFFFFF))
    # A query_range gives every series the same steps; what is equal byte for byte is parsed once.
    if all(np.array_equal(one[steps:], one[:-steps]) for one in read):
        read = [one[:steps] for one in read]
    parsed = _parse_stamps(*read)
    if parsed is None:
        return None
    at_ms, width = parsed
    for place in range(0, len(out), len(at_ms)):
        out[place : place + len(at_ms)] = at_ms[: len(out) - place]
    opening: Ints = bracket + (width if isinstance(width, int) else np.resize(width, len(out)))
    return opening


def _parse_stamps(first: Words, second: Words, fraction: Words | None = None) -> tuple[Ints, Ints | int] | None:
    """Stamps of ten digits before the dot and at most three after it, and from the bracket to the value."""
    thousands, wrong = _eight_digits((first ^ _ZEROS) & _LAST[4])
    rest, wrong_too = _eight_digits(((second << 16) ^ _ZEROS) & _LAST[6])
    # JSON knows no number that begins with 0 and goes on.
    if (first & 0xFFFFFFFF != _word(_BEFORE)).any() or wrong.any() or wrong_too.any() or thousands.min() < 1000:
        return None
    at_ms = ((thousands * 1_000_000 + rest) * 1000).view(np.int64)
    if fraction is None:
        return at_ms, _WIDTH
    is_whole = second >> 48 == _word(_AFTER)
    places = np.where(is_whole, 0, 3)
    for fewer in (2, 1):
        # Prometheus writes three; others leave out zeros at the end.
        ends_here = (fraction >> 8 * fewer) & 0xFFFF == _word(_AFTER)
        if ends_here.any():
            places[ends_here & ~is_whole] = fewer
    after = (fraction >> (8 * places).view(np.uint64)) & 0xFFFF
    has_dot = (second >> 48) & 0xFF == ord(".")
    thousandths, wrong = _eight_digits((fraction ^ _ZEROS) << (64 - 8 * places).view(np.uint64))
    if wrong.any() or not (is_whole | (has_dot & (after == _word(_AFTER)))).all():
        return None
    return at_ms + (thousandths * _SCALES[places]).view(np.int64), _WIDTH + places + ~is_whole


def _read_values(text: bytes, words: Words, start: Ints, end: Ints, out: Floats) -> bool:
    """Values: whole numbers of up to 16 digits as two words, all others by Arrow."""
    length = end - start
    if length.min() <= 0:
        return False
    # Three tell whether it pays to look for whole numbers.
    if not any(text[start[place] : end[place]].isdigit() for place in (0, len(out) // 2, -1)):
        return _read_any(text, start, end, slice(None), out)
    if length.max() <= 8:
        (low,) = _words_at(words, end - 8, 1)
        number, wrong = _eight_digits((low ^ _ZEROS) & _LAST[length])
    else:
        high, low = _words_at(words, end - 16, 2)
        number, wrong = _eight_digits((low ^ _ZEROS) & _LAST[np.minimum(length, 8)])
        more, wrong_too = _eight_digits((high ^ _ZEROS) & _LAST[np.clip(length - 8, 0, 8)])
        number += more * 100_000_000
        wrong |= wrong_too
        wrong[length > 16] = 1
    out[:] = number.view(np.int64)
    if not wrong.any():
        return True
    rows = np.flatnonzero(wrong)
    return _read_any(text, start[rows], end[rows], rows, out)


def _read_any(text: bytes, start: Ints, end: Ints, rows: Ints | slice, out: Floats) -> bool:
    # Arrow takes nan(…) for a number, which none is.
    if b"(" in text:
        return False
    # What is between two values is one text of Arrow's more, and absent: so the values are read where they are.
    offsets = np.empty(2 * len(start), dtype=np.int32)
    offsets[::2], offsets[1::2] = start, end
    count = len(offsets) - 1
    validity = pa.py_buffer(b"\x55" * (count // 8 + 1))
    texts = pa.Array.from_buffers(pa.string(), count, [validity, pa.py_buffer(offsets), pa.py_buffer(text)])
    try:
        values = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return False
    out[rows] = np.frombuffer(values.buffers()[1], dtype=np.float64, count=count)[::2]
    return True


def _eight_digits(digits: Words) -> tuple[Words, Words]:
    """Numbers of eight digits, each a byte from 0 to 9 with the highest first; and what is not 0 where some is above 9.

    The digits are overwritten.
    """
    wrong = digits + np.uint64(0x7676767676767676)
    wrong |= digits
    wrong &= np.uint64(0x8080808080808080)
    # Two digits at a time, then four, then eight; https://lemire.me/blog/2022/01/21/swar-explained-parsing-eight-digits
    for factor, shift, mask in ((2561, 8, 0x00FF00FF00FF00FF), (6553601, 16, 0x0000FFFF0000FFFF)):
        digits *= np.uint64(factor)
        digits >>= np.uint64(shift)
        digits &= np.uint64(mask)
    digits *= np.uint64(42949672960001)
    digits >>= np.uint64(32)
    return digits, wrong


def _word(text: bytes) -> int:
    return int.from_bytes(text, "little")
