"""An older journal goes on by a person's word, and nothing that may have been sent since is sent again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dlqkit.errors import EvidenceError
from dlqkit.evidence import audit_log
from dlqkit.republish import adoption
from dlqkit.republish.adoption import adopt
from dlqkit.republish.journal import Change, open_journal, read_journal
from dlqkit.republish.plan import Plan, write_plan
from tests.republish.plans import journal_file, make_plan


def run(folder: Path, plan: Plan, *, acked: bool = True) -> None:
    """Send a plan's first event."""
    with open_journal(folder) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run(plan.plan_id)
        journal.audit("republish run", plan=plan.plan_id, hash=plan.hash, run=run_id, approved_by="ann")
        journal.advance(plan.plan_id, [], [1], run_id=run_id, step=1)
        if acked:
            journal.advance(plan.plan_id, [Change(1, "acked", "7")], [], run_id=run_id, step=1)


def known(folder: Path) -> dict[str, list[str]]:
    """States of each plan's events."""
    frame = read_journal(folder).astype({"state": "str"})
    return {str(name): list(own["state"]) for name, own in frame.groupby("plan_id")}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """One plan that is not yet run, and a second one."""
    write_plan(tmp_path, make_plan(2), {})
    write_plan(tmp_path, make_plan(2, plan_id="plan-002", first=50), {})
    with open_journal(tmp_path) as journal:
        journal.add_plan(make_plan(2))
    yield tmp_path


@pytest.mark.parametrize("place", ["bind_place", "_give_up", "find_why_not"])
def test_an_adoption_that_is_interrupted_has_not_begun(
    folder: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Whatever moment it is stopped at, adopting again puts the plans that were run since in doubt."""
    older = journal_file(folder).read_bytes()
    run(folder, make_plan(2, plan_id="plan-002", first=50))
    journal_file(folder).write_bytes(older)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(adoption, place, interrupt)
        adopt(folder, by="ann", reason="the newer one is lost")
    assert known(folder) == {"plan-001": ["planned"] * 2}

    assert adopt(folder, by="ann", reason="the newer one is lost") == 2
    assert known(folder) == {"plan-001": ["planned"] * 2, "plan-002": ["in_doubt"] * 2}
    assert [line["name"] for line in audit_log.read(folder) if line["action"] == "republish journal adopted"] == ["ann"]


def test_a_plan_that_the_older_file_has_as_not_begun_is_in_doubt_where_it_was_run_since(folder: Path) -> None:
    """The audit log tells of the run; by the file alone its events would be sent again."""
    older = journal_file(folder).read_bytes()
    run(folder, make_plan(2))
    journal_file(folder).write_bytes(older)

    assert adopt(folder, by="ann", reason="the newer one is lost") == 2
    assert known(folder) == {"plan-001": ["in_doubt"] * 2}


@pytest.mark.parametrize("is_begun", [False, True])
def test_an_event_that_went_over_to_a_later_plan_is_in_doubt_there(folder: Path, is_begun: bool) -> None:
    """The plan that had it when the file was written was cancelled since, or it could not have been run in another."""
    if is_begun:
        run(folder, make_plan(2), acked=False)
    older = journal_file(folder).read_bytes()
    if is_begun:
        with open_journal(folder) as journal, journal.transaction() as write:
            journal.apply(write, "plan-001", [Change(1, "failed", None, "INVALID_ARGUMENT")], expected="intent")
    with open_journal(folder) as journal:
        journal.withdraw("plan-001", by="ann", reason="enough")
    later = make_plan(2, plan_id="plan-003")
    write_plan(folder, later, {})
    run(folder, later)
    journal_file(folder).write_bytes(older)

    adopt(folder, by="ann", reason="the newer one is lost")

    assert known(folder) == {"plan-001": ["failed"] * 2, "plan-003": ["in_doubt"] * 2}
    with open_journal(folder) as journal:
        journal.add_plan(later)


def test_a_file_in_which_an_event_was_sent_that_a_later_plan_has_is_not_adopted(folder: Path) -> None:
    """One of the two is not of this folder: nobody knows what was sent."""
    run(folder, make_plan(2))
    write_plan(folder, make_plan(2, plan_id="plan-003"), {})
    with open_journal(folder) as journal:
        journal_id = journal._head.journal_id
    audit_log.append(folder, "republish run", plan="plan-003", journal=journal_id, journal_sequence=99)

    with pytest.raises(EvidenceError, match="plan-001 has sent an event of plan-003"):
        adopt(folder, by="ann", reason="the newer one is lost")
    assert known(folder) == {"plan-001": ["acked", "planned"]}
