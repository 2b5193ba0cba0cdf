"""What of a republish is not as dlqkit wrote it is named by its place and in words; what is as written, never."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dlqkit.evidence import audit_log
from dlqkit.republish import tampering
from dlqkit.republish.journal import open_journal
from dlqkit.republish.plan import write_plan
from dlqkit.republish.run_lock import hold_run_lock, lock_path
from dlqkit.republish.tampering import verify_republish
from tests.republish.plans import Answers, journal_file, make_plan, send_all

JOURNAL, MARK = "republish/journal.sqlite", "republish/journal.mark"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("made") / "incident"
    with open_journal(directory) as journal:
        send_all(journal, Answers(), make_plan(2))
    return directory


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A folder with a journal that was written four times."""
    return Path(shutil.copytree(made, tmp_path / "incident"))


def named(directory: Path) -> list[tuple[str, str]]:
    return [(one.path, one.what) for one in verify_republish(directory)]


def written(directory: Path) -> int:
    with closing(sqlite3.connect(journal_file(directory))) as connection:
        return int(connection.execute("SELECT sequence FROM journal").fetchone()[0])


def rewrite_log(directory: Path, change: dict[str, object], *, of: str) -> None:
    """Write the log's lines anew, with other facts in those of an action."""
    lines = audit_log.read(directory)
    (directory / "audit.jsonl").unlink()
    for line in lines:
        facts = {name: value for name, value in line.items() if name not in {"at", "by", "line", "previous", "action"}}
        changed = facts | change if line["action"] == of else facts
        known = {name: value for name, value in changed.items() if value is not None}
        audit_log.append(directory, str(line["action"]), **known)


def test_what_was_written_is_as_it_was_written(folder: Path) -> None:
    assert named(folder) == []
    assert verify_republish(folder) == ()


def test_a_folder_without_a_republish_has_nothing_to_be_named(tmp_path: Path) -> None:
    assert verify_republish(tmp_path) == ()
    (tmp_path / "republish").mkdir()
    assert verify_republish(tmp_path) == ()
    (tmp_path / "republish" / "journal.sqlite").touch()
    assert verify_republish(tmp_path) == ()


def test_a_journal_that_is_gone_with_its_folder_or_without_is_missing(folder: Path) -> None:
    journal_file(folder).unlink()
    assert named(folder) == [(JOURNAL, "is missing")]
    journal_file(folder).touch()
    assert named(folder) == [(JOURNAL, "is missing")]
    with closing(sqlite3.connect(journal_file(folder), isolation_level=None)) as connection:
        connection.execute("CREATE TABLE one (a)")
        connection.execute("DROP TABLE one")
        connection.execute("VACUUM")
    assert named(folder) == [(JOURNAL, "is missing")]
    shutil.rmtree(folder / "republish")
    assert named(folder) == [(JOURNAL, "is missing")]


def test_a_folder_or_a_journal_that_is_a_link_is_not_looked_at(folder: Path) -> None:
    """The evidence's own check names every link."""
    (folder / "republish").rename(folder.parent / "elsewhere")
    (folder / "republish").symlink_to(folder.parent / "elsewhere")
    assert named(folder) == [(JOURNAL, "is missing")]

    (folder / "republish").unlink()
    shutil.copytree(folder.parent / "elsewhere", folder / "republish")
    journal_file(folder).unlink()
    (folder.parent / "elsewhere" / "journal.sqlite").write_bytes(b"x" * 5_000)
    journal_file(folder).symlink_to(folder.parent / "elsewhere" / "journal.sqlite")
    assert named(folder) == []


def test_a_damaged_journal_is_told_with_what_is_wrong_in_it(folder: Path) -> None:
    with closing(sqlite3.connect(journal_file(folder), isolation_level=None)) as connection:
        connection.execute("UPDATE plans SET runs = 9")
    assert named(folder) == [(JOURNAL, "was changed: plan-001 is not whole.")]
    with closing(sqlite3.connect(journal_file(folder), isolation_level=None)) as connection:
        connection.execute("UPDATE journal SET format = 9")
    assert named(folder) == [(JOURNAL, "was changed: The journal has format 9, and this dlqkit knows 1.")]


def test_a_byte_that_no_row_depends_on_is_found_where_the_log_knows_the_file(folder: Path) -> None:
    with closing(sqlite3.connect(journal_file(folder), isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 7")
    what = "was changed, in bytes that no event depends on"
    assert named(folder) == [(JOURNAL, what)]

    with hold_run_lock(lock_path(folder)):
        assert named(folder) == []  # a run that goes on writes it
    rewrite_log(folder, {"journal_sha256": None}, of="republish journal closed")
    assert named(folder) == []


def test_a_log_that_was_laid_beside_the_journal_is_found_where_it_changes_it(folder: Path) -> None:
    """SQLite reads it as part of the file, which has not a byte changed."""
    log = journal_file(folder).with_name("journal.sqlite-wal")
    log.write_bytes(b"x" * 5_000)
    assert named(folder) == []

    copy = folder.parent / "journal.sqlite"
    shutil.copy(journal_file(folder), copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 7")
        shutil.copy(copy.with_name("journal.sqlite-wal"), log)
    assert named(folder) == [(JOURNAL, "was changed, in bytes that no event depends on")]


def test_the_hash_of_the_last_time_that_it_was_closed_counts(folder: Path) -> None:
    audit_log.append(folder, "republish journal closed", **{**last_line(folder), "journal_sha256": "0" * 64})

    assert named(folder) == [(JOURNAL, "was changed, in bytes that no event depends on")]


def last_line(folder: Path) -> dict[str, object]:
    line = audit_log.read(folder)[-1]
    return {name: line[name] for name in ("journal", "journal_sequence")}


def test_a_journal_that_is_older_than_the_log_knows_is_named_by_both_numbers(folder: Path) -> None:
    now = written(folder)
    audit_log.append(folder, "look", **{**last_line(folder), "journal_sequence": now + 1})
    assert named(folder) == [(JOURNAL, f"is an older one: it was written {now} times, and {now + 1} are known")]


@pytest.mark.parametrize("sequence", [None, True, "9", 9.5])
def test_a_number_that_dlqkit_never_wrote_is_no_number(sequence: object, folder: Path) -> None:
    audit_log.append(folder, "look", journal=last_line(folder)["journal"], journal_sequence=sequence)

    assert named(folder) == []


def test_a_journal_that_the_log_does_not_know_is_of_another_folder(folder: Path) -> None:
    (folder / "audit.jsonl").unlink()

    assert named(folder) == [(JOURNAL, "is of another incident folder: audit.jsonl does not know it")]


def test_a_journal_that_was_written_once_must_be_known(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(1))
    (tmp_path / "audit.jsonl").unlink()

    assert written(tmp_path) == 1
    assert named(tmp_path) == [(JOURNAL, "is of another incident folder: audit.jsonl does not know it")]


def test_a_journal_that_was_never_written_needs_no_log_and_no_mark(tmp_path: Path) -> None:
    """A kill may come before either."""
    with open_journal(tmp_path):
        pass
    (tmp_path / "audit.jsonl").unlink()

    assert not (tmp_path / MARK).exists()
    assert named(tmp_path) == []
    (tmp_path / MARK).write_text("x")
    assert named(tmp_path) == [(MARK, "was changed")]


@pytest.mark.parametrize(
    ("text", "what"),
    [("", "is missing or was changed"), ("{id} {now:020d}", "was changed"), ("{id} {now}\n", "was changed"),
     ("{id}  {now:020d}\n", "was changed"), ("x {now:020d}\n", "was changed"), ("{id} x\n", "was changed"),
     ("{id} {now:020d} x\n", "was changed"), ("{id}\n", "was changed"), ("{id} {now:020d}\n", ""),
     ("{id} {before:020d}\n", "knows {before} writes, and the journal has {now}")],
)  # fmt: skip
def test_a_mark_that_does_not_fit_is_named(text: str, what: str, folder: Path) -> None:
    now = written(folder)
    values = {"id": last_line(folder)["journal"], "now": now, "before": now - 1}
    (folder / MARK).write_text(text.format(**values))

    assert named(folder) == ([(MARK, what.format(**values))] if what else [])


def test_a_mark_that_knows_more_writes_tells_of_an_older_journal(folder: Path) -> None:
    now = written(folder)
    (folder / MARK).write_text(f"{last_line(folder)['journal']} {now + 1:020d}\n")

    assert named(folder) == [(JOURNAL, f"is an older one: journal.mark knows {now + 1} writes")]


def test_a_mark_that_is_gone_or_a_link_is_named_once(folder: Path) -> None:
    (folder / MARK).rename(folder.parent / "mark")
    assert named(folder) == [(MARK, "is missing or was changed")]
    (folder / MARK).symlink_to(folder.parent / "nowhere")
    assert named(folder) == []


def test_while_a_run_goes_on_the_journal_may_be_ahead_of_its_mark(folder: Path) -> None:
    """The mark is read before the journal."""
    now = written(folder)
    (folder / MARK).write_text(f"{last_line(folder)['journal']} {now - 1:020d}\n")

    with hold_run_lock(lock_path(folder)):
        assert named(folder) == []
    assert named(folder) != []


def test_in_an_archive_that_cannot_be_written_nobody_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(tampering, "is_running", refused)

    assert named(folder) == []
    with closing(sqlite3.connect(journal_file(folder), isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 7")
    assert named(folder) == [(JOURNAL, "was changed, in bytes that no event depends on")]


# --- plans of which the log does not have the file's hash


@pytest.fixture
def planned(tmp_path: Path) -> Path:
    """A plan that an earlier dlqkit wrote down, and what was decided on it."""
    plan = make_plan(2)
    write_plan(tmp_path, plan, {})
    audit_log.append(tmp_path, "republish plan", plan_id="plan-001", hash=plan.hash)
    audit_log.append(tmp_path, "republish approve", plan_id="plan-001")
    audit_log.append(tmp_path, "republish cancel", plan_id="plan-001")
    for kind in ("approval", "cancelled"):
        (tmp_path / "republish" / f"plan-001.{kind}.json").write_text("{}")
    return tmp_path


def test_a_plan_of_an_earlier_dlqkit_is_known_by_what_the_log_says_of_it(planned: Path) -> None:
    assert named(planned) == []


@pytest.mark.parametrize(
    ("action", "files"),
    [("republish plan", ["plan-001.json"]), ("republish approve", ["plan-001.approval.json"]),
     ("republish cancel", ["plan-001.cancelled.json"])],
)  # fmt: skip
def test_what_the_log_does_not_tell_of_is_not_in_it(action: str, files: list[str], planned: Path) -> None:
    rewrite_log(planned, {"plan_id": "plan-009", "hash": "0" * 64}, of=action)

    assert named(planned) == [(f"republish/{name}", "is not in audit.jsonl") for name in files]


def test_other_files_of_a_plan_and_plans_of_other_names_are_not_in_the_log(planned: Path) -> None:
    folder = planned / "republish"
    (folder / "plan-001.outlook.json").write_text("{}")
    (folder / "plan-002.approval.json").write_text("{}")
    (folder / "plan-x.json").write_text("{}")
    (folder / "plan-003.json").symlink_to(folder / "plan-001.json")

    assert named(planned) == [
        ("republish/plan-001.outlook.json", "is not in audit.jsonl"),
        ("republish/plan-002.approval.json", "is not in audit.jsonl"),
        ("republish/plan-x.json", "is not in audit.jsonl"),
    ]


def test_a_plan_that_cannot_be_read_was_changed(planned: Path) -> None:
    path = planned / "republish" / "plan-001.json"
    values = json.loads(path.read_bytes())
    path.write_text(json.dumps(values | {"max_rate": 7.0}))

    assert named(planned) == [("republish/plan-001.json", "was changed")]


def test_a_file_whose_hash_the_log_has_is_left_to_the_evidences_own_check(planned: Path) -> None:
    path = planned / "republish" / "plan-001.json"
    audit_log.append(planned, "republish plan", wrote=audit_log.hash_of(planned, path))
    audit_log.append(planned, "look", wrote="no table")
    path.write_text("{}")

    assert named(planned) == []


def test_what_the_journal_and_the_plans_have_is_told_together(planned: Path) -> None:
    (planned / "republish" / "plan-x.json").write_text("{}")
    with open_journal(planned) as journal:
        journal.add_plan(make_plan(2))
    (planned / MARK).unlink()

    assert named(planned) == [("republish/plan-x.json", "is not in audit.jsonl"), (MARK, "is missing or was changed")]
