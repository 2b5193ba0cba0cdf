"""An incident's key of pseudonyms: made once, kept in the folder alone, and by it what a pseudonym stands for."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence import audit_log
from dlqkit.evidence.store import create_bytes, read_bounded, storage_error
from dlqkit.report.redaction import PERSONAL_FIELDS, Redactor

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["KEY_FILE", "read_key", "redact_facts", "reveal"]

KEY_FILE = "redaction.key"
_BYTES = 32
_PSEUDONYM = re.compile(r"[a-z_]{1,40}-[0-9a-f]{8}")


def read_key(directory: Path) -> bytes:
    """The incident's key, made where there is none.

    Raises
    ------
    EvidenceError
        If it was damaged: with another key equal values would no longer be equal.
    StorageError
        If it cannot be read or written.
    """
    path = directory / KEY_FILE
    try:
        if not path.exists():
            create_bytes(path, secrets.token_bytes(_BYTES))
        key = read_bounded(path)
    except OSError as error:
        raise storage_error(path, error) from error
    if len(key) != _BYTES:
        raise EvidenceError(f"{KEY_FILE} is not whole.", "Restore it from a copy; a new one would name all anew.")
    return key


def redact_facts(directory: Path, facts: Mapping[str, Any], more_fields: Collection[str] = ()) -> dict[str, Any]:
    """The facts as they may leave the folder, and that they were redacted.

    Parameters
    ----------
    directory : Path
        The incident folder.
    facts : mapping
        From ``report.facts.facts``.
    more_fields : collection of str
        Names of fields whose values are personal, beside those that are known.
    """
    fields = PERSONAL_FIELDS | {name.casefold() for name in more_fields}
    return {**Redactor(read_key(directory), fields).facts(facts), "redacted": True}


def reveal(folder: IncidentFolder, pseudonym: str, by: str, more_fields: Collection[str] = ()) -> str:
    """What a pseudonym of this incident's reports stands for; who asked stands in the audit log.

    Raises
    ------
    ParameterError
        If it is no pseudonym, or nothing in the folder's evidence has it.
    EvidenceError
        If the folder has no key.
    """
    from dlqkit.report.facts import facts

    if not _PSEUDONYM.fullmatch(pseudonym):
        raise ParameterError(f"{pseudonym[:40]!r} is no pseudonym.", "Write it as the report has it: email-3f9a1c07.")
    if not (folder.path / KEY_FILE).exists():
        # A new one would name all anew, and the next report otherwise than the one that is asked about.
        raise EvidenceError(
            f"{KEY_FILE} is not in this folder, so its pseudonyms cannot be told.",
            "Ask where the report was made: the key never leaves that folder.",
        )
    found: dict[str, str] = {}
    fields = PERSONAL_FIELDS | {name.casefold() for name in more_fields}
    redactor = Redactor(read_key(folder.path), fields, found.__setitem__)
    redactor.facts(facts(folder))
    if pseudonym not in found:
        for text in _texts(folder):
            redactor.text(text)
    audit_log.append(folder.path, "pseudonym revealed", pseudonym=pseudonym, asked_by=by, known=pseudonym in found)
    if pseudonym not in found:
        raise ParameterError(f"Nothing in snapshot {folder.snapshot} is called {pseudonym}.", "Try --snapshot.")
    return found[pseudonym]


def _texts(folder: IncidentFolder) -> Iterable[str]:
    """Every error and log line once; a report may have been of another moment."""
    for frame, column in ((folder.records().frame, "last_error"), (folder.worker_logs().frame, "message")):
        yield from frame[column].dropna().astype("str").unique()
