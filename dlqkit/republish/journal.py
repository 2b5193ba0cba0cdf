"""The journal of an incident folder's republishes: what was intended, durable before it is done, and what is known."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from dlqkit.evidence import audit_log
from dlqkit.evidence.store import file_hash
from dlqkit.frames import empty_frame
from dlqkit.republish import journal_file as file
from dlqkit.republish.journal_place import MARK, Mark, check_not_lost, check_place, known_sequence, refuse_older
from dlqkit.republish.journal_plans import to_frame
from dlqkit.republish.journal_rows import Change
from dlqkit.republish.journal_schema import JOURNAL
from dlqkit.republish.journal_writer import Journal
from dlqkit.republish.run_lock import hold_run_lock, lock_path

__all__ = [
    "JOURNAL",
    "Change",
    "Journal",
    "journal_until",
    "open_journal",
    "opened_file",
    "read_journal",
    "refuse_lost",
]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def open_journal(directory: Path, *, now: Callable[[], datetime] = _utc_now) -> Iterator[Journal]:
    """The journal of an incident folder, for one writer; made where there is none.

    Parameters
    ----------
    directory : Path
        The incident folder.
    now : callable
        The clock of intents and results, UTC.

    Raises
    ------
    StorageError
        If another run has it, which is named, or it cannot be written.
    EvidenceError
        If it is damaged, missing, a copy, or older than what is known of it: events might be sent again.
    """
    directory = Path(directory)
    path = file.journal_path(directory)
    with hold_run_lock(lock_path(directory)):
        with opened_file(directory) as (connection, head, mark):
            check_place(directory, path, head, mark)
            journal = Journal(directory, connection, head, mark, now)
            if known_sequence(directory, head.journal_id) < 0:
                journal.audit("republish journal begins")
            yield journal
        if journal.sequence > head.sequence:
            # Closed, so that all of it is in this one file; until it is written again no byte of it changes.
            journal.audit("republish journal closed", journal_sha256=file_hash(path))


@contextmanager
def opened_file(directory: Path) -> Iterator[tuple[sqlite3.Connection, file.Head, Mark]]:
    """The journal's file, whole by its digests, whatever place it is in; the lock is held by the caller."""
    path = file.journal_path(directory)
    if not path.exists() or path.stat().st_size == 0:
        check_not_lost(directory)
    connection = file.connect_to_write(path)
    mark = Mark(path.with_name(MARK))
    try:
        with file.writing():
            if file.is_new(connection):
                check_not_lost(directory)
                file.make_tables(connection, path, secrets.token_hex(16))
            head = file.read_head(connection)
            file.check_contents(connection, head)
        yield connection, head, mark
    finally:
        mark.close()
        connection.close()


def refuse_lost(directory: Path) -> None:
    """Refuse to decide anything in a folder whose journal is gone or an older one: the newer one knew what was sent.

    Raises
    ------
    EvidenceError
        If ``audit.jsonl`` or the mark beside the file knows of one that was written later.
    """
    path = file.journal_path(directory)
    if not path.exists() or path.stat().st_size == 0:
        check_not_lost(directory)
        return
    # Before the file is looked at: a run that goes on writes them after it.
    lines, marked = audit_log.read(directory), Mark(path.with_name(MARK)).text()
    head = file.peek_head(path)
    if head is None:
        check_not_lost(directory)
    else:
        refuse_older(directory, head, lines, marked)


def read_journal(directory: Path) -> pd.DataFrame:
    """What the journal of an incident folder says, also while a run writes it.

    Returns
    -------
    DataFrame
        ``JOURNAL``, by plan and item; empty where there is no journal.

    Raises
    ------
    EvidenceError
        If it is damaged.
    StorageError
        If it cannot be read.
    """
    path = file.journal_path(directory)
    if not path.exists() or path.stat().st_size == 0:
        return empty_frame(JOURNAL)
    return to_frame(file.read_contents(path))


def journal_until(journal: pd.DataFrame, until: datetime | None) -> pd.DataFrame:
    """The journal as it stood at a moment; as it is without one.

    Parameters
    ----------
    journal : DataFrame
        ``JOURNAL``.
    until : datetime, optional
        Aware.

    Returns
    -------
    DataFrame
        Events that were taken up later are not in it, and those that were settled later are at ``intent``.
    """
    if until is None:
        return journal
    moment = pd.Timestamp(until)
    # What was withdrawn was settled without an intent.
    taken_up_at = journal["intent_at"].fillna(journal["settled_at"])
    begun = journal[(taken_up_at <= moment).fillna(False).astype(bool)]
    is_later = (begun["settled_at"] > moment).fillna(False).astype(bool)
    states = begun["state"].astype("str").mask(is_later, "intent")
    return begun.assign(state=states.astype(journal["state"].dtype))
