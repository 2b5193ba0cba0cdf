from __future__ import annotations

import base64
import hashlib
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pandas as pd
import pytest

from dlqkit.errors import AccessDenied, ParameterError, SourceError, SourceUnavailable
from dlqkit.settings import PrometheusSettings
from dlqkit.sources import prometheus as module
from dlqkit.sources.prometheus import Prometheus
from tests.sources.certificate import make_certificate

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
END = START + timedelta(hours=1)
Asked = tuple[str, dict[str, str], Mapping[str, str]]
Answer = Callable[[str, dict[str, str]], tuple[int, Any]]


@contextmanager
def server(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[Asked]]]:
    """A server on loopback whose answers a test writes; its address, and what it was asked."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()))
            path = self.path.removeprefix("/api/v1/")
            asked.append((path, form, dict(self.headers.items())))
            status, value = answer(path, form)
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            return

    one = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.daemon_threads = True
    if tls is not None:
        one.socket = tls.wrap_socket(one.socket, server_side=True)
    thread = threading.Thread(target=one.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{one.server_port}", asked
    finally:
        one.shutdown()
        one.server_close()
        thread.join(5)


def ok(kind: str, result: Any, **beside: Any) -> tuple[int, Any]:
    return 200, {"status": "success", "data": {"resultType": kind, "result": result}, **beside}


def no(status: int, kind: str, text: str) -> tuple[int, Any]:
    return status, {"status": "error", "errorType": kind, "error": text}


def scrapes(low_s: float, high_s: float, every_s: int = 15) -> list[list[Any]]:
    """A counter that is as high as the number of its scrape since START, scraped on the grid of 15 s."""
    start = int(START.timestamp())
    return [[at, str((at - start) // every_s)] for at in range(start, start + 3600, every_s) if low_s <= at <= high_s]


def counter(path: str, form: dict[str, str], *, most: int | None = None) -> tuple[int, Any]:
    """Prometheus 2 with one series; refuses, as Prometheus words it, a query of more than ``most`` samples."""
    if path == "status/runtimeinfo":
        return 200, {"status": "success", "data": {"storageRetention": "0s"}}
    if path == "query_range":
        step, low, high = (float(form[name]) for name in ("step", "start", "end"))
        steps = [low + step * n for n in range(int((high - low) // step) + 1)]
        return ok("matrix", [{"metric": {"__name__": "m"}, "values": [[at, "1"] for at in steps]}])
    found = re.search(r"\[([0-9]+)ms\]", form["query"])
    assert found
    at = float(form["time"])
    values = scrapes(at - int(found[1]) / 1000, at)
    if "count_over_time" in form["query"]:
        return ok("vector", [{"metric": {}, "value": [at, str(len(values))]}] if values else [])
    if "last_over_time" in form["query"]:
        return ok("vector", [{"metric": {}, "value": [at, "1"]}])
    if most is not None and len(values) > most:
        return no(422, "execution", "query processing would load too many samples into memory in query execution")
    return ok("matrix", [{"metric": {"__name__": "m"}, "values": values}] if values else [])


def test_a_query_that_is_too_large_is_cut_until_it_is_not() -> None:
    """Of 240 scrapes at most 50 come at once: each is there, once."""
    with server(lambda path, form: counter(path, form, most=50)) as (url, asked):
        raw = Prometheus(url).raw_samples("m", START, END)

    assert raw.samples["value"].tolist() == list(range(240))
    assert raw.coverage.completeness == "complete"
    assert len(asked) < 20


def test_a_body_that_is_too_long_is_asked_for_in_pieces() -> None:
    """A body above what is read at once is no answer that cannot be read, but a question that is too large."""
    with server(counter) as (url, _):
        raw = Prometheus(url, max_bytes=2000).raw_samples("m", START, END)

    assert raw.samples["value"].tolist() == list(range(240))


@pytest.mark.parametrize(
    "text",
    [
        "the query time range exceeds the limit (query length: 4h0m0s, limit: 20m0s)",
        "the query exceeded the maximum number of chunks (limit: 2000000 chunks) (err-mimir-max-chunks-per-query)",
        "expanding series: context deadline exceeded",
    ],
)
def test_other_servers_words_for_too_much_are_understood(text: str) -> None:
    """What Cortex, Mimir and a slow Prometheus say leads to smaller questions too."""

    def answer(path: str, form: dict[str, str]) -> tuple[int, Any]:
        found = re.search(r"\[([0-9]+)ms\]", form.get("query", ""))
        return no(422, "execution", text) if found and int(found[1]) > 1_300_000 else counter(path, form)

    with server(answer) as (url, _):
        assert len(Prometheus(url).raw_samples("m", START, END).samples) == 240


def test_a_server_that_breaks_off_leaves_what_came() -> None:
    """The first half of the window is there, and the coverage says from when on nothing is."""
    half = START + timedelta(minutes=30)

    def answer(path: str, form: dict[str, str]) -> tuple[int, Any]:
        found = re.search(r"m\[([0-9]+)ms\]$", form.get("query", ""))
        if found and int(found[1]) > 1_800_001:
            return no(422, "execution", "too many samples")
        if found and float(form["time"]) > half.timestamp():
            return 500, b""
        return counter(path, form)

    with server(answer) as (url, _):
        raw = Prometheus(url, sleep=lambda _: None).raw_samples("m", START, END)

    assert raw.samples["value"].tolist() == list(range(121))
    assert raw.coverage.completeness == "partial"
    assert "12:30:00 UTC on could not be had" in raw.coverage.missing[0]


def test_metrics_of_the_same_labels_are_counted_by_name() -> None:
    """Prometheus refuses the count over several names at once; then each name is counted."""
    asked: list[str] = []

    def answer(path: str, form: dict[str, str]) -> tuple[int, Any]:
        query = form["query"]
        asked.append(query)
        if "by (__name__)" in query:
            return ok("vector", [{"metric": {"__name__": name}, "value": [0, "3"]} for name in ("a", "b")])
        if "count_over_time" in query and '__name__="' not in query:
            return no(422, "execution", "vector cannot contain metrics with the same labelset")
        if "count_over_time" in query:
            return ok("vector", [{"metric": {}, "value": [0, "9000"]}])
        if "last_over_time" in query:
            return ok("vector", [{"metric": {}, "value": [0, "6"]}])
        return counter(path, form)

    with server(answer) as (url, _):
        raw = Prometheus(url, settings=PrometheusSettings(max_samples=1000)).raw_samples(
            '{__name__=~"a|b"}', START, END
        )

    assert any('{__name__=~"a|b",__name__="a"}' in query for query in asked)
    # Six series over an hour within 1,000 samples: 21.6 s, so every 30 s.
    assert raw.coverage.details == {"requests": 1, "aggregated": True, "step_s": 30.0}
    assert "9,000 samples" in raw.coverage.findings[0]
    assert len(raw.samples) == 120
    assert raw.samples["sampled_at"].max() < pd.Timestamp(END)


def test_the_budget_holds_where_the_server_does_not_say_how_many_there_are() -> None:
    """No count can be had, and pieces are small: past the budget steps stand in."""

    def answer(path: str, form: dict[str, str]) -> tuple[int, Any]:
        if "_over_time" in form.get("query", ""):
            return no(422, "execution", "no functions here")
        return counter(path, form, most=60)

    with server(answer) as (url, _):
        settings = PrometheusSettings.model_construct(max_samples=100)
        raw = Prometheus(url, settings=settings).raw_samples("m", START, END)

    assert raw.coverage.details["aggregated"] is True
    assert len(raw.samples) <= 100


def test_pieces_of_a_histogram_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    """A native histogram at a seam is there once, and none from outside the window."""
    buckets = {"count": "3", "sum": "1.5", "buckets": [[0, "0", "1", "3"]]}

    def answer(path: str, form: dict[str, str]) -> tuple[int, Any]:
        status, value = counter(path, form)
        for one in value["data"]["result"] if form["query"].split("[")[0] == "m" else ():
            one["histograms"] = [[at, buckets] for at, _ in one.pop("values")]
        return status, value

    monkeypatch.setattr(module, "PIECE_SAMPLES", 40)
    with server(answer) as (url, _):
        raw = Prometheus(url).raw_samples("m", START + timedelta(minutes=1), END - timedelta(minutes=10))

    assert raw.coverage.details["requests"] > 3
    assert len(raw.histograms) == raw.coverage.rows == 240 - 4 - 40
    assert raw.histograms["sampled_at"].is_unique
    assert raw.coverage.got_start == START + timedelta(minutes=1)
    assert not raw.coverage.findings


def test_a_refusal_of_our_own_query_is_the_servers_and_one_of_the_analysts_is_the_query() -> None:
    """``collect`` goes on without that source; who typed the PromQL hears what is wrong with it."""
    with server(lambda path, form: no(422, "execution", "not allowed here")) as (url, _):
        client = Prometheus(url)
        with pytest.raises(SourceError, match="not allowed here"):
            client.raw_samples("m", START, END)
        with pytest.raises(ParameterError, match="not allowed here"):
            client.samples("m", START, END)
        with pytest.raises(ParameterError, match="not allowed here"):
            client.range("m", START, END, "1m")
        with pytest.raises(ParameterError, match="not allowed here"):
            client.instant("m")


@pytest.mark.parametrize("text", ["0s", "", "forever", "512MB", "15", "9" * 400 + "y", "0d"])
def test_a_retention_that_says_nothing_is_not_taken_for_one(text: str) -> None:
    def answer(path: str, form: dict[str, str]) -> tuple[int, Any]:
        if path == "status/runtimeinfo":
            return 200, {"status": "success", "data": {"storageRetention": text}}
        return ok("vector" if "count" in form["query"] else "matrix", [])

    with server(answer) as (url, _):
        coverage = Prometheus(url).raw_samples("m", START, END).coverage

    assert coverage.completeness == "complete"
    assert "no such series" in coverage.findings[0]


def test_a_retention_in_several_units_is_read() -> None:
    def answer(path: str, form: dict[str, str]) -> tuple[int, Any]:
        if path == "status/runtimeinfo":
            return 200, {"status": "success", "data": {"storageRetention": "1w2d12h or 512MB"}}
        return ok("vector" if "count" in form["query"] else "matrix", [])

    with server(answer) as (url, _):
        early = datetime.now(UTC) - timedelta(days=9.6)
        coverage = Prometheus(url).raw_samples("m", early, early + timedelta(hours=1)).coverage
        assert "keeps 1w2d12h or 512MB" in coverage.missing[0]
        late = datetime.now(UTC) - timedelta(days=9.4)
        assert not Prometheus(url).raw_samples("m", late, late + timedelta(hours=1)).coverage.missing


def test_a_long_range_is_cut_on_one_grid_of_steps() -> None:
    """Twelve hours at a second are 43,201 points: four questions, each point once."""
    with server(counter) as (url, asked):
        loaded = Prometheus(url).range("m", START, START + timedelta(hours=12), step=1)

    assert loaded.frame["sampled_at"].is_unique
    assert len(loaded.frame) == 43_201
    assert [path for path, _, _ in asked] == ["query_range"] * 4
    assert loaded.coverage.details["step_s"] == 1


def test_a_range_may_be_refused_and_still_come_in_smaller_pieces() -> None:
    def answer(path: str, form: dict[str, str]) -> tuple[int, Any]:
        points = (float(form["end"]) - float(form["start"])) / float(form["step"])
        return no(400, "bad_data", "exceeded maximum resolution of 500 points") if points > 500 else counter(path, form)

    with server(answer) as (url, _):
        loaded = Prometheus(url).range("m", START, END, step=timedelta(seconds=2))

    assert len(loaded.frame) == 1801
    assert loaded.frame["sampled_at"].is_unique


def test_an_instant_gives_vectors_and_scalars_and_what_the_server_says_beside_them() -> None:
    def answer(path: str, form: dict[str, str]) -> tuple[int, Any]:
        if form["query"] == "1 + 1":
            return ok("scalar", [1772452800, "2"])
        return ok("vector", [{"metric": {"a": "b"}, "value": [1772452800, "7"]}], warnings=["one store is away"])

    with server(answer) as (url, asked):
        client = Prometheus(url)
        vector, scalar = client.instant("sum by (a) (m)", START), client.instant("1 + 1")
        with pytest.raises(ParameterError, match="no zone"):
            client.instant("m", START.replace(tzinfo=None))

    assert (vector.frame["value"].tolist(), vector.frame["a"].tolist()) == ([7], ["b"])
    assert vector.coverage.findings == ("Prometheus says: one store is away",)
    assert scalar.frame["value"].tolist() == [2]
    assert asked[0][1]["time"] == f"{START.timestamp():.3f}"


def test_a_store_that_is_away_makes_the_samples_partial() -> None:
    """Thanos answers with what it has, and a warning: taken for whole it would hide an outage."""

    def answer(path: str, form: dict[str, str]) -> tuple[int, Any]:
        status, value = counter(path, form)
        return status, {**value, "warnings": ["partial response: store-2 is down"]}

    with server(answer) as (url, _):
        coverage = Prometheus(url).samples("m", START, END).coverage

    assert coverage.completeness == "partial"
    assert coverage.missing == ("Prometheus says: partial response: store-2 is down",)


def test_metadata_is_what_the_server_tells() -> None:
    told = {"worker_dlq_total": [{"type": "counter", "help": "Dead letters.", "unit": ""}]}
    with server(lambda path, form: (200, {"status": "success", "data": told})) as (url, asked):
        assert Prometheus(url).metadata() == told
    assert asked[0][0] == "metadata"


def test_each_way_to_authenticate_reaches_the_server() -> None:
    """Bearer, basic and a tenant's header; a wrong token is said to be one."""
    with server(lambda path, form: ok("vector", [])) as (url, asked):
        Prometheus(url, bearer="t0ken-of-the-tests").instant("m")
        Prometheus(url, basic=("ann", "pässword")).instant("m")
        Prometheus(url, headers={"X-Scope-OrgID": "tenant-7"}).instant("m")
    headers = [one for _, _, one in asked]
    assert headers[0]["Authorization"] == "Bearer t0ken-of-the-tests"
    assert base64.b64decode(headers[1]["Authorization"].removeprefix("Basic ")).decode() == "ann:pässword"
    assert headers[2]["X-Scope-OrgID"] == "tenant-7"

    with server(lambda path, form: (401, b"")) as (url, _), pytest.raises(AccessDenied, match="refuses access"):
        Prometheus(url, bearer="t0ken-of-the-tests").instant("m")


def test_a_certificate_is_checked_against_the_named_authority(tmp_path: Path) -> None:
    """With ``ca_file`` the answer comes; without it the certificate is not accepted, and nothing else is tried."""
    authority, tls = make_certificate(tmp_path)
    with server(lambda path, form: ok("scalar", [1772452800, "2"]), tls) as (url, asked):
        assert Prometheus(url, ca_file=authority, bearer="t0ken-of-the-tests").instant("2").frame["value"].tolist() == [
            2
        ]
        with pytest.raises(SourceUnavailable, match="not accepted"):
            Prometheus(url, bearer="t0ken-of-the-tests").instant("2")
        with pytest.raises(ParameterError, match="does not exist"):
            Prometheus(url, ca_file=tmp_path / "none.pem")
    assert len(asked) == 1


def test_a_page_is_handed_on_with_what_was_masked_in_it() -> None:
    """Each body comes masked, with the number of places and the hash of what the server sent."""
    secret, other = "t0ken-of-the-tests", "k3y-of-another-service"
    sent: list[bytes] = []

    def answer(path: str, form: dict[str, str]) -> tuple[int, Any]:
        status, value = counter(path, form)
        value["warnings"] = [f"saw {secret} and {other}"]
        sent.append(json.dumps(value).encode())
        return status, value

    pages: list[tuple[bytes, Mapping[str, Any]]] = []
    with server(answer) as (url, _):
        raw = Prometheus(url, bearer=secret, secrets=[other]).raw_samples(
            "m", START, END, on_page=lambda body, about: pages.append((body, about))
        )

    ((body, about),) = pages
    assert secret.encode() not in body
    assert other.encode() not in body
    assert about["masked"] == 2
    assert about["original_sha256"] == hashlib.sha256(sent[-1]).hexdigest()
    assert raw.coverage.findings == ("Prometheus says: saw ******** and ********",)
    assert about["path"] == "query"
