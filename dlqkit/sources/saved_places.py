"""What a saved page tells of its place in its list, and whether the pages beside it are the ones before and after."""

from __future__ import annotations

import functools
import operator
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.sources.page_markers import (
    UNREADABLE,
    find_end_marker,
    find_page_number,
    find_total,
    names_next,
    read_flag,
    read_whole,
)
from dlqkit.sources.record_decode import Decoded
from dlqkit.sources.record_fields import normal
from dlqkit.sources.seen_states import keep_each_once

__all__ = ["SavedPage", "are_chained", "count_records", "find_gap", "is_whole_by_places"]

# Names are looked for without case, dashes and underscores.
_OFFSETS = {"offset": 0, "skip": 0, "startat": 0, "startindex": 1}
_OWN_CURSORS = ("cursor", "currentcursor")
_NEXT_PLACES = ("nextpage", "nextoffset")
_BEHIND = ("hasprevious", "hasprev", "haspreviouspage", "hasprevpage")
_FIRST_NUMBERS = (0, 1)
_NOTHING = (None, "", False)
_Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class SavedPage:
    """What one file says of its page, and the records that it holds, told apart as the frame has them."""

    name: str
    states: _Keys
    contents: _Keys
    odd: Counter[int]
    received: int
    total: int | None
    number: int | None
    offset: int | None
    own: str | None
    """The cursor by which the page was asked for."""
    tells_own: bool
    following: str | None
    """The cursor, address or place that it names for the next page."""
    next_number: int | None
    is_behind: bool
    """Whether it says that pages are before it."""
    words: frozenset[str]
    """Names of what it says, without what names a next page."""
    ends: tuple[bool | None, bool | None]
    """Whether it says that it is the last: in a list whose pages count from 0, and in one of pages from 1."""

    @classmethod
    def of(cls, name: str, page: Decoded, states: _Keys, contents: _Keys) -> SavedPage:
        """Read the wrapper of a page; headers are not saved."""
        wrapper = page.wrapper
        said = {normal(own): value for own, value in wrapper.items()}
        # “cursor” is that of the page itself where another word names the next one.
        tells_own = any(one in said for one in _OWN_CURSORS) and any(normal(one).startswith("next") for one in wrapper)
        # There it says nothing of what follows.
        marks = {one: value for one, value in wrapper.items() if not (tells_own and normal(one) in _OWN_CURSORS)}
        own = next((str(said[one]) for one in _OWN_CURSORS if said.get(one) not in _NOTHING), None)
        offsets = [place - first for one, first in _OFFSETS.items() if (place := read_whole(said.get(one))) is not None]
        return cls(
            name=name,
            states=states,
            contents=contents,
            odd=Counter(hash(one.raw) for one in page.quarantined),
            received=page.received,
            total=find_total(wrapper, {}, page.received),
            number=find_page_number(wrapper),
            offset=next((place for place in offsets if place >= 0), None),
            own=own if tells_own else None,
            tells_own=tells_own,
            following=next(iter(_said_of_next(marks)), None),
            next_number=read_whole(said.get("nextpage")),
            is_behind=any(read_flag(said.get(one)) is True for one in _BEHIND),
            words=frozenset(normal(one) for one in wrapper if not _is_of_next(one)),
            ends=(find_end_marker(marks, {}, 0), find_end_marker(marks, {}, 1)),
        )

    @property
    def is_last(self) -> bool | None:
        """Whether it says that it is the last, by itself alone: it counts from 1 but for the number 0."""
        return self.ends[0 if self.number == 0 else 1]

    @property
    def identity(self) -> Hashable:
        """Alike for files of one page, however its error texts were written each time."""
        alike: Hashable = np.sort(self.states).tobytes() if len(self.states) else frozenset(self.odd.items())
        # Pages that hold nothing are told apart by what they name.
        named = () if self.received else (self.own, self.following)
        return alike, self.received, self.number, self.offset, self.ends, named


def _is_of_next(name: str) -> bool:
    return names_next(name) or normal(name) in _NEXT_PLACES


def _said_of_next(wrapper: Mapping[str, Any]) -> list[str]:
    """What stands under names of a next page; those that are called so before others, such as “cursor”."""
    found = [
        (not normal(name).startswith(("next", "@odata.next")), str(value))
        for name, value in wrapper.items()
        if _is_of_next(name) and value not in _NOTHING and value is not UNREADABLE
    ]
    return [value for _, value in sorted(found, key=lambda one: one[0])]


def count_records(pages: Sequence[SavedPage]) -> int:
    """How many records the pages hold, as the frame counts them, and odd elements."""
    frame = pd.DataFrame(
        {
            "state": np.concatenate([page.states for page in pages]),
            "content": np.concatenate([page.contents for page in pages]),
        }
    )
    looks = np.repeat(range(len(pages)), [len(page.states) for page in pages])
    if has_overlaps(pages):
        # An odd element has no id. Where pages overlap it may be on both.
        odd = functools.reduce(operator.or_, (page.odd for page in pages))
    else:
        odd = functools.reduce(operator.add, (page.odd for page in pages))
    return len(keep_each_once(frame, looks, ["state"], ["content"])) + odd.total()


def has_overlaps(pages: Sequence[SavedPage]) -> bool:
    """Whether a record is on two of the pages."""
    states = [np.unique(page.states) for page in pages]
    return len(np.unique(np.concatenate(states))) < sum(map(len, states))


def find_gap(pages: Sequence[SavedPage]) -> int | None:
    """The number of a page that is not there, of pages that number themselves; None if they do not, or all are there.

    Several lists may be among the pages: behind as many as go on there are as many, and before each there is one.
    """
    held: dict[int, list[SavedPage]] = {}
    for page in pages:
        if page.number is None:
            return None
        beside = held.setdefault(page.number, [])
        # One that was saved again while its list moved is the same page.
        if not any(np.isin(page.states, one.states).any() for one in beside):
            beside.append(page)
    first = 0 if 0 in held else 1
    for number in sorted({*held, *(one + 1 for one in held)}):
        before, here = held.get(number - 1, []), held.get(number, [])
        if sum(one.ends[first] is False for one in before) > len(here):
            return number
        if number != first and len(here) > len(before):
            return number - 1
    return None


def is_whole_by_places(pages: Sequence[SavedPage]) -> bool | None:
    """Whether the page before and after each is there, by what they tell of their places; None if they tell nothing.

    They may tell an offset, their own or that of the page behind, or the cursor by which they were asked for.
    """
    ways = []
    offsets = [(page.offset, page) for page in pages if page.offset is not None]
    if len(offsets) == len(pages):
        own = [_Link(place, place + page.received, page) for place, page in offsets]
        of_next = [_Link(place - page.received, place, page) for place, page in offsets]
        ways.append(_follow_each_other(own, {0}))
        # Beside a limit it is what was asked for.
        ways.append(all("limit" not in page.words for page in pages) and _follow_each_other(of_next, {0}))
    told = sum(page.tells_own for page in pages)
    if told and told >= len(pages) - 1:
        links = [_Link(page.own, page.following, page) for page in pages]
        heads: set[Hashable] = {None}
        if all(page.own is not None for page in pages):
            # The first one may have been asked for by a cursor, too.
            heads = {link.place for link in links} - {link.following for link in links}
        ways.append(len(heads) == 1 and _follow_each_other(links, heads))
    return any(ways) if ways else None


class _Link(NamedTuple):
    place: Hashable
    following: Hashable
    page: SavedPage


def _follow_each_other(links: Sequence[_Link], heads: Collection[Hashable]) -> bool:
    held = Counter(link.place for link in links)
    behind = Counter(link.following for link in links)
    going = Counter(link.following for link in links if link.page.is_last is False)
    return going <= held and all(place in heads or count <= behind[place] for place, count in held.items())


def are_chained(pages: Sequence[SavedPage]) -> bool:
    """Whether pages that name no more than the next one can be all of one list.

    One of them is the last, each other one names another next page, and no record is on two. So as many pages are
    wanted as there are behind the first one; which one of them follows which they do not say.
    """
    going = [page for page in pages if page.is_last is False]
    named = {page.following for page in going}
    if None in named or len(named) < len(going) or len(going) != len(pages) - 1 or has_overlaps(pages):
        return False
    if all(page.is_behind for page in pages):
        return False
    numbers = {page.next_number for page in going if page.next_number is not None}
    return not numbers or any(numbers == set(range(first + 1, first + len(pages))) for first in _FIRST_NUMBERS)
