"""What a ticket system does for a report: it takes files and a comment, and the same report only once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dlqkit.errors import ParameterError
from dlqkit.language import say

__all__ = ["Attached", "File", "Report", "TicketSystem", "check_key", "make_report"]

# Letters that no address and no file name reads in another way.
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True, slots=True)
class File:
    """A file of a report."""

    name: str
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Report:
    """What is attached: labelled sentences for the comment, files, and a mark by which the same report is known."""

    lines: tuple[tuple[str, str], ...]
    """Label and text, plain: each system escapes them for its own comments."""
    files: tuple[File, ...]
    mark: str


@dataclass(frozen=True, slots=True)
class Attached:
    """What was done; what was there already was left as it was."""

    ticket: str
    place: str
    """Where it can be seen."""
    added: tuple[str, ...]
    """Names of files that were attached now."""
    has_commented: bool


class TicketSystem(Protocol):
    """A place that keeps reports."""

    def attach(self, ticket: str, report: Report) -> Attached:
        """Attach a report; a second time nothing is added. Raises ``DlqkitError``."""
        ...


def check_key(ticket: str) -> str:
    """A ticket's key, such as ``OPS-123``.

    Raises
    ------
    ParameterError
        If it is none: it becomes part of an address or a path.
    """
    if not _KEY.fullmatch(ticket):
        raise ParameterError(f"{ticket[:40]!r} is no ticket's key.", "Write it as OPS-123.")
    return ticket


def make_report(lines: Sequence[tuple[str, str]], files: Sequence[tuple[str, bytes, str]], content: bytes) -> Report:
    """A report whose files carry its mark in their names: a later report lies beside this one.

    Parameters
    ----------
    lines : sequence of (str, str)
        Label and text of the comment; the names of the files are added.
    files : sequence of (str, bytes, str)
        Name, content and media type.
    content : bytes
        What makes it this report; the mark is its hash.
    """
    mark = hashlib.sha256(content).hexdigest()[:12]
    named = []
    for name, body, media_type in files:
        stem, dot, ending = name.rpartition(".")
        named.append(File(f"{stem}-{mark}{dot}{ending}", body, media_type))
    attached = [(say("Attached"), ", ".join(file.name for file in named))] if named else []
    return Report((*lines, *attached), tuple(named), mark)
