"""What an answer says of further pages: links, cursors, “has more”, totals; read, and not yet believed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from dlqkit.sources.http import join_url
from dlqkit.sources.record_fields import normal

__all__ = ["TOTAL_HEADERS", "UNREADABLE", "counts_all", "find_cursor", "find_end_marker", "find_next_url",
           "find_page_number", "find_sign", "find_total", "is_marker", "looks_like_next", "names_next", "read_flag",
           "read_whole"]  # fmt: skip

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
    "nextcontinuationtoken": ("continuation-token", "continuation_token"),
    "nextforwardtoken": ("nextToken",),
    "nextmarker": ("marker", "Marker"),
    "continue": ("continue", "listOptions.continue"),
    "after": ("after",),
    "end_cursor": ("after",),
    "endcursor": ("after",),
}
# The cursor of a page's last record, which the last page has as well (GraphQL Cursor Connections, section 5).
_END_CURSORS = ("end_cursor", "endcursor")
_NEXT_URL_KEYS = ("next", "nexturl", "nextpageurl", "nextlink", "nextpagelink", "nexthref", "nexturi", "nextrecordsurl",
                  "@odata.nextlink", "odata.nextlink")  # fmt: skip
# Where to go on, as DynamoDB says it: no parameter of an address can have it.
_NEXT_KEYS = ("lastevaluatedkey",)
# What looks like a place of the next page under a name that is none of those known.
_LIKE_NEXT = re.compile(
    r"next(?!at|in|due|run|time|date|retry|attempt|fire|execut|schedul|state|status|step|check|update|action|poll|refresh"
    r"|reset|build|version|deploy|release|event|window)"
    r"|continu|cursor|marker|pagetoken|resumetoken|synctoken|scrollid|bookmark|lastevaluated|lastkey|startkey"
)
# “cursors” holds those of the page's own ends, too, and what of it leads on is read.
_UNLIKE_NEXT = re.compile(
    r"prev|back|first|before|current|startcursor|endcursor|^cursors$|has|is(?:last|next|more)|can"
)
_LIKE_NEXT_HEADER = re.compile(r"(?:^|-)(?:next(?:-|$|token|cursor|page|marker|link|url|offset)|continuation|cursor)")
# RFC 8288, section 3: an address in angle brackets, and parameters whose values may be quoted.
_PARAMETER = r"\s*+;\s*+([\w!#$%&'*+.^`|~-]++)(?:\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^\s\",;]++)))?+"
_ONE_PARAMETER = re.compile(_PARAMETER)
_LINK = re.compile(rf"<([^<>]*+)>((?:{_PARAMETER})*+)")
# RFC 9110, section 14.4: the last place of a page, and how many there are in all.
# PostgREST leaves the unit out; of bytes it says nothing of records.
_RANGE = re.compile(r"\s*(?:(?!bytes\b)[\w-]+\s+)?[0-9]+-[0-9]+/([0-9]{1,15})\s*", re.ASCII | re.IGNORECASE)
# Names are looked for without case, dashes and underscores.
_MORE_KEYS = (("hasmore", True), ("more", True), ("moreresults", True), ("moreavailable", True), ("hasmoreitems", True),
              ("hasmorepages", True), ("hasmoreresults", True), ("hasnext", True), ("hasnextpage", True))  # fmt: skip
# Of these a number is that of a page.
_LAST_KEYS = ("last", "islast", "lastpage", "islastpage")
# These only say that more follows: what is not cut may end a page, and what is done be something else.
_CUT_KEYS = (("truncated", True), ("istruncated", True), ("done", False))
_LEFT_KEYS = ("remaining", "remainingcount", "remainingitemcount", "remainingitems", "remainingrecords",
              "remainingresults")  # fmt: skip
# Places of the next page that no address and no cursor is.
_NEXT_PLACE_KEYS = ("nextpage", "nextoffset")
_PAGE_NUMBER_KEYS = ("number", "page", "currentpage", "pagenumber")
_PAGE_COUNT_KEYS = ("totalpages", "pagecount", "pages", "lastpage", "numpages", "nbpages")
_TOTAL_KEYS = ("total", "totalcount", "counttotal", "totalelements", "totalrecords", "totalitems", "totalresults",
               "totalhits", "totalentries", "recordsfiltered", "nbhits", "numfound", "totalrows",
               "@odata.count", "xtotal")  # fmt: skip
# As Google (AIP-158) and Salesforce write it; written otherwise it is as often one of bytes.
_TOTAL_SIZE = "totalSize"
# As often the page's own length.
_COUNT_KEYS = ("count", "recordcount", "resultcount", "itemcount")
_SAID_BY_HEADERS = {
    "X-Total-Count": "xtotal", "X-Total": "xtotal", "X-WP-Total": "xtotal", "X-Total-Results": "xtotal",
    "X-Total-Records": "xtotal", "X-Total-Items": "xtotal", "X-Pagination-Total-Count": "xtotal",
    "X-Pagination-Total": "xtotal", "Total-Count": "xtotal", "X-Total-Pages": "totalpages",
    "X-WP-TotalPages": "totalpages", "X-Pagination-Page-Count": "totalpages", "X-Page": "page",
    "X-Pagination-Current-Page": "page", "X-Has-More": "hasmore", "X-Next-Page": "nextpage",
}  # fmt: skip
_MARKERS = frozenset({
    *(name for name, _ in (*_MORE_KEYS, *_CUT_KEYS)), *_LAST_KEYS, *_LEFT_KEYS, *_NEXT_PLACE_KEYS, *_PAGE_NUMBER_KEYS,
    *_PAGE_COUNT_KEYS, *_TOTAL_KEYS, *_COUNT_KEYS,
})  # fmt: skip
_ABOUT_PAGES = "X-Pagination"
TOTAL_HEADERS = (*_SAID_BY_HEADERS, _ABOUT_PAGES)
"""Headers that say of the whole list what the body leaves unsaid."""
_TRUE, _FALSE = frozenset({"true", "yes", "y", "1"}), frozenset({"false", "no", "n", "0"})


def find_next_url(wrapper: Mapping[str, Any], headers: Mapping[str, str], asked: str) -> str | None:
    """The address of the next page, by the ``Link`` header or the body."""
    links, _ = _links(headers)
    for address, relations in links:
        if "next" in relations:
            return join_url(asked, address)
    named = {normal(name): value for name, value in wrapper.items()}
    for name in _NEXT_URL_KEYS:
        value = named.get(name)
        if isinstance(value, str) and value.startswith(("http://", "https://", "/", "?")):
            return join_url(asked, value)
    return None


def _links(headers: Mapping[str, str]) -> tuple[list[tuple[str, frozenset[str]]], str]:
    """Address and relations of each link of the header, and what of the header is no link."""
    text = headers.get("Link", "")
    found = []
    for link in _LINK.finditer(text):
        said: dict[str, str] = {}
        for one in _ONE_PARAMETER.finditer(link[2]):
            # Of several only the first counts, says the RFC.
            said.setdefault(one[1].lower(), (one[2] if one[2] is not None else one[3] or "").strip("'").lower())
        relations = frozenset(said.get("rel", "").split())
        # Sentry links to a next page that is empty, and says so.
        found.append((link[1].strip(), relations - {"next"} if said.get("results") == "false" else relations))
    return found, _LINK.sub("", text)


def names_next(key: str) -> bool:
    """Whether a value under this key says that more follows, and how to get it."""
    return normal(key) in (*_NEXT_URL_KEYS, *_NEXT_KEYS) or _cursor_key(key) is not None


def _cursor_key(name: str) -> str | None:
    return next((key for key in (name.lower(), normal(name)) if key in _CURSOR_KEYS), None)


def looks_like_next(key: str) -> bool:
    """Whether a value under this key, which is none that is known, may say how to go on."""
    name = normal(key)
    return _LIKE_NEXT.search(name) is not None and _UNLIKE_NEXT.search(name) is None and not is_marker(key)


def find_sign(wrapper: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    """The name of something that may lead to further records, and that nobody here knows how to follow."""
    named = next(
        (name for name, value in wrapper.items()
         if not isinstance(value, bool) and value not in (None, "", 0, [], {}) and looks_like_next(name)), None
    )  # fmt: skip
    return named or next(
        (name for name, value in headers.items()
         if value.strip() and name not in _SAID_BY_HEADERS and _LIKE_NEXT_HEADER.search(name.lower())
         and "prev" not in name.lower()), None
    )  # fmt: skip


def is_marker(key: str) -> bool:
    """Whether a value under this key is looked at here."""
    return normal(key) in _MARKERS or names_next(key)


def find_cursor(wrapper: Mapping[str, Any]) -> tuple[tuple[str, ...], str] | None:
    """Parameters that may take the cursor of the next page, and its value."""
    said = {normal(name): value for name, value in wrapper.items()}
    is_last = any(read_flag(said.get(name)) is False for name in ("hasnextpage", "hasnext"))
    for key, names in _CURSOR_KEYS.items():
        if is_last and key in _END_CURSORS:
            continue
        for name, value in _next_ones(wrapper).items():
            if _cursor_key(name) == key and value not in (None, "", False, True, UNREADABLE):
                own = () if key.startswith("next") else (name,)
                return tuple(dict.fromkeys((*names, *own, name))), str(value)
    value = wrapper.get("next")
    if isinstance(value, (str, int)) and not isinstance(value, bool) and value:
        return ("cursor", "next", "page_token", "after"), str(value)
    return None


def _next_ones(wrapper: Mapping[str, Any]) -> Mapping[str, Any]:
    """The wrapper without what may be the page's own place: “cursor” beside “next_cursor”, of which nothing follows."""
    nexts = {name for name in wrapper if _cursor_key(name) is not None and name.lower().startswith("next")}
    if not nexts:
        return wrapper
    return {name: value for name, value in wrapper.items() if name in nexts or _cursor_key(name) is None}


def find_total(
    wrapper: Mapping[str, Any], headers: Mapping[str, str] | None = None, received: int | None = None
) -> int | None:
    """How many records there are in all, by the answer's own word; it may mean those of this page.

    Parameters
    ----------
    wrapper, headers : mapping
        What stands beside the records.
    received : int, optional
        Elements of the page: fewer are no total, and a ``count`` of as many is the page's own length.
    """
    said = _said(wrapper, headers or {})
    found = _RANGE.fullmatch((headers or {}).get("Content-Range", ""))
    numbers = [*(_counted(said.get(name)) for name in _TOTAL_KEYS), read_whole(wrapper.get(_TOTAL_SIZE)),
               int(found[1]) if found else None]  # fmt: skip
    totals = [number for number in numbers if number is not None and number >= (received or 0)]
    if not totals:
        counts = [_counted(said.get(name)) for name in _COUNT_KEYS]
        return next((number for number in counts if number is not None and number > (received or 0)), None)
    # One that is the page's own length says nothing against another.
    return next((number for number in totals if number != received), totals[0])


def counts_all(key: str) -> bool:
    """Whether a value under this key says how many there are in all."""
    return normal(key) in _TOTAL_KEYS


def _said(wrapper: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """What the wrapper says, and then the headers, by names as they are looked for."""
    said: dict[str, Any] = {}
    for name, value in wrapper.items():
        said.setdefault(normal(name), value)
    try:
        about = msgspec.json.decode(headers.get(_ABOUT_PAGES, "null"), type=dict[str, Any] | None)
    except (msgspec.DecodeError, RecursionError):
        about = None
    for name, value in (about or {}).items():
        said.setdefault(normal(name), value)
    for header, name in _SAID_BY_HEADERS.items():
        if header in headers:
            said.setdefault(name, headers[header].strip())
    return said


def _counted(value: Any) -> int | None:
    if not isinstance(value, Mapping):
        return read_whole(value)
    # As Elasticsearch has it. What is not equal is counted no further than a limit: there is at least one more.
    number = read_whole(value.get("value"))
    return number if number is None or value.get("relation", "eq") == "eq" else number + 1


def find_end_marker(
    wrapper: Mapping[str, Any], headers: Mapping[str, str], first_number: int | None, *, is_first: bool = False
) -> bool | None:
    """Whether the answer says that nothing follows; None if it says nothing of that.

    Parameters
    ----------
    wrapper, headers : mapping
        What stands beside the records.
    first_number : int, optional
        The number that the first page gave itself: some count from 0, some from 1.
    is_first : bool
        Whether this is the first page, of which a number of pages tells without a number of its own.
    """
    said = _said(wrapper, headers)
    flags = [flag is more_is for name, more_is in _MORE_KEYS if (flag := read_flag(said.get(name))) is not None]
    flags += [text == "false" for name in _LAST_KEYS if (text := _word(said.get(name))) in ("true", "false")]
    flags += [left > 0 for name in _LEFT_KEYS if (left := read_whole(said.get(name))) is not None]
    if any(flags) or any(read_flag(said.get(name)) is more_is for name, more_is in _CUT_KEYS):
        return False
    if flags:
        return True
    # “cursor” or “after” without a value only says that none was asked for.
    named = [name for name in _next_ones(wrapper) if names_next(name)]
    places = [said[name] for name in _NEXT_PLACE_KEYS if name in said]
    if any(wrapper[name] for name in named) or any(places):
        return False
    if places or any(normal(name) in _NEXT_URL_KEYS or name.lower().startswith("next") for name in named):
        return True
    number, pages = _first_whole(said, _PAGE_NUMBER_KEYS), _first_whole(said, _PAGE_COUNT_KEYS)
    if number is not None and pages is not None and first_number in (0, 1):
        return number - first_number + 1 >= pages
    if is_first and number is None and pages is not None:
        return pages <= 1
    links, rest = _links(headers)
    relations = frozenset[str]().union(*(relations for _, relations in links))
    if "next" in relations or re.search(r"\bnext\b", rest, re.IGNORECASE):
        return False
    # A Link header may be about something else, such as a style sheet or a licence.
    return True if relations & {"prev", "previous", "first", "last"} else None


def find_page_number(wrapper: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> int | None:
    """The number that a page gives itself."""
    return _first_whole(_said(wrapper, headers or {}), _PAGE_NUMBER_KEYS)


def _first_whole(said: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    return next((number for name in names if (number := read_whole(said.get(name))) is not None), None)


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, (bool, str)) else ""


def read_flag(value: Any) -> bool | None:
    """A yes or no, also as a text or as 1 and 0; None for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return bool(value) if value in (0, 1) else None
    text = value.strip().lower() if isinstance(value, str) else ""
    return True if text in _TRUE else False if text in _FALSE else None


def read_whole(value: Any) -> int | None:
    """A number of things, also as a text; None for anything else, and for less than none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # At most 15 digits: longer ones are an id.
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value < 10**15 else None
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16 else None
