"""Elements of a list that are no records: they have no id, so that their neighbours tell one from another."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["OddElements", "Placed"]

# The key of the record above, and how many odd elements stand between; of the list's beginning no record is above.
_Above = tuple[int, int]
_BEGINNING: _Above = (0, 0)


@dataclass(frozen=True, slots=True)
class Placed:
    """The elements of a page, and which of them were on no page before."""

    place: int
    keys: tuple[int, ...]
    """One for each element: that of a record is its own, an odd one has the same wherever it is met again."""
    odd: tuple[bool, ...]
    """For each odd element whether it is new."""
    alike: tuple[bool, ...]
    """For each whether one with the same bytes is known."""
    above: _Above | None
    """What stands above the page, as far as that is known."""
    names: tuple[tuple[int, ...], ...] = ()
    """Of each odd element, what it may be known by."""
    odd_at: tuple[int, ...] = ()


class OddElements:
    """Tells odd elements that are met again, on a page that is asked for twice or in a list that moves, from others.

    Notes
    -----
    One is known again by its bytes, and by the record above it or the one below it and how many odd ones stand between.
    So it is the same one wherever it has moved to with either of them, and of a list that does not move each is new
    once, however many have the same bytes. One that has moved away from both is new twice. Pages that join are read as
    one list.
    """

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._bytes: set[bytes] = set()
        self._before: Placed | None = None

    def begin(self) -> None:
        """Read the list from its beginning, as if for the first time."""
        self._before = None

    def place(self, keys: Sequence[int], odd_at: Sequence[int], raw: Sequence[bytes], place: int) -> Placed:
        """Tell which elements of a page are known, and remember nothing.

        Parameters
        ----------
        keys : sequence of int
            One for each of its records.
        odd_at : sequence of int
            Places within the page of the elements that are none, from 0, in order.
        raw : sequence of bytes
            These elements.
        place : int
            Of the page's first element in the list.
        """
        above = self._above(place)
        if not odd_at:
            return Placed(place, tuple(keys), (), (), above)
        names = tuple(_names(keys, odd_at, raw, above, place))
        elements, records, odd = [], iter(keys), dict(zip(odd_at, names, strict=True))
        for at in range(len(keys) + len(odd_at)):
            if at in odd:
                elements.append(next((self._known[name] for name in odd[at] if name in self._known), odd[at][0]))
            else:
                elements.append(next(records))
        new = tuple(self._known.keys().isdisjoint(one) for one in names)
        alike = tuple(_hash(one) in self._bytes for one in raw)
        return Placed(place, tuple(elements), new, alike, above, names, tuple(odd_at))

    def add(self, placed: Placed, raw: Sequence[bytes]) -> None:
        """Remember a page, and its odd elements; the next one goes on from it."""
        self._bytes.update(map(_hash, raw))
        for at, names in zip(placed.odd_at, placed.names, strict=True):
            for name in names:
                self._known.setdefault(name, placed.keys[at])
        self._before = placed

    def _above(self, place: int) -> _Above | None:
        """What stands above a place, if it is in the page before or right behind it."""
        if place == 0:
            return _BEGINNING
        before = self._before
        if before is None or not before.place < place <= before.place + len(before.keys):
            return None
        odd, count = set(before.odd_at), 0
        for at in range(place - before.place - 1, -1, -1):
            if at not in odd:
                return before.keys[at], count
            count += 1
        return None if before.above is None else (before.above[0], before.above[1] + count)


def _names(
    keys: Sequence[int], odd_at: Sequence[int], raw: Sequence[bytes], above: _Above | None, place: int
) -> Iterator[tuple[int, ...]]:
    odd, records = set(odd_at), -1
    downwards: list[_Above | None] = []
    for at in range(len(keys) + len(odd_at)):
        if at in odd:
            downwards.append(above)
            above = None if above is None else (above[0], above[1] + 1)
        else:
            records += 1
            above = (keys[records], 0)
    below: _Above | None = None
    upwards: list[_Above | None] = []
    for at in range(len(keys) + len(odd_at) - 1, -1, -1):
        if at in odd:
            upwards.append(below)
            below = None if below is None else (below[0], below[1] + 1)
        else:
            below = (keys[records], 0)
            records -= 1
    for at, one, over, under in zip(odd_at, raw, downwards, reversed(upwards), strict=True):
        names = tuple(_name(one, side, near) for side, near in ((b"a", over), (b"b", under)) if near is not None)
        # Alone in an unknown part of the list its place is all that there is.
        yield names or (_name(one, b"p", (place + at, 0)),)


def _hash(raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=8).digest()


def _name(raw: bytes, side: bytes, near: _Above) -> int:
    text = hashlib.blake2b(raw, digest_size=8, key=side)
    text.update(struct.pack("<QQ", near[0] & 0xFFFF_FFFF_FFFF_FFFF, near[1]))
    return int.from_bytes(text.digest(), "little")
