"""What the tests of several commands have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import Run, runner


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder; exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)
