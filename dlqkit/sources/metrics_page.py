"""A worker's own ``/metrics`` page: the newest values, before any scrape."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from dlqkit.errors import UnexpectedAnswer
from dlqkit.frames import SAMPLES, Coverage, Loaded, empty_frame
from dlqkit.language import in_english, mark
from dlqkit.sources.http import HttpClient, Request, Response, TooLarge, describe_body, is_web_page, shown_url
from dlqkit.sources.prometheus_decode import label_column

__all__ = ["MetricsPage", "parse_page"]

TIME = "datetime64[us, UTC]"
OnPage = Callable[[bytes, Mapping[str, Any]], None]
# A worker's own page has less than half of each. The parsers need ten microseconds for a line, and more than twice the
# time for twice the line; a frame has a cell for each label of each value, and a column takes a millisecond.
_MOST_BYTES = 4 << 20
_MOST_LINES = 150_000
_LONGEST_LINE = 1 << 14
_MOST_LABELS = 1_000
_MOST_CELLS = 5_000_000
# A line of OpenMetrics: the name, the labels, and a value with what follows it; a native histogram stands in braces.
_LABELS = r'\{(?:[^"\\}]|"(?:[^"\\]|\\.)*+")*+\}'
_SAMPLE = re.compile(
    rf'[^\s"#{{\\]*+(?:{_LABELS})? (?:(?P<histogram>\{{[a-z_]+:.*)|[^"{{]*?(?: # {_LABELS}[^"{{]*)?)', re.DOTALL
)
_LEFT_OUT = mark("Native histograms on the worker's page are left out: {count}.")


class MetricsPage:
    """Reads one process's page in Prometheus's text form.

    Parameters
    ----------
    url : str
        For example ``http://worker-host:8000/metrics``.
    secrets : collection of str, optional
        Of the services; masked where a page echoes them, never sent.
    """

    def __init__(self, url: str, *, secrets: Collection[str] = (), **client_options: Any) -> None:
        self._client = HttpClient(
            url,
            name=mark("The worker's page"),
            setting="worker.metrics_urls",
            headers={"Accept": "text/plain, application/openmetrics-text;q=0.5"},
            also_mask=secrets,
            **client_options,
        )

    def __repr__(self) -> str:
        return f"MetricsPage({shown_url(self._client.url)!r})"

    def load(self, *, on_page: OnPage | None = None) -> Loaded:
        """Every value on the page, at the time of reading.

        Parameters
        ----------
        on_page : callable, optional
            Gets the body as it came, and ``url``, ``masked`` (places where a secret was masked) and
            ``original_sha256`` (of the body before that, else None).

        Returns
        -------
        Loaded
            ``frames.SAMPLES`` with ``metric`` and a column for each label; ``series_id`` is the place on the page.
            A native histogram is no single value: it is left out, and told in ``coverage.missing``.

        Raises
        ------
        SourceError
            If it cannot be read, or is no such page.
        """

        def decode(response: Response) -> tuple[pd.DataFrame, tuple[str, ...]]:
            found = parse_page(response.body, response.headers.get("Content-Type", ""), datetime.now(UTC))
            if on_page is not None:
                masked = {"masked": response.masked, "original_sha256": response.original_sha256}
                on_page(response.body, {"url": shown_url(response.url), **masked})
            return found

        frame, missing = self._client.load_page(Request(self._client.url), decode)
        moment = frame["sampled_at"].max().to_pydatetime() if len(frame) else None
        coverage = Coverage(got_start=moment, got_end=moment, rows=len(frame), missing=missing)
        return Loaded(frame, coverage, shown_url(self._client.url))


# The parsers of prometheus_client look for what a page should have, and say in many ways that it is not there.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


def parse_page(body: bytes, content_type: str, read_at: datetime) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A page's text as a frame, and what is missing of it; see ``MetricsPage.load``."""
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
    from prometheus_client.parser import text_string_to_metric_families as parse_text

    found = describe_body(body, content_type).replace(" instead of JSON", "")
    if is_web_page(body):
        raise UnexpectedAnswer(
            in_english(mark("The worker's page is {found}, not metrics."), found=found),
            mark("Check worker.metrics_urls; the path is usually /metrics."),
        )
    if len(body) > _MOST_BYTES or body.count(b"\n") > _MOST_LINES or max(map(len, body.split(b"\n"))) > _LONGEST_LINE:
        raise _too_large()
    rows, left_out = [], 0
    try:
        text = body.decode("utf-8")
        openmetrics = "openmetrics" in content_type or re.search(r"^# EOF\s*\Z", text, re.MULTILINE) is not None
        if openmetrics:
            text, left_out = _without_histograms(text)
        for family in (parse_openmetrics if openmetrics else parse_text)(text):
            for sample in family.samples:
                value = float(sample.value)
                labels = {label_column(name): text for name, text in sample.labels.items()}
                rows.append({"metric": sample.name, "value": None if math.isnan(value) else value, **labels})
    except _UNREADABLE as error:
        raise UnexpectedAnswer(
            in_english(mark("The worker's page is {found}, and cannot be read as metrics."), found=found),
            mark("Open worker.metrics_urls in a browser and see."),
        ) from error
    missing = (in_english(_LEFT_OUT, count=left_out),) if left_out else ()
    if not rows:
        return empty_frame({**SAMPLES, "metric": "category"}), missing
    columns = len(set().union(*rows))
    if columns > _MOST_LABELS or len(rows) * columns > _MOST_CELLS:
        raise _too_large()
    frame = pd.DataFrame(rows)
    frame.insert(0, "series_id", pd.array(range(len(frame)), dtype="Int32"))
    frame.insert(1, "sampled_at", pd.Series([pd.Timestamp(read_at)] * len(frame)).astype(TIME))
    others = {name: "category" for name in frame.columns if name not in SAMPLES}
    return frame.astype({**others, "value": "Float64"}), missing


def _without_histograms(text: str) -> tuple[str, int]:
    """OpenMetrics without its native histograms, and how many there were.

    The parser gives them no value, and takes minutes over what only begins as one does.
    """
    lines, kept = text.split("\n"), []
    for line in lines:
        if "{" in line and line[0] != "#":
            found = _SAMPLE.fullmatch(line)
            if found is None:
                raise ValueError("no sample of OpenMetrics")
            if found["histogram"]:
                continue
        kept.append(line)
    return "\n".join(kept), len(lines) - len(kept)


def _too_large() -> TooLarge:
    return TooLarge(
        mark("The worker's page holds more than the metrics of one worker."),
        mark("Check worker.metrics_urls: each is the page of a single worker's process."),
    )
