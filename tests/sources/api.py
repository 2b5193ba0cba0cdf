"""An Execution Logs API on loopback whose answers a test writes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dlqkit.frames import Coverage
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.execution_logs import ExecutionLogs
from tests.frames import START

# A status and a body; headers too, where they matter.
Answer = Callable[[dict[str, str]], tuple[int, Any] | tuple[int, Any, dict[str, str]]]
KEY = "k3y-of-the-tests"


def rows(count: int) -> list[dict[str, Any]]:
    """Newest first, a record a minute."""
    return [{"id": f"r{n}", "trace_id": f"t{n}", "workflow_id": "wf", "status": "failed", "queued_to_dlq": n % 2 == 0,
             "created_at": (START + timedelta(minutes=n)).isoformat()} for n in reversed(range(count))]  # fmt: skip


@contextmanager
def api(
    answer: Answer, *, by_path: bool = False, as_written: list[str] | None = None
) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """An API on loopback, and every question it was asked; ``by_path`` has the address's path among its fields.

    ``as_written`` gets the questions with all that a mapping of names and values loses.
    """
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = dict(parse_qsl(urlsplit(self.path).query))
            if as_written is not None:
                as_written.append(urlsplit(self.path).query)
            asked.append({**query, "key": self.headers.get("X-API-Key", "")})
            status, value, *headers = answer({**query, "path": urlsplit(self.path).path} if by_path else query)
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            for name, text in (headers[0] if headers else {}).items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/execution-logs", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def load(url: str, settings: ExecutionLogsSettings | None = None, **question: Any) -> tuple[int, Coverage]:
    loaded = ExecutionLogs(url, KEY, settings=settings, sleep=lambda _: None).load(**question)
    assert loaded.frame["record_id"].is_unique
    return len(loaded.frame), loaded.coverage


def cut(data: list[Any], query: dict[str, str], most: int = 100) -> list[Any]:
    skip = int(query.get("offset", 0))
    return data[skip : skip + min(int(query["limit"]), most)]
