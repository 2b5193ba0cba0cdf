"""Pages that an interrupted reading has kept: taken again instead of asked for, so that it goes on where it stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import requests

from dlqkit.errors import SourceError
from dlqkit.sources.http import Request, Response
from dlqkit.sources.page_markers import TOTAL_HEADERS, find_sign
from dlqkit.sources.paging import Fetch, Fetched, Pager

__all__ = ["KeptAnswer", "Recall", "as_response", "go_on", "id_of"]


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The body of a page as it was kept, and what was masked in it."""

    body: bytes
    masked: int = 0
    original_sha256: str | None = None


# By the request's id; None where nothing is kept, or it was taken already: a page that is asked for twice is to be new.
Recall = Callable[[str], KeptAnswer | None]


_TELLING = ("Link", "Content-Range", *TOTAL_HEADERS)


def id_of(request: Request, response: Response | None = None) -> str | None:
    """A hash of what is asked; an address may hold a key, so it is written down nowhere.

    None for an answer that says more than its body: one from another address, one whose headers name further pages,
    or one that calls itself a part.
    """
    address = _address_of(request)
    if response is not None and (
        response.url != address
        or response.status != 200
        or any(name in response.headers for name in _TELLING)
        or find_sign({}, response.headers) is not None
    ):
        return None
    return hashlib.sha256(address.encode()).hexdigest()


def as_response(request: Request, kept: KeptAnswer) -> Response:
    """A kept page as the answer that it was."""
    return Response(kept.body, 200, {}, _address_of(request), kept.masked, kept.original_sha256)


def go_on(
    pager_of: Callable[[Fetch], Pager],
    ask: Fetch,
    recalled: Callable[[Recall, int, Mapping[str, str], str | None], Fetched | None],
    kept: Callable[[], Recall],
) -> Fetch:
    """How to get the pages of an interrupted reading: the kept ones as they are, and the others by asking.

    The page that follows the kept ones is asked for first: a cursor may be of no use any more, and a service be away.
    Where it cannot be had, nothing of what was kept is used.
    """
    tried: dict[tuple[str | None, tuple[tuple[str, str], ...]], Fetched] = {}
    recall, failed = kept(), False

    def look(number: int, query: Mapping[str, str], url: str | None) -> Fetched:
        nonlocal failed
        known = recalled(recall, number, query, url)
        if known is not None:
            return known
        try:
            tried[url, tuple(sorted(query.items()))] = ask(number, query, url)
        except SourceError:
            failed = True
            raise
        raise _Found

    pager = pager_of(look)
    try:
        for _ in pager.walk():
            pass
    except _Found:
        pass
    except SourceError:
        return ask
    if not tried and failed and pager.completeness == "partial":
        return ask
    again = kept()

    def fetch(number: int, query: Mapping[str, str], url: str | None) -> Fetched:
        known = recalled(again, number, query, url) or tried.pop((url, tuple(sorted(query.items()))), None)
        return known if known is not None else ask(number, query, url)

    return fetch


class _Found(Exception):
    """The page that follows the kept ones can be had."""


def _address_of(request: Request) -> str:
    return str(requests.Request("GET", request.url, params=dict(request.params)).prepare().url)
