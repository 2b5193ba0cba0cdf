"""Two runs at once: one is refused and hears who the other is."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dlqkit.errors import StorageError
from dlqkit.republish.journal import open_journal
from dlqkit.republish.run_lock import hold_run_lock
from tests.republish.plans import make_plan


def test_the_second_run_is_refused_and_names_the_first(tmp_path: Path) -> None:
    with open_journal(tmp_path), pytest.raises(StorageError) as refused, open_journal(tmp_path):
        pass

    assert re.search(rf"process {os.getpid()} on {re.escape(socket.gethostname())}, since 20", str(refused.value))


def test_a_run_that_has_ended_or_was_killed_is_in_nobodys_way(tmp_path: Path) -> None:
    with open_journal(tmp_path):
        pass
    code = (
        "import os, signal, sys; from pathlib import Path; from dlqkit.republish.journal import open_journal\n"
        "with open_journal(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL

    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(1))


def test_a_lock_that_is_not_signed_yet_is_still_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "journal.lock"
    with hold_run_lock(path):
        path.write_text("")
        with pytest.raises(StorageError, match="not signed yet"), hold_run_lock(path):
            pass


def test_a_name_in_the_lock_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "journal.lock"
    with hold_run_lock(path):
        path.write_text('{"process": 1, "host": "\\u001b[2J", "started_at": "x"}')
        with pytest.raises(StorageError) as refused, hold_run_lock(path):
            pass

    assert "\x1b" not in str(refused.value)


def test_of_two_runs_at_the_same_moment_one_is_refused_a_hundred_times_of_a_hundred(tmp_path: Path) -> None:
    """Processes, let go at once by a pipe; the one that has the journal keeps it until the other has tried."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.republish.racing", str(tmp_path), "100"],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.split() == ["0,1"] * 100
