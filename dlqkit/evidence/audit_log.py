"""Who did what and when: ``audit.jsonl``, append-only, each line naming its number and the hash of the one before.

The last line has none after it to tell that it was changed or cut off, so ``audit.head`` beside it holds how many lines
there are and the hash of the last one. It is written twice for every line, first with the line that is about to be
written: a kill at any moment leaves a log that fits its head.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from dlqkit.errors import EvidenceError
from dlqkit.evidence.store import (
    FILE_MODE,
    bounded,
    file_hash,
    make_folder,
    read_bounded,
    storage_error,
    write_bytes,
)

__all__ = ["HEAD", "NAME", "Chain", "Head", "append", "check_chain", "current_user", "hash_of", "read"]

NAME, HEAD = "audit.jsonl", "audit.head"
# A command adds one line or a few, of some hundred bytes: so many are of years of them.
MOST_BYTES, MOST_LINES = 64 << 20, 500_000


@dataclass(frozen=True, slots=True)
class Head:
    """How many lines the log has, and the SHA-256 of the last; written down elsewhere it shows what was cut off."""

    lines: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.lines}:{self.sha256}"


@dataclass(frozen=True, slots=True)
class Chain:
    """The log as it is found."""

    head: Head
    hashes: tuple[str, ...]
    """Of every line, in order."""
    faults: tuple[tuple[str, str], ...]
    """File and what is wrong with it."""
    notes: tuple[str, ...]
    """What cannot be found in this log, in sentences."""

    def holds(self, head: Head) -> bool:
        """Whether the log, cut to as many lines, is the one that had this head."""
        if head.lines > len(self.hashes):
            return False
        return head.sha256 == (self.hashes[head.lines - 1] if head.lines else "")


def current_user() -> str:
    """Who is logged in to this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _read_log(file: BinaryIO) -> bytes:
    content = bounded(file, NAME, MOST_BYTES)
    if content.count(b"\n") > MOST_LINES:
        raise EvidenceError(
            f"{NAME} has more than {MOST_LINES:,} lines, and dlqkit writes no such one.",
            "It was changed, or made to stop whoever reads it: restore it from a copy.",
        )
    return content


def _lines(content: bytes) -> list[bytes]:
    # A carriage return is no end of a line: one in its place would be read the same otherwise.
    return content.removesuffix(b"\n").split(b"\n") if content else []


def _write_head(directory: Path, lines: Sequence[bytes], writing: str | None = None) -> None:
    values = {"lines": len(lines), "sha256": _hash(lines[-1]) if lines else "", "writing": writing}
    write_bytes(directory / HEAD, json.dumps(values, ensure_ascii=True, sort_keys=True).encode() + b"\n")


def append(directory: Path, action: str, **facts: Any) -> None:
    """Add a line; facts are plain JSON values without secrets or payloads.

    Raises
    ------
    StorageError
        If it cannot be written, or a link lies in its place.
    """
    make_folder(directory)
    path = directory / NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, FILE_MODE)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            whole = _read_log(file)
            lines = _lines(whole)
            # Written anew, the head fits again: that it did not must not be forgotten by that.
            unfit = _find_unfit(directory, whole, lines)
            entry = {
                "at": datetime.now(UTC).isoformat(),
                "by": current_user(),
                "action": action,
                **facts,
                "line": len(lines) + 1,
                "previous": _hash(lines[-1]) if lines else "",
                **({"unfit": unfit} if unfit else {}),
            }
            line = json.dumps(entry, ensure_ascii=True, sort_keys=True)
            _write_head(directory, lines, line)
            # A line that was torn by a kill stays as it is, and the next one begins on its own.
            start = b"" if not whole or whole.endswith(b"\n") else b"\n"
            file.write(start + line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            _write_head(directory, [*lines, line.encode()])
    except OSError as error:
        raise storage_error(path, error) from error


def _find_unfit(directory: Path, content: bytes, lines: Sequence[bytes]) -> str:
    """What of the log and its head does not fit, as far as the next line will hide it; empty where all does."""
    head = directory / HEAD
    if head.is_file():
        faults = _check_head(_read_head(head), content, lines, [_hash(line) for line in lines])
        return "; ".join(f"{name} {what}" for name, what in faults)
    return f"{HEAD} is missing" if any("line" in (_entry(line) or {}) for line in lines) else ""


def hash_of(directory: Path, path: Path, content: bytes | None = None) -> dict[str, str]:
    """What a line says under ``wrote``: a file's path within the folder, and its SHA-256.

    Parameters
    ----------
    directory, path : Path
        The incident folder, and the file in it.
    content : bytes, optional
        What is about to be written there; what is there by default.
    """
    return {path.relative_to(directory).as_posix(): file_hash(path) if content is None else _hash(content)}


def read(directory: Path) -> list[dict[str, Any]]:
    """Every whole line, oldest first."""
    path = directory / NAME
    if not path.is_file():
        return []
    with path.open("rb") as file:
        content = _read_log(file)
    return [entry for line in _lines(content) if (entry := _entry(line)) is not None]


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def check_chain(directory: Path) -> Chain:
    """What the log and its head say of each other.

    Returns
    -------
    Chain
        Without a fault if no line was changed, removed, added, moved or cut off since it was written; as far as whoever
        did it did not write the whole chain and its head anew.

    Notes
    -----
    Lines without ``previous`` at the beginning are of a dlqkit that did not chain them, and lines without ``line`` of
    one that kept no head; both are said in ``notes``.
    """
    content, kept = _read_both(directory)
    lines = _lines(content)
    hashes = tuple(_hash(line) for line in lines)
    faults, notes, keeps_head = _check_lines(lines, hashes)
    if kept is None and keeps_head:
        faults.append((HEAD, "is missing"))
    elif kept is None and lines:
        notes.append("audit.jsonl is of an older dlqkit: lines that were cut off its end are not found.")
    elif kept is not None:
        faults += _check_head(kept, content, lines, hashes)
    return Chain(Head(len(lines), hashes[-1] if hashes else ""), hashes, tuple(faults), tuple(notes))


def _read_both(directory: Path) -> tuple[bytes, bytes | None]:
    path, head = directory / NAME, directory / HEAD
    if not path.is_file():
        return b"", _read_head(head) if head.is_file() else None
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # or a line that is being written would be taken for a forged one
        return _read_log(file), _read_head(head) if head.is_file() else None


def _read_head(head: Path) -> bytes:
    # It holds the line that is about to be written, so it may be as large as the log.
    return read_bounded(head, 2 * MOST_BYTES)


def _check_lines(lines: Sequence[bytes], hashes: Sequence[str]) -> tuple[list[tuple[str, str]], list[str], bool]:
    faults: list[tuple[str, str]] = []
    notes: list[str] = []
    begun, keeps_head, previous = False, False, ""
    for number, line in enumerate(lines, start=1):
        entry = _entry(line)
        if entry is not None:  # else torn: judged by the line after it, or by the head
            if not begun and "previous" in entry:
                begun = True
                if number > 1:
                    notes.append(f"The chain of audit.jsonl begins at line {number}: nothing shows whether the lines "
                                 "before it were changed.")  # fmt: skip
            if begun and (entry.get("previous") != previous or entry.get("line", number) != number):
                faults.append((NAME, f"line {number} does not follow the one before"))
            if "unfit" in entry:
                faults.append((NAME, f"did not fit its head before line {number} was written: {entry['unfit']}"))
            keeps_head = keeps_head or "line" in entry
        previous = hashes[number - 1]
    if lines and not begun:
        notes.append("audit.jsonl has no chain: nothing shows whether its lines were changed.")
    return faults, notes, keeps_head


def _check_head(kept: bytes, content: bytes, lines: Sequence[bytes], hashes: Sequence[str]) -> list[tuple[str, str]]:
    values = _entry(kept) or {}
    known, sha256, writing = values.get("lines"), values.get("sha256"), values.get("writing")
    written = json.dumps(values, ensure_ascii=True, sort_keys=True).encode() + b"\n"
    if type(known) is not int or known < 0 or type(sha256) is not str or type(writing) not in {str, type(None)}:
        return [(HEAD, "was changed")]
    if set(values) != {"lines", "sha256", "writing"} or kept != written:
        return [(HEAD, "was changed")]
    if len(lines) < known:
        return [(NAME, f"ends after line {len(lines)}, and audit.head knows {known}")]
    if sha256 != (hashes[known - 1] if known else ""):
        return [(NAME, f"line {known} is not the one that audit.head knows")]
    rest = lines[known:]
    if not rest:
        # A torn line before the one that was about to be written has no end.
        is_whole = content.endswith(b"\n") or not content or writing is not None
        return [] if is_whole else [(NAME, "was cut at its end")]
    if writing is not None and len(rest) == 1 and writing.encode().startswith(rest[0]):
        is_whole = rest[0] == writing.encode()
        return [] if is_whole or not content.endswith(b"\n") else [(NAME, f"line {known + 1} was cut")]
    return [(NAME, f"has {len(lines)} lines, and audit.head knows {known}")]
