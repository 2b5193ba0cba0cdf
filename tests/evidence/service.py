"""An Execution Logs API, a Prometheus and a worker's page on one loopback port, each of a few values; or broken."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dlqkit.incident import Incident
from dlqkit.settings import Settings

END = datetime.now(UTC).replace(microsecond=0)
QUESTION = Incident(END - timedelta(hours=1), END, workflow_id="wf")
PAGE = 4


KEY = "after record "


def record(number: int, minutes_before: float, *, dead: bool = True) -> dict[str, Any]:
    """One record of the workflow, so many minutes before the end."""
    at = END - timedelta(minutes=minutes_before)
    return {"id": f"r{number}", "workflow_id": "wf", "trace_id": f"t{number}", "created_at": at.isoformat(),
            "status": "failed" if dead else "success", "queued_to_dlq": dead, "attempts": 5 if dead else 1,
            "retryable": True if dead else None, "last_error": "refused" if dead else None,
            "payload_snapshot": {"n": number}}  # fmt: skip


@dataclass
class Service:
    """What it serves, and how it fails; a test changes it between two runs."""

    url: str = ""
    records: list[dict[str, Any]] = field(default_factory=list)
    paged: bool = True
    """Whether pages follow each other by a cursor; else there is one page and no way to go on."""
    records_status: int = 200
    records_until: int = 1_000_000
    """So many requests for records are answered; then there is nothing at that address."""
    prometheus_status: int = 200
    hanging: int = 0
    """So many requests to Prometheus are accepted and never answered."""
    page: str = "# TYPE worker_dlq_total counter\nworker_dlq_total 10\n"
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def settings(self, *, prometheus: bool = True, pages: bool = True, records: bool = True) -> Settings:
        """Settings that know these addresses."""
        values: dict[str, Any] = {}
        if records:
            values["execution_logs"] = {"url": f"{self.url}/execution-logs", "page_limit": PAGE}
        if prometheus:
            values["prometheus"] = {"url": self.url}
        if pages:
            values["worker"] = {"metrics_urls": (f"{self.url}/metrics",)}
        return Settings.model_validate(values)

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, str]:
        self.asked.append(path)
        if path == "/execution-logs":
            asked = sum(one == path for one in self.asked)
            status = self.records_status if asked <= self.records_until else 404
            return status, json.dumps(self._page(query) if status == 200 else {"error": "no"})
        if path == "/metrics":
            return 200, self.page
        if path.startswith("/api/v1/"):
            if self.hanging > 0:
                self.hanging -= 1
                self.over.wait(60)
            if self.prometheus_status != 200:
                return self.prometheus_status, json.dumps(
                    {"status": "error", "errorType": "x", "error": "no such range"}
                )
            return 200, json.dumps({"status": "success", "data": self._samples(query.get("query", ""))})
        return 404, ""

    def _page(self, query: dict[str, str]) -> Any:
        chosen = [one for one in self.records if "queued_to_dlq" not in query or one["queued_to_dlq"]]
        # The key of a record, as a database has it: a bare number would be a place, and read twice.
        begin = int(query.get("pageToken", f"{KEY}0").removeprefix(KEY))
        rows = chosen[begin : begin + PAGE]
        if not self.paged:
            return rows
        return {"items": rows, "nextPageToken": f"{KEY}{begin + PAGE}" if begin + PAGE < len(chosen) else None}

    def _samples(self, query: str) -> Any:
        if not re.fullmatch(r"\{.*\}\[[0-9]+ms\]", query):
            return {"resultType": "vector", "result": [{"metric": {}, "value": [END.timestamp(), "4"]}]}
        name = "process_start_time_seconds" if "process_start" in query else "worker_dlq_total"
        values = [[(END - timedelta(minutes=at)).timestamp(), str(value)] for at, value in ((50, 0), (20, 6), (5, 10))]
        labels = {"__name__": name, "workflow_id": "wf", "job": "worker", "instance": "w1"}
        return {"resultType": "matrix", "result": [{"metric": labels, "values": values}]}


@contextmanager
def serving(**how: Any) -> Iterator[Service]:
    """The three services, until the end of the block."""
    service = Service(**how)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            status, text = service.answer(parts.path, dict(parse_qsl(parts.query) + parse_qsl(form)))
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            return  # a client that was killed, or gave up waiting

    server = Server(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield service
    finally:
        service.over.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def wait_for(condition: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
