"""The journal knows of every event what was intended and what became of it, and takes back nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence import audit_log
from dlqkit.frames import TIME
from dlqkit.republish.journal import JOURNAL, Change, Journal, open_journal, read_journal
from tests.republish.plans import journal_file, make_plan, states


def at_intent(journal: Journal, items: list[int], step: int = 1) -> str:
    """Begin a run and write the intent to send these items."""
    run_id = journal.begin_run("plan-001")
    journal.advance("plan-001", [], items, run_id=run_id, step=step)
    return run_id


def test_where_nothing_was_sent_the_journal_is_empty(tmp_path: Path) -> None:
    frame = read_journal(tmp_path)

    assert frame.empty
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == dict(JOURNAL)
    assert not list(tmp_path.iterdir())


def test_every_event_of_a_plan_begins_as_planned(tmp_path: Path) -> None:
    plan = make_plan(3)
    with open_journal(tmp_path) as journal:
        journal.add_plan(plan)
        journal.add_plan(plan)

    frame = read_journal(tmp_path)

    assert list(frame["item"]) == [1, 2, 3]
    assert list(frame["state"]) == ["planned"] * 3
    assert list(frame["event_key"]) == ["event-1", "event-2", "event-3"]
    assert frame["intent_at"].isna().all()
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == dict(JOURNAL)


def test_an_intent_and_a_result_carry_run_step_and_times(tmp_path: Path) -> None:
    """Results of one request and the intent of the next stand in one transaction."""
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(3))
        run_id = at_intent(journal, [1], step=2)
        before = journal.sequence
        journal.advance("plan-001", [Change(1, "acked", message_id="77")], [2], run_id=run_id, step=3)
        assert journal.sequence == before + 1
        frame = journal.events("plan-001")

    assert list(frame["state"]) == ["acked", "intent", "planned"]
    assert frame["message_id"].tolist()[0] == "77"
    assert list(frame["step"][:2]) == [2, 3]
    assert list(frame["run_id"][:2]) == [run_id, run_id]
    assert str(frame["settled_at"].dtype) == TIME
    assert frame["settled_at"][0] >= frame["intent_at"][0]
    assert pd.isna(frame["settled_at"][1])


def test_what_a_run_left_at_intent_is_in_doubt_in_the_next(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(4))
        at_intent(journal, [1, 2])
    with open_journal(tmp_path) as journal:
        journal.begin_run("plan-001")
        assert states(journal, make_plan(4)) == ["in_doubt", "in_doubt", "planned", "planned"]
        assert list(journal.events("plan-001")["code"][:2]) == ["INTERRUPTED", "INTERRUPTED"]


@pytest.mark.parametrize(
    ("before", "after"),
    [("planned", "acked"), ("planned", "failed"), ("planned", "in_doubt"), ("intent", "intent"), ("acked", "planned"),
     ("acked", "intent"), ("acked", "in_doubt"), ("failed", "planned"), ("failed", "intent"), ("in_doubt", "intent"),
     ("in_doubt", "planned"), ("in_doubt", "acked")],
)  # fmt: skip
def test_the_file_itself_refuses_a_change_of_state_that_may_not_be(tmp_path: Path, before: str, after: str) -> None:
    """Whoever writes the journal: no acknowledged event is planned again, and none leaves its doubt without a name."""
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(1))
        if before != "planned":
            run_id = at_intent(journal, [1])
            if before != "intent":
                journal.advance("plan-001", [Change(1, before, "7", "CODE")], [], run_id=run_id, step=1)
    with sqlite3.connect(journal_file(tmp_path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE states SET state = ?", (after,))
    connection.close()


def test_nothing_is_deleted_from_the_file(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(1))
    with sqlite3.connect(journal_file(tmp_path)) as connection:
        for table in ("events", "states"):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(f"DELETE FROM {table}")
    connection.close()


def test_another_plan_cannot_have_an_event_that_is_planned_sent_or_in_doubt(tmp_path: Path) -> None:
    """The second plan is refused and names the first."""
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(3))
        run_id = at_intent(journal, [1, 2])
        journal.advance("plan-001", [Change(1, "acked", "7"), Change(2, "in_doubt", None, "X")], [], run_id=run_id,
                        step=1)  # fmt: skip
        for number, state in ((1, "acked"), (2, "in_doubt"), (3, "planned")):
            with pytest.raises(EvidenceError, match=f"item {number} of plan-001, there at {state}"):
                journal.add_plan(make_plan(1, plan_id="plan-002", first=number))


def test_what_failed_for_certain_may_stand_in_another_plan(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(2))
        run_id = at_intent(journal, [1])
        journal.advance("plan-001", [Change(1, "failed", None, "NOT_FOUND")], [], run_id=run_id, step=1)
        journal.add_plan(make_plan(1, plan_id="plan-002"))

        assert journal.states("plan-002") == {1: "planned"}


def test_a_plan_that_replaces_another_takes_what_that_one_has_not_sent(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(3))
        run_id = at_intent(journal, [1])
        journal.advance("plan-001", [Change(1, "acked", "7")], [], run_id=run_id, step=1)
        journal.add_plan(make_plan(2, plan_id="plan-002", first=2, replaces="plan-001"))
        old = journal.events("plan-001")

        assert list(old["state"]) == ["acked", "failed", "failed"]
        assert list(old["code"][1:]) == ["WITHDRAWN", "WITHDRAWN"]
        assert journal.states("plan-002") == {1: "planned", 2: "planned"}


def test_a_plan_of_the_same_name_and_another_hash_is_refused(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(2))
        with pytest.raises(EvidenceError, match="another hash"):
            journal.add_plan(make_plan(3))


def test_a_run_of_a_plan_that_was_not_added_is_refused(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal, pytest.raises(ParameterError):
        journal.begin_run("plan-009")


def test_a_run_knows_again_what_an_earlier_one_noted(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(1))
        journal.note("plan-001", "step", {"step": 1, "judged": "go_on"})
        journal.note("plan-001", "stop", {"reason": "died_again"})
    with open_journal(tmp_path) as journal:
        notes = journal.notes("plan-001")

        assert [note["kind"] for note in notes] == ["step", "stop"]
        assert notes[0]["judged"] == "go_on"
        assert not journal.notes("plan-002")


def test_the_audit_log_tells_of_the_journal_and_its_runs(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(1))
        run_id = journal.begin_run("plan-001")
    lines = audit_log.read(tmp_path)

    assert [line["action"] for line in lines] == [
        "republish journal begins", "republish run begins", "republish journal closed"
    ]  # fmt: skip
    assert lines[1]["run"] == run_id
    assert not audit_log.check_chain(tmp_path).faults


def test_the_journal_can_be_read_while_a_run_writes_it(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(2))
        at_intent(journal, [1])

        assert list(read_journal(tmp_path)["state"]) == ["intent", "planned"]


def test_a_journal_in_a_folder_that_cannot_be_written_can_be_read(tmp_path: Path) -> None:
    """An archive is read as it is, and nothing is made in it."""
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(2))
    folder = journal_file(tmp_path).parent
    before = sorted(path.name for path in folder.iterdir())
    folder.chmod(0o500)
    try:
        assert len(read_journal(tmp_path)) == 2
    finally:
        folder.chmod(0o700)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_no_payload_is_in_the_journal(tmp_path: Path) -> None:
    """Ids, hashes, states and codes alone: the folder's journal may be shown to whoever may see which events died."""
    plan = make_plan(2, payloads=['{"card": "4111111111111111"}', '{"card": "5500005555555559"}'])
    with open_journal(tmp_path) as journal:
        journal.add_plan(plan)
        at_intent(journal, [1, 2])
        held = b"".join(path.read_bytes() for path in journal_file(tmp_path).parent.iterdir())

    assert b"event-2" in held
    assert b"4111111111111111" not in held
    assert b"5500000005555559" not in held
    assert b"card" not in held


def test_the_journal_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(1))
        modes = {path.name: path.stat().st_mode & 0o777 for path in journal_file(tmp_path).parent.iterdir()}

    assert modes
    assert set(modes.values()) == {0o600}
    assert journal_file(tmp_path).parent.stat().st_mode & 0o777 == 0o700


def test_text_that_no_file_can_hold_is_spelled_out(tmp_path: Path) -> None:
    """A trace id may be any JSON text, half a character too."""
    plan = make_plan(1)
    event = plan.events[0]
    odd = type(event)(**{name: getattr(event, name) for name in event.__slots__} | {"trace_id": "a\ud800"})
    with open_journal(tmp_path) as journal:
        journal.add_plan(type(plan)(**{n: getattr(plan, n) for n in plan.__slots__} | {"events": (odd,)}))

    assert list(read_journal(tmp_path)["trace_id"]) == ["a\\ud800"]


@pytest.mark.parametrize("state", ["intent", "in_doubt", "acked"])
def test_an_edited_event_that_was_begun_meanwhile_is_not_sent_again_by_the_plan_that_replaces(
    tmp_path: Path, state: str
) -> None:
    """Its edit gives it another dedupe key; that it was sent under the first one is known by the event."""
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(2))
        run_id = at_intent(journal, [1])
        change = {"in_doubt": Change(1, "in_doubt", None, "X"), "acked": Change(1, "acked", "7")}.get(state)
        if change is not None:
            journal.advance("plan-001", [change], [], run_id=run_id, step=1)
        edited = make_plan(2, plan_id="plan-002", payloads=['{"fixed": 1}', '{"fixed": 2}'], replaces="plan-001")

        with pytest.raises(EvidenceError, match=f"item 1 of plan-001, there at {state}"):
            journal.add_plan(edited)
        assert journal.states("plan-001")[2] == "planned"


def test_an_event_that_died_again_is_sent_once_more_by_a_plan_that_knows_of_the_first_send(tmp_path: Path) -> None:
    """It counts the earlier sends; a plan that was made before them does not, and is refused."""
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(1))
        run_id = at_intent(journal, [1])
        journal.advance("plan-001", [Change(1, "acked", "7")], [], run_id=run_id, step=1)

        with pytest.raises(EvidenceError, match="there at acked"):
            journal.add_plan(make_plan(1, plan_id="plan-002", payloads=['{"fixed": 1}']))
        journal.add_plan(make_plan(1, plan_id="plan-003", generation=2))
        assert journal.states("plan-003") == {1: "planned"}
