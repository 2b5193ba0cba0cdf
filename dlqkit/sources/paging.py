"""Page after page of an API that does not say how it pages: found out by asking, and never believed without a check."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import zip_longest
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pandas as pd

from dlqkit.errors import AccessDenied, SourceError, SourceUnavailable, UnexpectedAnswer
from dlqkit.frames import Completeness
from dlqkit.language import in_english, mark
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.http import NoAnswer, NoContent, Response
from dlqkit.sources.known_records import Hashes, KnownRecords
from dlqkit.sources.odd_elements import OddElements, Placed
from dlqkit.sources.page_faults import find_shortfall
from dlqkit.sources.page_joins import PageJoins
from dlqkit.sources.page_markers import (
    find_cursor,
    find_end_marker,
    find_next_url,
    find_page_number,
    find_sign,
    find_total,
)
from dlqkit.sources.record_decode import NO_LIST, Decoded
from dlqkit.sources.record_repair import Quarantined
from dlqkit.untrusted import shorten

__all__ = ["Fetch", "Fetched", "Page", "Pager"]

Style = Literal["none", "offset", "page", "cursor", "link"]
# An API that answers exactly so many may have cut at its own limit, whatever it was asked for.
ROUND_LIMITS = frozenset({10, 20, 25, 30, 32, 40, 50, 64, 75, 100, 128, 150, 200, 250, 256, 300, 400, 500, 512, 750,
                          1000, 1024, 2000, 2048, 2500, 4096, 5000, 10000})  # fmt: skip
# Asked for once where no limit is set: an API that gives a thousand at once saves nine requests of ten.
LARGE_LIMIT = 1000
# A page is the first one again when one of these many records at its head is there; one alone may have been rewritten.
HEAD = 3
# So many old records at a page's end, in order, say that the window is covered; a single one may be a stray.
TAIL = 10
# After so many pages that lead nowhere, asking on is in vain.
MOST_IN_VAIN = 3
PARTIAL_CONTENT = 206
# A filter may empty many pages in a row; a feed that always names a next page does so without end.
MOST_EMPTY = 50
# So many lists that were not read are told of; a server may name others on each page.
MOST_TOLD = 12
# So often a list that changes while it is read is looked at again.
MOST_LOOKS = 2
# Longer ones are no number of a page, however it is written.
_LONGEST_PLACE = 100
_PLACE = re.compile(
    r"[^\w]*(?:(?:array|list)?(?:connection|offset|page|skip|start|startat|from|cursor|position|pos|index|place|number|o|p)"
    r"[^\w]*)?([0-9]{1,18})[^\w]*",
    re.ASCII | re.IGNORECASE,
)
_STYLES: dict[Style, str] = {
    "link": mark("Pages follow each other by links."),
    "cursor": mark("Pages follow each other by a cursor."),
    "offset": mark("Pages follow each other by offset."),
    "page": mark("Pages follow each other by page numbers."),
}
_LAST_PAGE = mark("The API said that this was the last page.")
_REPEATED = mark("Further pages bring only records that were there already.")
_CHANGED = mark("The list changed while it was read, so that some records may have been passed over.")


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it came, and its records."""

    number: int
    body: bytes
    query: Mapping[str, str]
    frame: pd.DataFrame
    received: int
    quarantined: tuple[Quarantined, ...]
    """Its elements that are no records; of a page that counts, those that were on no page before."""
    masked: int
    original_sha256: str | None
    request_id: str | None = None
    """A hash of what was asked, where the body alone is the whole answer to it."""
    date: str | None = None
    """When the server says that it answered: its ``Date`` header."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page, what its wrapper says, and the answer's headers."""

    page: Page
    decoded: Decoded
    response: Response
    keys: tuple[int, ...]
    """One for each record, the same for the same state of the same record."""
    hashes: Hashes
    fresh: Any = field(default_factory=lambda: np.zeros(0, bool))
    """Of a page that counts, for each record whether no page before it had this state, nor a record above it."""

    @classmethod
    def of(cls, page: Page, decoded: Decoded, response: Response) -> Fetched:
        """With the keys of the page's records."""
        hashes = Hashes.of(page.frame)
        keys = np.where(hashes.beside, hashes.contents, hashes.states)
        return cls(page, decoded, response, tuple(keys.tolist()), hashes)


Fetch = Callable[[int, Mapping[str, str], str | None], Fetched]


class Pager:
    """Walks the pages of one question; afterwards its attributes say how, and whether that was all.

    Parameters
    ----------
    fetch : callable
        Gets a page by its number, query, and address where the API named one.
    query : mapping
        The question, with its limit.
    settings : ExecutionLogsSettings
        Style and limit, as far as they are set.
    budget : int
        Requests at most.
    start : datetime, optional
        Reading stops where the records, newest first, are older.
    """

    def __init__(
        self,
        fetch: Fetch,
        query: Mapping[str, str],
        settings: ExecutionLogsSettings,
        budget: int,
        start: datetime | None,
    ) -> None:
        self._fetch, self._query, self._settings, self._budget, self._start = fetch, query, settings, budget, start
        self.style: Style | None = None if settings.pagination == "auto" else settings.pagination
        self.completeness: Completeness | None = None
        self.missing: list[str] = []
        self.findings: dict[str, None] = {}
        self.newest_first: bool | None = None
        self.requests = self.pages = self.received = self.quarantined = 0
        self._records = KnownRecords()
        self._odd = OddElements()
        self._first: Fetched | None = None
        self._before: Fetched | None = None
        self._previous: Fetched | None = None
        self._fresh = 0
        self._page_size = 0
        self._limit: int | None = None
        self._page_base: int | None = None
        self._position = 0
        self._place: int | None = None
        self._cursor_name: str | None = None
        self._used: set[str] = set()
        # The same of a second look.
        self._followed: set[str] = set()
        self._total: int | None = None
        self._last_total: int | None = None
        self._told_more = False
        # Whether links or cursors hold nothing but places, so that a record that leaves the list moves what follows.
        self._is_numbered = False
        self._empty = 0
        self._shifts = self._in_vain = self._short_pages = 0
        # Records that are taken for known ones although their error is another, and whether a probe had some.
        self._alike = 0
        self._was_alike = False
        # Odd elements that may be known ones which the list has moved away from their neighbours.
        self._doubtful = 0
        self._broken: SourceError | None = None
        self._joins = PageJoins()
        self._is_joined = self._to_the_end = self._is_total_steady = self._is_back = self._is_lost = False
        self._is_between = self._has_moved = self._looks_again = False
        self._sentence: str | None = None
        self._elements: tuple[int, ...] = ()
        self._head: frozenset[int] = frozenset()
        self._count_before = 0
        self._failed: SourceError | None = None
        self._skipped: int | None = None
        # What the pages say against themselves, and which of their lists were not read.
        self._shortfalls: dict[str, None] = {}
        self._left_out: dict[str, None] = {}
        self._has_list = False

    def walk(self) -> Iterator[Fetched]:
        """Each page that counts; probes that brought nothing new are not among them.

        Raises
        ------
        SourceError
            If the first page cannot be had; a later one that fails makes it ``partial``.
        """
        got = self._get_surely(self._query)
        got = self._accept(got, self._placed(got, 0))
        self._joins.add(self._elements, 0, 0)
        yield got
        try:
            while (step := self._step(got)) is not None:
                place, again = self._place or 0, self._again()
                by_offset = self.style == "offset"
                known = int(self._records.known(step.keys).sum())
                self._has_moved = self._has_moved or known > (self._overlap() if by_offset else 0)
                asked_again = max(self._position - place, 0) if by_offset else 0
                placed = self._placed(step, place if by_offset else self._position)
                got = self._accept(step, placed, asked_again)
                at, overlap = (place, again) if by_offset else (self.pages - 1, 0)
                self._joins.add(self._elements, at, overlap, joined=self._is_joined)
                self._is_joined = False
                yield got
            if self.completeness == "complete" and (self.style in ("offset", "page") or self._is_numbered):
                yield from self._look_again()
        except SourceError as error:
            text = mark("Page {number:d} could not be had: {problem}")
            self._end("partial", in_english(text, number=self.pages + 1, problem=error.problem))
        self._judge()

    # --- requests

    def _get(self, query: Mapping[str, str], url: str | None = None) -> Fetched:
        self.requests += 1
        got = self._fetch(self.pages + 1, query, url)
        if self.pages and not got.decoded.has_list:
            # It may be an empty page of an API that leaves the empty list out, or a backend that gave nothing once.
            self.requests += 1
            got = self._fetch(self.pages + 1, query, url)
        near = [one.page.frame for one in (self._first, self._before) if one is not None]
        keys = self._records.tell_apart(got.hashes, got.page.frame, None if self._looks_again else near)
        self._was_alike = self._was_alike or (
            self.pages == 1 and bool(self._records.find_alike(got.hashes, keys).any())
        )
        return replace(got, keys=keys)

    def _get_surely(self, query: Mapping[str, str], url: str | None = None) -> Fetched:
        """A page that is asked for twice where it comes without a record, or as the one before: that may be so once."""
        got = self._get(query, url)
        is_odd = self._is_same_as_before(got) if got.page.received else not self._empty
        if not is_odd or not got.decoded.has_list or self.requests >= self._budget:
            return got
        try:
            again = self._get(query, url)
        except SourceError:
            # A cursor may be good for once.
            return got
        return again if again.page.received else got

    def _probe(self, more: Mapping[str, str], url: str | None = None) -> Fetched | None:
        """A page that the API may refuse to give, such as one for a parameter it does not know."""
        self._broken = None
        if self.requests >= self._budget:
            return None
        try:
            get = self._get_surely if self._is_followed else self._get
            return get({**self._query, **more}, url)
        except NoContent:
            return None
        except (SourceUnavailable, AccessDenied, NoAnswer) as error:
            self._broken = self._failed = error
            return None
        except UnexpectedAnswer:
            return None

    # --- what came

    def _placed(self, got: Fetched, place: int | None = None) -> Placed:
        """Which elements of a page are known; the place is that behind all that was read, where none is given."""
        at = self._position if place is None else place
        return self._odd.place(got.keys, got.decoded.odd_at, _odd_of(got), at)

    def _accept(self, got: Fetched, placed: Placed, asked_again: int = 0) -> Fetched:
        page = got.page
        self.pages += 1
        count_before = self._count()
        # An API that answers a number beyond the last page with that page once more has no new ones on it.
        is_again = self.style == "page" and self._is_same_as_before(got) and not self._is_between
        self._is_between = False
        odd = () if is_again else _new_of(got, placed)
        if self._has_moved and not is_again:
            self._doubtful += sum(new and alike for new, alike in zip(placed.odd, placed.alike, strict=True))
        self._odd.add(placed, _odd_of(got))
        self._elements = placed.keys
        self.quarantined += len(odd)
        self.received += page.received
        self.findings.update(dict.fromkeys(got.decoded.findings))
        if self.newest_first is None:
            self.newest_first = _is_newest_first(page.frame)
        if not (is_again or self._looks_again):
            alike = self._records.find_alike(got.hashes, got.keys)
            self._alike += int(alike[asked_again:].sum())
        fresh = self._records.add(got.hashes, got.keys)
        got = replace(got, fresh=fresh, page=replace(page, quarantined=odd))
        self._fresh = int(got.fresh.sum()) + len(odd)
        self._count_before = count_before if self._fresh else self._count_before
        received_before = self._before.page.received if self._before is not None else 0
        self._previous, self._before, self._first = self._before, got, self._first or got
        self._short_pages += bool(self._fresh and page.received < self._page_size)
        self._page_size = max(self._page_size, page.received)
        self._position = placed.place + page.received
        if len(self._left_out) < MOST_TOLD:
            self._left_out.update(dict.fromkeys(got.decoded.left_out))
        self._has_list = self._has_list or got.decoded.has_list
        shortfall = find_shortfall(got.decoded.wrapper, has_records=not page.frame.empty)
        if shortfall is not None:
            self._shortfalls[shortfall] = None
        total = find_total(got.decoded.wrapper, got.response.headers, page.received)
        self._is_total_steady = self.pages == 1 or (self._is_total_steady and total == self._total)
        self._is_lost = self._is_lost or self._has_sunk(total, page.received, received_before)
        self._last_total = self._last_total if total is None else total
        if self.pages == 1:
            self._total = total
            self._head = self._head_of(placed)
        if self._marker(got) is False or (self._total is not None and self._total > self.received):
            self._told_more = True
        return got

    def _head_of(self, placed: Placed) -> frozenset[int]:
        """The elements by which the first page is known again: without what is asked for again."""
        return frozenset(placed.keys[: max(min(HEAD, len(placed.keys) - max(self._again(), 1)), 1)])

    @property
    def _is_followed(self) -> bool:
        """Whether each page says where the next one is."""
        return self.style in ("link", "cursor")

    @property
    def _sign(self) -> str | None:
        """What in the first answer may lead to further records by a way that is not known."""
        assert self._first is not None
        return find_sign(self._first.decoded.wrapper, self._first.response.headers)

    def _count(self) -> int:
        """How many elements of the list came for sure: states of records, and what is none."""
        return len(self._records) + self.quarantined - self._doubtful

    def _is_same_as_before(self, got: Fetched) -> bool:
        return self._before is not None and _is_same(got, self._before)

    def _has_sunk(self, total: int | None, received: int, received_before: int) -> bool:
        """Whether records left a list that is followed by links or a cursor, which may be places in disguise."""
        if not self._is_followed or total is None or self._last_total is None or self._is_numbered:
            return False
        # A total may also be of this page, or of what is left.
        return self._last_total > total != received and self._last_total - total != received_before

    def _marker(self, got: Fetched) -> bool | None:
        assert self._first is not None
        number = find_page_number(self._first.decoded.wrapper, self._first.response.headers)
        is_first = self.pages <= 1
        marker = find_end_marker(got.decoded.wrapper, got.response.headers, number, is_first=is_first)
        if marker is None and got.response.status == PARTIAL_CONTENT and self.pages <= 1:
            # RFC 9110, section 15.3.7: it is not all, but where its range ends with the whole.
            total = find_total({}, got.response.headers)
            return None if total is not None and self.received >= total else False
        return marker

    def _is_first_again(self, got: Fetched, place: int | None = None) -> bool:
        assert self._first is not None
        # Odd elements without a record near them are known by their place alone, which an API may not have heeded.
        return not self._head.isdisjoint(self._placed(got, place).keys) or _is_same(self._first, got)

    def _goes_on(self, got: Fetched, place: int) -> bool:
        """Whether a page that begins further down the first one has something new behind the last of that."""
        keys, last = self._placed(got, place).keys, self._elements[-1:]
        if not keys or keys[0] in self._elements[:1] or last[0] not in keys:
            return False
        return not all(self._records.known(keys[keys.index(last[0]) + 1 :]))

    def _is_new(self, got: Fetched, placed: Placed) -> bool:
        """Whether anything on the page was on none before."""
        return any(placed.odd) or not self._records.known(got.keys).all()

    def _brings_more(self, got: Fetched | None) -> bool:
        return got is not None and not self._is_first_again(got) and self._is_new(got, self._placed(got))

    # --- the end

    def _end(self, completeness: Completeness, sentence: str | None = None) -> None:
        """Stop; the sentence says why, among what was found out or what is missing."""
        self.completeness, self._sentence = completeness, sentence

    def _judge(self) -> None:
        """Whether what ended well was all; and the sentence that says why it ended."""
        completeness, sentence = self.completeness, self._sentence
        unique = self._count()
        totals = [one for one in (self._total, self._last_total) if one is not None]
        if completeness == "complete" and totals and min(totals) > unique and not self._is_back:
            completeness, sentence = "unverified", _CHANGED
            if not self._doubtful:
                text = mark("The API speaks of {total} records, and its pages end after {unique}.")
                sentence = in_english(text, total=min(totals), unique=unique)
        elif completeness == "complete" and self._skipped is not None:
            completeness, sentence = "unverified", None
        elif completeness == "complete" and (self._is_lost or self._shifts > MOST_IN_VAIN):
            completeness, sentence = "unverified", _CHANGED
        elif completeness == "complete" and self._alike and (not totals or min(totals) != unique):
            completeness = "unverified"
            text = mark(
                "Records with the id, the time and the fate of one on another page, and with another error, were taken "
                "for the same: {count}."
            )
            sentence = in_english(text, count=self._alike)
        self.completeness = completeness
        if sentence is not None and completeness == "complete":
            self.findings[sentence] = None
        elif sentence is not None:
            self.missing.append(sentence)
        self._judge_the_whole()

    def _judge_the_whole(self) -> None:
        """What the answers say against themselves counts however well the pages ended."""
        assert self._before is not None
        # Where reading stopped before the end, that a page is cut says nothing.
        has_records = not self._before.page.frame.empty
        cut = find_shortfall(self._before.decoded.wrapper, is_last=not self._is_back, has_records=has_records)
        if cut is not None:
            self._shortfalls[cut] = None
        if self._has_list:
            self._left_out.pop(NO_LIST, None)
        self.missing += [*self._shortfalls, *self._left_out]
        if self._shortfalls:
            self.completeness = "partial"
        elif self._left_out and self.completeness == "complete":
            self.completeness = "unverified"

    # --- a second look

    def _look_again(self) -> Iterator[Fetched]:
        """What a list that moved while it was read hid; pages that bring nothing new are not among it."""
        self._looks_again = True
        is_counted = self._is_total_steady and self._total == self._count()
        if is_counted and not self._joins.grew:
            return
        for looks in range(1, MOST_LOOKS + 1):
            if not (self._joins.open or self._joins.grew or self._to_the_end):
                return
            self._joins.grew = False
            self._odd.begin()
            yield from self._look(self._page_size - looks)
            if self.requests >= self._budget:
                break
        if self._joins.open or self._joins.grew or self._to_the_end:
            is_spent = self.requests >= self._budget and not self._has_moved
            text = mark(
                "The budget of {budget:d} requests was used up before a second look at the list showed that nothing "
                "moved; execution_logs.max_requests sets it."
            )
            self._end("unverified", in_english(text, budget=self._budget) if is_spent else _CHANGED)

    def _look(self, shorter: int) -> Iterator[Fetched]:
        # Pages of another length end elsewhere: where two did not join, one of these has what lies between.
        limit = shorter if self.style == "page" and shorter > 1 else int(self._limit_text())
        if self._is_followed:
            limit = self._page_size
        self._followed = set()
        assert self._before is not None
        place, number, last, is_full = 0, 0, self._before, False
        # Pages as long as before although fewer records were asked for: those of an API with a length of its own.
        is_alike = limit >= self._page_size
        before: Fetched | None = None
        elements: tuple[int, ...] = ()
        has_changed = False
        while self.requests < self._budget:
            step = self._ask_again(before, place, number, limit)
            if step is None and self._broken is not None:
                raise self._broken
            if step is None or self._is_behind_the_last(step, before):
                # Behind a full page nothing is certain, unless both times it was the last and the same.
                # Nor where the last one names another, which did not come.
                is_same = before is not None and _is_same(before, last) and self._marker(before) is not False
                is_same = is_same and not has_changed
                self._to_the_end = self._to_the_end and before is not None and not is_same and is_full
                return
            is_full = step.page.received >= limit
            placed = self._placed(step, place)
            if elements and elements[-1] in placed.keys[1:]:
                self._joins.grew = has_changed = True
            elements = placed.keys
            is_fresh = self._is_new(step, placed)
            has_changed = has_changed or is_fresh
            is_alike = is_alike or step.page.received > limit
            at = place if self.style == "offset" else number if is_alike else None
            # In a list that changes, two pages are the same as before also where what hid a record came back.
            self._joins.look(elements, None if has_changed else at)
            if is_fresh:
                text = mark("The list changed while it was read; dlqkit looked at it again for what moved.")
                self.findings[text] = None
                self._has_moved = True
                step = self._accept(step, placed)
                yield step
            else:
                self._odd.add(placed, _odd_of(step))
            is_back = self._is_read_back(step.page)
            if is_back or not (is_fresh or self._joins.open or self._to_the_end):
                self._to_the_end = False
                return
            place += max(step.page.received - (self.style == "offset"), 1)
            number, before = number + 1, step

    def _is_behind_the_last(self, step: Fetched, before: Fetched | None) -> bool:
        """Whether a page that was asked for by its place shows that the one before was the last."""
        return not self._is_followed and (not step.page.received or (before is not None and _is_same(step, before)))

    def _ask_again(self, before: Fetched | None, place: int, number: int, limit: int) -> Fetched | None:
        """A page of another reading, behind the one before; None where there is none."""
        self._broken = None
        if self.style == "offset":
            return self._probe({"offset": str(place), "limit": str(limit)})
        if self.style == "page":
            return self._probe({"page": str(number + (self._page_base or 0)), "limit": str(limit)})
        if before is None:
            return self._probe({})
        url = find_next_url(before.decoded.wrapper, before.response.headers, before.response.url)
        cursor = find_cursor(before.decoded.wrapper)
        following = url if self.style == "link" else cursor[1] if cursor is not None else None
        if following is None or following in self._followed:
            return None
        self._followed.add(following)
        if self.style == "link":
            return self._probe({}, url)
        return self._probe({self._cursor_name or "": following, "limit": self._limit_text()})

    def _is_read_back(self, page: Page) -> bool:
        """Whether what follows is older than the window: not one old record says so, but all at the page's end."""
        times = page.frame["recorded_at"].dropna()
        if self._start is None or not self.newest_first or not len(times):
            return False
        tail = times.iloc[-max(TAIL, len(times) // 10) :] if times.is_monotonic_decreasing else times
        return bool((tail < pd.Timestamp(self._start)).all())

    def _is_short(self) -> bool:
        """Whether the first page is shorter than the limit that was asked for, and than any limit one would choose."""
        return self.received < self._settings.page_limit and self.received not in ROUND_LIMITS

    # --- from page to page

    def _step(self, got: Fetched) -> Fetched | None:
        """The next page; None when this was the last, and ``completeness`` is set."""
        if self._is_read_back(got.page):
            self._is_back = True
            self._end("complete", mark("Read, newest first, back to before the window."))
            return None
        # A page without records may be one that a filter emptied, or of odd elements; one of known ones leads nowhere.
        self._in_vain = 0 if self._fresh else self._in_vain + bool(got.page.received)
        self._empty = 0 if got.page.received else self._empty + 1
        if self._in_vain >= MOST_IN_VAIN:
            # Nothing more where more was promised is a source that failed.
            self._end("partial" if self._marker(got) is False else "unverified", _REPEATED)
            return None
        self._place = None
        url, cursor = self._told_place(got)
        if (url or cursor) and self._is_spent():
            return None
        if (url or cursor) and self._empty >= MOST_EMPTY:
            text = mark("{count} pages in a row had no record and named a next one; what may follow was not read.")
            self._end("partial", in_english(text, count=self._empty))
            return None
        if url is not None:
            self._say_style("link")
            self._is_numbered = self._is_numbered or self._is_place(url, got.response.url)
            return self._get_surely(self._query, url)
        if cursor is not None:
            self._say_style("cursor")
            self._is_numbered = self._is_numbered or self._is_number(cursor[1])
            return self._by_cursor(*cursor)
        if self._is_followed and self.pages > 1:
            self._after_the_last_link(got)
            return None
        if self.pages == 1:
            return self._after_the_first(got)
        # A total may be capped, or of the page, and “no more” be a constant: behind a full page one more request tells.
        if got.page.received < self._page_size and self._end_as_told(got):
            return None
        return self._by_offset(got) if self.style == "offset" else self._by_page(got)

    def _end_as_told(self, got: Fetched) -> bool:
        """End where the answer says that this was all, having said before that more follows."""
        marker = self._marker(got)
        if not self._told_more or marker is False:
            return False
        if marker is True:
            self._end("complete", _LAST_PAGE)
        elif self._total is not None and self._count() >= self._total > self._count_before:
            text = in_english(mark("The API said that there are {total} in all."), total=self._total)
            self._end("complete", text)
        return self.completeness is not None

    def _is_spent(self) -> bool:
        if self.requests < self._budget:
            return False
        text = mark(
            "The budget of {budget:d} requests was used up before the window was covered; execution_logs.max_requests "
            "sets it."
        )
        self._end("partial", in_english(text, budget=self._budget))
        return True

    def _say_style(self, style: Style) -> None:
        self.style = style
        self.findings[_STYLES[style]] = None

    def _told_place(self, got: Fetched) -> tuple[str | None, tuple[tuple[str, ...], str] | None]:
        """Address or cursor of the next page, if the answer names one that was not followed yet."""
        wrapper = got.decoded.wrapper
        self._used.add(got.response.url)
        url = find_next_url(wrapper, got.response.headers, got.response.url)
        if self.style in (None, "link") and url is not None and url not in self._used:
            self._used.add(url)
            return url, None
        cursor = find_cursor(wrapper) if self.style in (None, "cursor") and url is None else None
        if cursor is not None and cursor[1] not in self._used:
            self._used.add(cursor[1])
            return None, cursor
        return None, None

    def _is_place(self, url: str, before: str) -> bool:
        """Whether an address differs from that of the page before in nothing but the number of a page or a record."""
        asked, following = urlsplit(before), urlsplit(url)
        known = dict(parse_qsl(asked.query))
        new = [value for name, value in parse_qsl(following.query) if known.get(name) != value]
        steps = zip_longest(asked.path.split("/"), following.path.split("/"), fillvalue="")
        new += [step for before, step in steps if before != step]
        return any(map(self._is_number, new)) and all(one.isdecimal() or self._is_number(one) for one in new)

    def _is_number(self, text: str) -> bool:
        """Whether a text holds nothing but the number of the next page, or of a record at its edge."""
        near = {self.pages, self.pages + 1, self._position - 1, self._position, self._position + 1,
                self.pages * self._settings.page_limit}  # fmt: skip
        numbers = (_number_of_place(one) for one in (text, _unpacked(text)))
        return any(number in near for number in numbers if number is not None)

    def _after_the_last_link(self, got: Fetched) -> None:
        # Pages named the next one until here, so that naming none is the end; naming themselves is not.
        if self._marker(got) is False and not got.page.received:
            self._end("unverified", mark("The last page has no record, and names itself as the next one."))
        elif self._marker(got) is False:
            text = mark("The API says that more follows, and names only pages that were there already.")
            self._end("partial", text)
        else:
            self._to_the_end = self._is_numbered and self._is_full_before_nothing()
            self._end("complete", _LAST_PAGE)

    def _after_the_first(self, got: Fetched) -> Fetched | None:
        if self.received == 0 and not (self._told_more or self._sign):
            self._end("complete")
            return None
        ended = self._marker(got) is True
        # An answer that always says “no more” is found out where the page is as long as a limit may be.
        doubtful = self.received >= self._settings.page_limit or self.received in ROUND_LIMITS
        if self.style != "none" and self.received and not (ended and not doubtful):
            step = self._find_style()
            if step is not None or self.completeness is not None:
                if ended and step is not None:
                    text = mark("The API said of its first page that it was the last, and it was not.")
                    self.findings[text] = None
                return step
        self._settle(ended)
        return None

    def _settle(self, ended: bool) -> None:
        """One page, and no way to ask for another: whether that is all."""
        more = self._total is not None and self._total > self.received
        if ended and not more:
            self._end("complete", _LAST_PAGE)
        elif self._failed is not None:
            # Nothing says that there is no second page, however short the first one is.
            text = mark("Page {number:d} could not be had: {problem}")
            self._end("partial", in_english(text, number=2, problem=self._failed.problem))
            if self._is_short():
                text = mark('An API that has no pages is set as such: execution_logs.pagination = "none".')
                self.findings[text] = None
        elif self._are_all_as_set():
            text = mark('That {count} records are all rests on execution_logs.pagination = "{style}".')
            self._end("complete", in_english(text, count=self.received, style=self._settings.pagination))
        elif self._sign is not None and not self._told_more and self._total != self.received:
            text = mark(
                "The answer names “{name}”, which may lead to further records; dlqkit does not know how to follow it."
            )
            self._end("unverified", in_english(text, name=shorten(self._sign, 60)))
        elif self._is_short() and not self._told_more:
            text = mark(
                "That {count} records are all rests on their being fewer than the {asked} asked for; no way to ask for "
                "further ones was found."
            )
            self._end("complete", in_english(text, count=self.received, asked=self._settings.page_limit))
        elif not self._is_spent():
            text = mark("The API gave {count} records and shows no way to go on, so there may be more.")
            if more:
                text = mark(
                    "The API gave {count} records and shows no way to go on, so there may be more; it speaks of "
                    "{total}."
                )
            told = {"total": self._total} if more else {}
            self._end("unverified", in_english(text, count=self.received, **told))

    def _are_all_as_set(self) -> bool:
        """Whether the analyst's word on how the API pages says that there is no second page."""
        style, limit = self._settings.pagination, self._settings.page_limit
        is_cut = style == "none" and self.received == limit and self._total != self.received
        may_lead_on = style != "none" and self._sign is not None
        return style in ("none", "cursor", "link") and not (self._told_more or is_cut or may_lead_on)

    # --- styles that the answer does not name

    def _find_style(self) -> Fetched | None:
        """The second page by ``offset`` or ``page``; None also where that showed the first to be the last."""
        # That there are no pages rests on answers of which a single one may have been an old one: they are had twice.
        for _ in range(2 if self._is_short() and not self._told_more else 1):
            for style, find in (("offset", self._find_offset), ("page", self._find_page)):
                if self.style not in (None, style):
                    continue
                step = find()
                if step is None and self._was_alike and self._are_contents_steady():
                    return self._find_style_by_contents()
                if step is not None or self.completeness is not None:
                    return step
            if self._failed is not None:
                break
        if self.style is None and self.requests < self._budget:
            self.style = "none"
            self.findings[mark("Neither offset nor page numbers bring further records.")] = None
        return None

    def _are_contents_steady(self) -> bool:
        """Whether what looks like the first page with other errors is another page, as each comes alike once more."""
        assert self._first is not None
        self._was_alike, first = False, self._first.hashes.contents.tolist()

        def comes(query: Mapping[str, str]) -> list[int]:
            got = self._probe(query)
            return got.hashes.contents.tolist() if got is not None else []

        # The first page under its own number too: of an API that does not know numbers that would be written anew.
        ways = [("offset", self.received - self._again(), "0"), ("page", 2, "1"), ("page", 1, "0")]
        for name, number, base in ways:
            if self.style not in (None, name):
                continue
            if not all(comes(query) == first for query in ({}, {name: base}, {})):
                continue
            other = comes({name: str(number)})
            if other and other != first and comes({name: str(number)}) == other:
                return True
        return False

    def _find_style_by_contents(self) -> Fetched | None:
        """The second page, other contents being other records."""
        assert self._first is not None
        self._was_alike = self._to_the_end = False
        self.completeness = None
        self._records, self._odd, self._joins = KnownRecords(by_contents=True), OddElements(), PageJoins()
        keys = self._records.tell_apart(self._first.hashes, self._first.page.frame, None)
        self._records.add(self._first.hashes, keys)
        self._first = self._before = replace(self._first, keys=keys)
        placed = self._placed(self._first, 0)
        self._odd.add(placed, _odd_of(self._first))
        self._elements = placed.keys
        self._head = self._head_of(placed)
        self._joins.add(self._elements, 0, 0)
        text = mark(
            "Records with the id, the time and the fate of another one, and with another error, were taken for "
            "several: the API wrote each alike whenever it was asked."
        )
        self.findings[text] = None
        return self._find_style()

    def _overlap(self) -> int:
        # The last record is asked for again: that it comes shows that the place was understood, and nothing slipped by.
        return 1 if self._page_size > 1 else 0

    def _again(self) -> int:
        """How many elements of the last page are asked for again: its last record, and the odd ones behind that."""
        assert self._before is not None
        odd, received = set(self._before.decoded.odd_at), self._before.page.received
        last = next((place for place in range(received - 1, -1, -1) if place not in odd), received - 1)
        # Of a page that has its one record in front nothing is: that would be the same page again.
        return received - last if self._overlap() and last > 0 else 0

    def _find_offset(self) -> Fetched | None:
        place = self.received - self._again()
        step = self._probe({"offset": str(place)})
        if step is None or (self._is_first_again(step, place) and not self._goes_on(step, place)):
            return None
        if step.page.received == 0:
            # Nothing: either beyond the end, or “offset” was taken for a field that no record has.
            again = self._probe({"offset": "0"}) if self._again() == 0 else None
            if again is not None and self._is_first_again(again):
                self._say_style("offset")
                self._end("complete")
            return None
        self._say_style("offset")
        return self._joined(step, place)

    def _joined(self, step: Fetched, place: int) -> Fetched:
        """The page, or one before it where the last record that came is not in it."""
        assert self._before is not None
        last, back = self._before.keys[-1:] or self._elements[-1:], 0
        while self._again() and place > 0 and last and last[0] not in self._placed(step, place).keys:
            # Records left the list, and what followed moved up: go back until pages join again.
            if self._shifts > MOST_IN_VAIN or self.requests >= self._budget:
                break
            self.findings[mark("Records left the list while it was read; dlqkit went back for what moved.")] = None
            # Half a page, so that the other half brings something new even of a list that loses some each time.
            back = 2 * back or -(-self._page_size // 2)
            self._has_moved = True
            place = max(place - back, 0)
            step = self._get({**self._query, "offset": str(place), "limit": self._limit_text()})
            known = self._records.known(step.keys)
            # In order: all that was there, and behind it what is new. A list in another order each time shows neither.
            self._is_joined = bool(known.any() and not (known[1:] > known[:-1]).any())
            self._shifts += not self._is_joined
            if known.any():
                break
        else:
            # Back at the beginning, and not even there is anything that was there before.
            self._is_lost = self._is_lost or back > 0
        self._place = place
        return step

    def _find_page(self) -> Fetched | None:
        one = self._probe({"page": "1"})
        if one is not None and one.page.received == 0:
            # That it is none of the pages rests on this answer, which may be one that came empty once.
            one = self._probe({"page": "1"})
        if one is None:
            return None
        if self._brings_more(one):
            # Pages counted from 0: the one that was got without a number was page 0.
            return self._by_page_from(0, one)
        if one.page.received == 0:
            zero = self._probe({"page": "0"})
            return self._by_page_from(0, None) if zero is not None and self._is_first_again(zero) else None
        two = self._probe({"page": "2"})
        if self._brings_more(two):
            return self._by_page_from(1, two)
        if two is not None and two.page.received and not self._is_first_again(two):
            # Records from further down the first page: numbers are understood, and pages are shorter than it was.
            self._say_style("page")
            self._end("unverified", _CHANGED)
            return None
        if two is None or two.page.received > 0:
            return None
        return self._by_page_from(1, self._behind_nothing({"page": "2"}, 2))

    def _by_page_from(self, base: int, step: Fetched | None) -> Fetched | None:
        self._page_base = base
        self._say_style("page")
        if step is None:
            self._end_of_pages()
        return step

    def _end_of_pages(self) -> None:
        """Nothing follows: but if a record left the list, what followed is on the page before, where that is full."""
        self._to_the_end = self._is_full_before_nothing()
        self._end("complete")

    def _is_full_before_nothing(self) -> bool:
        """Whether the last page that has anything is as long as pages get."""
        assert self._before is not None
        last = self._before if self._before.page.received or self._previous is None else self._previous
        return last.page.received >= self._page_size

    def _by_page(self, got: Fetched) -> Fetched | None:
        is_short = got.page.received < self._page_size
        if got.page.received and not self._fresh:
            return self._by_page_beyond(got, is_short)
        if not got.page.received:
            self._end_of_pages()
            return None
        if self._is_spent():
            return None
        number = self._next_number()
        query = {"page": str(number)}
        step: Fetched | None = self._probe(query) if is_short else self._get({**self._query, **query})
        if step is None and self._broken is not None:
            raise self._broken
        if step is not None and step.keys and _is_same(step, got) and self.requests < self._budget:
            # Beyond the last page some give it once more; so does a cache that is behind.
            step = self._get({**self._query, **query})
        if step is not None and step.page.received == 0 and not is_short:
            step = self._behind_nothing(query, number)
        if step is None or step.page.received == 0:
            self._end_of_pages()
            return None
        if not step.keys and _is_same(step, got):
            # Odd elements alone, and the same ones: the last page once more, unless something else is behind it.
            beyond = self._probe({"page": str(number + 1)})
            self._is_between = beyond is not None and not _is_same(beyond, step) and self._brings_more(beyond)
        return step

    def _next_number(self) -> int:
        return self.pages + (self._page_base or 0) + (self._skipped is not None)

    def _behind_nothing(self, query: Mapping[str, str], number: int) -> Fetched | None:
        """What follows a page without a record: None at the end of the list, which pages that come empty look like."""
        beyond = self._probe({"page": str(number + 1)}) if self._skipped is None else None
        if not self._brings_more(beyond):
            return None
        once_more = self._probe(query)
        if self._brings_more(once_more):
            return once_more
        self._skipped = number
        text = mark("Page {number:d} came without a record twice, and the one behind it has some.")
        self.missing.append(in_english(text, number=number))
        return beyond

    def _by_page_beyond(self, got: Fetched, is_short: bool) -> Fetched | None:
        """What follows a page of records that were there already."""
        is_again = self._previous is not None and _is_same(got, self._previous)
        if not is_again:
            # Some other page than the one before: the list moved down by a page, or pages are shorter than they were.
            self._to_the_end = True
            self._end("complete")
        elif is_short:
            # Some answer a number beyond the last with the last page.
            self._end("complete")
        elif not self._is_spent():
            step = self._probe({"page": str(self._next_number())})
            if step is not None and self._brings_more(step):
                return step
            if step is None and self._broken is not None:
                raise self._broken
            if not self._end_as_told(got):
                self._end("partial" if self._marker(got) is False else "unverified", _REPEATED)
        return None

    def _by_offset(self, got: Fetched) -> Fetched | None:
        again = self._again()
        if not self._fresh and got.page.received < max(self._page_size, 2):
            return self._after_the_overlap(got)
        if self._is_spent():
            return None
        place = self._position - again
        step = self._larger({"offset": str(place)})
        if again == 0 and step.page.received == 0:
            self._end("complete")
            return None
        return self._joined(step, place)

    def _after_the_overlap(self, got: Fetched) -> Fetched | None:
        """What follows a page of nothing but the record that was there: a server may give no more than one by now."""
        step = None
        # A single short page before it is the end of a list; several, or none, are not told from a lowered limit.
        if self._overlap() and self._short_pages != 1:
            step = self._probe({"offset": str(self._position), "limit": self._limit_text()})
        if step is not None and self._brings_more(step):
            self._page_size = 1
            self._place = self._position
            return step
        if step is None and self._broken is not None:
            raise self._broken
        self._end("complete")
        return None

    def _by_cursor(self, names: tuple[str, ...], value: str) -> Fetched | None:
        if self._cursor_name is not None:
            return self._larger({self._cursor_name: value}, can_repeat=False)
        nothing, again = [], None
        broken: SourceError | None = None
        for name in names:
            step = self._probe({name: value})
            broken = self._broken or broken
            following = find_cursor(step.decoded.wrapper) if step is not None else None
            # A page that a filter emptied brings nothing but the next cursor.
            leads_on = following is not None and following[1] not in self._used
            if self._brings_more(step) or (leads_on and step is not None and not self._is_first_again(step)):
                self._cursor_name = name
                return step
            if leads_on:
                again = again or (name, step)
            if step is not None and step.page.received == 0:
                nothing.append(name)
        if again is not None:
            # The first page once more, but with another cursor: under no other name did one bring more.
            self._cursor_name, step = again
            return step
        if broken is not None:
            raise broken
        for name in nothing:
            # A parameter taken for a field brings nothing whatever its value; one taken for a cursor does not.
            requests = self.requests
            other = self._probe({name: "0"})
            if self.requests > requests and (other is None or other.page.received):
                self._end("complete")
                return None
        if not self._is_spent():
            self._end("unverified", mark("The API names a cursor, but takes it under no name that is known."))
        return None

    def _limit_text(self) -> str:
        return str(self._limit or self._settings.page_limit)

    def _larger(self, place: Mapping[str, str], *, can_repeat: bool = True) -> Fetched:
        """The page at a place, of as many records as the API gives at once, unless a limit was set."""
        if self._limit is None:
            self._limit = self._settings.page_limit
            if "page_limit" not in self._settings.model_fields_set:
                step = self._probe({**place, "limit": str(LARGE_LIMIT)})
                if step is not None and step.page.received > self._page_size:
                    self._limit = LARGE_LIMIT
                    size = step.page.received
                    text = mark("A limit of {limit} gives pages of up to {size}.")
                    self.findings[in_english(text, limit=LARGE_LIMIT, size=size)] = None
                    return step
                is_whole = step is not None and step.page.received == self._page_size
                # A cursor may be good for once, and a page that it brought names the next one itself.
                is_used_up = not can_repeat and step is not None and step.page.received > 0
                if step is not None and (is_whole or is_used_up or self.requests >= self._budget):
                    return step
                # Fewer than before: the end, or an API that falls back where a limit is above its own.
        get = self._get_surely if self._is_followed else self._get
        return get({**self._query, **place, "limit": self._limit_text()})


def _new_of(got: Fetched, placed: Placed) -> tuple[Quarantined, ...]:
    return tuple(one for one, is_new in zip(got.decoded.quarantined, placed.odd, strict=True) if is_new)


def _is_same(one: Fetched, other: Fetched) -> bool:
    """Whether two pages have the same elements."""
    return one.keys == other.keys and _odd_of(one) == _odd_of(other)


def _number_of_place(text: str) -> int | None:
    """The number in a text that holds nothing else but a word for a place; the key of a record has others."""
    found = _PLACE.fullmatch(text) if len(text) <= _LONGEST_PLACE else None
    return int(found[1]) if found else None


def _unpacked(text: str) -> str:
    """What a text says in Base64, as of an offset that is to look like a cursor; empty where it is none."""
    try:
        return base64.urlsafe_b64decode(text[:_LONGEST_PLACE] + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        return ""


def _odd_of(got: Fetched) -> list[bytes]:
    return [one.raw for one in got.decoded.quarantined]


def _is_newest_first(frame: pd.DataFrame) -> bool | None:
    times = frame["recorded_at"].dropna()
    if len(times) < 2:
        return None
    steps = times.astype("int64").diff().iloc[1:]
    falling, rising = int((steps < 0).sum()), int((steps > 0).sum())
    if falling == rising == 0:
        return None
    return falling > 0 and rising <= 0.1 * falling
