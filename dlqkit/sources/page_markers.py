"""What an answer says of further pages: links, cursors, “has more”, totals; read, and not yet believed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dlqkit.sources.http import join_url

__all__ = ["UNREADABLE", "find_cursor", "find_end_marker", "find_next_url", "find_total", "is_marker", "names_next"]

UNREADABLE = object()
"""Stands for a value that nobody can read. As a cursor or an address: more follows, and nobody knows how to ask."""

# The parameter under which a cursor of this name is usually taken.
_CURSOR_KEYS = {
    "next_cursor": ("cursor",),
    "nextcursor": ("cursor",),
    "next_page_token": ("page_token",),
    "nextpagetoken": ("pageToken", "page_token"),
    "next_token": ("next_token", "token"),
    "nexttoken": ("nextToken", "token"),
    "cursor": ("cursor",),
    "continuation": ("continuation",),
    "continuation_token": ("continuation_token",),
    "after": ("after",),
    "end_cursor": ("after",),
}
_NEXT_URL_KEYS = ("next", "next_url", "nextUrl", "next_page_url", "next_link", "nextLink", "@odata.nextLink")
# RFC 8288, section 3: an address in angle brackets, and parameters whose values may be quoted.
_PARAMETER = r"\s*+;\s*+([\w!#$%&'*+.^`|~-]++)(?:\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^\s\",;]++)))?+"
_ONE_PARAMETER = re.compile(_PARAMETER)
_LINK = re.compile(rf"<([^<>]*+)>((?:{_PARAMETER})*+)")
# RFC 9110, section 14.4: the last place of a page, and how many there are in all.
# PostgREST leaves the unit out; of bytes it says nothing of records.
_RANGE = re.compile(r"\s*(?:(?!bytes\b)[\w-]+\s+)?[0-9]+-[0-9]+/([0-9]{1,15})\s*", re.ASCII | re.IGNORECASE)
_MORE_KEYS = (("has_more", True), ("hasMore", True), ("has_next", True), ("hasNext", True), ("has_next_page", True),
              ("hasNextPage", True), ("last", False), ("is_last", False), ("isLast", False))  # fmt: skip
_PAGE_NUMBER_KEYS = ("number", "page", "current_page", "currentPage", "page_number", "pageNumber")
_PAGE_COUNT_KEYS = ("total_pages", "totalPages", "page_count", "pageCount", "pages", "last_page", "lastPage")
_TOTAL_KEYS = ("total", "total_count", "totalCount", "count_total", "total_elements", "totalElements", "total_records",
               "totalRecords", "total_items", "totalItems", "total_results", "totalResults")  # fmt: skip
_MARKERS = frozenset({*(name for name, _ in _MORE_KEYS), *_PAGE_NUMBER_KEYS, *_PAGE_COUNT_KEYS, *_TOTAL_KEYS})


def find_next_url(wrapper: Mapping[str, Any], headers: Mapping[str, str], asked: str) -> str | None:
    """The address of the next page, by the ``Link`` header or the body."""
    links, _ = _links(headers)
    for address, relations in links:
        if "next" in relations:
            return join_url(asked, address)
    for name in _NEXT_URL_KEYS:
        value = wrapper.get(name)
        if isinstance(value, str) and value.startswith(("http://", "https://", "/", "?")):
            return join_url(asked, value)
    return None


def _links(headers: Mapping[str, str]) -> tuple[list[tuple[str, frozenset[str]]], str]:
    """Address and relations of each link of the header, and what of the header is no link."""
    text = headers.get("Link", "")
    found = []
    for link in _LINK.finditer(text):
        relations = (
            one[2] if one[2] is not None else one[3] or ""
            for one in _ONE_PARAMETER.finditer(link[2])
            if one[1].lower() == "rel"
        )
        # Of several only the first counts, says the RFC.
        found.append((link[1].strip(), frozenset(next(relations, "").strip("'").lower().split())))
    return found, _LINK.sub("", text)


def names_next(key: str) -> bool:
    """Whether a value under this key says that more follows, and how to get it."""
    return key in _NEXT_URL_KEYS or key.lower() in _CURSOR_KEYS


def is_marker(key: str) -> bool:
    """Whether a value under this key is looked at here."""
    return key in _MARKERS or names_next(key)


def find_cursor(wrapper: Mapping[str, Any]) -> tuple[tuple[str, ...], str] | None:
    """Parameters that may take the cursor of the next page, and its value."""
    # “cursor” beside “next_cursor” is that of the page itself, so the names with “next” come first.
    for key, names in _CURSOR_KEYS.items():
        for name, value in wrapper.items():
            if name.lower() == key and value not in (None, "", False, UNREADABLE):
                own = () if key.startswith("next") else (name,)
                return tuple(dict.fromkeys((*names, *own, name))), str(value)
    value = wrapper.get("next")
    if isinstance(value, (str, int)) and not isinstance(value, bool) and value:
        return ("cursor", "next", "page_token", "after"), str(value)
    return None


def find_total(wrapper: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> int | None:
    """How many records there are in all, by the answer's own word; it may mean those of this page."""
    for name in _TOTAL_KEYS:
        number = _whole(wrapper.get(name))
        if number is not None:
            return number
    found = _RANGE.fullmatch((headers or {}).get("Content-Range", ""))
    return int(found[1]) if found else None


def find_end_marker(wrapper: Mapping[str, Any], headers: Mapping[str, str], first_number: int | None) -> bool | None:
    """Whether the answer says that nothing follows; None if it says nothing of that.

    ``first_number`` is the number that the first page gave itself: some count from 0, some from 1.
    """
    for name, more_is in _MORE_KEYS:
        if isinstance(wrapper.get(name), bool):
            return bool(wrapper[name] is not more_is)
    # “cursor” or “after” without a value only says that none was asked for.
    named = [name for name in wrapper if names_next(name)]
    if any(wrapper[name] for name in named):
        return False
    if any(name in _NEXT_URL_KEYS or name.lower().startswith("next") for name in named):
        return True
    number, pages = find_page_number(wrapper), _first_whole(wrapper, _PAGE_COUNT_KEYS)
    if number is not None and pages is not None and first_number in (0, 1):
        return number - first_number + 1 >= pages
    links, rest = _links(headers)
    relations = frozenset[str]().union(*(relations for _, relations in links))
    if "next" in relations or re.search(r"\bnext\b", rest, re.IGNORECASE):
        return False
    # A Link header may be about something else, such as a style sheet or a licence.
    return True if relations & {"prev", "previous", "first", "last"} else None


def find_page_number(wrapper: Mapping[str, Any]) -> int | None:
    """The number that a page gives itself."""
    return _first_whole(wrapper, _PAGE_NUMBER_KEYS)


def _first_whole(wrapper: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    return next((number for name in names if (number := _whole(wrapper.get(name))) is not None), None)


def _whole(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    # At most 15 digits: longer ones are an id.
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16 else None
