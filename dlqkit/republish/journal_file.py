"""The journal's file: opened for one writer or any reader, and refused where it is not what was written."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from dlqkit.errors import EvidenceError, StorageError
from dlqkit.evidence.store import FILE_MODE, file_hash, make_folder
from dlqkit.language import mark
from dlqkit.republish.journal_schema import (
    CHANGING,
    FIXED,
    FORMAT,
    add_digests,
    has_own_rules,
    identity_of,
    note_digest,
    plan_digest,
    state_digest,
    statements,
)
from dlqkit.republish.plan import FOLDER

__all__ = [
    "Head",
    "check_contents",
    "columns",
    "connect_to_write",
    "contents_hash",
    "damaged",
    "is_new",
    "journal_path",
    "make_tables",
    "peek_head",
    "read_contents",
    "read_head",
    "reading",
    "writing",
]

# How many claims there are, and how many are those of an event that is not given up.
_CLAIMS = """
    SELECT (SELECT count(*) FROM claims),
      (SELECT count(*) FROM claims JOIN events ON number = claims.event AND events.dedupe_key = claims.dedupe_key
       AND events.address = claims.address JOIN states ON states.event = number AND state <> 'failed')"""
# SQLite waits so long for a reader that is just opening the file; no reader keeps a lock of the write-ahead log.
_BUSY_S = 10.0
# In English, as every error; a report tells them in the reader's language.
_ITEM_CHANGED = mark("The journal is damaged: item {item} of {plan} was changed. Nothing was sent.")
_PLAN_BROKEN = mark("The journal is damaged: {plan} is not whole. Nothing was sent.")
_NOTE_CHANGED = mark("The journal is damaged: note {note} was changed. Nothing was sent.")
_OTHER_FORMAT = mark("The journal has format {found}, and this dlqkit knows {known}.")
_MISSING = "Restore republish/journal.sqlite from a copy; never start without it, or events may be sent again."


@dataclass(frozen=True, slots=True)
class Head:
    """Which journal it is, which file it was when it was last written, and how often."""

    journal_id: str
    device: int
    inode: int
    sequence: int
    total: str


def journal_path(directory: Path) -> Path:
    """Where the journal of an incident folder is."""
    return Path(directory) / FOLDER / "journal.sqlite"


def damaged(problem: str) -> EvidenceError:
    """The error for a journal that cannot be trusted; ``problem`` is a whole sentence."""
    return EvidenceError(problem, _MISSING)


@contextmanager
def writing() -> Iterator[None]:
    """Tell a full disk and a failing one from a file that is damaged.

    Raises
    ------
    StorageError, EvidenceError
        What SQLite's error means for the analyst.
    """
    try:
        yield
    except UnicodeDecodeError as error:  # SQLite's own message quotes what it could not read
        raise damaged(mark("The journal is damaged: SQLite cannot read it. Nothing was sent.")) from error
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name == "SQLITE_FULL":
            problem = "The disk is full: the journal could not be written, and nothing more was sent."
        elif name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_BUSY", "SQLITE_LOCKED")):
            problem = f"The journal could not be written ({name}), and nothing more was sent."
        elif isinstance(error, sqlite3.DatabaseError) and not isinstance(
            error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError
        ):
            raise damaged(mark("The journal is damaged: SQLite cannot read it. Nothing was sent.")) from error
        else:
            raise
        raise StorageError(
            problem, "Mend the disk and run the same command again; what may have been sent is then in doubt by name."
        ) from error


@contextmanager
def reading() -> Iterator[None]:
    """As ``writing``, for somebody who only reads.

    Raises
    ------
    StorageError, EvidenceError
        What SQLite's error means for the analyst.
    """
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if (getattr(error, "sqlite_errorname", "") or "").startswith(
            ("SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_BUSY")
        ):
            raise StorageError(
                "The journal cannot be read.", "Check the permissions of the folder republish."
            ) from error
        raise damaged(mark("The journal is damaged: SQLite cannot read it. Nothing was sent.")) from error


def connect_to_write(path: Path) -> sqlite3.Connection:
    """The one writer's connection; every commit is on the disk when it returns."""
    make_folder(path.parent)
    with writing():
        connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S, check_same_thread=False)
        try:
            path.chmod(FILE_MODE)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
        return connection


def read_contents(path: Path) -> list[tuple[object, ...]]:
    """The rows of ``check_contents``, of one moment, for somebody who only reads; nothing is written or locked.

    Raises
    ------
    EvidenceError
        If the journal is damaged.
    StorageError
        If it cannot be read.
    """
    log = path.with_name(path.name + "-wal")
    if not log.exists():
        # Nobody writes: SQLite is told so, or it would make its files beside the journal, in an archive too.
        before = _look(path)
        try:
            rows = _read(path, "mode=ro&immutable=1")
        except EvidenceError:
            if _look(path) == before and not log.exists():
                raise
        else:
            if _look(path) == before and not log.exists():
                return rows
    return _read(path, "mode=ro")


def _look(path: Path) -> tuple[int, int, int]:
    now = path.stat()
    return now.st_ino, now.st_size, now.st_mtime_ns


def _read(path: Path, how: str) -> list[tuple[object, ...]]:
    with reading():
        connection = sqlite3.connect(
            f"file:{quote(str(path.resolve()))}?{how}", uri=True, isolation_level=None, timeout=_BUSY_S
        )
        try:
            connection.execute("BEGIN")
            return [] if is_new(connection) else check_contents(connection, read_head(connection))
        finally:
            connection.close()


def contents_hash(path: Path) -> str:
    """SHA-256 of the journal as SQLite reads it: what lies in ``-wal`` beside it counts as if it were in the file.

    Raises
    ------
    EvidenceError, StorageError
        If SQLite cannot read it.
    """
    # Of an old SQLite, and some builds of it, Python has no way to ask for the bytes.
    if not path.with_name(path.name + "-wal").exists() or not hasattr(sqlite3.Connection, "serialize"):
        return file_hash(path)
    with reading(), closing(sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)) as connection:
        return hashlib.sha256(connection.serialize()).hexdigest()


def peek_head(path: Path) -> Head | None:
    """What the file says of itself, without looking at its rows; None where nothing was ever written.

    Raises
    ------
    EvidenceError, StorageError
        If it is damaged, or cannot be read.
    """
    has_log = path.with_name(path.name + "-wal").exists()
    with reading():
        connection = sqlite3.connect(
            f"file:{quote(str(path.resolve()))}?mode=ro{'' if has_log else '&immutable=1'}",
            uri=True, isolation_level=None, timeout=_BUSY_S,
        )  # fmt: skip
        try:
            return None if is_new(connection) else read_head(connection)
        finally:
            connection.close()


def is_new(connection: sqlite3.Connection) -> bool:
    """Whether nothing was ever written: a kill may have left an empty file."""
    return not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()


def make_tables(connection: sqlite3.Connection, path: Path, journal_id: str) -> None:
    """The empty journal, in one transaction."""
    own = path.stat()
    with writing():
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements():
                connection.execute(statement)
            connection.execute(
                "INSERT INTO journal VALUES (1, ?, ?, ?, ?, 0, ?)",
                (FORMAT, journal_id, own.st_dev, own.st_ino, add_digests("0", new=())),
            )
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def read_head(connection: sqlite3.Connection) -> Head:
    """What the journal says of itself.

    Raises
    ------
    EvidenceError
        If it is of a later dlqkit, or lacks it.
    """
    rows = connection.execute("SELECT format, journal_id, device, inode, sequence, total FROM journal").fetchall()
    if len(rows) != 1:
        raise damaged(mark("The journal is damaged: its first row is missing. Nothing was sent."))
    if rows[0][0] != FORMAT:
        raise EvidenceError(
            _OTHER_FORMAT.format(found=rows[0][0], known=FORMAT),
            "Use the dlqkit that wrote it, or a newer one.",
        )
    head = Head(*rows[0][1:])
    if not all(type(value) is int for value in (head.device, head.inode, head.sequence)):
        raise damaged(mark("The journal is damaged: its first row was changed. Nothing was sent."))
    return head


def check_contents(connection: sqlite3.Connection, head: Head) -> list[tuple[object, ...]]:
    """Every event's row, after each was compared with its digest and all of them with their sum.

    Returns
    -------
    list of tuple
        In the columns of ``JOURNAL``, by plan and item.

    Raises
    ------
    EvidenceError
        If a row was changed, is missing, or is older than the others; or the rules that hold for rows were changed.
    """
    problem = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if problem != "ok":
        raise damaged(mark("The journal is damaged: SQLite finds its pages inconsistent. Nothing was sent."))
    digests: list[str] = []
    counted: dict[str, int] = {}
    rows = connection.execute(
        f"SELECT {', '.join((*FIXED, *CHANGING))}, identity, digest FROM events JOIN states ON event = number"
        " ORDER BY plan_id, item"
    ).fetchall()
    for *fields, identity, digest in rows:
        fixed, changing = fields[: len(FIXED)], fields[len(FIXED) :]
        if identity != identity_of(head.journal_id, fixed) or digest != state_digest(identity, changing):
            raise damaged(_ITEM_CHANGED.format(item=fixed[1], plan=fixed[0]))
        digests.append(digest)
        counted[fixed[0]] = counted.get(fixed[0], 0) + 1
    taken = sum(row[len(FIXED)] != "failed" for row in rows)
    if connection.execute(_CLAIMS).fetchone() != (taken, taken):
        raise damaged(mark("The journal is damaged: it does not hold which events are taken. Nothing was sent."))
    for plan_id, *known, digest in connection.execute("SELECT plan_id, hash, events, runs, digest FROM plans"):
        if digest != plan_digest(head.journal_id, (plan_id, *known)) or counted.get(plan_id, 0) != known[1]:
            raise damaged(_PLAN_BROKEN.format(plan=plan_id))
        digests.append(digest)
    for *note, digest in connection.execute("SELECT number, plan_id, kind, facts, noted_at, digest FROM notes"):
        if digest != note_digest(head.journal_id, note):
            raise damaged(_NOTE_CHANGED.format(note=note[0]))
        digests.append(digest)
    if add_digests("0", new=digests) != head.total:
        raise damaged(mark("The journal is damaged: a row is missing or older than the others. Nothing was sent."))
    if not has_own_rules(connection):
        raise damaged(mark("The journal is damaged: its own rules were changed. Nothing was sent."))
    return [tuple(row[: len(FIXED) + len(CHANGING)]) for row in rows]


def columns() -> Sequence[str]:
    """The order of the fields that ``check_contents`` returns."""
    return (*FIXED, *CHANGING)
