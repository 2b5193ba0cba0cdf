"""Pages of execution records: to a frame, against ``requests.json()`` and ``json_normalize``; to Parquet, by memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import requests

from benchmarks.harness import ROOT, Figure, Measure, compare
from dlqkit.evidence.collect import collect
from dlqkit.incident import Incident
from dlqkit.settings import Settings
from dlqkit.sources.record_decode import decode_page

RECORDS = 100_000
PAGE = 1_000
STREAMED = 1_000_000


def make_page(count: int, first: int = 0, *, all_dead: bool = False) -> bytes:
    """Records of 0.8 kB with eight shapes of payload, a third of them failed; or every one a dead letter."""
    rng = np.random.default_rng(1)
    rows = []
    for number in range(first, first + count):
        shape = number % 8
        customer = {"name": "Анна", "email": f"u{number}@example.com"}
        payload = {f"order_id_{shape}": f"ORD-{number}", "customer": customer,
                   "items": [{"sku": f"S-{n}", "qty": n, "price": 9.5 * n} for n in range(1 + shape % 4)],
                   **{f"field_{shape}_{n}": "x" * 12 for n in range(6)}}  # fmt: skip
        failed = number % 3 == 0
        message = f"could not connect to 10.0.0.{number % 250}:5432"
        rows.append({
            "id": f"r{number}", "workflow_id": f"5f0c2a1e-0000-4000-8000-{number % 5:012d}",
            "trace_id": f"{number:032x}",
            "created_at": f"2026-03-02T{number % 24:02d}:{number % 60:02d}:05.123Z",
            "status": "failed" if failed else "success", "retryable": True if failed else None,
            "queued_to_dlq": failed or all_dead,
            "attempts": 5 if failed else 1,
            "last_error": None if not failed else message if number % 2 else {"type": "DbError", "message": message},
            "payload_snapshot": payload, "action_duration_ms": float(rng.lognormal(5, 0.5)),
        })  # fmt: skip
    return json.dumps(rows).encode()


def run() -> list[Figure | Measure]:
    """One figure for a long page, one for a page as an API gives it, and the memory of collecting a million records."""
    figures: list[Figure | Measure] = []
    peer = "requests.json + json_normalize"
    for count, rounds, unit, clock, must, aim in (
        (RECORDS, 7, "CPU", time.process_time, 8, 14),
        (PAGE, 31, "wall", time.perf_counter, 5, 8),
    ):
        body = make_page(count)

        def theirs(body: bytes = body) -> pd.DataFrame:
            response = requests.Response()
            response._content = body
            return pd.json_normalize(response.json())

        def ours(body: bytes = body) -> pd.DataFrame:
            return decode_page(body).frame

        assert len(ours()) == len(theirs()) == count
        name = f"records page to frame, {count:,} records, {len(body) / 1e6:.1f} MB"
        figure = compare(name, ("dlqkit", ours), (peer, theirs), rounds=rounds, unit=unit, clock=clock)
        against = Measure(f"{name}, against {peer}", figure.ratio, must, aim, True, f"{unit}, theirs over ours")
        figures += [figure, against]
    return [*figures, peak_of_collect(STREAMED)]


def peak_of_collect(count: int) -> Measure:
    """The most memory that collecting so many dead letters takes, above that of the imported modules."""
    with tempfile.TemporaryDirectory() as folder, _serving(count) as url:
        code = "import sys; from benchmarks.records import collect_from; collect_from(*sys.argv[1:])"
        command = [sys.executable, "-c", code, url, str(count), folder]
        told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    rows, peak_kb, spent_s = (float(word) for word in told.stdout.split())
    assert rows == count
    detail = f"{PAGE:,} a page, raw pages kept, joined by state; {spent_s / count * 1e6:.0f} µs of CPU a record"
    return Measure(
        f"records, pages to Parquet: {count:,}, peak MB above import", peak_kb / 1000, 150, 100, False, detail
    )


def collect_from(url: str, count: str, folder: str) -> None:
    """Collect into a folder and print: records, peak memory in kB above that of the imported modules, CPU seconds."""
    from dlqkit.sources import connect, execution_logs, prometheus

    assert connect and execution_logs and prometheus
    settings = Settings.model_validate(
        {"execution_logs": {"url": url, "page_limit": PAGE, "max_requests": 2 * int(count) // PAGE + 100}}
    )
    incident = Incident(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))
    before = _memory_kb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak so far was that of the imports
    began = time.process_time()
    found = collect(incident, settings, Path(folder) / "incident", phases=("dead_letters",))
    spent = time.process_time() - began
    peak = _memory_kb("VmHWM")
    table = pq.read_metadata(Path(folder) / "incident" / "evidence" / found.snapshot / "records.parquet")
    assert found.completeness == "complete"
    print(table.num_rows, peak - before, spent)


def _memory_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


@contextmanager
def _serving(count: int) -> Iterator[str]:
    """An API of so many dead letters, in a process of its own: its memory is not ours."""
    code = "import sys; from benchmarks.records import serve; serve(int(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(count)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(child.stdout.readline())}/execution-logs"
    finally:
        child.terminate()
        child.wait(20)
        child.stdout.close()


def serve(count: int) -> None:
    """Answer with pages that follow each other by a cursor, until the process ends; print the port first."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = dict(parse_qsl(urlsplit(self.path).query))
            # As of a key, with two numbers: a cursor that is nothing but a place is read twice, which no peer does.
            first = int(query.get("cursor", "0-0").partition("-")[0])
            end = min(first + int(query["limit"]), count)
            rows = make_page(end - first, first, all_dead=True)
            body = b'{"items": %b, "next_cursor": %b}' % (rows, b'"%d-%d"' % (end, end) if end < count else b"null")
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
