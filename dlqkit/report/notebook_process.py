"""The process that executes a notebook: begun before anybody knows what it will show, so that nobody waits for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlqkit.errors import RunError

__all__ = ["Executed", "NotebookProcess", "start_process"]


@dataclass(frozen=True, slots=True)
class Executed:
    """How the process ended: 0 where no cell failed, else one of ``papermill_run``, and what it wrote of its error."""

    code: int
    said: str


@dataclass(frozen=True)
class NotebookProcess:
    """A process in which a kernel and Papermill start, until it is told what to execute."""

    process: subprocess.Popen[bytes]
    cwd: Path

    def run_ahead(self, code: str) -> None:
        """Let the kernel run code that no cell shows, as soon as it can; whether it fails is not asked."""
        self._send({"code": code})

    def execute(
        self, request: Mapping[str, object], timeout_s: float, meanwhile: Callable[[], None] | None = None
    ) -> Executed:  # fmt: skip
        """Execute the notebook of a request of ``papermill_run``, call ``meanwhile``, and wait for the end.

        Raises
        ------
        subprocess.TimeoutExpired
            If it takes longer than ``timeout_s``; the process is then killed.
        """
        self._send(request)
        if meanwhile is not None:
            meanwhile()
        try:
            _, stderr = self.process.communicate(timeout=timeout_s)
        except BrokenPipeError:
            stderr = b""
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return Executed(self.process.wait(), stderr.decode("utf-8", "replace"))

    def _send(self, message: Mapping[str, object]) -> None:
        stream = self.process.stdin
        assert stream is not None
        try:
            stream.write(json.dumps(message).encode() + b"\n")
            stream.flush()
        except BrokenPipeError:
            # It has ended; whoever waits for it is told why.
            return


@contextmanager
def start_process(cwd: Path, environment: Mapping[str, str]) -> Iterator[NotebookProcess]:
    """Start Papermill and a kernel in ``cwd``; both are stopped at the end of the block.

    Parameters
    ----------
    cwd : Path
        An empty folder of our own: Python imports what lies in its working directory, and the incident folder may come
        from a stranger.
    environment : mapping
        All that the process and its kernel see of the environment.

    Raises
    ------
    RunError
        If there is no Python to start.
    """
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "dlqkit.report.papermill_run"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(environment), cwd=cwd,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise RunError("The notebook could not be started.", "Install dlqkit again; Papermill is missing.") from error
    own = NotebookProcess(process, cwd)
    try:
        own._send({"cwd": str(cwd)})
        yield own
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[Any]) -> None:
    """At the end of its input it stops its kernel and ends; what does not end is killed."""
    for stream in (process.stdin, process.stderr):
        if stream is not None:
            try:
                stream.close()
            except BrokenPipeError:
                continue
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


_GRACE_S = 10
