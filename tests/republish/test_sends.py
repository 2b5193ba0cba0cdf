"""What was sent from one folder is not sent again from another one whose evidence is older."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dlqkit.errors import PlanError
from dlqkit.republish.approval import approve_plan, keep_plan
from dlqkit.republish.cancelling import cancel_plan
from dlqkit.republish.edits import read_edit
from dlqkit.republish.journal import Change, open_journal, read_journal
from dlqkit.republish.known import Known
from dlqkit.republish.plan import Plan, find_plans, plan_path, write_plan
from dlqkit.republish.plan_decisions import Approval, write_approval
from dlqkit.republish.registry import Registry, find_registry
from dlqkit.republish.run import run_republish
from dlqkit.republish.sent_files import read_sends
from tests.frames import at, dead, records
from tests.republish.cases import left_out, plan_of, settings
from tests.republish.plans import Answers

OLD = [dead(1, payload_snapshot='{"a":1}'), dead(2, payload_snapshot='{"a":2}'), dead(3, payload_snapshot='{"a":3}')]


class Unread:
    """A world of which a refused run reads nothing but the time."""

    def now(self) -> datetime:
        return datetime(2026, 3, 2, 15, tzinfo=UTC)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


@pytest.fixture(autouse=True)
def _team(tmp_path: Path) -> None:
    """A team makes the folder of its registry beforehand."""
    (tmp_path / "team").mkdir()


def sent(folder: Path, team: Path | None, plan: Plan, items: tuple[int, ...]) -> Registry:
    """A folder that claimed a plan, sent some of its events at the hundredth second, and gave the rest up."""
    folder.mkdir()
    registry = find_registry(folder, team)
    registry.claim(plan, "ann", "2026-03-02")
    write_plan(folder, plan, {})
    with open_journal(folder, now=lambda: at(100).to_pydatetime()) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run(plan.plan_id)
        for item in items:
            journal.advance(plan.plan_id, [], [item], run_id=run_id, step=1)
            journal.advance(plan.plan_id, [Change(item, "acked", str(item))], [], run_id=run_id, step=1)
    cancel_plan(registry, plan, by="ann", reason="enough")
    registry.release(plan)  # as a proof does that all have passed
    return registry


def planned_by_a_colleague(tmp_path: Path, team: Path | None, frame: pd.DataFrame) -> Plan:
    """Another folder's plan over its own evidence."""
    (tmp_path / "two").mkdir()
    registry = find_registry(tmp_path / "two", team)
    return plan_of(frame, known=Known(sent_elsewhere=read_sends(registry, frame), is_registry_shared=True))


def test_an_event_that_a_colleague_has_sent_is_left_out_by_older_evidence(tmp_path: Path) -> None:
    """The reason names his plan and folder; what he has not sent is planned."""
    sent(tmp_path / "one", tmp_path / "team", plan_of(records(OLD)), (1, 2))

    plan = planned_by_a_colleague(tmp_path, tmp_path / "team", records(OLD))

    assert left_out(plan) == {"e0": "already republished", "e1": "already republished"}
    assert plan.left_out[0].detail.startswith("by plan-001 in one on ")
    assert [event.event_key for event in plan.events] == ["e2"]


def test_a_colleagues_evidence_that_ends_before_the_death_that_was_sent_for_shows_no_new_one(tmp_path: Path) -> None:
    """The worker's clock is ahead, so that even the first dead letter seems to come after the send."""
    first, again = (dead(seconds, event_key="e0", trace_id="t0", record_id=f"r-{seconds}", payload_snapshot='{"a":1}')
                    for seconds in (500, 560))  # fmt: skip
    sent(tmp_path / "one", tmp_path / "team", plan_of(records([first, again])), (1,))

    with pytest.raises(PlanError, match="already republished"):
        planned_by_a_colleague(tmp_path, tmp_path / "team", records([first]))


def test_what_was_given_up_here_and_sent_by_a_colleague_since_is_left_out(tmp_path: Path) -> None:
    """Both plans have the same dedupe key; the journal here has it as not sent, and knows nothing of the other."""
    plan = plan_of(records(OLD))
    sent(tmp_path / "two", tmp_path / "team", plan, ())
    registry = sent(tmp_path / "one", tmp_path / "team", plan, (1, 2, 3))
    kept = read_sends(registry, records(OLD))
    own = read_journal(tmp_path / "two")
    assert set(own["state"].astype("str")) == {"failed"}

    with pytest.raises(PlanError, match="3 already republished") as refused:
        plan_of(records(OLD), known=Known(journal=own, earlier=(plan,), sent_elsewhere=kept), plan_id="plan-002")
    # The plan here has the same name, and a proof of it would say that nothing was sent.
    assert "in the folder that sent them" in refused.value.next_step


def test_a_plan_of_an_event_that_a_colleague_sent_while_it_was_made_is_refused(tmp_path: Path) -> None:
    """What the registry kept was looked at before he let go; nothing is written, and the rest can be planned."""
    made = plan_of(records(OLD))
    sent(tmp_path / "one", tmp_path / "team", made, (2,))
    registry = find_registry(tmp_path / "two", tmp_path / "team")

    with pytest.raises(PlanError, match=r"event e1 was sent by plan-001 in one on .* since plan-001 was looked at"):
        keep_plan(registry, made, {}, by="bob")

    assert find_plans(tmp_path / "two") == []
    assert registry.held_elsewhere(["e0", "e1", "e2"]) == {}
    assert not list((tmp_path / "team").glob("??/*.json"))
    keep_plan(registry, plan_of(records([OLD[0]])), {}, by="bob")


def test_a_plan_whose_event_a_colleague_has_sent_since_is_neither_approved_nor_run(tmp_path: Path) -> None:
    """Its claim was lost and made again, say by a copy of the registry that was put back."""
    made = plan_of(records(OLD))
    registry = find_registry(tmp_path / "two", tmp_path / "team")
    keep_plan(registry, made, {}, by="bob")
    for path in (tmp_path / "team").glob("??/*.json"):
        path.unlink()
    sent(tmp_path / "one", tmp_path / "team", made, (2,))
    registry.claim(made, "bob", "2026-03-02")
    with pytest.raises(PlanError, match="event e1 was sent by plan-001 in one"):
        approve_plan(registry, made, settings(), by="ann", reason="mended", accepted=made.unknowns)

    write_approval(tmp_path / "two", Approval("plan-001", made.hash, "ann", "mended", "now", made.unknowns, 60.0))
    with pytest.raises(PlanError, match="event e1 was sent by plan-001 in one"):
        run_republish(tmp_path / "two", made, sink=Answers, world=Unread(), execute=True, registry=registry)
    assert read_journal(tmp_path / "two").empty


def test_an_event_that_a_colleague_sent_and_that_died_again_is_kept_approved_and_claimed(tmp_path: Path) -> None:
    """The plan counts his send, so it is no surprise."""
    sent(tmp_path / "one", tmp_path / "team", plan_of(records(OLD)), (1,))
    again = dead(200, event_key="e0", trace_id="t0", payload_snapshot='{"a":1}')
    plan = planned_by_a_colleague(tmp_path, tmp_path / "team", records([OLD[0], again]))
    registry = find_registry(tmp_path / "two", tmp_path / "team")

    keep_plan(registry, plan, {}, by="bob")
    registry.check(plan)

    assert plan.events[0].generation == 2


def test_an_event_that_died_again_after_a_colleagues_send_has_a_key_of_its_own(tmp_path: Path) -> None:
    """The next generation, though this folder's journal knows of no send."""
    first = plan_of(records(OLD))
    sent(tmp_path / "one", tmp_path / "team", first, (1,))
    again = dead(200, event_key="e0", trace_id="t0", payload_snapshot='{"a":1}')

    plan = planned_by_a_colleague(tmp_path, tmp_path / "team", records([*OLD, again]))

    (event,) = (one for one in plan.events if one.event_key == "e0")
    assert event.generation == 2
    assert event.dedupe_key != first.events[0].dedupe_key
    assert left_out(plan) == {}


def test_an_edited_event_that_came_back_is_known_by_what_a_colleague_sent(tmp_path: Path) -> None:
    """Its key is another one since its payload is."""
    sent(tmp_path / "one", tmp_path / "team", plan_of(records(OLD)), (1,))
    came_back = dead(50, event_key="new", trace_id="t0", payload_snapshot='{"a":1}')

    plan = planned_by_a_colleague(tmp_path, tmp_path / "team", records([came_back, OLD[1]]))

    assert left_out(plan) == {"new": "already republished"}


def test_an_edited_event_in_an_envelope_that_came_back_is_known_by_its_text_within(tmp_path: Path) -> None:
    """What was sent is the envelope; its record shows the payload alone."""
    own = settings({"envelope": '{"trace": {trace_id}, "data": {payload}}'})
    edit = read_edit('{"a": 9}', "OPS-17", "ann")
    sent(tmp_path / "one", tmp_path / "team", plan_of(records(OLD[:1]), own=own, edits=(edit,)), (1,))
    came_back = dead(200, event_key="new", trace_id="t0", record_id="r-9", payload_snapshot='{"a":9}')

    (event,) = planned_by_a_colleague(tmp_path, tmp_path / "team", records([came_back])).events

    assert event.generation == 2


def test_what_a_plan_has_sent_whose_file_was_cut_off_since_is_kept_by_the_journal(tmp_path: Path) -> None:
    """Its event died again and is in a later plan, which can be given up all the same."""
    again = dead(200, event_key="e0", trace_id="t0", payload_snapshot='{"a":1}')
    first = plan_of(records(OLD[:1]))
    registry = sent(tmp_path / "one", tmp_path / "team", first, (1,))
    shutil.rmtree(tmp_path / "team" / "sent")
    known = Known(journal=read_journal(tmp_path / "one"), earlier=(first,))
    later = plan_of(records([OLD[0], again]), known=known, plan_id="plan-002")
    registry.claim(later, "ann", "2026-03-02")
    path = plan_path(tmp_path / "one", "plan-001")
    path.write_bytes(path.read_bytes()[:100])

    assert cancel_plan(registry, later, by="ann", reason="not needed") == 1

    (kept,) = read_sends(registry, records(OLD[:1]))
    assert (kept.plan_id, kept.dedupe_key, kept.dead_at) == ("plan-001", first.events[0].dedupe_key, None)
    assert kept.sent_at == at(100).isoformat()


def test_a_folders_own_registry_keeps_what_its_journal_says_anyway_nowhere_else(tmp_path: Path) -> None:
    sent(tmp_path / "one", None, plan_of(records(OLD)), (1,))

    assert not list((tmp_path / "one").rglob("sent"))
    assert read_sends(find_registry(tmp_path / "one", None), records(OLD)) == ()


def test_what_is_kept_and_cannot_be_read_lets_nothing_be_planned(tmp_path: Path) -> None:
    """Nobody knows then whether the event was sent."""
    sent(tmp_path / "one", tmp_path / "team", plan_of(records(OLD)), (1,))
    for path in (tmp_path / "team" / "sent").rglob("*.json"):
        path.write_text(json.dumps([{"plan_id": "plan-001"}]))

    with pytest.raises(PlanError, match="cannot be read"):
        planned_by_a_colleague(tmp_path, tmp_path / "team", records(OLD))


def test_no_payload_is_in_what_is_kept(tmp_path: Path) -> None:
    """Names, times and hashes: the registry may be open to whoever may see which events died."""
    sent(tmp_path / "one", tmp_path / "team", plan_of(records(OLD)), (1,))

    kept = list((tmp_path / "team" / "sent").rglob("*.json"))
    assert len(kept) == 4  # its key, its text, its record, and what its payload says
    assert all('"a"' not in path.read_text() for path in kept)
