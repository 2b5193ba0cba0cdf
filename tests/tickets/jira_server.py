"""A small Jira: tickets with attachments and comments over REST version 2, as Atlassian documents the calls."""

from __future__ import annotations

import email
import email.policy
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Jira:
    """Its state, what it was asked, and what it is to do wrong."""

    tickets: dict[str, dict[str, list[dict[str, Any]]]] = field(
        default_factory=lambda: {"OPS-1": {"attachments": [], "comments": []}}
    )
    authorization: str = "Bearer t0ken-of-the-tests"
    upload_limit: int = 10_000_000
    page_limit: int = 1000
    page: bytes | None = None
    pause_s: float = 0.0
    asked: list[tuple[str, str]] = field(default_factory=list)
    fault: Callable[[str, str], tuple[int, dict[str, str]] | None] = lambda method, path: None
    said: str = "a fault"
    url: str = ""

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of one request."""
        self.asked.append((method, path.partition("?")[0]))
        wrong = self.fault(method, path)
        if wrong is not None:
            return (*wrong, {"errorMessages": [self.said], "errors": {"comment": "too long"}})
        if headers.get("Authorization") != self.authorization:
            return 401, {}, {"errorMessages": ["no"]}
        parts = urlsplit(path)
        place = parts.path.removeprefix("/rest/api/2/").split("/")
        if place == ["attachment", "meta"]:
            return 200, {}, {"enabled": True, "uploadLimit": self.upload_limit}
        ticket = self.tickets.get(place[1]) if place[0] == "issue" and len(place) > 1 else None
        if ticket is None:
            return 404, {}, {"errorMessages": ["Issue does not exist or you do not have permission to see it."]}
        if method == "GET" and len(place) == 2:
            return 200, {}, {"key": place[1], "fields": {"attachment": ticket["attachments"]}}
        if place[2:] == ["comment"] and method == "GET":
            query = parse_qs(parts.query)
            start, most = int(query["startAt"][0]), min(int(query["maxResults"][0]), self.page_limit)
            newest = ticket["comments"][::-1] if query.get("orderBy") == ["-created"] else ticket["comments"]
            return 200, {}, {"startAt": start, "total": len(newest), "comments": newest[start : start + most]}
        if place[2:] == ["comment"]:
            ticket["comments"].append({"id": str(len(ticket["comments"])), **json.loads(body)})
            return 201, {}, ticket["comments"][-1]
        if place[2:] == ["attachments"]:
            if headers.get("X-Atlassian-Token") != "no-check":
                return 403, {}, {"errorMessages": ["XSRF check failed"]}
            return 200, {}, self._keep(ticket, headers["Content-Type"], body)
        return 405, {}, {}

    def _keep(self, ticket: dict[str, list[dict[str, Any]]], content_type: str, body: bytes) -> list[dict[str, Any]]:
        head = f"Content-Type: {content_type}\r\n\r\n".encode()
        message: Any = email.message_from_bytes(head + body, policy=email.policy.HTTP)
        kept = []
        for part in message.iter_parts():
            assert part.get_param("name", header="Content-Disposition") == "file"
            content = part.get_payload(decode=True)
            kept.append({"filename": part.get_filename(), "size": len(content), "mimeType": part.get_content_type()})
            ticket.setdefault("contents", []).append({"name": part.get_filename(), "content": content})
        ticket["attachments"] += kept
        return kept


@contextmanager
def serving() -> Iterator[Jira]:
    """A Jira on loopback."""
    jira = Jira()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, value = jira.answer(self.command, self.path, self.headers, body)
            if status == 0:  # stored, and the answer lost
                self.close_connection = True
                return
            out = json.dumps(value).encode() if jira.page is None else jira.page
            self.send_response(status)
            for name, text in {**headers, "Content-Type": "application/json", "Content-Length": str(len(out))}.items():
                self.send_header(name, text)
            self.end_headers()
            with suppress(OSError):  # whoever asked has given up
                for at in range(len(out)) if jira.pause_s else ():
                    time.sleep(jira.pause_s)
                    self.wfile.write(out[at : at + 1])
                if not jira.pause_s:
                    self.wfile.write(out)

        do_GET = do_POST = _serve

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    jira.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield jira
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
