"""Pages of the API that somebody saved as files: whether the ones that they speak of are among the files."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dlqkit.frames import Completeness
from dlqkit.language import in_english, mark
from dlqkit.sources.page_faults import find_shortfall
from dlqkit.sources.record_decode import Decoded
from dlqkit.sources.saved_places import SavedPage, are_chained, count_records, find_gap, is_whole_by_places

__all__ = ["Judged", "SavedPages"]

_UNSHOWN = mark("{name} is a page after which more follow, and nothing shows that the next one is among the files.")
_CHAINED = mark(
    "The saved pages tell only which one follows them: one is the last, each other one names another page, and so they "
    "are taken for all of one list."
)


class Judged(NamedTuple):
    """Whether all is there, what is missing, and on what that rests."""

    completeness: Completeness
    missing: Sequence[str] = ()
    findings: Sequence[str] = ()


@dataclass(slots=True)
class SavedPages:
    """What the wrappers of all files say; read without headers, which are not saved."""

    pages: dict[Hashable, SavedPage] = field(default_factory=dict)
    """Each once, though it may be saved several times."""
    shortfalls: dict[str, None] = field(default_factory=dict)
    """What they say against themselves."""
    left_out: dict[str, None] = field(default_factory=dict)
    """Which of their lists were not read."""

    def add(self, name: str, page: Decoded, states: npt.NDArray[np.uint64], contents: npt.NDArray[np.uint64]) -> None:
        """Read the wrapper of a file.

        Parameters
        ----------
        name : str
            The file's.
        page : Decoded
            What it holds.
        states, contents : array of int
            Of each record the keys that tell its state from others, and that state with this content from others.
        """
        saved = SavedPage.of(name, page, states, contents)
        known = self.pages.get(saved.identity)
        if known is None or (saved.total or 0) > (known.total or 0):
            self.pages[saved.identity] = saved
        shortfall = find_shortfall(page.wrapper, is_last=saved.is_last is not False, has_records=not page.frame.empty)
        self.shortfalls.update({} if shortfall is None else {shortfall: None})
        self.left_out.update(dict.fromkeys(page.left_out))

    def judge(self) -> Judged:
        """Whether all is there, by their own word."""
        found = list(_judge_all(list(self.pages.values())))
        said = dict.fromkeys([*self.shortfalls, *self.left_out, *(one for each in found for one in each.missing)])
        words = {each.completeness for each in found}
        if self.shortfalls or "partial" in words:
            completeness: Completeness = "partial"
        else:
            completeness = "unverified" if self.left_out or "unverified" in words else "complete"
        return Judged(completeness, list(said), list(dict.fromkeys(one for each in found for one in each.findings)))


def _judge_all(pages: Sequence[SavedPage]) -> Iterator[Judged]:
    """What each list comes to; pages that speak of several totals are of several lists."""
    lists = _by_total(pages)
    told = [total for total in lists if total is not None]
    if len(told) == 1 and count_records(pages) == told[0]:
        # Pages that do not speak of the total are of its list where they make it up.
        return
    met = {total for total in told if count_records(lists[total]) >= total}
    if len(told) == 1 and not met:
        yield _judge(pages, lists)
        return
    if len(told) > 1 and not met and count_records(pages) == max(told):
        # A list that grew while its pages were saved, if they tell their places.
        found = _judge(pages, {None: pages})
        if found == Judged("complete") and any(page.is_last is False for page in pages):
            return
    for total, own in lists.items():
        if total not in met:
            others = [page for other in lists if other != total for page in lists[other]]
            yield _judge(own, {total: own}, others)


def _by_total(pages: Sequence[SavedPage]) -> dict[int | None, list[SavedPage]]:
    # Where a page goes on behind its “total”, that is its own length.
    is_length = any(page.is_last is False and page.total is not None and page.total <= page.received for page in pages)
    lists: dict[int | None, list[SavedPage]] = {}
    for page in pages:
        is_own = is_length and page.total is not None and page.total <= page.received
        lists.setdefault(None if is_own else page.total, []).append(page)
    return lists


def _shortage(pages: Sequence[SavedPage], total: int, own: Sequence[SavedPage], *, is_alone: bool) -> str:
    known = count_records(pages)
    if is_alone and known < total:
        return in_english(mark("The files speak of {total} records, and hold {known}."), total=total, known=known)
    text = mark("Pages such as {name} speak of {total} records, and hold {known}.")
    return in_english(text, name=own[0].name, total=total, known=count_records(own))


def _judge(
    pages: Sequence[SavedPage], lists: Mapping[int | None, Sequence[SavedPage]], others: Sequence[SavedPage] = ()
) -> Judged:
    """What pages come to that do not hold the total of which some of them speak, or speak of none."""
    first = 0 if any(page.number == 0 for page in pages) else 1
    going = [page for page in pages if page.ends[first] is False]
    words = {page.words for page in going}
    # The last one may only lack the word that names the next one.
    last = [page for page in pages if page.ends[first] or (page.ends[first] is None and page.words in words)]
    if going and not last:
        if any(page.is_last for page in others):
            return Judged("unverified", [in_english(_UNSHOWN, name=going[0].name)])
        text = mark("{name} is a page after which more follow, and none of the files is the last one.")
        return Judged("partial", [in_english(text, name=going[0].name)])
    gap = find_gap([page for page in pages if page.number is not None])
    if gap is not None and all(page.number != gap for page in others):
        text = mark("The saved pages have numbers, and no file is the page {number} that they tell of.")
        return Judged("partial", [in_english(text, number=gap)])
    for total, own in lists.items():
        if total is not None:
            return Judged("unverified", [_shortage(pages, total, own, is_alone=not others)])
    unnumbered = [page for page in pages if page.number is None]
    following = [page for page in unnumbered if page.ends[first] is False]
    of_lists = {*going, *last}
    speaking = [page for page in unnumbered if page in of_lists or page.offset is not None]
    is_whole = is_whole_by_places(speaking) if speaking else True
    if is_whole is False or (speaking and all(page.is_behind for page in speaking)):
        text = mark("{name} is a page of a list of which others stand before or behind it, and not all are shown.")
        return Judged("unverified", [in_english(text, name=speaking[0].name)])
    if is_whole or not following:
        return Judged("complete")
    if are_chained(speaking):
        return Judged("complete", findings=[_CHAINED])
    return Judged("unverified", [in_english(_UNSHOWN, name=following[0].name)])
