from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pandas as pd
import pytest

from dlqkit.errors import UnexpectedAnswer
from dlqkit.sources.http import TooLarge
from dlqkit.sources.metrics_page import MetricsPage, parse_page

NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
PAGE = b"""# HELP worker_dlq_total Dead letters.
# TYPE worker_dlq_total counter
worker_dlq_total{workflow_id="a b\\"c"} 7
# TYPE worker_action_duration_seconds histogram
worker_action_duration_seconds_bucket{le="0.5"} 2
worker_action_duration_seconds_bucket{le="+Inf"} 3
worker_action_duration_seconds_sum 1.25
worker_action_duration_seconds_count 3
some_gauge NaN
"""


def test_every_value_of_a_page_is_read() -> None:
    frame, _ = parse_page(PAGE, "text/plain", NOW)

    own = frame.set_index(frame["metric"].astype(str))
    assert own.loc["worker_dlq_total", "value"] == 7
    assert own.loc["worker_dlq_total", "workflow_id"] == 'a b"c'
    assert own.loc["worker_action_duration_seconds_bucket", "value"].tolist() == [2, 3]
    assert pd.isna(own.loc["some_gauge", "value"])
    assert frame["sampled_at"].eq(pd.Timestamp(NOW)).all()


def test_openmetrics_is_read_too() -> None:
    body = b'# TYPE worker_dlq counter\nworker_dlq_total{workflow_id="a"} 7\n# EOF\n'

    frame, _ = parse_page(body, "application/openmetrics-text; version=1.0.0", NOW)

    assert frame["metric"].tolist() == ["worker_dlq_total"]


NATIVE = "count:1,sum:1,schema:3,zero_threshold:1,zero_count:1,positive_spans:[0:2],positive_deltas:[1,2]"


@pytest.mark.parametrize(
    "histogram",
    [
        "a {%s}",
        'a{x="1"} {%s}',
        '{"a.b",x="}\\" {"} {%s} 1772460005',
        'a {%s} 1772460005.5 # {trace_id="t"} 1 1772460005',
    ],
)
def test_a_native_histogram_is_left_out_and_told_and_the_rest_of_the_page_is_read(histogram: str) -> None:
    """The parser gives it no value, and where it is alone no labels."""
    line = histogram % NATIVE
    path = 'path="/{id} {"'
    own = f'c_bucket{{le="+Inf",{path}}} 4 # {{trace_id="t"}} 0.5 1772460005\nc_sum{{{path}}} 1.0\nc_count{{{path}}} 4'
    page = f"# HELP a Of {{all}}.\n# TYPE a histogram\n{line}\n{line}\n# TYPE b counter\nb_total 2\n"
    page += f"# TYPE c histogram\n{own}\n# EOF\n"

    frame, missing = parse_page(page.encode(), "application/openmetrics-text", NOW)

    assert dict(zip(frame["metric"], frame["value"], strict=True)) == {
        "b_total": 2, "c_bucket": 4, "c_sum": 1, "c_count": 4,
    }  # fmt: skip
    assert missing == ("Native histograms on the worker's page are left out: 2.",)


def test_a_page_of_native_histograms_alone_has_no_values_and_says_why() -> None:
    frame, missing = parse_page(f"# TYPE a histogram\na {{{NATIVE}}}\n# EOF\n".encode(), "", NOW)

    assert frame.empty
    assert missing == ("Native histograms on the worker's page are left out: 1.",)


def test_an_empty_page_has_no_values() -> None:
    frame, missing = parse_page(b"# nothing yet\n", "text/plain", NOW)

    assert frame.empty and not missing


HISTOGRAM = b'# TYPE d histogram\nd_bucket{le="+Inf"} 4\nd_sum 2.5\nd_count 4{} 1772460005000\n# EOF\n'


@pytest.mark.parametrize(
    "body", [b"<html><title>Log in</title></html>", b"\xff\xfe", b"a{b= 3\n", HISTOGRAM, b"a 1 # {} \n# EOF\n",
             b"a " + b"1" * 400 + b"\n", b"a 1 1e400\na 1 " + b"1" * 400 + b"\n",
             b"# TYPE a histogram\na{} x{" + b"a" * 10_000 + b"}\n# EOF\n"],
)  # fmt: skip
def test_what_is_no_page_of_metrics_is_refused(body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer, match="page"):
        parse_page(body, "text/html", NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"# nothing\n" * 1_000_000,
        b"a 1\n" * 400_000,
        b'a{b="' * 2_000_000,
        b"a{" + b",".join(b'x%d=""' % number for number in range(100_000)) + b"} 1\n",
        b"".join(b'a{x%d=""} 1\n' % number for number in range(50_000)),
        b"".join(b'a{x%d=""} 1\n' % number for number in range(2_000)),
        b"".join(b"a{%s} 1\n" % b",".join(b'l%d="x"' % label for label in range(5_500)) for _ in range(120)),
        b"".join(b'a{l%d="%d"} 1\n' % (number % 60, number) for number in range(140_000)),
    ],
    ids=["bytes", "lines", "quotes", "labels", "labels of their own", "columns", "many labels", "cells"],
)
def test_a_page_of_more_than_a_worker_has_is_refused_before_it_takes_minutes(body: bytes) -> None:
    """Too many bytes, lines, labels, or a line of all of it."""
    with pytest.raises(TooLarge, match="more than the metrics of one worker"):
        parse_page(body, "text/plain", NOW)


def test_a_page_of_a_hundred_thousand_values_is_read() -> None:
    body = b"".join(b'a{b="%d"} 1\n' % number for number in range(100_000))

    frame, _ = parse_page(body, "text/plain", NOW)

    assert len(frame) == 100_000


@contextmanager
def served(sent: bytes) -> Iterator[str]:
    """The address of a page that is no more than its bytes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_what_is_missing_of_a_page_is_told_in_its_coverage() -> None:
    with served(f"# TYPE a histogram\na {{{NATIVE}}}\nb 1\n# EOF\n".encode()) as url:
        loaded = MetricsPage(url).load()

    assert loaded.frame["metric"].tolist() == ["b"]
    assert loaded.coverage.missing == ("Native histograms on the worker's page are left out: 1.",)


def test_a_page_that_echoes_a_secret_is_handed_on_masked() -> None:
    """A label that holds the key of the Execution Logs API is masked in the body and in the frame."""
    key = "k3y-of-the-tests"
    sent = f'worker_info{{command="worker --key {key}"}} 1\n'.encode()

    pages: list[tuple[bytes, Mapping[str, Any]]] = []
    with served(sent) as url:
        loaded = MetricsPage(url, secrets=[key]).load(on_page=lambda body, about: pages.append((body, about)))

    assert loaded.frame["command"].tolist() == ["worker --key ********"]
    assert pages == [
        (
            sent.replace(key.encode(), b"********"),
            {"url": url, "masked": 1, "original_sha256": hashlib.sha256(sent).hexdigest()},
        )
    ]


def test_a_page_of_another_machine_may_be_read_without_encryption() -> None:
    """Secrets that are only masked are not sent, so plain http is no danger to them."""
    assert MetricsPage("http://worker.example:8000/metrics", secrets=["k3y-of-the-tests"])
