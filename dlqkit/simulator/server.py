"""One process on loopback: the platform's ports, its log files, and a handle to heal it."""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dlqkit.simulator.dead_letters import DeadLetters
from dlqkit.simulator.execution_logs_api import answer as answer_execution_logs
from dlqkit.simulator.logs import LogWriter
from dlqkit.simulator.metrics import page
from dlqkit.simulator.platform import Platform
from dlqkit.simulator.prometheus_api import PrometheusApi
from dlqkit.simulator.pubsub import PubSub
from dlqkit.simulator.support import reports_csv

__all__ = ["Server"]

LOG_EVERY_S = 1.0
# Of the dead-letter subscriptions: the service may answer with fewer messages than there are, or with none.
STINGINESS, PATIENCE_S = 0.2, 0.3


class Server:
    """Serves a platform until ``stop``.

    Parameters
    ----------
    platform : Platform
        What is served.
    port : int
        Of HTTP; 0 takes a free one.
    logs_dir : Path, optional
        Where log files are written; none without it.
    """

    def __init__(self, platform: Platform, *, port: int = 0, logs_dir: Path | None = None) -> None:
        self.platform = platform
        self.api_key = secrets.token_hex(16)
        self.prometheus = PrometheusApi(platform)
        self._dead_letters = [DeadLetters(platform, number) for number in range(len(platform.workflows))]
        topics = [one.topic for one in platform.workflows] + [one.topic for one in self._dead_letters]
        self.pubsub = PubSub(topics, platform.consume_many)
        for one in self._dead_letters:
            self.pubsub.subscriptions.add(
                one.subscription, one.topic, refill=one.new_messages, stinginess=STINGINESS, patience_s=PATIENCE_S
            )
        self._logs = LogWriter(platform, logs_dir) if logs_dir else None
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Listen; the log files hold the last hours when this returns."""
        if self._logs is not None:
            self._logs.write()
        self.pubsub.start()
        targets = [self._http.serve_forever, *([self._write_logs] if self._logs else [])]
        for target in targets:
            thread = threading.Thread(target=target, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _write_logs(self) -> None:
        while not self._stopped.wait(LOG_EVERY_S):
            if self._logs is not None:
                self._logs.write()

    def stop(self) -> None:
        """Close every port."""
        self._stopped.set()
        self._http.shutdown()
        self._http.server_close()
        self.pubsub.stop()
        for thread in self._threads:
            thread.join(2)

    def describe(self) -> dict[str, Any]:
        """Addresses, and the environment with which dlqkit finds them."""
        metrics = [f"{self.url}/worker-{number + 1}/metrics" for number in range(self.platform.instances)]
        environment = {
            "DLQKIT_EXECUTION_LOGS__URL": f"{self.url}/execution-logs",
            "DLQKIT_EXECUTION_LOGS__API_KEY": '{ env = "DLQKIT_API_KEY" }',
            "DLQKIT_API_KEY": self.api_key,
            "DLQKIT_PROMETHEUS__URL": f"{self.url}/prometheus",
            "DLQKIT_WORKER__METRICS_URLS": json.dumps(metrics),
            "DLQKIT_DEAD_LETTER_SUBSCRIPTION__NAME": json.dumps([one.subscription for one in self._dead_letters]),
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{self.pubsub.port}",
        }
        # Nobody can tell the zone of times without one but the API's owner.
        if self.platform.dialect.time_form == "naive":
            environment["DLQKIT_EXECUTION_LOGS__TIMEZONE"] = "UTC"
        if self.platform.dialect.trace_is_shared is False and self.platform.seed % 2:
            environment["DLQKIT_WORKER__MAX_ATTEMPTS"] = str(self.platform.max_attempts)
        return {
            "execution_logs_url": environment["DLQKIT_EXECUTION_LOGS__URL"],
            "prometheus_url": environment["DLQKIT_PROMETHEUS__URL"],
            "metrics_urls": metrics,
            "pubsub_emulator_host": environment["PUBSUB_EMULATOR_HOST"],
            "workflow_names": {one.workflow_id: one.name for one in self.platform.workflows},
            "topics": {one.workflow_id: one.topic for one in self.platform.workflows},
            "dead_letter_topics": {
                workflow.workflow_id: one.topic
                for workflow, one in zip(self.platform.workflows, self._dead_letters, strict=True)
            },
            "dead_letter_subscriptions": {
                workflow.workflow_id: one.subscription
                for workflow, one in zip(self.platform.workflows, self._dead_letters, strict=True)
            },
            "control_url": f"{self.url}/control",
            "logs_dir": str(self._logs.paths[0].parent) if self._logs else None,
            "environment": environment,
        }

    # --- what each address answers

    def get(self, path: str, query: Mapping[str, str], key: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers, and a JSON value or text."""
        if path == "/execution-logs":
            if not hmac.compare_digest(key.encode(), self.api_key.encode()):
                return 401, {}, {"error": "the header X-API-Key is missing or wrong"}
            with self.platform.lock:
                return answer_execution_logs(self.platform, query, f"{self.url}/execution-logs")
        if path.startswith("/prometheus/api/v1/"):
            status, value = self.prometheus.answer(path.removeprefix("/prometheus/api/v1/"), query)
            return status, {}, value
        for number in range(self.platform.instances):
            if path == f"/worker-{number + 1}/metrics":
                return self._page(number)
        if path == "/control/truth":
            return 200, {}, self.platform.truth()
        if path == "/control/reports":
            return 200, {"Content-Type": "text/csv"}, reports_csv(self.platform.truth()["reports"])
        if path == "/control/published":
            return 200, {}, self.pubsub.published(query.get("topic"))
        return 404, {}, {"error": "not found"}

    def _page(self, number: int) -> tuple[int, dict[str, str], Any]:
        platform = self.platform
        with platform.lock:
            return 200, {"Content-Type": "text/plain; version=0.0.4"}, page(platform, number, platform.clock())

    def _trouble(self, kind: str, form: Mapping[str, str]) -> tuple[int, dict[str, str], Any]:
        """What an operator of the simulator does: ``seconds`` from now on, an outage of one ``workflow_id``."""
        platform = self.platform
        try:
            seconds = float(form.get("seconds", "inf"))
        except ValueError:
            return 400, {}, {"error": "seconds is a number"}
        if kind == "outage":
            ids = [one.workflow_id for one in platform.workflows]
            name = form.get("workflow_id", ids[platform.fault.workflow])
            if name not in ids:
                return 404, {}, {"error": "there is no such workflow"}
            platform.begin_outage(ids.index(name), ends=platform.clock() + seconds)
        elif kind == "lose-scrapes":
            platform.lose_scrapes(platform.clock(), platform.clock() + seconds)
        else:
            platform.delay_records(seconds)
        return 200, {}, {kind: True}

    def post(self, path: str, form: Mapping[str, str]) -> tuple[int, dict[str, str], Any]:
        """As ``get``, for what changes something, and for Prometheus's forms."""
        if path.startswith("/prometheus/"):
            return self.get(path, form, "")
        if path == "/control/heal":
            self.platform.heal()
            return 200, {}, {"healed": True}
        if path in {"/control/outage", "/control/lose-scrapes", "/control/late"}:
            return self._trouble(path.removeprefix("/control/"), form)
        if path == "/control/republish-all":
            return 200, {}, {"republished": self.platform.republish_affected()}
        if path == "/control/fault":
            return self._fault(form)
        return 404, {}, {"error": "not found"}

    def _fault(self, form: Mapping[str, str]) -> tuple[int, dict[str, str], Any]:
        """``kind=none`` clears; else ``kind``, and optionally ``times``, ``skip``, ``seconds``, ``text``."""
        if form.get("kind") == "none":
            self.pubsub.faults.clear()
            return 200, {}, {"fault": None}
        try:
            self.pubsub.faults.add(
                form.get("kind", ""),
                times=int(form.get("times", 1)),
                skip=int(form.get("skip", 0)),
                seconds=float(form.get("seconds", 0)),
                text=form.get("text", ""),
            )
        except ValueError as error:
            return 400, {}, {"error": str(error)}
        return 200, {}, {"fault": form["kind"]}


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Otherwise every answer waits for the acknowledgement of its own header.
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._send(*server.get(parts.path, dict(parse_qsl(parts.query)), self.headers.get("X-API-Key", "")))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("utf-8", "replace")
            self._send(*server.post(urlsplit(self.path).path, dict(parse_qsl(body))))

        def _send(self, status: int, headers: dict[str, str], value: Any) -> None:
            body = value.encode() if isinstance(value, str) else json.dumps(value, ensure_ascii=False).encode()
            self.send_response(status)
            for name, text in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    return Handler
