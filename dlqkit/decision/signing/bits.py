"""Streams of bits, one for each byte of a text: what a regular expression asks of every place, asked of all at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Bits", "after", "before", "count_until", "flood_back", "overflow", "pack", "places", "unpack"]

Bits = npt.NDArray[np.uint64]
"""Bit ``i % 64`` of word ``i // 64`` stands for byte ``i``."""

_ONE, _LAST = np.uint64(1), np.uint64(63)
# Each doubles how far a mark has spread in its word.
_STEPS = tuple(map(np.uint64, (1, 2, 4, 8, 16, 32)))


def pack(flags: npt.NDArray[np.bool_]) -> Bits:
    """The flags as a stream, with unmarked places behind them to the end of a word."""
    packed = np.packbits(flags, bitorder="little")
    if len(packed) % 8 == 0:
        return packed.view(np.uint64)
    out = np.zeros(-(-len(packed) // 8), dtype=np.uint64)
    out.view(np.uint8)[: len(packed)] = packed
    return out


def unpack(stream: Bits) -> npt.NDArray[np.bool_]:
    """The stream as flags."""
    return np.unpackbits(stream.view(np.uint8), bitorder="little").view(np.bool_)


def places(stream: Bits) -> npt.NDArray[np.int64]:
    """The places of the stream, in no order."""
    words = np.flatnonzero(stream != 0)  # of flags, which is three times as fast
    left = stream[words]
    found = []
    while len(words):
        lowest = left & (~left + _ONE)
        found.append(words * 64 + np.bitwise_count(lowest - _ONE))
        left ^= lowest
        words, left = words[left != 0], left[left != 0]
    return np.concatenate(found) if found else words


def count_until(stream: Bits, ends: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many places of the stream lie before each of the ends."""
    words, bits = ends >> 6, (ends & 63).astype(np.uint64)
    counts = np.zeros(len(stream) + 1, dtype=np.int64)
    np.cumsum(np.bitwise_count(stream), out=counts[1:])
    own: npt.NDArray[np.int64] = counts[words] + np.bitwise_count(stream[words] & ((_ONE << bits) - _ONE))
    return own


def after(stream: Bits) -> Bits:
    """The places that come right after one of the stream."""
    out = stream << _ONE
    out[1:] |= stream[:-1] >> _LAST
    return out


def before(stream: Bits, steps: int = 1) -> Bits:
    """The places that come so many steps before one of the stream."""
    out = stream >> np.uint64(steps)
    out[:-1] |= stream[1:] << np.uint64(64 - steps)
    return out


def overflow(marks: Bits, runs: Bits) -> Bits:
    """The marks, all of them in runs, added to the runs: set right behind the end of each run that has a mark.

    A sum carries from a mark to the end of its run. What it says of the places in runs means nothing.
    """
    total = marks + runs
    carried = np.flatnonzero(total[:-1] < runs[:-1]) + 1
    while len(carried):
        sums = total[carried] + _ONE
        total[carried] = sums
        carried = carried[sums == 0] + 1
        carried = carried[carried < len(total)]
    return total


def flood_back(marks: Bits, runs: Bits) -> Bits:
    """The places of runs that are at or before a mark in the same run; the marks are all of them in runs."""
    out, left, moved = marks.copy(), runs.copy(), np.empty_like(runs)
    for step in _STEPS:
        np.right_shift(out, step, out=moved)
        moved &= left
        out |= moved
        if step < _STEPS[-1]:
            np.right_shift(left, step, out=moved)
            left &= moved
    # On into the words before: where a word's first place is reached, and the last one before it is of the same run.
    np.left_shift(out, _LAST, out=moved)
    moved[1:] &= runs[:-1]
    moved[1:] &= ~out[:-1]
    carried = np.flatnonzero(moved[1:] != 0)
    while len(carried):
        gaps = ~runs[carried]
        for step in _STEPS:
            gaps |= gaps >> step
        out[carried] |= ~gaps
        carried = carried[(gaps == 0) & (carried > 0)] - 1
        carried = carried[(runs[carried] & ~out[carried]) >> _LAST != 0]
    return out
