"""Run ``dlqkit collect`` in a process of its own, as often as it takes: to be killed, or to be measured.

A child imports everything once. For each order it forks a grandchild that runs the command, and tells how that ended.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["STEPS", "Ended", "forker"]

ROOT = Path(__file__).parents[2]
# What changes the disk; a kill falls before any of them.
STEPS = ("rename", "replace", "unlink", "rmdir", "mkdir", "fsync")


@dataclass(frozen=True, slots=True)
class Ended:
    """How one command ended."""

    killed: bool
    exit_code: int | None
    seconds: float
    grew_bytes: int
    """By how much its memory was at most above that of a process that had imported everything and done nothing."""
    text: str
    """What it wrote."""


Run = Callable[..., Ended]


@contextmanager
def forker() -> Iterator[Run]:
    """A function that runs one command.

    Its arguments are ``arguments`` and ``environ`` of the command, ``client`` (options of ``HttpClient`` in place of
    its defaults), and ``kill_after_s``, or ``kill_before``, the number of a step on the disk.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.evidence.forked"], cwd=ROOT, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip

    def run(**order: Any) -> Ended:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(order) + "\n")
        child.stdin.flush()
        answer = child.stdout.readline()
        assert answer, "the child that forks has ended"
        return Ended(**json.loads(answer))

    try:
        yield run
    finally:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.close()
        child.wait(30)
        child.stdout.close()


def _collect(order: dict[str, Any]) -> None:
    from dlqkit.cli.main import main
    from dlqkit.sources.http import HttpClient

    os.environ.update(order["environ"])
    HttpClient.__init__.__kwdefaults__.update(order.get("client", {}), sleep=lambda _: None)
    sys.argv = ["dlqkit", *order["arguments"]]
    if "kill_before" not in order:
        main()
    taken = _die_before(order["kill_before"])
    try:
        main()
    finally:
        sys.stdout.write(f"{taken()} steps on the disk\n")


def _die_before(step: int) -> Callable[[], int]:
    """Die before so many steps are taken; the function tells how many were, of one that lived."""
    left = step

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:
        def before(*values: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*values, **named)

        return before

    for name in STEPS:
        setattr(os, name, watched(getattr(os, name)))
    return lambda: step - left


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _run(order: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as written:
        before, began = _resident_bytes(), time.monotonic()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.dup2(written.fileno(), 1)
                os.dup2(written.fileno(), 2)
                _collect(order)
            except SystemExit as ended:
                status = int(ended.code or 0)
            except BaseException:  # noqa: BLE001 - told by its trace, and by a status that no command has
                traceback.print_exc()
                status = 70
            finally:
                sys.stdout.flush()
                os._exit(status)
        # Reaped only below, so that this number is still the child's when the time is over.
        timer = (
            threading.Timer(order["kill_after_s"], os.kill, (child, signal.SIGKILL))
            if "kill_after_s" in order
            else None
        )
        if timer is not None:
            timer.start()
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        seconds = time.monotonic() - began
        if timer is not None:
            timer.cancel()
            timer.join()
        _, status, used = os.wait4(child, 0)
        written.seek(0)
        killed = os.WIFSIGNALED(status)
        return {
            "killed": killed,
            "exit_code": None if killed else os.WEXITSTATUS(status),
            "seconds": seconds,
            "grew_bytes": used.ru_maxrss * 1024 - before,
            "text": written.read().decode("utf-8", "replace"),
        }


def _main() -> None:
    # Before the first fork, so that no command pays for it and none is measured by it.
    import pyarrow.parquet

    import dlqkit.cli.collect
    import dlqkit.evidence.collect
    import dlqkit.report.facts
    import dlqkit.report.focus
    import dlqkit.report.tables
    import dlqkit.republish.next_steps
    import dlqkit.sources.connect
    import dlqkit.sources.execution_logs  # noqa: F401

    assert pyarrow.parquet is not None
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_run(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
