"""A small platform whose every number is known: samples for a real Prometheus, records for an API over real sockets.

Written by hand from the runbook, and on purpose not the simulator: a source that only works there is a toy.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np

HIT = "5f0c2a1e-0000-4000-8000-000000000001"
OTHER = "5f0c2a1e-0000-4000-8000-000000000002"
KEY = "k3y-of-the-tests"
SCRAPE_S = 15
WATCHED_S = 6 * 3600
OUTAGE_S = 40 * 60
DEAD = 150
BUCKETS = ("0.1", "0.5", "1", "5", "30", "+Inf")


@dataclass
class Platform:
    """Two workflows of one worker; from two hours before the end one of them loses 150 events in 40 minutes."""

    end: datetime
    records: list[dict[str, Any]] = field(default_factory=list)
    dead_at: list[datetime] = field(default_factory=list)
    grown: dict[tuple[str, str], list[tuple[datetime, int]]] = field(default_factory=dict)
    """For each metric and workflow: by how much its counter grew, at which scrape."""
    bucket_grown: dict[tuple[str, str, str], list[tuple[datetime, int]]] = field(default_factory=dict)
    """The same for each bucket of a histogram; the last of the key is its bound."""
    openmetrics: str = ""

    def __post_init__(self) -> None:
        self.start = self.end - timedelta(seconds=WATCHED_S)
        self.onset = self.end - timedelta(hours=2) + timedelta(seconds=1.25)
        rng = np.random.default_rng(5)
        good = {name: np.sort(rng.uniform(0, WATCHED_S, count)) for name, count in ((HIT, 1800), (OTHER, 900))}
        away = WATCHED_S - 7200
        good[HIT] = good[HIT][(good[HIT] < away) | (good[HIT] > away + OUTAGE_S)]
        dead = away + 1.25 + np.concatenate([[0.0], np.sort(rng.uniform(1, OUTAGE_S, DEAD - 1))])
        self.dead_at = [self.start + timedelta(seconds=float(at)) for at in dead]
        self._records(good, dead)
        self._metrics(good, dead)

    def _records(self, good: dict[str, np.ndarray], dead: np.ndarray) -> None:
        rows = [(float(at), name, True) for name, times in good.items() for at in times]
        rows += [(float(at), HIT, False) for at in dead]
        for number, (at, workflow_id, fine) in enumerate(sorted(rows)):
            self.records.append(
                {
                    "id": f"r-{number:06d}",
                    "workflow_id": workflow_id,
                    "trace_id": f"t-{number:06d}",
                    "created_at": (self.start + timedelta(seconds=at)).isoformat(),
                    "status": "success" if fine else "failed",
                    "retryable": None if fine else True,
                    "queued_to_dlq": not fine,
                    "attempts": 1 if fine else 4,
                    "last_error": None if fine else f"connection to 10.0.0.{number % 250}:5432 refused",
                    "payload_snapshot": {"order_id": f"ORD-{number:06d}", "amount": 12.5},
                    "action_duration_ms": 200 + number % 100,
                }
            )

    def _metrics(self, good: dict[str, np.ndarray], dead: np.ndarray) -> None:
        scrapes = np.arange(5.0, WATCHED_S, SCRAPE_S)
        # Two restarts between scrapes, one of them in the outage; and ten minutes without any scrape.
        restarts = [3 * 3600.0 + 12, WATCHED_S - 6000.0]
        gap = (scrapes > 5 * 3600 + 1200) & (scrapes < 5 * 3600 + 1800)
        scrapes = scrapes[~gap]
        # What happens between the last scrape and a restart is in no metric, so nothing happens there.
        quiet = [(scrapes[scrapes < at].max(), at) for at in restarts]
        times = {("worker_dlq_total", HIT): dead, ("worker_failure_total", HIT): np.repeat(dead, 4)}
        times |= {("worker_success_total", name): own for name, own in good.items()}
        lines = []
        for (metric, workflow_id), own in sorted(times.items()):
            kept = own[~np.any([(own > low) & (own <= high) for low, high in quiet], axis=0)]
            lines += self._counter(metric, workflow_id, kept, scrapes, restarts)
        lines += self._histogram(good, scrapes, restarts)
        lines.append("# TYPE process_start_time_seconds gauge")
        begun = np.array([self.start.timestamp() - 9000, *(self.start.timestamp() + at for at in restarts)])
        for at in scrapes:
            value = begun[int(np.searchsorted(restarts, at))]
            lines.append(f'process_start_time_seconds{{instance="w1",job="worker"}} {value:.3f} {self._stamp(at)}')
        self.openmetrics = "\n".join([*lines, "# EOF"]) + "\n"

    def _stamp(self, at: float) -> str:
        return f"{(self.start + timedelta(seconds=float(at))).timestamp():.3f}"

    def _counter(
        self, metric: str, workflow_id: str, own: np.ndarray, scrapes: np.ndarray, restarts: list[float]
    ) -> list[str]:
        lines = [f"# TYPE {metric.removesuffix('_total')} counter"]
        base, before, grown = 0, 0, []
        process = 0
        for at in scrapes:
            count = int(np.searchsorted(own, at, side="right"))
            now = int(np.searchsorted(restarts, at))
            if now != process:
                process, base = now, int(np.searchsorted(own, restarts[now - 1], side="right"))
            if count > before:
                grown.append((self.start + timedelta(seconds=float(at)), count - before))
            before = count
            if count > base:
                labels = f'workflow_id="{workflow_id}",instance="w1",job="worker"'
                lines.append(f"{metric}{{{labels}}} {count - base} {self._stamp(at)}")
        self.grown[(metric, workflow_id)] = grown
        return lines

    def _histogram(self, good: dict[str, np.ndarray], scrapes: np.ndarray, restarts: list[float]) -> list[str]:
        name = "worker_action_duration_seconds"
        lines = [f"# TYPE {name} histogram"]
        for workflow_id, own in good.items():
            labels = f'workflow_id="{workflow_id}",instance="w1",job="worker"'
            # Every third action takes 0.05 s, the others 0.25 s.
            is_fast = np.arange(len(own)) % 3 == 0
            buckets = {bound: own[is_fast] if bound == "0.1" else own for bound in BUCKETS}
            before = dict.fromkeys(BUCKETS, 0)
            for place, at in enumerate(scrapes):
                process = int(np.searchsorted(restarts, at))
                is_new = place > 0 and process != int(np.searchsorted(restarts, scrapes[place - 1]))
                now = {bound: self._since_start(times, at, restarts, process) for bound, times in buckets.items()}
                for bound, value in now.items():
                    grown = value if is_new else value - before[bound]
                    key = (f"{name}_bucket", workflow_id, bound)
                    self.bucket_grown.setdefault(key, []).append((self.start + timedelta(seconds=float(at)), grown))
                    lines.append(f'{name}_bucket{{{labels},le="{bound}"}} {value} {self._stamp(at)}')
                before = now
                lines.append(f"{name}_count{{{labels}}} {now['+Inf']} {self._stamp(at)}")
                total = 0.05 * now["0.1"] + 0.25 * (now["+Inf"] - now["0.1"])
                lines.append(f"{name}_sum{{{labels}}} {total} {self._stamp(at)}")
        return lines

    @staticmethod
    def _since_start(times: np.ndarray, at: float, restarts: list[float], process: int) -> int:
        base = int(np.searchsorted(times, restarts[process - 1])) if process else 0
        return int(np.searchsorted(times, at, side="right")) - base

    def increase(self, metric: str, workflow_id: str, after: datetime, until: datetime) -> int:
        """By how much a counter grew in the scrapes that tell of the time between two moments, by construction."""
        last = until + timedelta(seconds=SCRAPE_S)
        return sum(count for at, count in self.grown[(metric, workflow_id)] if after < at < last)

    def bucket_increase(self, workflow_id: str, bound: str, after: datetime) -> int:
        """By how much a bucket of the durations grew after a moment, by construction."""
        key = ("worker_action_duration_seconds_bucket", workflow_id, bound)
        return sum(count for at, count in self.bucket_grown[key] if at > after)


def make_platform() -> Platform:
    """A platform whose evidence ends now, to the second."""
    return Platform(datetime.now(UTC).replace(microsecond=0))


@contextmanager
def execution_logs(platform: Platform, style: str) -> Iterator[str]:
    """An Execution Logs API over real sockets, newest first, at most 100 a page; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(platform, style))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/execution-logs"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _matching(platform: Platform, query: dict[str, str]) -> list[dict[str, Any]]:
    out = []
    for record in reversed(platform.records):
        if any(name in query and record[name] != query[name] for name in ("workflow_id", "trace_id")):
            continue
        if "queued_to_dlq" in query and record["queued_to_dlq"] != (query["queued_to_dlq"] == "true"):
            continue
        out.append(record)
    return out


def _answer(platform: Platform, style: str, query: dict[str, str], host: str) -> tuple[Any, dict[str, str]]:
    rows = _matching(platform, query)
    limit = min(int(query.get("limit", 50)), 100)
    skip = {
        "none": lambda: 0,
        "offset": lambda: int(query.get("offset", 0)),
        "page": lambda: limit * int(query.get("page", 0)),
        "cursor": lambda: int(query.get("pageToken", "0")),
        "link": lambda: int(query.get("from_row", 0)),
    }[style]()
    chosen, more = rows[skip : skip + limit], skip + limit < len(rows)
    if style == "cursor":
        return {"executions": chosen, **({"nextPageToken": str(skip + limit)} if more else {"nextPageToken": None})}, {}
    if style == "link" and more:
        rest = "&".join(f"{name}={value}" for name, value in query.items() if name != "from_row")
        return chosen, {"Link": f'<http://{host}/execution-logs?{rest}&from_row={skip + limit}>; rel="next"'}
    return ({"data": {"items": chosen}} if style == "page" else chosen), {}


def _handler(platform: Platform, style: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if self.headers.get("X-API-Key") != KEY:
                self._send(401, {"message": "wrong key"}, {})
                return
            value, headers = _answer(platform, style, dict(parse_qsl(parts.query)), self.headers["Host"])
            self._send(200, value, headers)

        def _send(self, status: int, value: Any, headers: dict[str, str]) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            for name, text in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    return Handler
