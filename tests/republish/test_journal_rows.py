"""States change for all the events that were asked for or for none; what is held says the same as the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from dlqkit.errors import EvidenceError, ParameterError, StorageError
from dlqkit.evidence import audit_log
from dlqkit.republish import journal_place
from dlqkit.republish.journal import Change, Journal, open_journal, read_journal
from dlqkit.republish.journal_file import Head
from dlqkit.republish.journal_place import MARK, Mark, find_why_not, known_sequence, refuse_older
from dlqkit.republish.journal_rows import microseconds
from dlqkit.republish.next_steps import REASON
from tests.republish.plans import journal_file, make_plan

PLAN = "plan-001"
AT = datetime(2026, 3, 2, 15, 0, 0, 7, tzinfo=UTC)


@pytest.fixture
def clock() -> list[datetime]:
    """Each look at it is a second later."""
    return [AT]


@pytest.fixture
def journal(tmp_path: Path, clock: list[datetime]) -> Iterator[Journal]:
    """A plan of three events, and a run that has begun."""

    def now() -> datetime:
        clock[0] += timedelta(seconds=1)
        return clock[0]

    with open_journal(tmp_path, now=now) as opened:
        opened.add_plan(make_plan(3))
        yield opened


def row_of(journal: Journal, item: int) -> dict[str, object]:
    frame = journal.events(PLAN)
    row = frame[frame["item"] == item].iloc[0]
    return {name: None if pd.isna(row[name]) else row[name] for name in
            ("state", "message_id", "code", "run_id", "step", "intent_at", "settled_at", "resolved_by",
             "resolution")}  # fmt: skip


def test_times_stand_in_the_file_as_microseconds_since_1970() -> None:
    assert microseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)) == 1_000_005


def test_an_event_carries_what_each_step_said_of_it(journal: Journal) -> None:
    run_id = journal.begin_run(PLAN)
    journal.advance(PLAN, [], [1, 2], run_id=run_id, step=1)
    begun = {"state": "intent", "message_id": None, "code": None, "run_id": run_id, "step": 1, "settled_at": None,
             "resolved_by": None, "resolution": None}  # fmt: skip
    first = row_of(journal, 1)
    assert {**first, "intent_at": None} == {**begun, "intent_at": None}
    assert first["intent_at"] == row_of(journal, 2)["intent_at"] >= pd.Timestamp(AT)

    changes = [Change(1, "acked", "77"), Change(2, "in_doubt", None, "TIMEOUT")]
    journal.advance(PLAN, changes, [], run_id=run_id, step=1)
    sent, doubted = row_of(journal, 1), row_of(journal, 2)
    assert (sent["state"], sent["message_id"], sent["code"]) == ("acked", "77", None)
    assert (doubted["state"], doubted["message_id"], doubted["code"]) == ("in_doubt", None, "TIMEOUT")
    assert sent["settled_at"] == doubted["settled_at"] > sent["intent_at"]  # type: ignore[operator]

    with journal.transaction() as write:
        words = [Change(2, "planned", None, "RESEND", "ann", "it did not arrive")]
        journal.apply(write, PLAN, words, expected="in_doubt")
    again = row_of(journal, 2)
    assert (again["state"], again["settled_at"], again["resolved_by"], again["resolution"]) == (
        "planned", None, "ann", "it did not arrive",
    )  # fmt: skip
    journal.advance(PLAN, [], [2], run_id=run_id, step=2)
    assert {**row_of(journal, 2), "intent_at": None} == {**begun, "step": 2, "intent_at": None}
    assert journal.states(PLAN) == {1: "acked", 2: "intent", 3: "planned"}
    journal.advance(PLAN, [Change(2, "planned", None, "NOT_SENT")], [], run_id=run_id, step=2)
    assert row_of(journal, 2)["settled_at"] is None
    assert journal.states(PLAN)[2] == "planned"


@pytest.mark.parametrize("state", ["acked", "failed", "in_doubt"])
def test_what_is_settled_has_the_time_at_which_it_was(state: str, journal: Journal, clock: list[datetime]) -> None:
    run_id = journal.begin_run(PLAN)
    journal.advance(PLAN, [], [1], run_id=run_id, step=1)
    journal.advance(PLAN, [Change(1, state, "7", "X")], [], run_id=run_id, step=1)

    row = row_of(journal, 1)
    assert row["intent_at"] < row["settled_at"] <= pd.Timestamp(clock[0])  # type: ignore[operator]


def test_what_is_held_of_an_event_is_what_its_plan_says(journal: Journal) -> None:
    event = make_plan(3).events[0]

    assert journal.fixed(PLAN)[1] == (event.dedupe_key, event.payload_sha256, make_plan(3).target.address)
    assert journal.fixed("plan-009") == journal.states("plan-009") == {}


def test_an_item_that_the_plan_does_not_have_is_refused_and_nothing_is_written(journal: Journal) -> None:
    run_id = journal.begin_run(PLAN)
    before = journal.sequence
    with pytest.raises(ParameterError, match="plan-001 has no item 9"):
        journal.advance(PLAN, [], [1, 9], run_id=run_id, step=1)
    with pytest.raises(ParameterError, match="plan-001 has no item 0"):
        journal.advance(PLAN, [Change(0, "acked", "7")], [], run_id=run_id, step=1)

    assert journal.states(PLAN) == {1: "planned", 2: "planned", 3: "planned"}
    assert journal.sequence == before
    assert not journal.is_broken


def test_an_event_that_is_not_where_it_was_expected_takes_the_whole_change_back(journal: Journal) -> None:
    run_id = journal.begin_run(PLAN)
    journal.advance(PLAN, [], [1], run_id=run_id, step=1)
    with pytest.raises(EvidenceError, match="An event of plan-001 is not at planned any more"):
        journal.advance(PLAN, [], [2, 1], run_id=run_id, step=1)
    with pytest.raises(EvidenceError, match="An event of plan-001 is not at intent any more"):
        journal.advance(PLAN, [Change(1, "acked", "7"), Change(2, "acked", "8")], [], run_id=run_id, step=1)

    assert journal.states(PLAN) == {1: "intent", 2: "planned", 3: "planned"}
    assert list(journal.events(PLAN)["state"]) == ["intent", "planned", "planned"]
    journal.advance(PLAN, [Change(1, "acked", "7")], [2], run_id=run_id, step=1)


def test_a_change_that_the_files_rules_refuse_is_taken_back_and_the_journal_goes_on(journal: Journal) -> None:
    run_id = journal.begin_run(PLAN)
    with pytest.raises(Exception, match="this change of state is not allowed"), journal.transaction() as write:
        journal.apply(write, PLAN, [Change(1, "acked", "7")], expected="planned")

    assert not journal.is_broken
    journal.advance(PLAN, [], [1], run_id=run_id, step=1)
    assert journal.states(PLAN)[1] == "intent"


def test_each_run_has_the_next_number_and_a_name_of_its_own(journal: Journal) -> None:
    first, second = journal.begin_run(PLAN), journal.begin_run(PLAN)

    assert first.startswith("run-001-")
    assert second.startswith("run-002-")
    assert len(first.removeprefix("run-001-")) == 8


def test_a_plan_is_written_once_and_another_of_its_name_never(journal: Journal) -> None:
    before = journal.sequence
    journal.add_plan(make_plan(3))

    assert journal.sequence == before == 1
    with pytest.raises(EvidenceError, match="plan-001 in the journal has another hash than this plan"):
        journal.add_plan(make_plan(2))


def test_what_is_given_up_says_by_whom_and_why(journal: Journal) -> None:
    run_id = journal.begin_run(PLAN)
    journal.advance(PLAN, [], [1], run_id=run_id, step=1)

    assert journal.withdraw(PLAN, by="a\ud800", reason="n\ud800") == 2
    assert journal.states(PLAN) == {1: "intent", 2: "failed", 3: "failed"}
    row = row_of(journal, 2)
    assert (row["code"], row["message_id"], row["resolved_by"], row["resolution"]) == (
        "WITHDRAWN", None, "a\\ud800", "n\\ud800",
    )  # fmt: skip
    assert journal.withdraw("plan-009", by="ann", reason="x") == 0


def test_what_replaces_a_plan_says_so_in_what_it_gives_up(journal: Journal) -> None:
    journal.add_plan(make_plan(3, plan_id="plan-002", replaces=PLAN))

    assert row_of(journal, 1)["resolved_by"] == "plan-002"
    assert row_of(journal, 1)["resolution"] == "replaced by plan-002"


def test_how_many_were_put_in_doubt_is_told(journal: Journal) -> None:
    run_id = journal.begin_run(PLAN)
    journal.advance(PLAN, [], [1, 2], run_id=run_id, step=1)

    assert journal.doubt_interrupted() == 2
    assert journal.doubt_interrupted() == 0
    assert row_of(journal, 1)["code"] == "INTERRUPTED"


def test_what_plans_that_were_begun_have_left_is_doubted_by_name(journal: Journal) -> None:
    """Begun by what this file knows, or by what else is known; a plan that nobody began stays as it is."""
    journal.add_plan(make_plan(1, plan_id="plan-002", first=10))
    journal.add_plan(make_plan(1, plan_id="plan-003", first=20))
    journal.begin_run(PLAN)

    with journal.transaction() as write:
        assert journal.doubt_planned(write, ["plan-003"], by="a\ud800", reason="n\ud800") == 4
    assert journal.states("plan-002") == {1: "planned"}
    assert journal.states("plan-003") == {1: "in_doubt"}
    row = row_of(journal, 1)
    assert (row["code"], row["resolved_by"], row["resolution"]) == ("ADOPTED", "a\\ud800", "n\\ud800")


def test_notes_are_numbered_and_kept_with_their_time(journal: Journal, clock: list[datetime]) -> None:
    journal.note(PLAN, "step", {"b": 1, "a": "ж"})
    first = clock[0]
    journal.note(PLAN, "stop", {})
    journal.note("plan-002", "stop", {})

    assert journal.notes(PLAN) == [
        {"kind": "step", "noted_at": first.isoformat(), "a": "ж", "b": 1},
        {"kind": "stop", "noted_at": (first + timedelta(seconds=1)).isoformat()},
    ]


def test_the_journal_counts_on_from_a_newer_one_and_never_back(journal: Journal) -> None:
    before = journal.sequence
    with journal.transaction():
        journal.skip_to(40)
    assert journal.sequence == 41
    with journal.transaction():
        journal.skip_to(before)
    assert journal.sequence == 42


def test_a_journal_that_could_not_be_written_writes_nothing_more(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    run_id = journal.begin_run(PLAN)
    before = journal.sequence
    full = sqlite3.OperationalError("x")
    full.sqlite_errorname = "SQLITE_FULL"
    with pytest.raises(StorageError, match="The disk is full"), journal.transaction():
        raise full

    assert journal.is_broken
    assert journal.sequence == before
    with pytest.raises(StorageError, match="The journal could not be written before"):
        journal.advance(PLAN, [], [1], run_id=run_id, step=1)


def test_a_journal_whose_transaction_is_gone_writes_nothing_more(journal: Journal) -> None:
    """SQLite takes some back by itself; what was the matter is told all the same."""
    with pytest.raises(KeyboardInterrupt), journal.transaction() as write:
        write.execute("ROLLBACK")
        raise KeyboardInterrupt

    assert journal.is_broken


def test_a_change_that_an_interrupt_takes_back_leaves_the_journal_as_it_was(journal: Journal, tmp_path: Path) -> None:
    run_id = journal.begin_run(PLAN)
    with pytest.raises(KeyboardInterrupt), journal.transaction() as write:
        journal.apply(write, PLAN, [Change(1, "failed", None, "WITHDRAWN", "ann", "x")], expected="planned")
        raise KeyboardInterrupt

    assert not journal.is_broken
    assert journal.states(PLAN)[1] == "planned"
    journal.advance(PLAN, [], [1], run_id=run_id, step=1)
    assert list(read_journal(tmp_path)["state"]) == ["intent", "planned", "planned"]


# --- where the journal is


@pytest.fixture
def head(journal: Journal, tmp_path: Path) -> Head:
    """Of the journal, as it is open."""
    own = journal_file(tmp_path).stat()
    known = audit_log.read(tmp_path)[0]["journal"]
    return Head(known, own.st_dev, own.st_ino, journal.sequence, "0")


def test_the_mark_says_how_often_the_journal_was_written(tmp_path: Path) -> None:
    mark = Mark(tmp_path / MARK)
    assert (mark.text(), mark.read("j")) == ("", -1)
    mark.write(Head("j", 1, 2, 7, "0"))
    mark.write(Head("j", 1, 2, 12, "0"))
    mark.close()
    mark.close()

    assert (tmp_path / MARK).read_bytes() == b"j 00000000000000000012\n"
    assert (tmp_path / MARK).stat().st_mode & 0o777 == 0o600
    assert (Mark(tmp_path / MARK).read("j"), mark.read("other")) == (12, -1)
    mark.write(Head("j", 1, 2, 13, "0"))
    assert mark.read("j") == 13
    mark.close()


def test_one_file_is_open_for_all_the_writes_of_a_mark(tmp_path: Path) -> None:
    mark = Mark(tmp_path / MARK)
    mark.write(Head("j", 1, 2, 7, "0"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    mark.write(Head("j", 1, 2, 8, "0"))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    mark.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before - 1


@pytest.mark.parametrize("content", [b"", b"j", b"j x\n", b"j -1\n", b"j\xff 7\n", b"jj 7\n"])
def test_a_mark_that_says_nothing_is_no_number(content: bytes, tmp_path: Path) -> None:
    (tmp_path / MARK).write_bytes(content)

    assert Mark(tmp_path / MARK).read("j") == -1


def test_a_mark_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / MARK).symlink_to(tmp_path / "mine")

    with pytest.raises(StorageError, match=r"journal\.mark could not be written"):
        Mark(tmp_path / MARK).write(Head("j", 1, 2, 7, "0"))
    assert not (tmp_path / "mine").exists()


def test_a_journal_in_its_place_may_be_written(tmp_path: Path, head: Head) -> None:
    assert find_why_not(tmp_path, journal_file(tmp_path), head, Mark(tmp_path / "republish" / MARK)) is None


def test_each_reason_not_to_write_is_told_with_whether_events_may_have_been_sent(
    tmp_path: Path, head: Head, journal: Journal
) -> None:
    path, mark = journal_file(tmp_path), Mark(tmp_path / "republish" / MARK)

    def why(**other: object) -> tuple[str, bool] | None:
        values = {name: getattr(head, name) for name in Head.__slots__} | other
        return find_why_not(tmp_path, path, Head(**values), mark)  # type: ignore[arg-type]

    assert why(sequence=head.sequence - 1) == (
        f"The journal is an older one: it was written {head.sequence - 1} times, and {head.sequence} are known.", True,
    )  # fmt: skip
    another = ("The journal is of another incident folder: audit.jsonl does not know it.", False)
    assert why(journal_id="x") == another
    assert why(journal_id="x", sequence=0) is None
    copied = ("The journal is a copy: it is not the file that it was written as.", False)
    assert why(inode=head.inode + 1) == why(device=head.device + 1) == copied
    os.link(path, tmp_path / "second")
    assert why() == ("The journal has a second name (a hard link), under which another run could write it.", False)


def test_the_log_knows_the_highest_number_of_its_own_journal(tmp_path: Path) -> None:
    assert known_sequence(tmp_path, "j") == -1
    for number in (3, 7, 5, "9", None):
        audit_log.append(tmp_path, "look", journal="j", journal_sequence=number)
    audit_log.append(tmp_path, "look", journal="k", journal_sequence=20)

    assert known_sequence(tmp_path, "j") == 7


def test_an_older_journal_is_not_read_as_the_last_word(tmp_path: Path) -> None:
    own = Head("j", 1, 2, 7, "0")
    for lines, marked in (([], ""), ([{"journal": "j", "journal_sequence": 7}], "j 7\n"), ([], "k 9\n")):
        refuse_older(tmp_path, own, lines, marked)
    for lines, marked in (([{"journal": "j", "journal_sequence": 8}], ""), ([], "j 8\n")):
        with pytest.raises(EvidenceError, match="it was written 7 times, and 8 are known") as refused:
            refuse_older(tmp_path, own, lines, marked)
        assert f"dlqkit republish resolve {tmp_path} --adopt {REASON}" in refused.value.next_step


def test_a_journal_that_was_begun_is_missed_by_its_witness(tmp_path: Path) -> None:
    journal_place.check_not_lost(tmp_path)
    (tmp_path / "republish").mkdir()
    audit_log.append(tmp_path, "look", journal=None)
    journal_place.check_not_lost(tmp_path)
    (tmp_path / "republish" / MARK).write_text("j 7\n")
    with pytest.raises(EvidenceError, match=r"although journal\.mark says that one was begun"):
        journal_place.check_not_lost(tmp_path)
    audit_log.append(tmp_path, "look", journal="j")
    with pytest.raises(EvidenceError, match=r"although audit\.jsonl says that one was begun"):
        journal_place.check_not_lost(tmp_path)
