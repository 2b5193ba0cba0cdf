"""A dead letter is the same one whichever key, spaces or settings it was collected with."""

from __future__ import annotations

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dlqkit.errors import EvidenceError, ParameterError, PlanError
from dlqkit.republish.approval import approve_plan, keep_plan
from dlqkit.republish.cancelling import cancel_plan
from dlqkit.republish.edits import read_edit
from dlqkit.republish.event_names import names_by_key, names_of, value_of
from dlqkit.republish.exclusions import find_duplicates
from dlqkit.republish.gather import earlier_plans
from dlqkit.republish.journal import Change, open_journal, read_journal
from dlqkit.republish.known import Known
from dlqkit.republish.plan import Plan, seal_plan, write_plan
from dlqkit.republish.plan_decisions import Approval, write_approval
from dlqkit.republish.registry import Registry, find_registry
from dlqkit.republish.run import run_republish
from dlqkit.republish.sends import refuse_sent_elsewhere
from dlqkit.republish.sent_files import read_sends
from tests.frames import dead, good, records
from tests.republish.cases import left_out, plan_of, settings
from tests.republish.plans import Answers
from tests.republish.test_sends import Unread

FORK = multiprocessing.get_context("fork")
API = {"payload_snapshot": '{"a": 1, "b": 2.0}', "event_key": "k1", "trace_id": "t1", "record_id": "api-1"}
# The same record out of a warehouse: keys in another order, no spaces, numbers as it writes them.
EXPORT = {**API, "payload_snapshot": '{"b":2,"a":1}', "event_key": "k2"}
OTHER_ID = {**EXPORT, "record_id": "w-1"}
BY_TRACE = {**API, "event_key": "t1"}


def letters(row: dict[str, Any]) -> pd.DataFrame:
    return records([good(0, trace_id="t9"), dead(1, **row)])


@pytest.fixture
def team(tmp_path: Path) -> Path:
    (tmp_path / "team").mkdir()
    return tmp_path / "team"


def folder(tmp_path: Path, name: str, team: Path | None) -> Registry:
    (tmp_path / name).mkdir(exist_ok=True)
    return find_registry(tmp_path / name, team)


def send(registry: Registry, plan: Plan) -> None:
    """Sent and proven: its events are let go of."""
    directory = registry.directory
    write_plan(directory, plan, {})
    with open_journal(directory) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run(plan.plan_id)
        journal.advance(plan.plan_id, [], [1], run_id=run_id, step=1)
        journal.advance(plan.plan_id, [Change(1, "acked", "7")], [], run_id=run_id, step=1)
    cancel_plan(registry, plan, by="ann", reason="enough")
    registry.release(plan)


@pytest.mark.parametrize("row", [EXPORT, OTHER_ID, BY_TRACE], ids=["an export", "another id", "another key"])
def test_a_colleague_with_another_key_of_the_same_dead_letter_is_refused(
    tmp_path: Path, team: Path, row: dict[str, Any]
) -> None:
    """Its record, or what its payload says, is the same; once the first plan is given up it is his."""
    first, second = folder(tmp_path, "one", team), folder(tmp_path, "two", team)
    plan, other = plan_of(letters(API)), plan_of(letters(row))
    keep_plan(first, plan, {}, by="ann")

    names = names_by_key(letters(row))
    held = second.held_elsewhere([row["event_key"]], names=names)
    assert [claim.by for claim in held.values()] == ["ann"]
    with pytest.raises(PlanError, match=f"event {row['event_key']} is in another open plan: plan-001 in one"):
        keep_plan(second, other, {}, by="bob")
    assert second.holder(row["event_key"]) is None or row["event_key"] == "k1"

    cancel_plan(first, plan, by="ann", reason="enough")
    keep_plan(second, other, {}, by="bob")
    second.check(other)
    with pytest.raises(PlanError, match="another open plan"):
        keep_plan(first, replace(plan, plan_id="plan-002"), {}, by="ann")


@pytest.mark.parametrize("row", [EXPORT, OTHER_ID, BY_TRACE], ids=["an export", "another id", "another key"])
def test_what_a_colleague_has_sent_under_another_key_is_left_out(
    tmp_path: Path, team: Path, row: dict[str, Any]
) -> None:
    first, second = folder(tmp_path, "one", team), folder(tmp_path, "two", team)
    old = plan_of(letters(row))
    keep_plan(first, plan_of(letters(API)), {}, by="ann")
    send(first, plan_of(letters(API)))

    fresh = records([dead(1, **row), dead(2, event_key="x", trace_id="tx", payload_snapshot="{}")])
    known = Known(sent_elsewhere=read_sends(second, fresh), is_registry_shared=True)
    assert left_out(plan_of(fresh, known=known)) == {row["event_key"]: "already republished"}
    # A plan that he made before is not approved any more.
    with pytest.raises(PlanError, match="was sent by plan-001 in one"):
        keep_plan(second, old, {}, by="bob")
    second.claim(old, "bob", "2026-03-02")
    write_plan(second.directory, old, {})
    with pytest.raises(PlanError, match="was sent by plan-001 in one"):
        approve_plan(second, old, settings(), by="cid", reason="mended", accepted=old.unknowns)


def test_in_one_folder_a_key_that_the_settings_change_does_not_send_again(tmp_path: Path) -> None:
    """execution_logs.event_key was set between two snapshots; the journal knows the record by its plan."""
    own = folder(tmp_path, "one", None)
    keep_plan(own, plan_of(letters(API)), {}, by="ann")
    with pytest.raises(PlanError, match="event t1 is in another open plan: plan-001"):
        keep_plan(own, seal_plan(replace(plan_of(letters(BY_TRACE)), plan_id="plan-002")), {}, by="ann")
    send(own, plan_of(letters(API)))

    fresh = records([dead(1, **BY_TRACE), dead(2, event_key="x", trace_id="tx", payload_snapshot="{}")])
    known = Known(journal=read_journal(own.directory), earlier=earlier_plans(own.directory))
    assert left_out(plan_of(fresh, known=known)) == {"t1": "already republished"}


def test_a_dead_letter_that_came_after_the_send_is_planned_under_any_key(tmp_path: Path) -> None:
    """It died again: another record with the same payload; it gets the next dedupe key."""
    own = folder(tmp_path, "one", None)
    keep_plan(own, plan_of(letters(API)), {}, by="ann")
    send(own, plan_of(letters(API)))

    fresh = records([dead(1, **EXPORT), dead(400_000_000, **{**EXPORT, "record_id": "api-2"})])
    known = Known(journal=read_journal(own.directory), earlier=earlier_plans(own.directory))
    assert [event.generation for event in plan_of(fresh, known=known).events] == [2]


def _compete(place: Path, number: int, start: Any, results: Any) -> None:
    row = {**API, "event_key": f"k{number}"}
    registry = folder(place, f"f{number}", place / "team")
    plan = plan_of(letters(row))
    start.wait()
    try:
        registry.claim(plan, f"p{number}", "now")
        results.put((number, True))
    except PlanError:
        results.put((number, False))


def test_of_planners_with_keys_of_their_own_for_one_dead_letter_exactly_one_wins(tmp_path: Path) -> None:
    """Ten rounds of four processes at the same moment; whoever loses holds nothing."""
    for turn in range(10):
        place = tmp_path / str(turn)
        (place / "team").mkdir(parents=True)
        start, results = FORK.Event(), FORK.Queue()
        workers = [FORK.Process(target=_compete, args=(place, number, start, results)) for number in range(4)]
        for worker in workers:
            worker.start()
        start.set()
        won = dict(results.get(timeout=30) for _ in workers)
        for worker in workers:
            worker.join(30)

        assert sum(won.values()) == 1
        held = {number for number in won if find_registry(place / "f0", place / "team").holder(f"k{number}")}
        assert held == {number for number, has_won in won.items() if has_won}


def test_names_are_of_what_is_known() -> None:
    """No name of a payload without a trace, which may be another event's; none of what is no JSON."""
    assert names_of("wf", None, "r1", "v") == ('["record","wf","r1"]',)
    assert names_of("wf", "t1", None, "v") == ('["value","wf","t1","v"]',)
    assert names_of("wf", "t1", pd.NA, "") == ()
    assert value_of('{"a": 1.0}') == value_of('{"a":1}') != value_of('{"a":2}')
    assert value_of("no JSON") == value_of(None) == ""


def test_a_name_that_cannot_be_read_lets_nobody_have_the_event(tmp_path: Path, team: Path) -> None:
    """Nobody knows then whose it is."""
    first, second = folder(tmp_path, "one", team), folder(tmp_path, "two", team)
    keep_plan(first, plan_of(letters(API)), {}, by="ann")
    (also, *_) = sorted(team.glob("??/*.also"))
    also.unlink()
    also.write_text(json.dumps({"hash": "x"}))

    with pytest.raises(PlanError, match="cannot be read"):
        keep_plan(second, plan_of(letters(EXPORT)), {}, by="bob")


def test_a_record_that_was_sent_did_not_die_again_because_its_time_is_read_in_another_zone(tmp_path: Path) -> None:
    """The export's times are ahead, so that it seems to have died after the send."""
    first = plan_of(letters(API))
    send(folder(tmp_path, "one", None), first)
    known = Known(journal=read_journal(tmp_path / "one"), earlier=(first,))
    ahead = records([dead(1e9, **EXPORT)])

    with pytest.raises(PlanError, match="1 already republished"):
        plan_of(ahead, known=known, plan_id="plan-002")


def test_what_the_folder_has_sent_is_neither_approved_nor_run_under_another_key(tmp_path: Path) -> None:
    """Say the claims were lost in between: the journal knows it by the names of the plan that sent it."""
    registry = folder(tmp_path, "one", None)
    second = plan_of(letters(EXPORT), plan_id="plan-002")
    send(registry, plan_of(letters(API)))
    keep_plan(registry, second, {}, by="ann")
    refused = pytest.raises(EvidenceError, match="plan-002 has an event that is item 1 of plan-001, there at acked")

    with refused:
        approve_plan(registry, second, settings(), by="bob", reason="mended", accepted=second.unknowns)
    write_approval(registry.directory, Approval("plan-002", second.hash, "bob", "mended", "now", second.unknowns, 60.0))
    with refused:
        run_republish(registry.directory, second, sink=Answers, world=Unread(), execute=True, registry=registry)


def test_the_same_payload_of_a_trace_under_two_keys_is_sent_once_however_it_is_written() -> None:
    """Of events without a trace only those with the very same text are taken for one."""
    assert left_out(plan_of(records([dead(1, **API), dead(2, **OTHER_ID)]))) == {"k2": "duplicate dead letter"}

    rows = [{**API, "event_key": "a"}, {**EXPORT, "event_key": "b"}, {**API, "event_key": "c"}]
    loose = records([dead(1, **{**row, "trace_id": None}) for row in rows])
    assert find_duplicates(loose) == {"c": "a"}


@pytest.mark.parametrize("is_own", [True, False], ids=["the folder's own", "a colleague's"])
def test_an_edited_event_that_came_back_and_was_written_anew_is_known_by_what_was_sent(
    tmp_path: Path, team: Path, is_own: bool
) -> None:
    """Its record shows the new payload with other spaces; what was sent says that already."""
    first = plan_of(letters(API), edits=(read_edit('{"a": 9}', "OPS-17", "ann"),))
    send(folder(tmp_path, "one", team), first)
    back = {"event_key": "k3", "trace_id": "t1", "record_id": "w-3", "payload_snapshot": '{ "b": 2, "a": 9 }'}
    frame = records([dead(50, **back), dead(51, event_key="x", trace_id="tx", payload_snapshot="{}")])
    known = (
        Known(journal=read_journal(tmp_path / "one"), earlier=(first,))
        if is_own
        else Known(sent_elsewhere=read_sends(folder(tmp_path, "two", team), frame))
    )

    assert left_out(plan_of(frame, known=known, plan_id="plan-002")) == {"k3": "already republished"}
    # Another value of the trace is another event.
    other = records([dead(50, **{**back, "payload_snapshot": '{"b":2,"a":8}'})])
    assert left_out(plan_of(other, known=known, plan_id="plan-002")) == {}


def test_what_an_edit_made_and_was_sent_is_refused_of_a_plan_that_was_made_before(tmp_path: Path) -> None:
    """The second plan is of the event as it came back, by a snapshot from before the journal knew of the send."""
    registry = folder(tmp_path, "one", None)
    back = {**EXPORT, "record_id": "w-3", "payload_snapshot": '{ "b": 2, "a": 9 }'}
    second = plan_of(letters(back), plan_id="plan-002")
    send(registry, plan_of(letters(API), edits=(read_edit('{"a": 9}', "OPS-17", "ann"),)))
    keep_plan(registry, second, {}, by="ann")

    with pytest.raises(EvidenceError, match="plan-002 has an event that is item 1 of plan-001, there at acked"):
        approve_plan(registry, second, settings(), by="bob", reason="mended", accepted=second.unknowns)


def test_a_colleagues_send_is_counted_beside_the_folders_own_under_another_key(tmp_path: Path, team: Path) -> None:
    """Ours was before there was a registry; he has sent since for the second death, of which our plan is."""
    first = plan_of(letters(API))
    send(folder(tmp_path, "two", None), first)
    second = records([dead(400_000_000, **{**EXPORT, "record_id": "api-2"})])
    mine = plan_of(second, known=Known(journal=read_journal(tmp_path / "two"), earlier=(first,)), plan_id="plan-002")
    assert [event.generation for event in mine.events] == [2]
    refuse_sent_elsewhere(folder(tmp_path, "two", team), mine)
    his = plan_of(records([dead(400_000_000, **{**EXPORT, "event_key": "his", "record_id": "api-2"})]))
    send(folder(tmp_path, "one", team), his)

    with pytest.raises(PlanError, match="event k2 was sent by plan-001 in one"):
        refuse_sent_elsewhere(folder(tmp_path, "two", team), mine)


def test_an_edit_that_makes_two_events_of_a_trace_one_message_is_refused() -> None:
    """Both would be sent, and a record of the one would be taken for the other's."""
    rows = [{**API, "event_key": "a", "payload_snapshot": '{"c":"x"}'},
            {**API, "event_key": "b", "record_id": "r-b", "payload_snapshot": '{"c":"y"}'}]  # fmt: skip
    frame, edit = records([dead(1, **row) for row in rows]), read_edit('{"c": "EUR"}', "OPS-17", "ann")

    assert len(plan_of(frame).events) == 2
    with pytest.raises(ParameterError, match="The edit gives the events a and b the same payload"):
        plan_of(frame, edits=(edit,))
