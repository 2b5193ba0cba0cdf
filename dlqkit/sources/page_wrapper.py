"""What a page of records is wrapped in: where its records stand, and what is said beside them of further pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import msgspec

from dlqkit.errors import UnexpectedAnswer
from dlqkit.language import in_english, mark
from dlqkit.sources.http import TooLarge, describe_body
from dlqkit.sources.json_elements import count_elements, find_members
from dlqkit.sources.page_faults import find_failure, is_word, tells_of_faults
from dlqkit.sources.page_lists import (
    Holder,
    are_records,
    are_words,
    find_other_lists,
    is_empty,
    may_hold_records,
    records_first,
)
from dlqkit.sources.page_markers import UNREADABLE, counts_all, find_total, is_marker, looks_like_next, names_next
from dlqkit.sources.record_fields import normal

__all__ = ["UNREAD_BESIDE", "Opened", "no_page", "open_page"]

UNREAD_BESIDE = mark("Something beside the records of a page cannot be read; it was left out, the raw page is kept.")
_WRAPPERS = (
    "items", "data", "results", "records", "logs", "executions", "executionlogs", "entries", "content", "rows",
    "values", "hits", "documents", "list",
)  # fmt: skip
_ABOUT_PAGES = frozenset({"meta", "metadata", "pagination", "paging", "page", "pageinfo", "links", "cursor",
                          "resultinfo", "responsemetadata", "responsemeta", "paginationinfo", "pagemetadata",
                          "pagingmetadata", "listmetadata", "listmeta", "info", "pager", "paginator",
                          "pages"})  # fmt: skip
# What an object about pages may also hold where nothing but that is said.
_ABOUT_THIS_PAGE = frozenset({"self", "first", "prev", "previous", "startcursor", "haspreviouspage", "limit", "offset",
                              "perpage", "pagesize", "size"})  # fmt: skip
# Also the place of the page itself is in it, such as “after” of its last record, which the last page has as well.
_CURSORS = "cursors"
# APIs nest two or three; each is read through once more, and a page may hold nothing else.
_DEEPEST_ABOUT_PAGES = 8
_ADDRESSES, _EMPTY = frozenset({"href", "url", "link", "uri"}), {b"null", b'""', b"{}", b"[]", b"false"}
_LONGEST_LINK = 1 << 16  # longer ones are taken by no server
# An address may have some 8,000 letters at the most servers (RFC 9110, section 4.1), and a cursor stands in one.
_LONGEST_PLAIN = 8192
# Of an object around records, and of all of them but one; each takes some 400 bytes in Python, ten in the page.
_MOST_MEMBERS = 200_000
# Of an object that is about pages, of which eight may be in each other.
_MOST_ABOUT_PAGES = 10_000
# Plain values that nobody looks for; they are kept to be looked at.
_MOST_PLAIN = 1000
# To tell the members of a broken one apart takes a hundred times as long, and seldom is there more than one.
_MOST_BROKEN = 100
_ODD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_Members = Mapping[str, msgspec.Raw]


@dataclass(slots=True)
class Opened:
    """A page whose records are still text."""

    array: bytes | msgspec.Raw = b"[]"
    """Of its records, from bracket to bracket; elements of it may be no JSON."""
    holder: str = ""
    """The name of what held it; empty where the page is the array."""
    beside: dict[str, Any] = field(default_factory=dict)
    """Plain values beside the records; ``UNREADABLE`` where one is none that can be read."""
    has_odd: bool = False
    """Whether something beside the records was left out since it cannot be read."""
    left_out: tuple[str, ...] = ()
    """Sentences, in English, on further lists that look like records."""
    has_list: bool = True
    """Whether it holds a list: an API that leaves empty ones out writes a page without records as ``{}``."""
    says_none: bool = False
    """Whether it holds no list and says why: that there is no record in all."""


@dataclass(frozen=True, slots=True)
class _Holder:
    """An object in which the records may stand."""

    prefix: str
    members: _Members
    text: bytes | msgspec.Raw
    is_broken: bool = False


def open_page(body: bytes, path: str | None, fields: Mapping[str, str] | None = None) -> Opened:
    """Find the records of a page, and the plain values beside them.

    Parameters
    ----------
    body : bytes
        The page. What is no JSON in a value of it, be it among the records or beside them, costs no other value.
    path : str, optional
        Names that lead to the array of the records, with dots between them; else it is looked for.
    fields : mapping, optional
        The API's names of columns, where they are set.

    Raises
    ------
    UnexpectedAnswer
        If the body is broken outside of any value, or holds no list of records.
    """
    head = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    text = body.removeprefix(b"\xef\xbb\xbf")
    if head == b"[":
        return Opened(text)
    if head != b"{":
        raise UnexpectedAnswer(
            in_english(mark("The Execution Logs API answers with {body}."), body=describe_body(body)),
            mark("Check execution_logs.url; open it in a browser to see what is there."),
        )
    return _Opening(body, fields or {}).open(text, path)


def no_page(body: bytes) -> UnexpectedAnswer:
    """The error for a body that is broken outside of any value."""
    return UnexpectedAnswer(
        in_english(mark("The Execution Logs API answers with {body}."), body=describe_body(body)),
        mark("Ask again; if it stays so, check execution_logs.url and what stands in between."),
    )


class _Opening:
    """One page being opened."""

    def __init__(self, body: bytes, fields: Mapping[str, str]) -> None:
        self._body, self._fields = body, fields
        self._opened = Opened()
        self._about_pages: dict[str, Any] = {}
        self._broken = self._seen = 0

    def open(self, text: bytes, path: str | None) -> Opened:
        outer, is_broken = self._members(text)
        if outer is None:
            raise no_page(self._body)
        self._keep_plain(outer)
        if path is not None:
            try:
                self._opened.array, self._opened.holder = self._follow(outer, path), path
            except UnexpectedAnswer:
                if is_broken or not self._is_about_pages(outer, tuple(path.split("."))):
                    raise
                self._opened.has_list = False
                return self._opened
            self._note_odd(outer, path.partition(".")[0], is_broken)
            return self._opened
        seen: list[_Holder] = []
        found: list[tuple[_Holder, str]] = []
        for holder in chain([_Holder("", outer, text, is_broken)], self._inner(outer)):
            seen.append(holder)
            name, is_known = self._choose(holder)
            if holder.prefix:
                # In an object that is neither about pages nor holds the records, a status may be that of the question.
                is_own = name is not None or normal(holder.prefix[:-1]) in _ABOUT_PAGES
                self._keep_plain(holder.members, has_words=is_own)
            if name is not None and is_known and (not found or self._are_records(holder, name)):
                found = [(holder, name)]
                break
            found += [(holder, name)] if name is not None else []
        if not found:
            if not is_broken and self._is_about_pages(outer):
                # A total that stands alone may be of something else, at an address that is not the records'.
                self._opened.has_list, self._opened.says_none = False, _is_none(self._about_pages)
                return self._opened
            for holder in seen:
                self._keep_plain(holder.members)
            raise self._without_records(is_broken)
        holder, name = found[0]
        if len(found) > 1:
            holder, name = self._likeliest(found)
        if self._is_left_out(holder, name):
            self._opened.has_list, self._opened.says_none = False, True
            return self._opened
        if tells_of_faults(name):
            self._opened.beside.pop(name, None)
        self._take(holder, name)
        if holder.prefix:
            self._note_odd(outer, holder.prefix.removesuffix("."), is_broken)
        if _begins_with(holder.members[name], b"["):
            others: list[Holder] = [
                (one.prefix, one.members, b"" if one.is_broken else one.text)
                for one in (*seen, *self._rest(outer, {one.prefix for one in seen}))
            ]
            self._opened.left_out = find_other_lists(others, holder.prefix + name, self._fields)
        return self._opened

    def _is_about_pages(self, members: _Members, path: tuple[str, ...] = (), depth: int = 0) -> bool:
        """Whether an object holds nothing at all, or nothing but what is about pages and what leads to a list."""
        if depth > _DEEPEST_ABOUT_PAGES or self._opened.has_odd:
            return False
        for name, raw in members.items():
            is_on_path = len(path) > 1 and name == path[0]
            if _begins_with(raw, b"{") and (is_on_path or normal(name) in {*_ABOUT_PAGES, _CURSORS}):
                inner = self._members_beside(raw)
                if not self._is_about_pages(inner, path[1:] if is_on_path else (), depth + (not is_on_path)):
                    return False
            elif _begins_with(raw, b"[") or not (is_marker(name) or (depth and normal(name) in _ABOUT_THIS_PAGE)):
                return False
        return not self._opened.has_odd

    def _take(self, holder: _Holder, name: str) -> None:
        raw = holder.members[name]
        self._opened.holder = holder.prefix + name
        self._opened.array = raw if _begins_with(raw, b"[") else b"[]"
        self._note_odd(holder.members, name, holder.is_broken)

    def _are_records(self, holder: _Holder, name: str) -> bool:
        raw = holder.members[name]
        return _begins_with(raw, b"[") and are_records(raw, self._fields)

    def _likeliest(self, found: list[tuple[_Holder, str]]) -> tuple[_Holder, str]:
        """The list that looks like records, or else the first; an empty one that is known before one of words."""
        records = next((one for one in found if self._are_records(*one)), None)
        holder, name = found[0]
        if records is None and are_words(name, holder.members[name]):
            inner = ((one, own) for one, own in found if normal(own) in _WRAPPERS and is_empty(one.members[own]))
            return next(inner, found[0])
        return records or found[0]

    def _is_left_out(self, holder: _Holder, name: str) -> bool:
        """Whether a list of words is all there is, and the answer says that there are no records."""
        is_known = normal(name) in _WRAPPERS
        return not is_known and are_words(name, holder.members[name]) and _is_none(self._opened.beside)

    def _members(self, text: bytes | msgspec.Raw, most: int | None = None) -> tuple[_Members | None, bool]:
        """The members of an object, and whether it is no JSON; None where they cannot be told apart."""
        most = most or _MOST_MEMBERS
        if self._seen > _MOST_MEMBERS or count_elements(text, most) > most:
            problem = mark("The Execution Logs API answers with an object of more than {count} fields.")
            next_step = mark("Check execution_logs.url; open it in a browser to see what is there.")
            raise TooLarge(in_english(problem, count=most), next_step)
        is_broken = False
        try:
            found: dict[str, msgspec.Raw] | None = _OBJECT.decode(text)
        except _ODD:
            is_broken = True
            self._broken += 1
            found = find_members(text) if self._broken <= _MOST_BROKEN else None
        self._seen += len(found or ())
        return found, is_broken

    def _members_beside(self, text: msgspec.Raw) -> _Members:
        """Those of an object of which one may do without."""
        try:
            found, _ = self._members(text, _MOST_ABOUT_PAGES)
        except TooLarge:
            found = None
        self._opened.has_odd = self._opened.has_odd or found is None
        return found or {}

    def _inner(self, outer: _Members) -> Iterator[_Holder]:
        for name, raw in outer.items():
            if _begins_with(raw, b"{") and not tells_of_faults(name):
                is_about = normal(name) in _ABOUT_PAGES
                found, is_broken = (self._members_beside(raw), False) if is_about else self._members(raw)
                if found is not None:
                    yield _Holder(f"{name}.", found, raw, is_broken)
                elif normal(name) in _WRAPPERS:
                    raise no_page(self._body)

    def _rest(self, outer: _Members, seen: set[str]) -> Iterator[_Holder]:
        """Objects that were not opened before the records were found; of these one may do without any."""
        for name, raw in outer.items():
            if _begins_with(raw, b"{") and not tells_of_faults(name) and f"{name}." not in seen:
                if self._seen > _MOST_MEMBERS or count_elements(raw, _MOST_ABOUT_PAGES) > _MOST_ABOUT_PAGES:
                    continue
                try:
                    found = _OBJECT.decode(raw)
                except _ODD:
                    continue
                self._seen += len(found)
                yield _Holder(f"{name}.", found, raw)

    def _choose(self, holder: _Holder) -> tuple[str | None, bool]:
        """The name of the array of records, or of null where it would be; and whether it is a name that is known."""
        members = holder.members
        arrays = {
            normal(name): name
            for name, raw in members.items()
            if _begins_with(raw, b"[") and (not tells_of_faults(name) or may_hold_records(raw, self._fields))
        }
        named = {name: raw for name, raw in members.items() if normal(name) in _WRAPPERS}
        if holder.is_broken and any(not _begins_with(raw, b"[") and not _begins_with(raw, b"{") and not _is_json(raw)
                                    for raw in named.values()):  # fmt: skip
            # What is to be the records is neither a list nor anything else, and another list would be taken for it.
            raise no_page(self._body)
        known = [arrays[name] for name in _WRAPPERS if name in arrays]
        name = records_first(known or list(arrays.values()), members, self._fields)
        empty = next((name for name, raw in named.items() if bytes(memoryview(raw)[:5]) == b"null"), None)
        if empty is not None and (name is None or not (known or self._are_records(holder, name))):
            return empty, True
        return name, bool(known)

    def _note_odd(self, holder: _Members, name: str, is_broken: bool) -> None:
        """Whether anything but the member of this name is no JSON."""
        if is_broken and not all(own == name or _is_json(raw) for own, raw in holder.items()):
            self._opened.has_odd = True

    def _without_records(self, is_broken: bool) -> UnexpectedAnswer:
        if is_broken:
            return no_page(self._body)
        said = _said(self._opened.beside)
        problem = (
            mark("The Execution Logs API answers with an object that holds no list of records: {said}.")
            if said
            else mark("The Execution Logs API answers with an object that holds no list of records.")
        )
        return UnexpectedAnswer(
            in_english(problem, said=said),
            mark('Check execution_logs.url, or name the list: execution_logs.records_path = "data.items".'),
        )

    def _keep_plain(self, holder: _Members, depth: int = 0, *, has_words: bool = True) -> None:
        for name, raw in holder.items():
            if not has_words and (is_word(name) or tells_of_faults(name)) and not is_marker(name):
                continue
            is_object = _begins_with(raw, b"{")
            if not is_object and not _begins_with(raw, b"[") and len(raw) <= _LONGEST_PLAIN:
                if len(self._opened.beside) < _MOST_PLAIN or is_marker(name) or is_word(name):
                    self._keep(name, self._plain(raw))
                if depth and counts_all(name):
                    self._about_pages.setdefault(name, self._plain(raw))
            elif tells_of_faults(name) or (is_object and counts_all(name)):
                self._keep(name, self._plain(raw) if len(raw) <= _LONGEST_PLAIN else UNREADABLE)
            elif is_object and normal(name) in _ABOUT_PAGES:
                if depth < _DEEPEST_ABOUT_PAGES:
                    self._keep_plain(self._members_beside(raw), depth + 1, has_words=has_words)
            elif is_object and depth < _DEEPEST_ABOUT_PAGES and (nexts := self._next_of_cursors(name, raw)):
                self._keep_plain(nexts, depth + 1)
            elif is_object and name == "next":
                self._keep_next(raw)
            elif normal(name) == "links" and len(raw) <= _LONGEST_LINK:
                self._keep_linked(raw)
            elif names_next(name) or looks_like_next(name):
                is_empty = len(raw) <= _LONGEST_PLAIN and not self._plain(raw)
                self._keep(name, None if is_empty else UNREADABLE)

    def _next_of_cursors(self, name: str, raw: msgspec.Raw) -> _Members:
        """What an object of cursors says of the next page."""
        members = self._members_beside(raw) if normal(name) == _CURSORS else {}
        return {own: value for own, value in members.items() if normal(own).startswith("next")}

    def _keep_linked(self, raw: msgspec.Raw) -> None:
        """The address of the next page in a list of links, each with what it is."""
        links = self._plain(raw)
        for link in links if isinstance(links, list) else []:
            if isinstance(link, dict) and link.get("rel") in ("next", ["next"]):
                self._keep("next", link.get("href"))

    def _keep_next(self, raw: msgspec.Raw) -> None:
        """What an object says of the next page: HAL has a link in it, others a cursor or an address."""
        link = self._members_beside(raw)
        if not link and bytes(memoryview(raw)[1:]).strip(b" \t\r\n}"):
            # It says something, and nobody knows what.
            self._keep("next", UNREADABLE)
            return
        told = {name: raw for name, raw in link.items() if names_next(name) or normal(name) in _ADDRESSES}
        found = [raw for raw in (told or link).values() if bytes(memoryview(raw)[:5]) not in _EMPTY]
        href = link.get("href")
        if href is not None and _begins_with(href, b'"') and len(href) <= _LONGEST_LINK:
            self._keep("next", self._plain(href))
            return
        self._keep("next", UNREADABLE if found else None)
        for name, value in link.items():
            if names_next(name) and not _begins_with(value, b"{") and not _begins_with(value, b"["):
                self._keep(name, self._plain(value) if len(value) <= _LONGEST_PLAIN else UNREADABLE)

    def _keep(self, name: str, value: Any) -> None:
        self._opened.beside.setdefault(name, value)

    def _plain(self, raw: msgspec.Raw) -> Any:
        """The value; ``UNREADABLE`` where it is no JSON, or a number that nobody can hold."""
        try:
            return msgspec.json.decode(raw)
        except _ODD:
            self._opened.has_odd = True
            return UNREADABLE

    def _follow(self, outer: _Members, path: str) -> msgspec.Raw:
        holder: _Members = outer
        *parents, last = path.split(".")
        for name, following in pairwise([*parents, last]):
            raw = holder.get(name)
            found, is_broken = self._members(raw) if raw is not None and _begins_with(raw, b"{") else ({}, False)
            if found is None:
                raise no_page(self._body)
            holder = found
            self._keep_plain(holder)
            self._note_odd(holder, following, is_broken)
        if last not in holder or not _begins_with(holder[last], b"["):
            raise UnexpectedAnswer(
                f"The answer of the Execution Logs API has no list at {path[:80]}.", "Mend execution_logs.records_path."
            )
        return holder[last]


def _begins_with(raw: msgspec.Raw, sign: bytes) -> bool:
    """Whether a value is an array or an object; it is not copied, for it may be all of the page."""
    return bytes(memoryview(raw)[: len(sign)]) == sign


def _is_json(raw: msgspec.Raw) -> bool:
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
    except _ODD:
        return False
    return True


def _is_none(said: Mapping[str, Any]) -> bool:
    """Whether this says that there is no record in all."""
    return find_total(said, received=0) == 0


def _said(beside: Mapping[str, Any]) -> str:
    for name in ("message", "error", "detail"):
        if isinstance(beside.get(name), str):
            return " ".join(beside[name].split())[:120]
    return find_failure(beside) or ""
