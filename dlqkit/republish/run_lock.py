"""One process at a time writes a journal; the next one is told who has it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from dlqkit.errors import StorageError
from dlqkit.evidence.store import FILE_MODE, make_folder
from dlqkit.republish.plan import FOLDER
from dlqkit.untrusted import for_terminal

__all__ = ["hold_run_lock", "is_running", "lock_path"]


def lock_path(directory: Path) -> Path:
    """Where the lock of an incident folder's journal is."""
    return Path(directory) / FOLDER / "journal.lock"


def is_running(directory: Path) -> bool:
    """Whether a run has the folder's journal: until it ends it may still send what its journal has as planned."""
    try:
        descriptor = os.open(lock_path(directory), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def hold_run_lock(path: Path) -> Iterator[None]:
    """Keep every other run out while this one writes; the kernel lets go when the process dies.

    Parameters
    ----------
    path : Path
        The lock's file; it stays, since a lock on a removed file would be a lock on nothing.

    Raises
    ------
    StorageError
        If another process has it, with that process's number, machine and start; or if the file cannot be written.
    """
    make_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, FILE_MODE)
    except OSError as error:
        raise StorageError(
            f"{path.name} cannot be opened: {error.strerror}.", "Check the permissions of the incident folder."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError(
                f"Another run has this journal: {_holder(descriptor)}.",
                "Wait until it has ended, or cancel its plan there.",
            ) from None
        except OSError as error:
            raise StorageError(
                f"{path.name} cannot be locked: {error.strerror}.",
                "Keep the incident folder on a file system with locks, such as a local disk.",
            ) from error
        _sign(descriptor)
        yield
    finally:
        os.close(descriptor)


def _sign(descriptor: int) -> None:
    own = {"process": os.getpid(), "host": socket.gethostname(), "started_at": datetime.now(UTC).isoformat()}
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(own).encode() + b"\n", 0)
    except OSError as error:
        raise StorageError(
            f"The lock of the journal could not be signed: {error.strerror}.", "Free some space and try again."
        ) from error


def _holder(descriptor: int) -> str:
    try:
        known = json.loads(os.pread(descriptor, 4096, 0))
        return for_terminal(f"process {known['process']} on {known['host']}, since {known['started_at']}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "it has not signed yet"  # between its lock and its signature
