"""The Execution Logs API of §3: page after page, finding out what the runbook leaves open, and saying so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import pandas as pd

from dlqkit.errors import ParameterError, UnexpectedAnswer
from dlqkit.frames import RECORDS, Coverage, Loaded, empty_frame
from dlqkit.language import in_english, mark
from dlqkit.settings import ExecutionLogsSettings, SecretReference
from dlqkit.sources.http import HttpClient, Request, Response, check_url, shown_url
from dlqkit.sources.paging import VERSION, Fetched, Page, Pager
from dlqkit.sources.record_decode import Decoded, decode_page
from dlqkit.sources.secrets import resolve_secret

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
        self._fixed = dict(parse_qsl(parts.query))
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
        pager = Pager(self._get, query, self._settings, max_requests or self._settings.max_requests, start)
        frames: list[pd.DataFrame] = []
        for got in pager.walk():
            kept = _matching(got.page.frame, wanted, queued_to_dlq)
            if len(kept) < len(got.page.frame):
                text = mark("The API does not apply every filter that was asked for; dlqkit applied it itself.")
                pager.findings[text] = None
            frames.append(kept)
            if on_page is not None:
                on_page(got.page)
        return self._finish(pager, _joined(frames, start, end), query, start, end)

    def _get(self, number: int, query: Mapping[str, str], url: str | None) -> Fetched:
        def decode(response: Response) -> tuple[Decoded, Response]:
            if response.status >= 400:
                raise UnexpectedAnswer("refused", "")
            return decode_page(response.body, self._settings), response

        target = url or self._client.url
        decoded, response = self._client.load_page(Request(target, {} if url else dict(query)), decode)
        shown = dict(query) if url is None else {"url": shown_url(url), **dict(parse_qsl(urlsplit(url).query))}
        page = Page(
            number, response.body, shown, decoded.frame, decoded.received, decoded.quarantined,
            response.masked, response.original_sha256, response.headers.get("Date"),
        )  # fmt: skip
        return Fetched.of(page, decoded, response)

    def _finish(
        self,
        pager: Pager,
        frame: pd.DataFrame,
        query: Mapping[str, str],
        start: datetime | None,
        end: datetime | None,
    ) -> Loaded:
        missing, findings = list(pager.missing), list(pager.findings)
        undated = int(frame["recorded_at"].isna().sum())
        if undated:
            missing.append(in_english(mark("{count} records have no time that can be read."), count=undated))
        if pager.quarantined:
            text = mark("{count} elements are no records; they are kept apart.")
            missing.append(in_english(text, count=pager.quarantined))
        if pager.newest_first is not None:
            findings.append(
                mark("Records come newest first.")
                if pager.newest_first
                else mark("Records come oldest first, or in no order.")
            )
        coverage = Coverage(
            asked_start=start,
            asked_end=end,
            got_start=_moment(frame["recorded_at"].min()),
            got_end=_moment(frame["recorded_at"].max()),
            rows=len(frame),
            quarantined=pager.quarantined,
            completeness=pager.completeness or "complete",
            missing=tuple(missing),
            findings=tuple(findings),
            details={
                "query": {name: value for name, value in query.items() if name not in self._fixed},
                "pagination": pager.style or "none needed",
                "requests": pager.requests,
                "received": pager.received,
                "newest_first": pager.newest_first,
            },
        )
        return Loaded(frame, coverage, shown_url(self._client.url))


def _joined(frames: list[pd.DataFrame], start: datetime | None, end: datetime | None) -> pd.DataFrame:
    """All pages as one frame, each state of a record once, those of the window alone."""
    full = [frame for frame in frames if len(frame)]
    frame = pd.concat(full, ignore_index=True) if full else empty_frame(RECORDS)
    frame = frame.astype({"status": "category"}).drop_duplicates(VERSION, keep="last")
    times = frame["recorded_at"]
    inside = pd.Series(True, index=frame.index)
    if start is not None:
        inside &= times.isna() | (times >= pd.Timestamp(start))
    if end is not None:
        inside &= times.isna() | (times < pd.Timestamp(end))
    return frame[inside].reset_index(drop=True)


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
