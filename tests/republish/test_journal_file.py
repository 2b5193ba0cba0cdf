"""The journal's file is refused, in words that say why, wherever it is not what was written."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import DlqkitError, EvidenceError, StorageError
from dlqkit.republish import journal_file
from dlqkit.republish.journal import Change, open_journal, read_journal
from dlqkit.republish.journal_file import Head, peek_head, read_contents, read_head, reading, writing
from dlqkit.republish.journal_schema import FORMAT, JOURNAL
from tests.republish.plans import make_plan

DAMAGED = "The journal is damaged: "
NEXT = "Restore republish/journal.sqlite from a copy; never start without it, or events may be sent again."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of one plan with an event that was sent, one that failed and one that is planned, and a note."""
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(3))
        run_id = journal.begin_run("plan-001")
        journal.advance("plan-001", [], [1, 2], run_id=run_id, step=1)
        changes = [Change(1, "acked", "7"), Change(2, "failed", None, "NOT_FOUND")]
        journal.advance("plan-001", changes, [], run_id=run_id, step=1)
        journal.note("plan-001", "stop", {"why": "x"})
    return journal_file.journal_path(tmp_path)


def edit(path: Path, *statements: str, without: str = "") -> None:
    """Change rows as somebody would who takes the rules away and puts them back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        rules = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in rules:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for name, rule in rules:
            if name != without:
                connection.execute(rule)


def problem_of(path: Path) -> str:
    with pytest.raises(DlqkitError) as refused:
        read_contents(path)
    return refused.value.problem


def test_a_journal_is_read_row_by_row_in_its_columns(path: Path) -> None:
    rows = read_contents(path)

    assert [dict(zip(JOURNAL, row, strict=True))["state"] for row in rows] == ["acked", "failed", "planned"]
    assert list(journal_file.columns()) == list(JOURNAL)
    head = peek_head(path)
    assert head is not None
    assert (head.sequence, head.inode, head.device) == (5, path.stat().st_ino, path.stat().st_dev)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE events SET trace_id = 'x' WHERE item = 2", "item 2 of plan-001 was changed."),
        ("UPDATE states SET code = 'x' WHERE event = 1", "item 1 of plan-001 was changed."),
        ("UPDATE events SET plan_id = 'plan-009' WHERE item = 3", "item 3 of plan-009 was changed."),
        ("UPDATE states SET digest = 'x' WHERE event = 3", "item 3 of plan-001 was changed."),
        ("UPDATE events SET identity = 'x' WHERE item = 1", "item 1 of plan-001 was changed."),
        ("DELETE FROM claims WHERE event = 1", "it does not hold which events are taken."),
        ("INSERT INTO claims VALUES ('x', 'y', 2)", "it does not hold which events are taken."),
        ("UPDATE claims SET address = 'x' WHERE event = 1", "it does not hold which events are taken."),
        ("UPDATE plans SET runs = 2", "plan-001 is not whole."),
        ("UPDATE plans SET digest = 'x'", "plan-001 is not whole."),
        ("DELETE FROM states WHERE event = 2", "plan-001 is not whole."),
        ("UPDATE notes SET kind = 'x'", "note 1 was changed."),
        ("UPDATE notes SET digest = 'x'", "note 1 was changed."),
        ("DELETE FROM notes", "a row is missing or older than the others."),
        ("UPDATE journal SET total = '0'", "a row is missing or older than the others."),
        ("DELETE FROM plans", "a row is missing or older than the others."),
        ("CREATE TABLE more (one)", "its own rules were changed."),
        ("DELETE FROM journal", "its first row is missing."),
        ("UPDATE journal SET sequence = 'x'", "its first row was changed."),
        ("UPDATE journal SET device = 'x'", "its first row was changed."),
        ("UPDATE journal SET inode = 1.5", "its first row was changed."),
    ],
)
def test_each_row_that_was_changed_is_named(statement: str, problem: str, path: Path) -> None:
    edit(path, statement)

    assert problem_of(path) == f"{DAMAGED}{problem} Nothing was sent."


def test_a_plan_without_its_only_event_is_not_whole(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(1))
    edit(journal_file.journal_path(tmp_path), "DELETE FROM claims", "DELETE FROM states", "DELETE FROM events")

    assert problem_of(journal_file.journal_path(tmp_path)) == f"{DAMAGED}plan-001 is not whole. Nothing was sent."


def test_a_rule_that_was_taken_away_is_seen(path: Path) -> None:
    edit(path, without="kept")

    assert problem_of(path) == f"{DAMAGED}its own rules were changed. Nothing was sent."


@pytest.mark.parametrize("found", [FORMAT + 1, 0])
def test_a_journal_of_another_dlqkit_is_refused_by_its_number(found: int, path: Path) -> None:
    edit(path, f"UPDATE journal SET format = {found}")

    assert problem_of(path) == f"The journal has format {found}, and this dlqkit knows {FORMAT}."
    with pytest.raises(EvidenceError, match=f"has format {found}"):
        peek_head(path)


def test_bytes_that_are_no_journal_cannot_be_read(path: Path) -> None:
    path.write_bytes(b"x" * 5_000)

    for look in (read_contents, peek_head):
        with pytest.raises(EvidenceError) as refused:
            look(path)  # type: ignore[operator]
        assert (refused.value.problem, refused.value.next_step) == (
            f"{DAMAGED}SQLite cannot read it. Nothing was sent.", NEXT,
        )  # fmt: skip


def test_pages_that_do_not_fit_each_other_are_found_before_any_row_is_believed(path: Path) -> None:
    """A row that an index does not have."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'notes')"
            " WHERE name = 'sqlite_autoindex_plans_1'"
        )

    assert problem_of(path) in {f"{DAMAGED}SQLite finds its pages inconsistent. Nothing was sent.",
                                f"{DAMAGED}SQLite cannot read it. Nothing was sent."}  # fmt: skip


def test_a_journal_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        read_contents(tmp_path / "nowhere")
    with pytest.raises(StorageError, match=r"The journal cannot be read\."):
        peek_head(tmp_path / "nowhere")
    assert not list(tmp_path.iterdir())


def test_a_head_is_a_value(path: Path) -> None:
    head = peek_head(path)

    assert head is not None
    with pytest.raises(AttributeError):
        head.sequence = 9  # type: ignore[misc]


def test_an_empty_file_has_no_rows_and_no_head(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.touch()

    assert read_contents(path) == []
    assert peek_head(path) is None


def sqlite_error(kind: type[sqlite3.Error], name: str | None) -> sqlite3.Error:
    error = kind("x")
    if name is not None:
        error.sqlite_errorname = name
    return error


UNICODE = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")
BROKEN = f"{DAMAGED}SQLite cannot read it. Nothing was sent."
FULL = "The disk is full: the journal could not be written, and nothing more was sent."


@pytest.mark.parametrize(
    ("error", "kind", "problem"),
    [
        (sqlite_error(sqlite3.OperationalError, "SQLITE_FULL"), StorageError, FULL),
        *((sqlite_error(sqlite3.OperationalError, name), StorageError,
           f"The journal could not be written ({name}), and nothing more was sent.")
          for name in ("SQLITE_IOERR", "SQLITE_IOERR_WRITE", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_BUSY",
                       "SQLITE_LOCKED")),
        (sqlite_error(sqlite3.DatabaseError, "SQLITE_CORRUPT"), EvidenceError, BROKEN),
        (sqlite_error(sqlite3.OperationalError, None), EvidenceError, BROKEN),
        (sqlite_error(sqlite3.DatabaseError, ""), EvidenceError, BROKEN),
        (UNICODE, EvidenceError, BROKEN),
        *((sqlite_error(one, name), one, "") for one in (sqlite3.IntegrityError, sqlite3.ProgrammingError,
                                                        sqlite3.InterfaceError, sqlite3.Error)
          for name in (None, "SQLITE_CONSTRAINT")),
    ],
)  # fmt: skip
def test_a_full_disk_a_failing_one_and_a_damaged_file_are_told_apart(
    error: Exception, kind: type[Exception], problem: str
) -> None:
    """What is wrong with the program itself is neither."""
    with pytest.raises(kind) as told, writing():
        raise error

    assert getattr(told.value, "problem", "") == problem
    assert type(told.value) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        *((sqlite_error(sqlite3.OperationalError, name), StorageError)
          for name in ("SQLITE_CANTOPEN", "SQLITE_IOERR_READ", "SQLITE_BUSY")),
        *((sqlite_error(sqlite3.OperationalError, name), EvidenceError) for name in ("SQLITE_ERROR", None, "")),
        (sqlite_error(sqlite3.DatabaseError, "SQLITE_NOTADB"), EvidenceError),
        (UNICODE, EvidenceError),
    ],
)  # fmt: skip
def test_who_only_reads_is_told_a_locked_file_from_a_damaged_one(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind) as told, reading():
        raise error

    assert type(told.value) is kind


def test_the_writer_waits_for_the_disk_keeps_the_rules_and_may_be_used_by_every_thread(path: Path) -> None:
    path.chmod(0o644)
    with closing(journal_file.connect_to_write(path)) as connection:
        found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0]
                 for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")}  # fmt: skip
        answers: list[Any] = []
        thread = threading.Thread(target=lambda: answers.append(connection.execute("SELECT 1").fetchone()))
        thread.start()
        thread.join()
        assert not connection.in_transaction
        assert connection.isolation_level is None

    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}
    assert answers == [(1,)]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_none_is_let_go_of(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"x" * 5_000)
    before = len(list(Path("/proc/self/fd").iterdir()))

    with pytest.raises(EvidenceError, match="SQLite cannot read it"):
        journal_file.connect_to_write(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# --- who reads while somebody may write


def test_nothing_is_made_beside_a_journal_that_is_only_looked_at(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even for the moment, since an archive cannot be written."""
    asked: list[str] = []
    connect = sqlite3.connect

    def watched(name: str, **more: Any) -> sqlite3.Connection:
        asked.append(name)
        return connect(name, **more)

    before = sorted(path.parent.iterdir())
    monkeypatch.setattr(sqlite3, "connect", watched)
    assert peek_head(path) is not None
    assert sorted(path.parent.iterdir()) == before
    assert len(read_contents(path)) == 3
    assert sorted(path.parent.iterdir()) == before
    assert [name.partition("?")[2] for name in asked] == ["mode=ro&immutable=1"] * 2


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[list[str], list[Any]]]:
    """How the file was opened, and what is to happen while it is read for the first time."""
    asked: list[str] = []
    meanwhile: list[Any] = []
    read = journal_file._read

    def watched(path: Path, how: str) -> list[tuple[object, ...]]:
        asked.append(how)
        for one in meanwhile if len(asked) == 1 else ():
            one()
        return read(path, how)

    monkeypatch.setattr(journal_file, "_read", watched)
    yield asked, meanwhile


def touch_later(path: Path) -> None:
    now = path.stat()
    os.utime(path, ns=(now.st_atime_ns, now.st_mtime_ns + 1))


def put_anew(path: Path) -> None:
    """Another file of the same bytes and the same time."""
    now, content = path.stat(), path.read_bytes()
    path.rename(path.with_name("former"))
    path.write_bytes(content)
    os.utime(path, ns=(now.st_atime_ns, now.st_mtime_ns))


def test_a_journal_that_nobody_writes_is_read_at_once(path: Path, ways: tuple[list[str], list[Any]]) -> None:
    assert len(read_contents(path)) == 3
    assert ways[0] == ["mode=ro&immutable=1"]


@pytest.mark.parametrize("happens", [touch_later, put_anew])
def test_a_journal_that_changed_while_it_was_read_is_read_again(
    happens: Any, path: Path, ways: tuple[list[str], list[Any]]
) -> None:
    ways[1].append(lambda: happens(path))

    assert len(read_contents(path)) == 3
    assert ways[0] == ["mode=ro&immutable=1", "mode=ro"]


def test_a_journal_of_which_a_write_began_meanwhile_is_read_again(
    path: Path, ways: tuple[list[str], list[Any]]
) -> None:
    ways[1].append(path.with_name(path.name + "-wal").touch)

    assert len(read_contents(path)) == 3
    assert ways[0] == ["mode=ro&immutable=1", "mode=ro"]


def test_a_damaged_journal_is_refused_at_once_unless_it_changed_meanwhile(
    path: Path, ways: tuple[list[str], list[Any]]
) -> None:
    edit(path, "UPDATE plans SET runs = 9")
    with pytest.raises(EvidenceError, match="plan-001 is not whole"):
        read_contents(path)
    assert ways[0] == ["mode=ro&immutable=1"]

    ways[0].clear()
    ways[1].append(lambda: touch_later(path))
    with pytest.raises(EvidenceError, match="plan-001 is not whole"):
        read_contents(path)
    assert ways[0] == ["mode=ro&immutable=1", "mode=ro"]


def test_a_journal_that_is_being_written_is_read_with_its_log(
    tmp_path: Path, ways: tuple[list[str], list[Any]]
) -> None:
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(2))
        ways[0].clear()
        assert len(read_journal(tmp_path)) == 2
        head = peek_head(journal_file.journal_path(tmp_path))

    assert ways[0] == ["mode=ro"]
    assert head is not None
    assert head.sequence == 1


def test_the_journals_hash_is_of_what_sqlite_reads(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log beside the file counts as far as SQLite takes it for one."""
    whole, log = hashlib.sha256(path.read_bytes()).hexdigest(), path.with_name("journal.sqlite-wal")
    assert journal_file.contents_hash(path) == whole
    for content in (b"", b"x" * 5_000):
        log.write_bytes(content)
        assert journal_file.contents_hash(path) == whole
    log.unlink()

    copy = path.parent / "copy" / "journal.sqlite"
    copy.parent.mkdir()
    shutil.copy(path, copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 7")
        shutil.copy(copy.with_name("journal.sqlite-wal"), log)
    assert journal_file.contents_hash(path) == hashlib.sha256(copy.read_bytes()).hexdigest() != whole

    class Old:
        """A connection of a Python that cannot hand on the bytes."""

    monkeypatch.setattr(sqlite3, "Connection", Old)
    assert journal_file.contents_hash(path) == whole


def test_the_hash_of_what_is_no_journal_cannot_be_had(path: Path) -> None:
    path.write_bytes(b"x" * 5_000)
    path.with_name("journal.sqlite-wal").touch()

    with pytest.raises(EvidenceError, match="SQLite cannot read it"):
        journal_file.contents_hash(path)


def test_tables_that_could_not_all_be_made_are_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "republish" / "journal.sqlite"
    monkeypatch.setattr(journal_file, "statements", lambda: ["CREATE TABLE one (a)", "CREATE TABLE one (a)"])
    with closing(journal_file.connect_to_write(path)) as connection:
        with pytest.raises(EvidenceError):
            journal_file.make_tables(connection, path, "j")
        assert not connection.in_transaction
        assert journal_file.is_new(connection)


def test_tables_are_not_made_while_another_writes(tmp_path: Path) -> None:
    path = tmp_path / "republish" / "journal.sqlite"
    with closing(journal_file.connect_to_write(path)) as one, closing(journal_file.connect_to_write(path)) as other:
        one.execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StorageError, match=r"The journal could not be written \(SQLITE_BUSY\)"):
            journal_file.make_tables(one, path, "j")


def test_a_new_journal_is_bound_to_its_file_and_was_written_no_time(tmp_path: Path) -> None:
    path = tmp_path / "republish" / "journal.sqlite"
    with closing(journal_file.connect_to_write(path)) as connection:
        assert journal_file.is_new(connection)
        journal_file.make_tables(connection, path, "j")
        assert not journal_file.is_new(connection)
        now = path.stat()

        assert read_head(connection) == Head("j", now.st_dev, now.st_ino, 0, "0" * 64)
        assert journal_file.check_contents(connection, read_head(connection)) == []
