"""Forks that end: each in a session of its own, within limits, with all that it started."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Callable, Collection
from pathlib import Path

import pytest
from hypothesis import settings

__all__ = ["OURS", "begin", "ended", "forked", "limit", "run_pytest"]

ROOT = Path(__file__).parents[1]
OURS = ("dlqkit", "tests", "benchmarks", "conftest")
_MEMORY_BYTES, _FILE_BYTES = 4 << 30, 2 << 30
_SET_CHILD_SUBREAPER = 36  # prctl(2)


def forked(work: Callable[[], int], out: Path, seconds: float) -> int | None:
    """Exit code of work in a fork of its own session, negative for a signal; None where it took longer."""
    child = os.fork()
    if not child:
        code = 70
        try:
            begin(out)
            code = work()
            sys.stdout.flush()
        except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as its parent's copy
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    return ended(child, seconds)


def begin(out: Path) -> None:
    """A session of its own, so that all of it can be ended; what it writes goes to a file."""
    os.setsid()
    file = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for standard in (1, 2):
        os.dup2(file, standard)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


def limit(seconds: float) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))


def ended(child: int, seconds: float) -> int | None:
    # Whatever outlives its parent becomes a child of this process.
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    descriptor = os.pidfd_open(child)
    in_time = bool(select.select([descriptor], [], [], seconds)[0])
    os.close(descriptor)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    _end_strays()
    return os.waitstatus_to_exitcode(status) if in_time else None


def _end_strays() -> None:
    """End what a try has left behind in sessions of its own; it is ours since its parent ended."""
    own = os.getpid()
    while left := Path(f"/proc/{own}/task/{own}/children").read_text().split():
        for one in map(int, left):
            os.kill(one, signal.SIGKILL)
            os.waitpid(one, 0)


def run_pytest(tree: Path, files: Collection[str], plugins: list[object], *options: str) -> int:
    """Run pytest in this process, a fork that ends after it."""
    for name in [name for name in sys.modules if name.split(".")[0] in OURS]:
        del sys.modules[name]
    os.chdir(tree)
    sys.path[:] = [str(tree), *(one for one in sys.path if Path(one or ".").resolve() != ROOT)]
    os.environ.update(PYTHONPATH=str(tree), PYTHONDONTWRITEBYTECODE="1")
    sys.dont_write_bytecode = "-x" in options
    settings.register_profile("mutate", derandomize=True, database=None, deadline=None)
    settings.load_profile("mutate")
    # hypothesis was imported before; its asserts need no rewriting.
    given = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--basetemp={tree.with_suffix('.tmp')}",
             "-W", "ignore::pytest.PytestAssertRewriteWarning")  # fmt: skip
    return int(pytest.main([*given, *options, *files], plugins=plugins))
