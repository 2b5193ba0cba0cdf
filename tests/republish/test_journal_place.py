"""A journal that is not the one that was written last is refused, since events would be sent again by it."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dlqkit.errors import DlqkitError, EvidenceError, ParameterError
from dlqkit.evidence import audit_log
from dlqkit.republish.adoption import adopt
from dlqkit.republish.approval import approve_plan
from dlqkit.republish.journal import Change, open_journal, read_journal
from dlqkit.republish.journal_schema import FORMAT, SCHEMA
from dlqkit.republish.plan import write_plan
from dlqkit.republish.registry import find_registry
from dlqkit.republish.run import run_republish
from dlqkit.republish.status import find_status
from tests.republish.cases import settings
from tests.republish.plans import Answers, journal_file, make_plan, send_all, states


def begun(directory: Path, sent: int = 1, count: int = 4) -> None:
    """A folder whose run has sent some events and was killed with one more at intent."""
    with open_journal(directory) as journal:
        journal.add_plan(make_plan(count))
        run_id = journal.begin_run("plan-001")
        for item in range(1, sent + 1):
            journal.advance("plan-001", [], [item], run_id=run_id, step=1)
            journal.advance("plan-001", [Change(item, "acked", str(item))], [], run_id=run_id, step=1)
        journal.advance("plan-001", [], [sent + 1], run_id=run_id, step=1)


def refused(directory: Path, match: str) -> None:
    """Nothing can be written and nothing sent."""
    sink = Answers()
    with pytest.raises(EvidenceError, match=match), open_journal(directory) as journal:
        send_all(journal, sink, make_plan(4))
    assert not sink.requests


def test_a_copy_of_the_folder_is_refused_and_can_be_read(tmp_path: Path) -> None:
    begun(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")

    refused(tmp_path / "two", "is a copy")
    assert list(read_journal(tmp_path / "two")["state"]) == ["acked", "intent", "planned", "planned"]


def test_a_folder_that_was_renamed_is_still_the_same(tmp_path: Path) -> None:
    begun(tmp_path / "one")
    (tmp_path / "one").rename(tmp_path / "two")

    with open_journal(tmp_path / "two") as journal:
        assert send_all(journal, Answers(), make_plan(4)).acked == 2


def test_an_older_file_put_back_under_its_name_is_refused(tmp_path: Path) -> None:
    """By its mark too, where the run was killed before it could say in audit.jsonl how far it came."""
    begun(tmp_path, sent=1)
    older = journal_file(tmp_path).read_bytes()
    audited = (tmp_path / "audit.jsonl").read_bytes()
    with open_journal(tmp_path) as journal:
        send_all(journal, Answers(), make_plan(4))
    newer_mark = (tmp_path / "republish" / "journal.mark").read_bytes()
    # In place: the file keeps its inode.
    journal_file(tmp_path).write_bytes(older)
    refused(tmp_path, "is an older one")

    (tmp_path / "republish" / "journal.mark").unlink()
    refused(tmp_path, "is an older one")

    (tmp_path / "audit.jsonl").write_bytes(audited)
    (tmp_path / "republish" / "journal.mark").write_bytes(newer_mark)
    refused(tmp_path, "is an older one")


def test_a_log_that_was_taken_away_is_seen(tmp_path: Path) -> None:
    """SQLite's write-ahead log holds the last intents; the file without it is an older one."""
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(4))
        copy = tmp_path / "kept"
        run_id = journal.begin_run("plan-001")
        journal.advance("plan-001", [], [1, 2], run_id=run_id, step=1)
        shutil.copy(journal_file(tmp_path), copy)
    journal_file(tmp_path).write_bytes(copy.read_bytes())

    with pytest.raises(DlqkitError), open_journal(tmp_path):
        pass


def test_a_journal_that_was_lost_is_not_begun_anew(tmp_path: Path) -> None:
    begun(tmp_path)
    journal_file(tmp_path).unlink()

    refused(tmp_path, "missing")
    journal_file(tmp_path).touch()
    refused(tmp_path, "missing")


def test_a_journal_that_was_lost_with_the_audit_log_is_not_begun_anew(tmp_path: Path) -> None:
    """The mark beside it still says that it was written."""
    begun(tmp_path)
    journal_file(tmp_path).unlink()
    (tmp_path / "audit.jsonl").unlink()

    refused(tmp_path, r"journal\.mark says")
    with pytest.raises(EvidenceError, match="missing"):
        find_status(tmp_path)


def test_a_journal_of_another_folder_is_refused(tmp_path: Path) -> None:
    begun(tmp_path / "one")
    (tmp_path / "two" / "republish").mkdir(parents=True)
    journal_file(tmp_path / "one").rename(journal_file(tmp_path / "two"))

    refused(tmp_path / "two", "another incident folder")


def test_a_journal_with_a_second_name_is_refused(tmp_path: Path) -> None:
    """Two runs could write one file, each behind its own lock."""
    begun(tmp_path)
    os.link(journal_file(tmp_path), tmp_path / "second")

    refused(tmp_path, "second name")


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    begun(tmp_path)
    with sqlite3.connect(journal_file(tmp_path)) as connection:
        connection.execute("UPDATE journal SET format = 99")
    connection.close()

    refused(tmp_path, "format 99")


@pytest.mark.parametrize("seed", range(40))
def test_a_flipped_bit_is_refused_or_harmless(tmp_path: Path, seed: int) -> None:
    """Wherever it is: either it is refused, or every event is in the state in which it was."""
    begun(tmp_path, sent=2, count=30)
    before = read_journal(tmp_path)
    path = journal_file(tmp_path)
    content = bytearray(path.read_bytes())
    draw = random.Random(seed)
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)

    try:
        with open_journal(tmp_path) as journal:
            after = journal.events("plan-001")
    except DlqkitError as error:
        assert isinstance(error, EvidenceError), error
    else:
        assert after.equals(before)


@pytest.mark.parametrize("share", [0.999, 0.9, 0.5, 0.1, 0.01])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    begun(tmp_path, count=40)
    path = journal_file(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])

    refused(tmp_path, "damaged")
    with pytest.raises(EvidenceError):
        read_journal(tmp_path)


@pytest.mark.parametrize(
    "change",
    ["UPDATE states SET message_id = '9' WHERE event = 1", "UPDATE states SET step = 9 WHERE event = 2",
     "UPDATE plans SET runs = 0", "UPDATE plans SET hash = 'x'", "UPDATE journal SET total = '00'",
     "DROP TRIGGER kept; DELETE FROM events WHERE number = 4", "DELETE FROM claims WHERE event = 1",
     "UPDATE claims SET address = address || 'x' WHERE event = 1", "UPDATE claims SET dedupe_key = '0' WHERE event = 2",
     "DROP TRIGGER known; DELETE FROM states WHERE event = 4",
     "DROP TRIGGER fixed; UPDATE events SET payload_sha256 = 'x' WHERE number = 3", "DELETE FROM notes"],
)  # fmt: skip
def test_a_row_that_was_changed_or_taken_away_is_refused(tmp_path: Path, change: str) -> None:
    begun(tmp_path)
    with open_journal(tmp_path) as journal:
        journal.note("plan-001", "step", {"step": 1})
    connection = sqlite3.connect(journal_file(tmp_path))
    connection.executescript(change)
    connection.close()

    refused(tmp_path, "damaged")
    with pytest.raises(EvidenceError, match="damaged"):
        read_journal(tmp_path)


@pytest.mark.parametrize(
    ("rule", "there", "flipped"),
    [
        ("freed", "NEW.state = 'failed'", "NEW.state = 'gailed'"),
        ("legal", "NEW.state = 'acked'", "NEW.state = 'ackee'"),
        ("legal", "AND NEW.message_id IS", "AND NEV.message_id IS"),
        ("states", "'in_doubt')", "'in_dowbt')"),
    ],
)
def test_a_journal_whose_own_rules_were_changed_is_refused(tmp_path: Path, rule: str, there: str, flipped: str) -> None:
    """Every row is as it was; but a result could not be written down after its request, or no event be freed."""
    begun(tmp_path)
    with closing(sqlite3.connect(journal_file(tmp_path))) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        sql = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (rule,)).fetchone()[0]
        assert there in sql
        changed = sql.replace(there, flipped, 1)
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (changed, rule))
        connection.commit()

    refused(tmp_path, "damaged")
    with pytest.raises(EvidenceError, match="damaged"):
        read_journal(tmp_path)


def test_other_rules_are_another_format() -> None:
    """A journal of another dlqkit is called that, and never a damaged one."""
    assert (FORMAT, hashlib.sha256(SCHEMA.encode()).hexdigest()[:16]) == (1, "1930b20d479f967f")


def test_an_older_row_put_back_with_its_own_digest_is_refused(tmp_path: Path) -> None:
    """Each row fits its digest; their sum does not."""
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(2))
    connection = sqlite3.connect(journal_file(tmp_path))
    old = connection.execute("SELECT * FROM states WHERE event = 1").fetchone()
    connection.close()
    with open_journal(tmp_path) as journal:
        send_all(journal, Answers(), make_plan(2))
    connection = sqlite3.connect(journal_file(tmp_path))
    connection.executescript("DROP TRIGGER known; DELETE FROM states WHERE event = 1;")
    connection.execute(f"INSERT INTO states VALUES ({', '.join('?' * len(old))})", old)
    connection.commit()
    connection.close()

    refused(tmp_path, "older than the others")


def test_a_copy_goes_on_by_a_persons_word_with_what_was_at_intent_in_doubt(tmp_path: Path) -> None:
    begun(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")

    assert adopt(tmp_path / "two", by="anna", reason="the first machine is gone") == 1

    with open_journal(tmp_path / "two") as journal:
        assert states(journal, make_plan(4)) == ["acked", "in_doubt", "planned", "planned"]
        assert send_all(journal, Answers(), make_plan(4)).acked == 2
    told = [line for line in audit_log.read(tmp_path / "two") if line["action"] == "republish journal adopted"]
    assert [(line["name"], line["reason"], line["in_doubt"]) for line in told] == [
        ("anna", "the first machine is gone", 1)
    ]


def test_an_older_file_goes_on_with_everything_in_doubt_that_may_have_been_sent_since(tmp_path: Path) -> None:
    """What it calls planned was sent by the file that is lost; without a word for each event nothing is sent again."""
    begun(tmp_path, sent=1)
    older = journal_file(tmp_path).read_bytes()
    with open_journal(tmp_path) as journal:
        send_all(journal, Answers(), make_plan(4))
    journal_file(tmp_path).write_bytes(older)

    assert adopt(tmp_path, by="anna", reason="the disk was restored from last night") == 3

    with open_journal(tmp_path) as journal:
        sink = Answers()
        send_all(journal, sink, make_plan(4))
        assert states(journal, make_plan(4)) == ["acked", "in_doubt", "in_doubt", "in_doubt"]
        assert not sink.requests


def test_nothing_is_adopted_without_need_name_or_reason(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no journal"):
        adopt(tmp_path, by="anna", reason="why not")
    begun(tmp_path)
    with pytest.raises(ParameterError, match="written last"):
        adopt(tmp_path, by="anna", reason="why not")
    with pytest.raises(ParameterError, match="name and reason"):
        adopt(tmp_path, by="anna", reason=" ")


def test_a_damaged_file_is_adopted_by_nobody(tmp_path: Path) -> None:
    begun(tmp_path, count=40)
    content = journal_file(tmp_path).read_bytes()
    journal_file(tmp_path).write_bytes(content[: len(content) // 2])

    with pytest.raises(EvidenceError, match="damaged"):
        adopt(tmp_path, by="anna", reason="it is all there is")


def test_where_the_journal_was_lost_nothing_is_planned_approved_or_called_unsent(tmp_path: Path) -> None:
    """It knew what was sent; ``status`` and a dry run say that it is gone, and not that all is still to be sent."""
    begun(tmp_path)
    plan = make_plan(4)
    write_plan(tmp_path, plan, {})
    for path in journal_file(tmp_path).parent.glob("journal.sqlite*"):
        path.unlink()

    registry = find_registry(tmp_path, None)
    for ask in (
        lambda: find_status(tmp_path),
        lambda: run_republish(tmp_path, plan),
        lambda: approve_plan(registry, plan, settings(), by="ann", reason="mended"),
    ):
        with pytest.raises(EvidenceError, match="The journal is missing") as caught:
            ask()
        assert "Restore republish/journal.sqlite" in caught.value.next_step
