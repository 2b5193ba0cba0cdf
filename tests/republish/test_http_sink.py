"""A team's own endpoint gets each event once, with a key by which it can drop a repeat; over real sockets."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dlqkit.errors import ParameterError
from dlqkit.republish import sending
from dlqkit.republish.http_sink import HttpSink
from dlqkit.republish.journal import open_journal
from dlqkit.republish.plan import Target
from dlqkit.republish.publisher import connect_sink
from dlqkit.republish.sending import Message, SendError
from dlqkit.settings import SecretReference
from tests.real import free_port
from tests.republish.plans import make_plan, send_all, states
from tests.sources.certificate import make_certificate

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]
Got = tuple[dict[str, str], bytes]
KEY = "ab" * 32


@contextmanager
def endpoint(
    answer: Answer, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Its address, and what it got."""
    got: list[Got] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            got.append((dict(self.headers.items()), body))
            answer(self, body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}/reingest", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def reply(status: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(status)
        for name, text in {**headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def send(url: str, data: bytes = b'{"order": 1.10}', **options: object) -> list[str]:
    sink = HttpSink(url, deadline_s=1.0, **options)  # type: ignore[arg-type]
    try:
        return sink.send([Message(1, data, {}, "", KEY)])
    finally:
        sink.close()


def test_the_exact_bytes_go_out_with_the_key_and_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REINGEST_TOKEN", "s3cret")
    with endpoint(reply(202, b'{"id": "e-7"}')) as (url, got):
        sink = connect_sink(Target("http", url, "Idempotency-Key"), bearer=SecretReference(env="REINGEST_TOKEN"))
        ids = sink.send([Message(1, b'{"order":  1.10}', {}, "", KEY)])
        sink.close()
    headers, body = got[0]

    assert ids == ["e-7"]
    assert body == b'{"order":  1.10}'
    # The draft's value is a quoted string.
    assert headers["Idempotency-Key"] == f'"{KEY}"'
    assert headers["Authorization"] == "Bearer s3cret"
    assert headers["Content-Type"] == "application/json"
    assert "s3cret" not in repr(sink)


def test_a_header_of_the_teams_own_gets_the_bare_key() -> None:
    with endpoint(reply(200)) as (url, got):
        assert send(url, header="X-Dedupe") == [KEY]
        send(url, header=None)

    assert got[0][0]["X-Dedupe"] == KEY
    assert not {"Idempotency-Key", "X-Dedupe"} & set(got[1][0])


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [(b'{"messageId": 12}', {}, "12"), (b"", {"X_Message_Id": "h-1"}, "h-1"), (b"not json", {}, KEY),
     (b"", {"Location": "https://me:word@x.example/e/7?token=SECRET#part"}, "https://x.example/e/7"),
     (b'{"id": true}', {}, KEY), (b"[" * 60_000, {}, KEY), (b"x" * 200_000, {}, KEY)],
    ids=["number", "header", "address without its query", "text", "truth", "deep", "long"],
)  # fmt: skip
def test_the_endpoints_id_is_taken_where_it_says_one(body: bytes, headers: dict[str, str], expected: str) -> None:
    with endpoint(reply(200, body, **headers)) as (url, _):
        assert send(url) == [expected]


@pytest.mark.parametrize(
    ("status", "is_definite"),
    [(400, True), (401, True), (403, True), (404, True), (422, True), (408, False), (409, False), (425, False),
     (429, False), (301, False), (500, False), (502, False), (503, False)],
)  # fmt: skip
def test_a_status_says_whether_the_event_may_have_been_taken(status: int, is_definite: bool) -> None:
    with endpoint(reply(status, b'{"card": "4111"}')) as (url, got), pytest.raises(SendError) as failed:
        send(url)

    assert (failed.value.code, failed.value.is_definite) == (f"HTTP_{status}", is_definite)
    assert "4111" not in str(failed.value)
    assert len(got) == 1


@pytest.mark.parametrize(
    ("text", "expected"), [("120", 120.0), ("0", 0.0), ("soon", 0.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)]
)
def test_how_long_the_endpoint_asks_to_be_left_alone_is_heard(text: str, expected: float) -> None:
    with endpoint(reply(429, Retry_After=text)) as (url, _), pytest.raises(SendError) as failed:
        send(url)

    assert failed.value.retry_after_s == expected


def test_a_time_to_come_back_is_heard_as_well() -> None:
    """Between the answer and its reading a second passes at most."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    with endpoint(reply(503, Retry_After=later)) as (url, _), pytest.raises(SendError) as failed:
        send(url)

    assert 85 < failed.value.retry_after_s <= 90


def test_a_redirect_is_not_followed() -> None:
    with (
        endpoint(reply(200)) as (other, got_there),
        endpoint(reply(307, Location=other)) as (url, _),
        pytest.raises(SendError, match="HTTP_307"),
    ):
        send(url, bearer="s3cret")

    assert not got_there


@pytest.mark.parametrize("location", ["http://[s3cret]/", "http://[::1", "/\xff"])
def test_an_address_that_is_none_is_not_looked_at(location: str) -> None:
    with endpoint(reply(302, Location=location)) as (url, _), pytest.raises(SendError, match="HTTP_302"):
        send(url, bearer="s3cret")


def test_an_answer_after_the_deadline_or_none_at_all_is_doubtful() -> None:
    def late(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        time.sleep(1.5)
        handler.close_connection = True

    def hang_up(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    for answer, code in ((late, "DEADLINE_EXCEEDED"), (hang_up, "NO_WHOLE_ANSWER")):
        with endpoint(answer) as (url, got):
            with pytest.raises(SendError) as failed:
                send(url)
            assert (failed.value.code, failed.value.is_definite) == (code, False)
            assert len(got) == 1


def test_a_connection_that_was_closed_meanwhile_sends_no_event_twice() -> None:
    """A server that closes after each answer: every event arrives once, or its doubt is told."""

    def close_after(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        reply(200)(handler, _)
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    with endpoint(close_after) as (url, got):
        sink = HttpSink(url, deadline_s=1.0)
        outcomes = []
        for number in range(20):
            try:
                outcomes += sink.send([Message(number, str(number).encode(), {}, "", f"{number:064d}")])
            except SendError as error:
                assert not error.is_definite
        sink.close()

    assert len(got) == len({body for _, body in got})


def test_where_nobody_listens_nothing_was_sent() -> None:
    with pytest.raises(SendError) as failed:
        send(f"http://127.0.0.1:{free_port()}/reingest")

    assert (failed.value.code, failed.value.is_definite) == ("UNREACHABLE", True)


def test_a_token_is_not_sent_unencrypted_to_another_machine(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="unencrypted"):
        HttpSink("http://reingest.example/x", bearer="s3cret")
    with pytest.raises(ParameterError, match="header"):
        HttpSink("https://reingest.example/x", header="bad header\r\nX: y")
    with pytest.raises(ParameterError, match="CA file"):
        HttpSink("https://reingest.example/x", ca_file=tmp_path / "none.pem")


def test_a_plan_is_sent_to_the_endpoint_one_event_a_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One refused event fails alone; one that may have been taken is in doubt alone."""
    monkeypatch.setattr(sending, "PAUSE_S", 0.01)

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        number = int(body.split(b":")[1].split(b",")[0])
        reply({2: 422, 4: 503}.get(number, 200), b'{"id": "%d"}' % number)(handler, body)

    with endpoint(answer) as (url, got), open_journal(tmp_path) as journal:
        plan = make_plan(5, target=Target("http", url, "Idempotency-Key"))
        sink = connect_sink(plan.target)
        sent = send_all(journal, sink, plan)
        sink.close()
        assert states(journal, plan) == ["acked", "failed", "acked", "in_doubt", "acked"]

    assert (sent.acked, sent.failed, sent.in_doubt) == (3, 1, 1)
    assert [body for _, body in got] == [event.payload.encode() for event in plan.events]


def test_where_the_certificate_is_refused_nothing_was_sent(tmp_path: Path) -> None:
    """The handshake comes before the event: it is still to be sent, and not in doubt."""
    _, tls = make_certificate(tmp_path)
    with endpoint(reply(200), tls) as (url, got), pytest.raises(SendError) as caught:
        send(url)

    assert (caught.value.code, caught.value.is_definite) == ("UNREACHABLE", True)
    assert not got


def test_where_the_port_speaks_no_tls_nothing_was_sent() -> None:
    """https was written for http: the handshake fails before a byte of the event leaves."""
    with endpoint(reply(200)) as (url, got), pytest.raises(SendError) as caught:
        send(url.replace("http://", "https://"))

    assert (caught.value.code, caught.value.is_definite) == ("UNREACHABLE", True)
    assert not got


def test_where_the_handshake_is_not_answered_nothing_was_sent() -> None:
    """The port takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(SendError) as caught:
        send(f"https://127.0.0.1:{silent.getsockname()[1]}/reingest")

    assert (caught.value.code, caught.value.is_definite) == ("UNREACHABLE", True)


def test_what_breaks_after_the_handshake_is_doubtful(tmp_path: Path) -> None:
    """The event was under way when the endpoint hung up."""

    def hang_up(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    authority, tls = make_certificate(tmp_path)
    with endpoint(hang_up, tls) as (url, got), pytest.raises(SendError) as caught:
        send(url, ca_file=authority)

    assert (caught.value.code, caught.value.is_definite, len(got)) == ("NO_WHOLE_ANSWER", False, 1)
