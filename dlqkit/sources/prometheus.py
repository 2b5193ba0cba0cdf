"""A Prometheus-compatible server: raw samples as they were scraped, ranges, and what the server says beside them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dlqkit.errors import ParameterError, SourceError, SourceUnavailable, UnexpectedAnswer
from dlqkit.frames import Coverage, Loaded, with_labels
from dlqkit.incident import TimeWindow, parse_duration
from dlqkit.language import in_english, mark
from dlqkit.settings import PrometheusSettings
from dlqkit.sources.http import HttpClient, Request, Response, TooLarge, shown_url
from dlqkit.sources.known_secrets import TENANT_HEADERS
from dlqkit.sources.prometheus_decode import (
    Answer,
    Numbers,
    QueryRefused,
    QueryTooHeavy,
    decode_answer,
    frames_of,
)

__all__ = ["Prometheus", "RawSamples"]


# A piece of about this many samples is some 20 MB of text, well below what is read at once.
PIECE_SAMPLES = 1_000_000
SMALLEST_PIECE_MS = 60_000
# Up to there a float holds each whole number.
MOST_COUNTED = 2**53
# Prometheus refuses more points a series than this (its constant; 11,001 are refused).
MAXIMUM_POINTS = 11_000
# A first sample later than this after the start is worth a word: scrapes are seconds to minutes apart.
LATE_S = 600.0
SAYS = "Prometheus says: "
# Thanos, Mimir and remote read answer with what they have, and a warning in words like these.
_LACKS = re.compile(r"partial|unavailable|not available|failed|error|timed? ?out|truncat|exceed|is (?:down|away)", re.I)
# Prometheus's default scrape interval is a minute; a quarter of it is the finest in common use, and the finest step.
FINEST_STEP_S = 15.0
# Sent with each query, so that the server gives up, and says so, before the client stops waiting (30 s).
QUERY_TIMEOUT = "25s"
# So many names are counted in one query.
NAMES_AT_ONCE = 20
_ANSWERS = (400, 422, 503)
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_LONGEST_S = 1000 * 31_536_000


@dataclass(frozen=True, slots=True)
class RawSamples:
    """Scrapes as frames: ``SAMPLES``, ``SERIES`` with labels, ``HISTOGRAMS``; and what they cover."""

    samples: pd.DataFrame
    series: pd.DataFrame
    histograms: pd.DataFrame
    coverage: Coverage


OnPage = Callable[[bytes, Mapping[str, Any]], None]


@contextmanager
def _as_typed() -> Iterator[None]:
    """A refusal of what the analyst wrote is a matter of the query, not of the server."""
    try:
        yield
    except QueryRefused as error:
        raise ParameterError(error.problem, error.next_step) from error


class Prometheus:
    """Reads a Prometheus-compatible server.

    Parameters
    ----------
    url : str
        The address before ``/api/v1/…``.
    bearer : str, optional
        Token.
    basic : (str, str), optional
        User and password.
    headers : mapping, optional
        Further headers; treated as secrets, but for those of ``TENANT_HEADERS``.
    ca_file : Path, optional
        Certificate authority of the server.
    settings : PrometheusSettings, optional
        ``max_samples`` is used.
    secrets : collection of str, optional
        Of other services; masked where a body echoes them, never sent.
    """

    def __init__(
        self,
        url: str,
        *,
        bearer: str | None = None,
        basic: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        ca_file: Path | None = None,
        settings: PrometheusSettings | None = None,
        secrets: Collection[str] = (),
        **client_options: Any,
    ) -> None:
        self._settings = settings or PrometheusSettings()
        own = {**(headers or {}), **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        self._client = HttpClient(
            url,
            name="Prometheus",
            setting="prometheus.url",
            headers=own,
            auth=basic,
            ca_file=ca_file,
            secrets=[
                *(text for name, text in (headers or {}).items() if name.lower() not in TENANT_HEADERS),
                *([bearer] if bearer else []),
            ],
            also_mask=secrets,
            secret_setting="prometheus.auth",
            **client_options,
        )

    def __repr__(self) -> str:
        return f"Prometheus({shown_url(self._client.url)!r})"

    # --- requests

    def _ask(self, path: str, form: Mapping[str, str], on_page: OnPage | None = None) -> Answer:
        def decode(response: Response) -> Answer:
            try:
                answer = decode_answer(response.body)
            except UnexpectedAnswer:
                if response.status >= 500:
                    raise SourceUnavailable(
                        in_english(
                            mark("{name} at {url} is broken or overloaded ({status})."),
                            name="Prometheus",
                            url=shown_url(self._client.url),
                            status=str(response.status),
                        ),
                        mark("Try again later; what was collected stays."),
                    ) from None
                raise
            if on_page is not None:
                masked = {"masked": response.masked, "original_sha256": response.original_sha256}
                on_page(response.body, {"path": path, **form, **masked})
            return answer

        request = Request(f"{self._client.url}/api/v1/{path}", {}, {**form, "timeout": QUERY_TIMEOUT})
        try:
            return self._client.load_page(request, decode, accept=_ANSWERS)
        except TooLarge as error:
            raise QueryTooHeavy(error.problem, error.next_step) from error

    # --- raw samples

    def raw_samples(
        self, selector: str, start: datetime, end: datetime, *, on_page: OnPage | None = None
    ) -> RawSamples:
        """Every scrape of the selected series in ``[start, end)``, with its own time.

        Parameters
        ----------
        selector : str
            For example ``worker_dlq_total{workflow_id="…"}``; no function.
        start, end : datetime
            Aware.
        on_page : callable, optional
            Gets each body as it came, and what was asked, with ``masked`` (places where a secret was masked) and
            ``original_sha256`` (of the body before that, else None).

        Returns
        -------
        RawSamples
            Past the budget of samples a ``query_range`` stands in, and the coverage says ``aggregated``. Where the
            server breaks off, what came until then, as ``partial``.

        Raises
        ------
        SourceError
            If nothing can be read, or the server refuses the query.
        """
        window = TimeWindow(start, end)
        estimate = self._estimate(selector, window)
        if estimate is not None and estimate > self._settings.max_samples:
            return self._aggregated(selector, window, estimate, on_page)
        start_ms, end_ms = math.floor(window.start.timestamp() * 1000), math.ceil(window.end.timestamp() * 1000)
        piece_ms = end_ms - start_ms
        if estimate:
            piece_ms = max(piece_ms * PIECE_SAMPLES // estimate, SMALLEST_PIECE_MS)
        findings: dict[str, None] = {}
        missing: tuple[str, ...] = ()
        series: list[Numbers] = []
        at_ms, requests, read = start_ms, 0, 0
        while at_ms < end_ms:
            until_ms = min(end_ms, at_ms + piece_ms)
            try:
                answer = self._piece(selector, at_ms, until_ms, on_page)
            except QueryTooHeavy as error:
                if until_ms - at_ms > SMALLEST_PIECE_MS:
                    piece_ms = max((until_ms - at_ms) // 2, SMALLEST_PIECE_MS)
                    continue
                if not requests:
                    raise
                missing = (_broke_off(at_ms, error),)
                break
            except SourceError as error:
                if not requests:
                    raise
                missing = (_broke_off(at_ms, error),)
                break
            requests += 1
            read += sum(len(one.at_ms) + len(one.histograms) for one in answer.series)
            findings.update(dict.fromkeys(f"{SAYS}{text}" for text in answer.warnings))
            series.extend(answer.series)
            at_ms = until_ms
            if read > self._settings.max_samples and at_ms < end_ms:
                # The server could not tell before how many there are.
                return self._aggregated(selector, window, read * (end_ms - start_ms) // (at_ms - start_ms), on_page)
        return self._raw(series, window, findings, requests, missing)

    def _raw(
        self,
        series: Sequence[Numbers],
        window: TimeWindow,
        findings: dict[str, None],
        requests: int,
        missing: tuple[str, ...] = (),
    ) -> RawSamples:
        samples, labels, histograms = frames_of(series)
        samples, histograms = _inside(samples, window), _inside(histograms, window)
        coverage = self._coverage(samples, histograms, window, findings, requests)
        if missing:
            coverage = replace(coverage, completeness="partial", missing=(*coverage.missing, *missing))
        return RawSamples(samples, labels, histograms, coverage)

    def _piece(self, selector: str, start_ms: int, end_ms: int, on_page: OnPage | None) -> Answer:
        # One millisecond more: a range is closed on the left in Prometheus 2 and open in 3; seams are made one later.
        form = {"query": f"{selector}[{end_ms - start_ms + 1}ms]", "time": f"{end_ms / 1000:.3f}"}
        answer = self._ask("query", form, on_page)
        if answer.kind != "matrix":
            raise QueryRefused("The selector gives no raw samples.", "Give a plain selector, without a function.")
        return answer

    def _number(self, query: str, window: TimeWindow) -> int | None:
        """The one number that a query gives; 0 where it gives none, None where it is no count."""
        answer = self._ask("query", {"query": query, "time": _time(window.end)})
        values = [one.value for one in answer.series if len(one.value)]
        number = float(values[0][0]) if values else 0.0
        return int(number) if 0 <= number <= MOST_COUNTED else None

    def _estimate(self, selector: str, window: TimeWindow) -> int | None:
        """How many samples there are; None where the server does not say, since this only serves to cut well."""
        length = f"[{round(window.seconds * 1000)}ms]"
        try:
            return self._number(f"sum(count_over_time({selector}{length}))", window)
        except QueryRefused:
            # Without their names two metrics of the same labels are one, and Prometheus refuses that: count by name.
            pass
        except QueryTooHeavy:
            return None
        inner = selector.strip().removesuffix("}").rstrip(" ,")
        try:
            answer = self._ask(
                "query",
                {"query": f"count by (__name__) (last_over_time({selector}{length}))", "time": _time(window.end)},
            )
            names = sorted(one.labels["__name__"] for one in answer.series if "__name__" in one.labels)
            total = 0
            for place in range(0, len(names), NAMES_AT_ONCE):
                counts = (
                    f'sum(count_over_time({inner},__name__="{name}"}}{length}))'
                    for name in names[place : place + NAMES_AT_ONCE]
                )
                part = self._number(" + ".join(counts), window)
                if part is None:
                    return None
                total += part
        except (QueryRefused, QueryTooHeavy):
            return None
        return total

    def _count_series(self, selector: str, window: TimeWindow) -> int | None:
        length = f"[{round(window.seconds * 1000)}ms]"
        try:
            return self._number(f"count(last_over_time({selector}{length}))", window)
        except (QueryRefused, QueryTooHeavy):
            return None

    def _aggregated(self, selector: str, window: TimeWindow, estimate: int, on_page: OnPage | None) -> RawSamples:
        budget = self._settings.max_samples
        count = self._count_series(selector, window) or math.ceil(estimate * FINEST_STEP_S / window.seconds)
        step_s = max(math.ceil(count * window.seconds / budget / FINEST_STEP_S), 1) * FINEST_STEP_S
        series, warnings, requests = self._range(
            selector, window, step_s, on_page, points=max(PIECE_SAMPLES // max(count, 1), 1)
        )
        findings = dict.fromkeys(f"{SAYS}{text}" for text in warnings)
        text = mark("About {count} samples are over the budget; asked at steps of {seconds:d} s (aggregated).")
        findings[in_english(text, count=estimate, seconds=round(step_s))] = None
        raw = self._raw(series, window, findings, requests)
        return replace(raw, coverage=_with_details(raw.coverage, aggregated=True, step_s=step_s))

    def _coverage(
        self,
        samples: pd.DataFrame,
        histograms: pd.DataFrame,
        window: TimeWindow,
        findings: dict[str, None],
        requests: int,
    ) -> Coverage:
        times = [one["sampled_at"] for one in (samples, histograms) if len(one)]
        first, last = min((at.min() for at in times), default=None), max((at.max() for at in times), default=None)
        missing: tuple[str, ...] = ()
        late = first is None or (first - pd.Timestamp(window.start)).total_seconds() > LATE_S
        retention = self._retention() if late else None
        if retention is not None and window.start < datetime.now(UTC) - retention[0]:
            text = mark("Prometheus keeps {retention}, and the window begins before that.")
            missing = (in_english(text, retention=retention[1]),)
        elif first is None:
            findings[mark("Prometheus has no such series in the window.")] = None
        elif late:
            text = mark("The first sample is of {at}; there are none before it.")
            findings[in_english(text, at=f"{first:%Y-%m-%d %H:%M:%S} UTC")] = None
        missing += tuple(text for text in findings if text.startswith(SAYS) and _LACKS.search(text))
        return Coverage(
            asked_start=window.start,
            asked_end=window.end,
            got_start=None if first is None else first.to_pydatetime(),
            got_end=None if last is None else last.to_pydatetime(),
            rows=len(samples) + len(histograms),
            completeness="partial" if missing else "complete",
            missing=missing,
            findings=tuple(text for text in findings if text not in missing),
            details={"requests": requests},
        )

    def _retention(self) -> tuple[timedelta, str] | None:
        """How long the server keeps samples, and in its own words; None where it does not say."""
        try:
            response = self._client.get(f"{self._client.url}/api/v1/status/runtimeinfo")
            text = str(json.loads(response.body)["data"]["storageRetention"])
        except (SourceError, ValueError, KeyError, TypeError):
            return None
        # "15d", "15d or 512MB"; "0s" where only the size is limited.
        found = re.match(r"(?:[0-9]{1,9}(?:ms|[ywdhms]))+(?![0-9A-Za-z])", text)
        if found is None:
            return None
        parts = re.findall(r"([0-9]+)(ms|[ywdhms])", found[0])
        seconds = sum(int(number) * _UNITS_S[unit] for number, unit in parts)
        # A retention that no calendar holds is none.
        return (timedelta(seconds=seconds), text) if 0 < seconds < _LONGEST_S else None

    def samples(self, selector: str, start: datetime, end: datetime) -> Loaded:
        """``raw_samples`` as one long frame: ``SAMPLES`` with ``metric`` and every label as columns.

        Raises
        ------
        ParameterError
            If the server does not understand the selector.
        SourceError
            If it cannot be read.
        """
        with _as_typed():
            raw = self.raw_samples(selector, start, end)
        return Loaded(with_labels(raw.samples, raw.series), raw.coverage, shown_url(self._client.url))

    # --- computed by the server

    def range(self, query: str, start: datetime, end: datetime, step: float | str | timedelta) -> Loaded:
        """What the server computes at every step; long windows are cut so that none is refused.

        Parameters
        ----------
        query : str
            PromQL.
        start, end : datetime
            Aware; both are included where they fall on a step.
        step : float, str or timedelta
            Seconds, or ``"1m"``.

        Returns
        -------
        Loaded
            Long: ``SAMPLES`` with ``metric`` and labels. Gaps under five minutes do not show in it.
        """
        step_s = (
            parse_duration(step).total_seconds()
            if isinstance(step, str)
            else step.total_seconds()
            if isinstance(step, timedelta)
            else float(step)
        )
        if not step_s > 0:
            raise ParameterError("The step is not above zero.", "Give it in seconds, or as 15s, 1m.")
        window = TimeWindow(start, end)
        with _as_typed():
            series, warnings, requests = self._range(query, window, step_s, None)
        samples, labels, histograms = frames_of(series)
        findings = dict.fromkeys(f"{SAYS}{text}" for text in warnings)
        coverage = self._coverage(samples, histograms, window, findings, requests)
        source = shown_url(self._client.url)
        return Loaded(with_labels(samples, labels), _with_details(coverage, aggregated=True, step_s=step_s), source)

    def _range(
        self, query: str, window: TimeWindow, step_s: float, on_page: OnPage | None, *, points: int = MAXIMUM_POINTS
    ) -> tuple[list[Numbers], list[str], int]:
        points = min(points, MAXIMUM_POINTS)
        step, at, requests = timedelta(seconds=step_s), window.start, 0
        series: list[Numbers] = []
        warnings: list[str] = []
        while at <= window.end:
            until = min(window.end, at + step * (points - 1))
            form = {"query": query, "start": _time(at), "end": _time(until), "step": f"{step_s:g}"}
            try:
                answer = self._ask("query_range", form, on_page)
            except QueryTooHeavy:
                if points == 1:
                    raise
                points //= 2
                continue
            if answer.kind != "matrix":
                raise UnexpectedAnswer("Prometheus answers a range with something else.", "Check the query.")
            requests += 1
            series.extend(answer.series)
            warnings.extend(answer.warnings)
            # On the same grid of steps, so that a point is asked once.
            at = at + step * points
        return series, list(dict.fromkeys(warnings)), requests

    def instant(self, query: str, at: datetime | None = None) -> Loaded:
        """What the server computes for one moment, now by default; long, as ``samples``."""
        moment = datetime.now(UTC) if at is None else at
        if moment.tzinfo is None:
            raise ParameterError("The time has no zone.", "Give it as an aware time.")
        with _as_typed():
            answer = self._ask("query", {"query": query, "time": _time(moment)})
        series = answer.series
        if answer.kind == "scalar":
            values = answer.data["result"]
            number = Numbers({}, np.array([round(values[0] * 1000)]), np.array([float(values[1])]))
            series = (number,)
        elif answer.kind not in {"vector", "matrix"}:
            raise UnexpectedAnswer(f"Prometheus answers with a {answer.kind or 'value'}.", "Check the query.")
        samples, labels, histograms = frames_of(series)
        coverage = Coverage(
            asked_start=moment,
            asked_end=moment,
            rows=len(samples) + len(histograms),
            findings=tuple(f"{SAYS}{text}" for text in answer.warnings),
        )
        return Loaded(with_labels(samples, labels), coverage, shown_url(self._client.url))

    def metadata(self) -> dict[str, Any]:
        """Type, help and unit of every metric, as the server tells them."""
        answer = self._ask_get("metadata")
        return answer if isinstance(answer, dict) else {}

    def lookup(self, path: str, params: Mapping[str, str] | None = None) -> tuple[Any, str | None]:
        """What the server tells at a path below ``/api/v1/``, such as ``labels``; and its ``Date`` header."""

        def decode(response: Response) -> tuple[Any, str | None]:
            return decode_answer(response.body).data, response.headers.get("Date")

        request = Request(f"{self._client.url}/api/v1/{path}", params or {})
        return self._client.load_page(request, decode, accept=_ANSWERS)

    def _ask_get(self, path: str) -> Any:
        request = Request(f"{self._client.url}/api/v1/{path}")
        return self._client.load_page(request, lambda response: decode_answer(response.body), accept=_ANSWERS).data


def _time(moment: datetime) -> str:
    return f"{moment.timestamp():.3f}"


def _inside(frame: pd.DataFrame, window: TimeWindow) -> pd.DataFrame:
    at = frame["sampled_at"]
    is_inside = (at >= pd.Timestamp(window.start)) & (at < pd.Timestamp(window.end))
    # As a rule all are, and then no second copy is made.
    return frame if is_inside.all() else frame[is_inside].reset_index(drop=True)


def _broke_off(at_ms: int, error: SourceError) -> str:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return in_english(
        mark("Samples from {at} on could not be had: {problem}"),
        at=f"{moment:%Y-%m-%d %H:%M:%S} UTC", problem=error.problem,
    )  # fmt: skip


def _with_details(coverage: Coverage, **details: Any) -> Coverage:
    return replace(coverage, details={**coverage.details, **details})
