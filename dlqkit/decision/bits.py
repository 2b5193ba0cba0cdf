"""Streams of bits, one for each byte of a text: what a regular expression asks of every place, asked of all at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Bits", "after", "before", "count_until", "flood", "flood_back", "overflow", "pack", "places", "unpack"]

Bits = npt.NDArray[np.uint64]
"""Bit ``i % 64`` of word ``i // 64`` stands for byte ``i``."""

_ONE, _LAST = np.uint64(1), np.uint64(63)
# Bits of a byte in reverse, by swapping ever smaller neighbours.
_SWAPS = tuple((np.uint64(mask), np.uint64(by)) for mask, by in (
    (0x0F0F0F0F0F0F0F0F, 4), (0x3333333333333333, 2), (0x5555555555555555, 1)))  # fmt: skip


def pack(flags: npt.NDArray[np.bool_]) -> Bits:
    """The flags as a stream; their number is a multiple of 64."""
    return np.packbits(flags, bitorder="little").view(np.uint64)


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


def before(stream: Bits) -> Bits:
    """The places that come right before one of the stream."""
    out = stream >> _ONE
    out[:-1] |= stream[1:] << _LAST
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


def flood(marks: Bits, runs: Bits) -> Bits:
    """The places of runs that are at or after a mark in the same run: what changed by the sum is behind the mark."""
    inside = marks & runs
    total = overflow(inside, runs)
    total ^= runs
    total |= inside
    total &= runs
    return total


def flood_back(marks: Bits, runs: Bits) -> Bits:
    """The places of runs that are at or before a mark in the same run."""
    return _mirror(flood(_mirror(marks), _mirror(runs)))


def _mirror(stream: Bits) -> Bits:
    out = stream[::-1].byteswap()
    for mask, by in _SWAPS:
        high = out >> by
        high &= mask
        out &= mask
        out <<= by
        out |= high
    return out
