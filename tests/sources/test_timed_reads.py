"""An answer that never ends is given up, wherever in it the bytes trickle."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from dlqkit.errors import SourceUnavailable
from dlqkit.sources.http import HttpClient

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
# What comes at once, and what then comes again and again: never silent for long, and never at an end.
ENDLESS = {
    "a header": (HEAD + b"X-Slow: ", b"a"),
    "headers": (HEAD, b"X-Slow: a\r\n"),
    "the status line": (b"", b"H"),
    "a status that asks to go on": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a status that gives a hint": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"),
    "the length of a chunk": (CHUNKED, b"0"),
    "the trailer": (CHUNKED + b"2\r\n[]\r\n0\r\n", b"X-Slow: a\r\n"),
    "the body": (HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
}


@contextlib.contextmanager
def sending(first: bytes, again: bytes) -> Iterator[str]:
    """A server that sends these, the second one every twentieth of a second."""
    ended = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(first)
            while again and not ended.wait(0.05):
                connection.sendall(again)

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],)).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/execution-logs"
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@pytest.mark.parametrize("place", ENDLESS)
def test_an_answer_that_goes_on_for_ever_is_given_up_when_its_time_is_over(place: str) -> None:
    """Each byte comes within the time of one read, so that only the time of the whole answer ends it."""
    with sending(*ENDLESS[place]) as url:
        client = HttpClient(url, name="the API", setting="execution_logs.url", deadline_s=0.6, max_tries=1)
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match=r"no answer in time|not done answering|broke off"):
            client.get(url)

    assert time.monotonic() - began < 5


def test_headers_that_cannot_be_read_are_the_services_fault_and_asked_for_again() -> None:
    """Two lengths that differ come of a proxy; it is no setting that is wrong."""
    with sending(HEAD + b"Content-Length: 2, 5\r\n\r\n[]", b"") as url:
        client = HttpClient(url, name="the API", setting="execution_logs.url", max_tries=2, sleep=lambda _: None)
        with pytest.raises(SourceUnavailable, match="headers that cannot be read"):
            client.get(url)


@pytest.mark.parametrize("before", ["100 Continue", "102 Processing", "103 Early Hints", "199 Of Our Own"])
def test_what_comes_before_the_answer_is_not_taken_for_it(before: str) -> None:
    """Proxies send a hint with headers of its own; a service that works for long says so several times."""
    early = f"HTTP/1.1 {before}\r\nLink: </logs?page=9>; rel=next\r\nContent-Length: 7\r\n\r\n".encode()
    with sending(early * 7 + HEAD + b"Content-Length: 2\r\n\r\n[]", b"") as url:
        response = HttpClient(url, name="the API", setting="execution_logs.url", max_tries=1).get(url)

    assert (response.status, response.body, response.headers.get("Link")) == (200, b"[]", None)


@pytest.mark.parametrize("before", ["100 Continue", "103 Early Hints"])
def test_a_service_that_only_ever_announces_an_answer_is_given_up(before: str) -> None:
    """However fast it does so: so many hints are no answer, and are not read on until the time is over."""
    with sending(f"HTTP/1.1 {before}\r\n\r\n".encode() * 10_000, b"") as url:
        client = HttpClient(url, name="the API", setting="execution_logs.url", max_tries=2, sleep=lambda _: None)
        with pytest.raises(SourceUnavailable, match="headers that cannot be read"):
            client.get(url)
