"""What the environment names as the file for the keys of TLS connections gets none of ours."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dlqkit.republish.http_sink import HttpSink
from dlqkit.republish.sink import Message
from dlqkit.sources.http import HttpClient
from dlqkit.tickets.jira_client import JiraClient
from tests.sources.certificate import make_certificate


@contextlib.contextmanager
def one_answer(tls: ssl.SSLContext) -> Iterator[str]:
    """A server on loopback that answers each question with an empty object."""

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError), tls.wrap_socket(listener.accept()[0], server_side=True) as connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def ask_source(url: str, authority: Path) -> None:
    HttpClient(url, name="the API", setting="execution_logs.url", ca_file=authority, max_tries=1).get(url)


def ask_jira(url: str, authority: Path) -> None:
    JiraClient(url, "t0ken-of-the-tests", ca_file=authority).ask("GET", "myself")


def post_event(url: str, authority: Path) -> None:
    HttpSink(url, ca_file=authority).send([Message(0, b"{}", {}, "", "ab" * 32)])


@pytest.mark.parametrize("file", ["keys.txt", "no-folder/keys.txt"])
@pytest.mark.parametrize("ask", [ask_source, ask_jira, post_event])
def test_the_keys_of_a_connection_are_written_nowhere(
    ask: Callable[[str, Path], None], file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads them reads the secret; and where they cannot be written, that is no fault of the service."""
    authority, tls = make_certificate(tmp_path)
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / file))
    with one_answer(tls) as url:
        ask(url, authority)

    assert not (tmp_path / file).exists()
