"""Whether the journal's file is the one that was written last: a copy, or an older one put back, would send again."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlqkit import language
from dlqkit.errors import EvidenceError, StorageError
from dlqkit.evidence import audit_log
from dlqkit.evidence.store import FILE_MODE, read_bounded
from dlqkit.republish.journal_file import Head, journal_path
from dlqkit.republish.next_steps import REASON, here

__all__ = [
    "MARK",
    "Mark",
    "bind_place",
    "check_not_lost",
    "check_place",
    "find_why_not",
    "known_sequence",
    "refuse_older",
]

_OLDER = language.mark("The journal is an older one: it was written {known} times, and {newest} are known.")
_LOST = language.mark("The journal is missing, although {witness} says that one was begun in this incident folder.")
MARK = "journal.mark"
_ADOPT = (
    "Find the file that was written last; or go on with this one, by name and reason: "
    f"dlqkit republish resolve DIR --adopt {REASON}"
)


@dataclass(slots=True)
class Mark:
    """A file beside the journal that holds how often it was written: an older journal put back does not fit it."""

    path: Path
    _descriptor: int = -1

    def write(self, head: Head) -> None:
        """Say where the journal is now; lost by a power cut at worst, which only makes it say less."""
        try:
            if self._descriptor < 0:
                self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, FILE_MODE)
            os.pwrite(self._descriptor, f"{head.journal_id} {head.sequence:020d}\n".encode(), 0)
        except OSError as error:
            raise StorageError(
                f"{self.path.name} could not be written: {error.strerror}.", "Free some space and try again."
            ) from error

    def read(self, journal_id: str) -> int:
        """How often this journal was written as far as the mark knows; -1 where it does not."""
        return _marked(self.text(), journal_id)

    def text(self) -> str:
        """What stands in the mark; empty where it cannot be read."""
        try:
            return read_bounded(self.path).decode("ascii")
        except (EvidenceError, OSError, ValueError):
            return ""

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _marked(text: str, journal_id: str) -> int:
    name, _, number = text.strip().partition(" ")
    return int(number) if name == journal_id and number.isdigit() else -1


def _told(lines: Iterable[Mapping[str, Any]], journal_id: str) -> int:
    numbers = [
        line["journal_sequence"]
        for line in lines
        if line.get("journal") == journal_id and isinstance(line.get("journal_sequence"), int)
    ]
    return max(numbers, default=-1)


def known_sequence(directory: Path, journal_id: str) -> int:
    """How often this journal was written as far as ``audit.jsonl`` knows; -1 where it does not."""
    return _told(audit_log.read(directory), journal_id)


def find_why_not(directory: Path, path: Path, head: Head, mark: Mark) -> tuple[str, bool] | None:
    """Why this file is not to be written: a sentence, and whether events may have been sent that it does not know.

    Returns
    -------
    tuple or None
        None if it is the file that was written last.
    """
    own = path.stat()
    newest = max(known_sequence(directory, head.journal_id), mark.read(head.journal_id))
    if head.sequence < newest:
        return _OLDER.format(known=head.sequence, newest=newest), True
    if known_sequence(directory, head.journal_id) < 0 and head.sequence > 0:
        return "The journal is of another incident folder: audit.jsonl does not know it.", False
    if own.st_nlink != 1:
        return "The journal has a second name (a hard link), under which another run could write it.", False
    if (own.st_dev, own.st_ino) != (head.device, head.inode):
        return "The journal is a copy: it is not the file that it was written as.", False
    return None


def refuse_older(directory: Path, head: Head, lines: Iterable[Mapping[str, Any]], marked: str) -> None:
    """Refuse to read a journal as the last word that was written later elsewhere.

    Parameters
    ----------
    directory : Path
        The incident folder.
    head : Head
        What the file says of itself.
    lines, marked
        The audit log and the mark's text, read before the file was.

    Raises
    ------
    EvidenceError
        If one of them knows of more writes.
    """
    newest = max(_told(lines, head.journal_id), _marked(marked, head.journal_id))
    if head.sequence < newest:
        raise EvidenceError(
            _OLDER.format(known=head.sequence, newest=newest),
            here(_ADOPT, directory),
        )


def check_place(directory: Path, path: Path, head: Head, mark: Mark) -> None:
    """Refuse to write a journal that is not the one that was written last.

    Raises
    ------
    EvidenceError
        If it is a copy, was moved to another disk or folder, or is older than what is known of it.
    """
    found = find_why_not(directory, path, head, mark)
    if found is not None:
        raise EvidenceError(found[0], here(_ADOPT, directory))


def check_not_lost(directory: Path) -> None:
    """Refuse to begin a new journal where there has been one.

    Raises
    ------
    EvidenceError
        If ``audit.jsonl`` or the mark beside the file knows of a journal.
    """
    if any(isinstance(line.get("journal"), str) for line in audit_log.read(directory)):
        witness = "audit.jsonl"
    elif Mark(journal_path(directory).with_name(MARK)).text():
        witness = MARK
    else:
        return
    raise EvidenceError(
        _LOST.format(witness=witness),
        "Restore republish/journal.sqlite from a copy; without it, events would be sent again.",
    )


def bind_place(write: sqlite3.Cursor, path: Path) -> None:
    """Bind the journal to the file that it is now, within a transaction."""
    own = path.stat()
    write.execute("UPDATE journal SET device = ?, inode = ?", (own.st_dev, own.st_ino))
