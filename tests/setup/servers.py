"""A server on loopback whose answers, headers and clock a test writes; and records that a busy worker leaves."""

from __future__ import annotations

import email.utils
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dlqkit.settings import Settings

Answer = Callable[[str, dict[str, str]], tuple[int, Any]]
Write = Callable[[datetime], Any]
KEY = "k3y-of-the-tests"
SECRET_OF_A_CLIENT = "anna@example.org"


@dataclass
class Asked:
    """What a server was asked: path, query, headers."""

    paths: list[str] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)


@contextmanager
def serve(
    answer: Answer, *, ahead: timedelta = timedelta(0), key: str | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, Asked]]:
    """Its address; its clock is so much ahead, and with a key it refuses whoever does not send it."""
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query)) | dict(parse_qsl(body))
            asked.paths.append(parts.path)
            asked.queries.append(query)
            asked.headers.append(dict(self.headers.items()))
            if key is not None and key not in (self.headers.get("X-API-Key"), self.headers.get("Authorization")):
                status, value = 401, {"error": "no key"}
            else:
                status, value = answer(parts.path, query)
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def date_time_string(self, timestamp: float | None = None) -> str:
            return email.utils.format_datetime(datetime.now(UTC) + ahead, usegmt=True)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def records(count: int, write: Write = datetime.isoformat, **more: Any) -> list[dict[str, Any]]:
    """Newest first, one every 20 seconds, the newest of 10 seconds ago; ``write`` writes its time."""
    now = datetime.now(UTC).replace(microsecond=0)
    times = [now - timedelta(seconds=10 + 20 * n) for n in range(count)]
    return [
        {"id": f"r{n}", "workflow_id": "wf", "trace_id": f"t{n}", "created_at": write(moment),
         "status": "failed" if n % 2 else "success", "queued_to_dlq": bool(n % 2), "retryable": True, "attempts": 3,
         "last_error": f"no account {SECRET_OF_A_CLIENT}", "payload_snapshot": {"mail": SECRET_OF_A_CLIENT},
         "action_duration_ms": 120, **more}
        for n, moment in enumerate(times)
    ]  # fmt: skip


def api(rows: list[dict[str, Any]], *, paged: bool = True) -> Answer:
    """An API of these records at ``/execution-logs``: a bare array, at most 100 at once, by offset or not further."""

    def answer(path: str, query: dict[str, str]) -> tuple[int, Any]:
        if path != "/execution-logs":
            return 404, {"error": "not found"}
        wanted = query.get("queued_to_dlq")
        kept = [row for row in rows if wanted is None or row["queued_to_dlq"] == (wanted == "true")]
        skip = int(query.get("offset", 0)) if paged else 0
        return 200, kept[skip : skip + min(int(query.get("limit", 50)), 100)]

    return answer


def api_settings(url: str, **more: Any) -> Settings:
    """Settings that know the API at this address."""
    return Settings.model_validate({"execution_logs": {"url": f"{url}/execution-logs", **more}})
