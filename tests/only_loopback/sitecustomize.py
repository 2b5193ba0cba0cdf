"""No test asks for anything but this machine: Python loads this in the tests and in every Python that they start.

What it does not see: a socket that no Python opens (gRPC's own, Chromium, a JVM, Prometheus), a Python that is started
with ``-I`` or in an environment without this folder in ``PYTHONPATH``, and the look-up of a name.
"""

from __future__ import annotations

import sys
from typing import Any

_EVENTS = {"socket.connect", "socket.sendto", "socket.sendmsg"}


def _only_loopback(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _EVENTS or not isinstance(arguments[-1], tuple):
        return  # a socket of a file has a path for an address
    host = str(arguments[-1][0])
    # An address that is bound and not asked; what stands for "all of this machine" is this machine.
    if host not in {"localhost", "::1", "", "0.0.0.0", "::"} and not host.startswith("127."):
        raise AssertionError(f"a test asked for {host}")


sys.addaudithook(_only_loopback)
