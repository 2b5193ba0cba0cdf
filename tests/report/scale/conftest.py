"""Commands, called in this process."""

from __future__ import annotations

import pytest

from tests.cli.running import Run, runner


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command: exit code, standard output and standard error."""
    return runner(monkeypatch, capsys)
