"""What every test gets: no network but loopback, no settings of the machine, no display."""

from __future__ import annotations

import os
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.docs.world import World

os.environ["MPLBACKEND"] = "Agg"
_GUARD = Path(__file__).parent / "only_loopback"
runpy.run_path(str(_GUARD / "sitecustomize.py"))
# The processes that tests start load it by themselves.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_GUARD), os.environ.get("PYTHONPATH"))))


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No settings, keys or configuration of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(("DLQKIT_", "PUBSUB_")) and name != "DLQKIT_REQUIRE_REAL":
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    yield


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A simulated platform and an incident collected from it, one for all that look at it or send to it again."""
    from tests.docs.world import open_world

    # The folder of settings of the tests themselves is made for each test, and this is made before any.
    with open_world(tmp_path_factory.mktemp("world")) as made:
        yield made
