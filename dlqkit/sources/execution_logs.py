"""The Execution Logs API of §3: page after page, finding out what the runbook leaves open, and saying so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl, urljoin, urlsplit, urlunsplit

import pandas as pd

from dlqkit.errors import ParameterError, SourceError, UnexpectedAnswer
from dlqkit.frames import RECORDS, Completeness, Coverage, Loaded, empty_frame
from dlqkit.settings import ExecutionLogsSettings, SecretReference
from dlqkit.sources.http import HttpClient, Request, Response, shown_url
from dlqkit.sources.record_decode import Decoded, decode_page
from dlqkit.sources.secrets import resolve_secret

__all__ = ["ExecutionLogs", "Page"]

Style = Literal["none", "offset", "page", "cursor", "link"]
# An API that answers exactly so many may have cut at its own limit, whatever it was asked for.
ROUND_LIMITS = frozenset({10, 20, 25, 30, 40, 50, 75, 100, 150, 200, 250, 300, 400, 500, 750, 1000, 2000, 5000, 10000})
# Asked for once where no limit is set: an API that gives a thousand at once saves nine requests of ten.
LARGE_LIMIT = 1000
# A second page is a new one when most of its records were not in the first; a few may slip over while paging.
NEW_SHARE = 0.5
_CURSOR_KEYS = {
    "next_cursor": ("cursor",),
    "nextcursor": ("cursor",),
    "cursor": ("cursor",),
    "next_page_token": ("page_token",),
    "nextpagetoken": ("pageToken", "page_token"),
    "next_token": ("next_token", "token"),
    "nexttoken": ("nextToken", "token"),
    "continuation": ("continuation",),
    "continuation_token": ("continuation_token",),
    "after": ("after",),
    "end_cursor": ("after",),
}
_NEXT_URL_KEYS = ("next", "next_url", "nextUrl", "next_page_url", "next_link", "nextLink", "@odata.nextLink")


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it came, and its records."""

    number: int
    body: bytes
    query: Mapping[str, str]
    frame: pd.DataFrame
    received: int
    quarantined: tuple[bytes, ...]
    masked: int
    original_sha256: str | None


@dataclass(slots=True)
class _Walk:
    """What is known while paging; of one call of ``load`` alone."""

    style: Style | None
    seen: set[str] = field(default_factory=set)
    frames: list[pd.DataFrame] = field(default_factory=list)
    quarantined: int = 0
    requests: int = 0
    pages: int = 0
    page_size: int = 0
    page_base: int = 1
    limit: int | None = None
    cursor_name: str | None = None
    received: int = 0
    total: int | None = None
    newest_first: bool | None = None
    findings: dict[str, None] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    completeness: Completeness | None = None
    error: SourceError | None = None


class ExecutionLogs:
    """Reads execution records; finds out how the API pages, orders and wraps them.

    Parameters
    ----------
    url : str
        For example ``https://api.host/execution-logs``.
    api_key : str or SecretReference, optional
        Sent as ``X-API-Key`` (or the header of the settings) to this address alone.
    settings : ExecutionLogsSettings, optional
        What is known of the API; the rest is found out.

    Raises
    ------
    ParameterError
        If the address cannot be used, or would get the key unencrypted.
    """

    def __init__(
        self,
        url: str,
        api_key: str | SecretReference | None = None,
        *,
        settings: ExecutionLogsSettings | None = None,
        **client_options: Any,
    ) -> None:
        self._settings = settings or ExecutionLogsSettings()
        key = resolve_secret(api_key) if api_key is not None else None
        parts = urlsplit(url.strip())
        # What stands in the address after "?" is part of every question.
        self._fixed = dict(parse_qsl(parts.query))
        self._client = HttpClient(
            urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
            name="the Execution Logs API",
            setting="execution_logs.url",
            headers={self._settings.api_key_header: key} if key else None,
            ca_file=self._settings.ca_file,
            secrets=(key,) if key else (),
            secret_setting="execution_logs.api_key",
            **client_options,
        )

    def __repr__(self) -> str:
        return f"ExecutionLogs({shown_url(self._client.url)!r})"

    def load(
        self,
        *,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        queued_to_dlq: bool | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        max_requests: int | None = None,
        on_page: Callable[[Page], None] | None = None,
    ) -> Loaded:
        """The records that match, as far as the API gives them.

        Parameters
        ----------
        workflow_id, trace_id : str, optional
            Only these; checked here too, since an API may ignore a filter.
        queued_to_dlq : bool, optional
            True for dead letters alone.
        start, end : datetime, optional
            Aware; only records of ``[start, end)``. Records without a known time are kept.
        max_requests : int, optional
            Budget; that of the settings by default.
        on_page : callable, optional
            Gets each ``Page`` as it comes.

        Returns
        -------
        Loaded
            ``frames.RECORDS``, each record once. A source that breaks off gives what came, as ``partial``.

        Raises
        ------
        SourceError
            If the first page cannot be had.
        """
        for moment in (start, end):
            if moment is not None and moment.tzinfo is None:
                raise ParameterError("The window has no time zone.", "Give start and end as aware times.")
        wanted = {"workflow_id": workflow_id, "trace_id": trace_id}
        query = {**self._fixed, **{name: value for name, value in wanted.items() if value is not None}}
        if queued_to_dlq is not None:
            query["queued_to_dlq"] = "true" if queued_to_dlq else "false"
        query["limit"] = str(self._settings.page_limit)
        for name, moment in ((self._settings.start_parameter, start), (self._settings.end_parameter, end)):
            if name and moment is not None:
                query[name] = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
        style = self._settings.pagination
        walk = _Walk(None if style == "auto" else style)
        budget = max_requests or self._settings.max_requests
        for page in self._walk(query, walk, budget, start, queued_to_dlq, wanted):
            if on_page is not None:
                on_page(page)
        return self._finish(walk, query, wanted, queued_to_dlq, start, end)

    # --- one page

    def _get(self, query: Mapping[str, str], walk: _Walk, url: str | None = None) -> tuple[Page, Decoded, Response]:
        walk.requests += 1

        def decode(response: Response) -> tuple[Decoded, Response]:
            if response.status >= 400:
                raise UnexpectedAnswer("refused", "")
            return decode_page(response.body, self._settings), response

        target = url or self._client.url
        decoded, response = self._client.load_page(Request(target, {} if url else dict(query)), decode)
        shown = dict(query) if url is None else {"url": shown_url(url), **dict(parse_qsl(urlsplit(url).query))}
        page = Page(
            walk.pages + 1, response.body, shown, decoded.frame, decoded.received, decoded.quarantined,
            response.masked, response.original_sha256,
        )  # fmt: skip
        return page, decoded, response

    def _probe(self, query: Mapping[str, str], walk: _Walk) -> tuple[Page, Decoded, Response] | None:
        """A page that the API may refuse to give, such as one for a parameter it does not know."""
        try:
            return self._get(query, walk)
        except UnexpectedAnswer:
            return None

    # --- many pages

    def _walk(
        self,
        query: Mapping[str, str],
        walk: _Walk,
        budget: int,
        start: datetime | None,
        queued_to_dlq: bool | None,
        wanted: Mapping[str, str | None],
    ) -> Iterator[Page]:
        page, decoded, response = self._get(query, walk)
        yield self._take(page, decoded, walk, wanted, queued_to_dlq)
        walk.page_size = page.received
        try:
            while walk.completeness is None:
                if self._is_done(page, decoded, response, walk, start):
                    return
                if walk.requests >= budget:
                    walk.completeness = "partial"
                    walk.missing.append(f"The budget of {budget} requests was used up before the window was covered.")
                    return
                step = self._next(query, page, decoded, response, walk)
                if step is None:
                    return
                page, decoded, response = step
                fresh = self._fresh_share(page, walk)
                yield self._take(page, decoded, walk, wanted, queued_to_dlq)
                if page.received and fresh == 0:
                    walk.completeness = "unverified"
                    walk.missing.append("Further pages bring only records that were there already.")
        except SourceError as error:
            # What came is kept; the coverage says what broke off.
            walk.completeness, walk.error = "partial", error
            walk.missing.append(f"Page {walk.pages + 1} could not be had: {error.problem}")

    def _take(
        self, page: Page, decoded: Decoded, walk: _Walk, wanted: Mapping[str, str | None], queued: bool | None
    ) -> Page:
        walk.pages += 1
        walk.received += page.received
        walk.quarantined += len(page.quarantined)
        walk.findings.update(dict.fromkeys(decoded.findings))
        frame = page.frame
        if walk.newest_first is None:
            walk.newest_first = _is_newest_first(frame)
        total = next((decoded.wrapper[name] for name in ("total", "total_count", "totalCount", "count_total")
                      if isinstance(decoded.wrapper.get(name), int)), None)  # fmt: skip
        walk.total = total if total is not None else walk.total
        kept = _matching(frame, wanted, queued)
        if len(kept) < len(frame):
            walk.findings["The API does not apply every filter that was asked for; dlqkit applied it itself."] = None
        walk.seen.update(frame["record_id"])
        walk.frames.append(kept)
        return page

    def _fresh_share(self, page: Page, walk: _Walk) -> float:
        ids = page.frame["record_id"]
        return float((~ids.isin(walk.seen)).mean()) if len(ids) else 0.0

    def _is_done(self, page: Page, decoded: Decoded, response: Response, walk: _Walk, start: datetime | None) -> bool:
        if page.received == 0:
            walk.completeness = "complete"
            return True
        if start is not None and walk.newest_first:
            oldest = page.frame["recorded_at"].min()
            if not pd.isna(oldest) and oldest < pd.Timestamp(start):
                walk.completeness = "complete"
                walk.findings["Read, newest first, back to before the window."] = None
                return True
        marker = _end_marker(decoded.wrapper, response.headers)
        if marker is not None and marker:
            walk.completeness = "complete"
            walk.findings["The API said that this was the last page."] = None
            return True
        if (
            walk.total is not None
            and walk.received >= walk.total
            and walk.received == len(walk.seen) + walk.quarantined
        ):
            walk.completeness = "complete"
            walk.findings[f"The API said that there are {walk.total:,} in all."] = None
            return True
        # On a later page, shorter than the ones before means the end; the first page may be short by a hidden limit.
        if marker is None and walk.pages > 1 and page.received < walk.page_size:
            walk.completeness = "complete"
            return True
        limit = self._settings.page_limit
        if marker is None and walk.pages == 1 and page.received < limit and page.received not in ROUND_LIMITS:
            walk.completeness = "complete"
            return True
        return False

    def _next(
        self, query: Mapping[str, str], page: Page, decoded: Decoded, response: Response, walk: _Walk
    ) -> tuple[Page, Decoded, Response] | None:
        style = walk.style
        if style in (None, "link"):
            url = _next_url(decoded.wrapper, response)
            if url is not None:
                self._say_style(walk, "link")
                return self._get(query, walk, url)
        if style in (None, "cursor"):
            found = _cursor(decoded.wrapper)
            if found is not None:
                self._say_style(walk, "cursor")
                return self._by_cursor(query, found, walk)
        if style == "offset":
            return self._larger(query, {"offset": str(walk.received)}, walk)
        if style == "page":
            return self._get({**query, "page": str(walk.pages + walk.page_base)}, walk)
        if style is None:
            step = self._find_style(query, walk)
            if step is not None:
                return step
        walk.completeness = "unverified"
        count = page.received
        walk.missing.append(
            f"The API gave {count:,} records and shows no way to go on, so there may be more"
            + (f"; it speaks of {walk.total:,}." if walk.total and walk.total > walk.received else ".")
        )
        return None

    def _say_style(self, walk: _Walk, style: Style) -> None:
        walk.style = style
        names = {"link": "links", "cursor": "a cursor", "offset": "offset", "page": "page numbers", "none": "nothing"}
        walk.findings[f"Pages follow each other by {names[style]}."] = None

    def _by_cursor(
        self, query: Mapping[str, str], found: tuple[tuple[str, ...], str], walk: _Walk
    ) -> tuple[Page, Decoded, Response] | None:
        names, value = found
        if walk.cursor_name is not None:
            return self._larger(query, {walk.cursor_name: value}, walk)
        for name in names:
            step = self._probe({**query, name: value}, walk)
            if step is not None and (step[0].received == 0 or self._fresh_share(step[0], walk) > 0):
                walk.cursor_name = name
                return step
        walk.completeness = "unverified"
        walk.missing.append("The API names a cursor, but takes it under no name that is known.")
        return None

    def _larger(
        self, query: Mapping[str, str], place: Mapping[str, str], walk: _Walk
    ) -> tuple[Page, Decoded, Response]:
        """The next page, of as many records as the API gives at once, unless a limit was set."""
        if walk.limit is None:
            walk.limit = self._settings.page_limit
            if "page_limit" not in self._settings.model_fields_set:
                step = self._probe({**query, **place, "limit": str(LARGE_LIMIT)}, walk)
                if step is not None:
                    if step[0].received > walk.page_size:
                        walk.limit = LARGE_LIMIT
                        walk.page_size = step[0].received
                        walk.findings[f"A limit of {LARGE_LIMIT:,} gives pages of up to {walk.page_size:,}."] = None
                    return step
        return self._get({**query, **place, "limit": str(walk.limit)}, walk)

    def _find_style(self, query: Mapping[str, str], walk: _Walk) -> tuple[Page, Decoded, Response] | None:
        """Try ``offset``, then ``page``; a parameter that is ignored brings the first page again."""
        step = self._probe({**query, "offset": str(walk.received)}, walk)
        if step is not None and self._goes_on(step[0], walk):
            self._say_style(walk, "offset")
            return step
        for number in (1, 2):
            step = self._probe({**query, "page": str(number)}, walk)
            if step is not None and self._goes_on(step[0], walk):
                # Pages counted from 0: the one that was got without a number was page 0.
                walk.page_base = number - 1
                self._say_style(walk, "page")
                return step
        walk.style = "none"
        walk.findings["Neither offset nor page numbers bring further records."] = None
        return None

    def _goes_on(self, page: Page, walk: _Walk) -> bool:
        if page.received == 0:
            # Asked beyond the end: only an API that understood the question answers with nothing.
            return True
        return self._fresh_share(page, walk) > NEW_SHARE

    # --- all pages

    def _finish(
        self,
        walk: _Walk,
        query: Mapping[str, str],
        wanted: Mapping[str, str | None],
        queued: bool | None,
        start: datetime | None,
        end: datetime | None,
    ) -> Loaded:
        full = [frame for frame in walk.frames if len(frame)]
        frame = pd.concat(full, ignore_index=True) if full else empty_frame(RECORDS)
        frame = frame.astype({"status": "category"}).drop_duplicates(
            ["record_id", "recorded_at", "status", "queued_to_dlq", "attempts"], keep="last"
        )
        times = frame["recorded_at"]
        inside = times.isna()
        inside |= ~((times < pd.Timestamp(start)) if start is not None else inside)
        inside &= ~((times >= pd.Timestamp(end)) if end is not None else pd.Series(False, index=frame.index))
        frame = frame[inside].reset_index(drop=True)
        undated = int(frame["recorded_at"].isna().sum())
        if undated:
            walk.missing.append(f"{undated:,} records have no time that can be read.")
        if walk.quarantined:
            walk.missing.append(f"{walk.quarantined:,} elements are no records; they are kept apart.")
        order = {True: "Records come newest first.", False: "Records come oldest first, or in no order.", None: ""}
        findings = [*walk.findings, *([order[walk.newest_first]] if order[walk.newest_first] else [])]
        coverage = Coverage(
            asked_start=start,
            asked_end=end,
            got_start=_moment(frame["recorded_at"].min()),
            got_end=_moment(frame["recorded_at"].max()),
            rows=len(frame),
            quarantined=walk.quarantined,
            completeness=walk.completeness or "complete",
            missing=tuple(walk.missing),
            findings=tuple(findings),
            details={
                "query": {name: value for name, value in query.items() if name not in self._fixed},
                "pagination": walk.style or "none needed",
                "requests": walk.requests,
                "received": walk.received,
                "newest_first": walk.newest_first,
            },
        )
        return Loaded(frame, coverage, shown_url(self._client.url))


def _moment(value: Any) -> datetime | None:
    return None if pd.isna(value) else value.to_pydatetime()


def _matching(frame: pd.DataFrame, wanted: Mapping[str, str | None], queued: bool | None) -> pd.DataFrame:
    """The records that were asked for; a record that does not tell is kept."""
    keep = pd.Series(True, index=frame.index)
    for name, value in wanted.items():
        if value is not None:
            keep &= frame[name].isna() | (frame[name] == value)
    if queued is not None:
        keep &= frame["queued_to_dlq"].fillna(queued).astype(bool) == queued
    return frame if bool(keep.all()) else frame[keep]


def _is_newest_first(frame: pd.DataFrame) -> bool | None:
    times = frame["recorded_at"].dropna()
    if len(times) < 2:
        return None
    steps = times.astype("int64").diff().iloc[1:]
    falling, rising = int((steps < 0).sum()), int((steps > 0).sum())
    if falling == rising == 0:
        return None
    return falling > 0 and rising <= 0.1 * falling


def _end_marker(wrapper: Mapping[str, Any], headers: Mapping[str, str]) -> bool | None:
    """True if the answer says that nothing follows, False if it says that something does, None if it does not say."""
    for name, more_is in (("has_more", True), ("hasMore", True), ("has_next", True), ("hasNext", True),
                          ("has_next_page", True), ("last", False), ("is_last", False)):  # fmt: skip
        if isinstance(wrapper.get(name), bool):
            return bool(wrapper[name] is not more_is)
    nexts = {*_NEXT_URL_KEYS, *_CURSOR_KEYS}
    named = [name for name in wrapper if name in nexts or name.lower() in _CURSOR_KEYS]
    if named:
        return not any(wrapper[name] for name in named)
    link = headers.get("Link", "")
    if link:
        return 'rel="next"' not in link.replace("'", '"').replace("rel=next", 'rel="next"')
    return None


def _next_url(wrapper: Mapping[str, Any], response: Response) -> str | None:
    import requests

    for link in requests.utils.parse_header_links(response.headers.get("Link", "")):
        if link.get("rel") == "next":
            return urljoin(response.url, link["url"])
    for name in _NEXT_URL_KEYS:
        value = wrapper.get(name)
        if isinstance(value, str) and (value.startswith(("http://", "https://", "/", "?"))):
            return urljoin(response.url, value)
    return None


def _cursor(wrapper: Mapping[str, Any]) -> tuple[tuple[str, ...], str] | None:
    for name, value in wrapper.items():
        if name.lower() in _CURSOR_KEYS and value not in (None, "", False):
            own = () if name.lower().startswith("next") else (name,)
            return (*_CURSOR_KEYS[name.lower()], *own, name), str(value)
    value = wrapper.get("next")
    if isinstance(value, (str, int)) and not isinstance(value, bool) and value:
        return ("cursor", "next", "page_token", "after"), str(value)
    return None
