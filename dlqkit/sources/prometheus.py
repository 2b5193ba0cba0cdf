"""A Prometheus-compatible server: raw samples as they were scraped, ranges, and what the server says beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from dlqkit.errors import ParameterError, SourceError, SourceUnavailable, UnexpectedAnswer
from dlqkit.frames import Coverage, Loaded, with_labels
from dlqkit.incident import TimeWindow, parse_duration
from dlqkit.settings import PrometheusSettings
from dlqkit.sources.http import HttpClient, Request, Response, shown_url
from dlqkit.sources.prometheus_decode import Answer, Numbers, QueryTooHeavy, decode_answer, frames_of

__all__ = ["Prometheus", "RawSamples"]

# A piece of about this many samples is some 20 MB of text, well below what is read at once.
PIECE_SAMPLES = 1_000_000
SMALLEST_PIECE_S = 60.0
# Prometheus refuses more points a series than this (its constant; 11,001 are refused).
MAXIMUM_POINTS = 11_000
# A first sample later than this after the start is worth a word: scrapes are seconds to minutes apart.
LATE_S = 600.0
_ANSWERS = (400, 422, 503)


@dataclass(frozen=True, slots=True)
class RawSamples:
    """Scrapes as frames: ``SAMPLES``, ``SERIES`` with labels, ``HISTOGRAMS``; and what they cover."""

    samples: pd.DataFrame
    series: pd.DataFrame
    histograms: pd.DataFrame
    coverage: Coverage


OnPage = Callable[[bytes, Mapping[str, Any]], None]


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
        Further headers, such as a tenant's; treated as secrets.
    ca_file : Path, optional
        Certificate authority of the server.
    settings : PrometheusSettings, optional
        ``max_samples`` is used.
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
            secrets=[*(headers or {}).values(), *([bearer] if bearer else [])],
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
                        f"Prometheus at {shown_url(self._client.url)} is broken or overloaded ({response.status}).",
                        "Try again later; what was collected stays.",
                    ) from None
                raise
            if on_page is not None:
                on_page(response.body, {"path": path, **form})
            return answer

        return self._client.load_page(Request(f"{self._client.url}/api/v1/{path}", {}, form), decode, accept=_ANSWERS)

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
            Gets each body as it came, and what was asked.

        Returns
        -------
        RawSamples
            Past the budget of samples a ``query_range`` stands in, and the coverage says ``aggregated``.

        Raises
        ------
        ParameterError
            If the server does not understand the selector.
        SourceError
            If it cannot be read.
        """
        window = TimeWindow(start, end)
        findings: dict[str, None] = {}
        estimate = self._estimate(selector, window)
        if estimate is not None and estimate > self._settings.max_samples:
            return self._aggregated(selector, window, estimate, on_page)
        whole = window.seconds
        piece_s = whole if not estimate else max(whole * PIECE_SAMPLES / max(estimate, 1), SMALLEST_PIECE_S)
        series: list[Numbers] = []
        at, requests = window.start, 0
        while at < window.end:
            until = min(window.end, at + timedelta(seconds=piece_s))
            try:
                answer = self._piece(selector, at, until, on_page)
            except QueryTooHeavy:
                if piece_s <= SMALLEST_PIECE_S:
                    raise
                piece_s = max(min(piece_s, (until - at).total_seconds()) / 2, SMALLEST_PIECE_S)
                continue
            requests += 1
            findings.update(dict.fromkeys(f"Prometheus says: {text}" for text in answer.warnings))
            series.extend(answer.series)
            at = until
        samples, labels, histograms = frames_of(series)
        inside = (samples["sampled_at"] >= pd.Timestamp(window.start)) & (
            samples["sampled_at"] < pd.Timestamp(window.end)
        )
        samples = samples[inside].reset_index(drop=True)
        return RawSamples(samples, labels, histograms, self._coverage(samples, histograms, window, findings, requests))

    def _piece(self, selector: str, start: datetime, end: datetime, on_page: OnPage | None) -> Answer:
        # One millisecond more: a range is closed on the left in Prometheus 2 and open in 3; seams are made one later.
        length_ms = round((end - start).total_seconds() * 1000) + 1
        answer = self._ask("query", {"query": f"{selector}[{length_ms}ms]", "time": _time(end)}, on_page)
        if answer.kind != "matrix":
            raise ParameterError("The selector gives no raw samples.", "Give a plain selector, without a function.")
        return answer

    def _estimate(self, selector: str, window: TimeWindow) -> int | None:
        """About how many samples there are; None where the server does not say."""
        length_ms = round(window.seconds * 1000)
        query = f"sum(count_over_time({selector}[{length_ms}ms]))"
        try:
            answer = self._ask("query", {"query": query, "time": _time(window.end)})
        except (ParameterError, QueryTooHeavy):
            # The question itself follows and says what is wrong; this was only to cut it well.
            return None
        values = [one.value for one in answer.series if len(one.value)]
        return int(values[0][0]) if values else 0

    def _aggregated(self, selector: str, window: TimeWindow, estimate: int, on_page: OnPage | None) -> RawSamples:
        step_s = max(15.0, round(15.0 * estimate / self._settings.max_samples + 0.5) * 15.0)
        series, warnings, requests = self._range(selector, window, step_s, on_page)
        findings = dict.fromkeys(f"Prometheus says: {text}" for text in warnings)
        findings[f"About {estimate:,} samples are over the budget; asked at steps of {step_s:.0f} s (aggregated)."] = (
            None
        )
        samples, labels, histograms = frames_of(series)
        coverage = self._coverage(samples, histograms, window, findings, requests)
        return RawSamples(samples, labels, histograms, _with_details(coverage, aggregated=True, step_s=step_s))

    def _coverage(
        self,
        samples: pd.DataFrame,
        histograms: pd.DataFrame,
        window: TimeWindow,
        findings: dict[str, None],
        requests: int,
    ) -> Coverage:
        first = samples["sampled_at"].min()
        missing: tuple[str, ...] = ()
        late = pd.isna(first) or (first - pd.Timestamp(window.start)).total_seconds() > LATE_S
        retention = self._retention() if late else None
        if retention is not None and window.start < datetime.now(UTC) - retention[0]:
            missing = (f"Prometheus keeps {retention[1]}, and the window begins before that.",)
        elif pd.isna(first):
            findings["Prometheus has no such series in the window."] = None
        elif late:
            findings[f"The first sample is of {first:%Y-%m-%d %H:%M:%S} UTC; there are none before it."] = None
        return Coverage(
            asked_start=window.start,
            asked_end=window.end,
            got_start=None if pd.isna(first) else first.to_pydatetime(),
            got_end=None if pd.isna(first) else samples["sampled_at"].max().to_pydatetime(),
            rows=len(samples) + len(histograms),
            completeness="partial" if missing else "complete",
            missing=missing,
            findings=tuple(findings),
            details={"requests": requests},
        )

    def _retention(self) -> tuple[timedelta, str] | None:
        """How long the server keeps samples, and in its own words; None where it does not say."""
        try:
            response = self._client.get(f"{self._client.url}/api/v1/status/runtimeinfo")
            text = str(json.loads(response.body)["data"]["storageRetention"])
        except (SourceError, ValueError, KeyError, TypeError):
            return None
        found = re.match(r"(?:[0-9]+(?:y|w|d|h|m|s))+", text)
        if found is None:
            return None
        years = sum(int(number) for number in re.findall(r"([0-9]+)y", found[0]))
        rest = re.sub(r"[0-9]+y", "", found[0])
        return timedelta(days=365 * years) + (parse_duration(rest) if rest else timedelta()), text

    def samples(self, selector: str, start: datetime, end: datetime) -> Loaded:
        """``raw_samples`` as one long frame: ``SAMPLES`` with ``metric`` and every label as columns."""
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
        series, warnings, requests = self._range(query, window, step_s, None)
        samples, labels, histograms = frames_of(series)
        findings = dict.fromkeys(f"Prometheus says: {text}" for text in warnings)
        coverage = self._coverage(samples, histograms, window, findings, requests)
        source = shown_url(self._client.url)
        return Loaded(with_labels(samples, labels), _with_details(coverage, aggregated=True, step_s=step_s), source)

    def _range(
        self, query: str, window: TimeWindow, step_s: float, on_page: OnPage | None
    ) -> tuple[list[Numbers], list[str], int]:
        piece = timedelta(seconds=step_s * (MAXIMUM_POINTS - 1))
        at, requests = window.start, 0
        series: list[Numbers] = []
        warnings: list[str] = []
        while at <= window.end:
            until = min(window.end, at + piece)
            form = {"query": query, "start": _time(at), "end": _time(until), "step": f"{step_s:g}"}
            answer = self._ask("query_range", form, on_page)
            if answer.kind != "matrix":
                raise UnexpectedAnswer("Prometheus answers a range with something else.", "Check the query.")
            requests += 1
            series.extend(answer.series)
            warnings.extend(answer.warnings)
            # On the same grid of steps, so that a point is asked once.
            at = at + piece + timedelta(seconds=step_s)
        return series, list(dict.fromkeys(warnings)), requests

    def instant(self, query: str, at: datetime | None = None) -> Loaded:
        """What the server computes for one moment, now by default; long, as ``samples``."""
        moment = datetime.now(UTC) if at is None else at
        if moment.tzinfo is None:
            raise ParameterError("The time has no zone.", "Give it as an aware time.")
        answer = self._ask("query", {"query": query, "time": _time(moment)})
        series = answer.series
        if answer.kind == "scalar":
            values = answer.data["result"]
            import numpy as np

            number = Numbers({}, np.array([round(values[0] * 1000)]), np.array([float(values[1])]))
            series = (number,)
        elif answer.kind not in {"vector", "matrix"}:
            raise UnexpectedAnswer(f"Prometheus answers with a {answer.kind or 'value'}.", "Check the query.")
        samples, labels, histograms = frames_of(series)
        coverage = Coverage(
            asked_start=moment,
            asked_end=moment,
            rows=len(samples) + len(histograms),
            findings=tuple(f"Prometheus says: {text}" for text in answer.warnings),
        )
        return Loaded(with_labels(samples, labels), coverage, shown_url(self._client.url))

    def metadata(self) -> dict[str, Any]:
        """Type, help and unit of every metric, as the server tells them."""
        answer = self._ask_get("metadata")
        return answer if isinstance(answer, dict) else {}

    def _ask_get(self, path: str) -> Any:
        request = Request(f"{self._client.url}/api/v1/{path}")
        return self._client.load_page(request, lambda response: decode_answer(response.body), accept=_ANSWERS).data


def _time(moment: datetime) -> str:
    return f"{moment.timestamp():.3f}"


def _with_details(coverage: Coverage, **details: Any) -> Coverage:
    from dataclasses import replace

    return replace(coverage, details={**coverage.details, **details})
