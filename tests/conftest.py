"""What every test gets: no network but loopback, no settings of the machine, no display."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

os.environ["MPLBACKEND"] = "Agg"

_CONNECT = socket.socket.connect


def _only_loopback(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6):
        host = str(address[0])
        assert host in {"localhost", "::1"} or host.startswith("127."), f"a test asked for {host}"
    _CONNECT(self, address)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No network but loopback; no settings, keys or configuration of whoever runs the tests."""
    monkeypatch.setattr(socket.socket, "connect", _only_loopback)
    for name in list(os.environ):
        if name.startswith(("DLQKIT_", "PUBSUB_")) and name != "DLQKIT_REQUIRE_REAL":
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    yield
