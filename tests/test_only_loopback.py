"""No test can ask for anything but this machine, nor can a Python that it starts."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

# Addresses for documentation (RFC 5737, RFC 3849): nobody has them.
NOBODY, NOBODY_6 = ("192.0.2.1", 9), ("2001:db8::1", 9, 0, 0)


def test_a_test_reaches_nobody_else() -> None:
    with socket.socket() as one, pytest.raises(AssertionError, match=r"asked for 192\.0\.2\.1"):
        one.connect(NOBODY)
    with socket.socket() as one, pytest.raises(AssertionError, match=r"asked for 192\.0\.2\.1"):
        one.connect_ex(NOBODY)
    with socket.socket(type=socket.SOCK_DGRAM) as one, pytest.raises(AssertionError, match=r"asked for 192\.0\.2\.1"):
        one.sendto(b"x", NOBODY)
    with socket.socket(socket.AF_INET6) as one, pytest.raises(AssertionError, match="asked for 2001:db8::1"):
        one.connect(NOBODY_6)


def test_a_process_that_a_test_starts_reaches_nobody_else() -> None:
    code = f"import socket; socket.socket().connect({NOBODY!r})"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)

    assert done.returncode != 0
    assert "a test asked for 192.0.2.1" in done.stderr


def test_loopback_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()[:2]) as one:
        assert one.getpeername() == server.getsockname()
