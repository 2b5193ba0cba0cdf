"""The Execution Logs API of §3: page after page, finding out what the runbook leaves open, and saying so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit, urlunsplit

import pandas as pd

from dlqkit.errors import UnexpectedAnswer
from dlqkit.frames import RECORDS, Coverage, Loaded, empty_frame
from dlqkit.language import in_english, mark
from dlqkit.settings import ExecutionLogsSettings, SecretReference
from dlqkit.sources.ahead import one_ahead
from dlqkit.sources.asked_records import Extent, Question, inside
from dlqkit.sources.clock_ahead import ClockAhead, Clocks
from dlqkit.sources.http import HttpClient, Request, Response, check_url, shown_url
from dlqkit.sources.kept_answers import Recall, as_response, go_on, id_of
from dlqkit.sources.paging import Fetch, Fetched, Page, Pager
from dlqkit.sources.record_decode import Decoded, decode_page
from dlqkit.sources.secrets import resolve_secret
from dlqkit.sources.shared_ids import SharedIds

__all__ = ["ExecutionLogs", "Page"]


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
    secrets : collection of str, optional
        Of other services; masked where a body echoes them, never sent.

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
        secrets: Collection[str] = (),
        **client_options: Any,
    ) -> None:
        self._settings = settings or ExecutionLogsSettings()
        key = resolve_secret(api_key) if api_key is not None else None
        check_url(url, setting="execution_logs.url", has_secret=False)
        parts = urlsplit(url.strip())
        # What stands in the address after "?" is part of every question.
        self._fixed = [(_name_of(pair), pair) for pair in parts.query.split("&") if pair]
        self._client = HttpClient(
            urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
            name=mark("the Execution Logs API"),
            setting="execution_logs.url",
            headers={self._settings.api_key_header: key} if key else None,
            ca_file=self._settings.ca_file,
            secrets=(key,) if key else (),
            also_mask=secrets,
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
        clocks: Clocks | None = None,
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
        clocks : Clocks, optional
            When all of this was asked, and what is known of clocks that are ahead; what the pages say is added, each
            before ``on_page`` gets it. By default it is asked now.

        Returns
        -------
        Loaded
            ``frames.RECORDS``, each record once. A source that breaks off gives what came, as ``partial``.

        Raises
        ------
        SourceError
            If the first page cannot be had.
        """
        wanted = Question(workflow_id, trace_id, queued_to_dlq, start, end)
        frames: list[pd.DataFrame] = []
        pager = self._pager(wanted, self._get, max_requests)
        ahead = ClockAhead(end, clocks or Clocks(datetime.now(UTC)))
        findings = self._walk(pager.walk(), wanted, ahead, on_page, lambda kept, fresh: frames.append(kept[fresh]))
        frame = _joined(frames, start, end)
        coverage = self._coverage(pager, wanted, ahead, findings, Extent.of(frame))
        return Loaded(frame, coverage, shown_url(self._client.url))

    def stream(
        self,
        on_records: Callable[[pd.DataFrame], None],
        *,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        queued_to_dlq: bool | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        max_requests: int | None = None,
        on_page: Callable[[Page], None] | None = None,
        kept: Callable[[], Recall] | None = None,
        clocks: Clocks | None = None,
    ) -> tuple[Coverage, str]:
        """The records that match, handed on page by page: however many there are, few are in memory at once.

        Parameters
        ----------
        on_records : callable
            Gets ``frames.RECORDS`` of each page; a state of a record that an earlier page had is left out.
        kept : callable, optional
            Gives the pages of a reading that was interrupted, from the first on. They are taken instead of being asked
            for, and handed on like others, if the page that follows them can be had; else all are asked for.

        Returns
        -------
        (Coverage, str)
            What came and what is missing, and the API's address without secrets. The other parameters are ``load``'s.

        Raises
        ------
        SourceError
            If the first page cannot be had.
        """
        wanted = Question(workflow_id, trace_id, queued_to_dlq, start, end)
        extent = Extent()

        def keep(found: pd.DataFrame, fresh: Any) -> None:
            nonlocal extent
            new = inside(found[fresh], start, end)
            extent = extent.and_of(new)
            if len(new):
                on_records(new)

        fetch: Fetch = self._get
        if kept is not None:
            fetch = go_on(lambda look: self._pager(wanted, look, max_requests), self._get, self._recalled, kept)
        pager = self._pager(wanted, fetch, max_requests)
        ahead = ClockAhead(end, clocks or Clocks(datetime.now(UTC)))
        findings = self._walk(one_ahead(pager.walk()), wanted, ahead, on_page, keep)
        return self._coverage(pager, wanted, ahead, findings, extent), shown_url(self._client.url)

    def _pager(self, wanted: Question, fetch: Fetch, max_requests: int | None) -> Pager:
        budget = max_requests or self._settings.max_requests
        return Pager(fetch, self._query(wanted), self._settings, budget, wanted.start)

    def _walk(
        self,
        pages: Iterator[Fetched],
        wanted: Question,
        ahead: ClockAhead,
        on_page: Callable[[Page], None] | None,
        on_records: Callable[[pd.DataFrame, Any], None],
    ) -> list[str]:
        """Hand on the matching records of each page, and which of them are new; what is to be said of it."""
        findings: dict[str, None] = {}
        shared = SharedIds()
        for got in pages:
            keep = wanted.matches(got.page.frame)
            if not keep.all():
                text = mark("The API does not apply every filter that was asked for; dlqkit applied it itself.")
                findings[text] = None
            new = got.page.frame[keep & got.fresh]
            ahead.add(new, got.page.date)
            # The raw page first: what is in a frame can be looked up in what it came from.
            if on_page is not None:
                on_page(got.page)
            on_records(got.page.frame[keep] if not keep.all() else got.page.frame, got.fresh[keep])
            shared.add(new)
        return [*findings, *shared.findings]

    def _query(self, wanted: Question) -> dict[str, str]:
        own = {"workflow_id": wanted.workflow_id, "trace_id": wanted.trace_id}
        query = {name: value for name, value in own.items() if value is not None}
        if wanted.queued_to_dlq is not None:
            query["queued_to_dlq"] = "true" if wanted.queued_to_dlq else "false"
        query["limit"] = str(self._settings.page_limit)
        own_names = ((self._settings.start_parameter, wanted.start), (self._settings.end_parameter, wanted.end))
        for name, moment in own_names:
            if name and moment is not None:
                query[name] = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return query

    def _get(self, number: int, query: Mapping[str, str], url: str | None) -> Fetched:
        def decode(response: Response) -> tuple[Decoded, Response]:
            if response.status >= 400:
                raise UnexpectedAnswer("refused", "")
            return decode_page(response.body, self._settings), response

        request = self._request(query, url)
        return self._fetched(number, request, *self._client.load_page(request, decode))

    def _request(self, query: Mapping[str, str], url: str | None) -> Request:
        if url:
            return Request(url)
        # As it was written, since names may come several times or without a value; one of ours stands for its own.
        fixed = "&".join(pair for name, pair in self._fixed if name not in query)
        return Request(f"{self._client.url}?{fixed}" if fixed else self._client.url, dict(query))

    def _fetched(self, number: int, request: Request, decoded: Decoded, response: Response) -> Fetched:
        shown = {**dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True)), **request.params}
        if not request.params:
            shown = {"url": shown_url(request.url), **shown}
        page = Page(
            number, response.body, shown, decoded.frame, decoded.received, decoded.quarantined,
            response.masked, response.original_sha256, id_of(request, response), response.headers.get("Date"),
        )  # fmt: skip
        return Fetched.of(page, decoded, response)

    def _recalled(self, recall: Recall, number: int, query: Mapping[str, str], url: str | None) -> Fetched | None:
        request = self._request(query, url)
        kept = recall(id_of(request) or "")
        if kept is None:
            return None
        response = as_response(request, kept)
        return self._fetched(number, request, decode_page(response.body, self._settings), response)

    def _coverage(self, pager: Pager, wanted: Question, ahead: ClockAhead, own: list[str], extent: Extent) -> Coverage:
        missing, findings = [*pager.missing, *ahead.missing], [*pager.findings, *own]
        completeness = pager.completeness or "complete"
        if ahead.is_large and completeness == "complete":
            completeness = "unverified"
        if extent.undated:
            missing.append(in_english(mark("{count} records have no time that can be read."), count=extent.undated))
        if pager.quarantined:
            text = mark("{count} elements are no records; they are kept apart.")
            missing.append(in_english(text, count=pager.quarantined))
        if pager.newest_first is not None:
            findings.append(
                mark("Records come newest first.")
                if pager.newest_first
                else mark("Records come oldest first, or in no order.")
            )
        return Coverage(
            asked_start=wanted.start,
            asked_end=wanted.end,
            got_start=extent.first,
            got_end=extent.last,
            rows=extent.rows,
            quarantined=pager.quarantined,
            completeness=completeness,
            missing=tuple(missing),
            findings=tuple(findings),
            details={
                "query": self._query(wanted),
                "pagination": pager.style or "none needed",
                "requests": pager.requests,
                "received": pager.received,
                "newest_first": pager.newest_first,
            },
        )


def _name_of(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0])


def _joined(frames: list[pd.DataFrame], start: datetime | None, end: datetime | None) -> pd.DataFrame:
    """All pages as one frame, each state of a record once, those of the window alone."""
    full = [frame for frame in frames if len(frame)]
    frame = pd.concat(full, ignore_index=True) if full else empty_frame(RECORDS)
    return inside(frame.astype({"status": "category"}), start, end).reset_index(drop=True)
