"""Who did what and when: ``audit.jsonl``, append-only, each line naming the hash of the one before."""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dlqkit.evidence.store import FILE_MODE, make_folder, storage_error

__all__ = ["append", "current_user", "find_breaks", "read"]

NAME = "audit.jsonl"


def current_user() -> str:
    """Who is logged in to this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def append(directory: Path, action: str, **facts: Any) -> None:
    """Add a line; facts are plain JSON values without secrets or payloads.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    make_folder(directory)
    path = directory / NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, FILE_MODE)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            whole = file.read()
            lines = whole.splitlines()
            previous = hashlib.sha256(lines[-1]).hexdigest() if lines else ""
            entry = {
                "at": datetime.now(UTC).isoformat(),
                "by": current_user(),
                "action": action,
                **facts,
                "previous": previous,
            }
            # A line that was torn by a kill stays as it is, and the next one begins on its own.
            start = b"" if not whole or whole.endswith(b"\n") else b"\n"
            file.write(start + json.dumps(entry, ensure_ascii=True, sort_keys=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise storage_error(path, error) from error


def read(directory: Path) -> list[dict[str, Any]]:
    """Every whole line, oldest first."""
    path = directory / NAME
    if not path.is_file():
        return []
    out = []
    for line in path.read_bytes().splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            out.append(value)
    return out


def find_breaks(directory: Path) -> list[int]:
    """Numbers, from 1, of the lines whose predecessor is not the one they name."""
    path = directory / NAME
    if not path.is_file():
        return []
    breaks, previous = [], ""
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            named = json.loads(line).get("previous")
        except (ValueError, AttributeError):
            named = previous  # torn: judged by the line after it
        if named != previous:
            breaks.append(number)
        previous = hashlib.sha256(line).hexdigest()
    return breaks
