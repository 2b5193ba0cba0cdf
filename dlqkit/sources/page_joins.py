"""Whether pages join: between which of them a record may have slipped by, and what a second look shows of it."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["PageJoins"]


class PageJoins:
    """Where the pages of a list that is read by places may not join.

    A list that loses a record above the place of reading moves up, and what stood first on the next page is then on
    none. Two pages join for sure where the second still has the last record of the first.
    """

    def __init__(self) -> None:
        self._pages = 0
        self._last: tuple[int, ...] = ()
        self._around: dict[int, tuple[int, ...]] = {}
        self._number_at: dict[int, int] = {}
        self._at = 0
        self._same: set[int] = set()
        self.open: set[int] = set()
        """Numbers of pages, from 0, behind which a record may have slipped by."""
        self.grew = False
        """Whether records came in front: new ones, or some that moved there before they were read."""

    def add(self, keys: Sequence[int], at: int, overlap: int, *, joined: bool = False) -> None:
        """Add the next page of the first reading.

        Parameters
        ----------
        keys : sequence of int
            One for each of its records.
        at : int
            Its number, or the place of its first record, by which it was asked for.
        overlap : int
            So many records of the page before were asked for again.
        joined : bool
            Whether it is known to join the page before.
        """
        page = tuple(keys)
        if not page:
            return
        if self._last == page:
            pass  # the last page once more, beyond the end
        elif self._last and self._last[-1] in page:
            self.grew = self.grew or page.index(self._last[-1]) >= overlap
        elif self._last and not joined:
            self.open.add(self._pages - 1)
            self._around |= {self._pages - 1: self._last, self._pages: page}
            self._number_at |= {self._at: self._pages - 1, at: self._pages}
        self._last, self._at = page, at
        self._pages += 1

    def look(self, keys: Sequence[int], at: int | None) -> None:
        """Add a page of a second look; ``at`` if it was asked for as a page of the first reading was."""
        there = set(keys)
        # Whatever lies between two records of one page has been seen by now.
        met = {page for page, known in self._around.items() if not there.isdisjoint(known)}
        self.open = {page for page in self.open if not {page, page + 1} <= met}
        number = self._number_at.get(at) if at is not None else None
        if number is not None and self._around.get(number) == tuple(keys):
            self._same.add(number)
            # Nothing moved between its two readings, so that nothing slipped by either.
            self.open = {page for page in self.open if not {page, page + 1} <= self._same}
