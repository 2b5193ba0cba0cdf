"""Giving a plan up frees only what was surely not sent, whatever became of the journal meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlqkit.errors import EvidenceError, ParameterError, PlanError, StorageError
from dlqkit.republish.adoption import adopt
from dlqkit.republish.approval import approve_plan, keep_plan
from dlqkit.republish.cancelling import cancel_plan, cancel_unreadable, count_held
from dlqkit.republish.gather import earlier_plans
from dlqkit.republish.incident_proof import prove_incident
from dlqkit.republish.journal import Change, open_journal, read_journal
from dlqkit.republish.plan import Plan, plan_path
from dlqkit.republish.plan_decisions import read_approval
from dlqkit.republish.registry import Registry, find_registry
from dlqkit.republish.resolution import resolve_by_word
from dlqkit.republish.sent_files import read_sends
from dlqkit.republish.status import find_status
from tests.frames import dead, records
from tests.republish.cases import plan_of, settings
from tests.republish.plans import journal_file

FRAME = records([dead(1, payload_snapshot='{"a":1}'), dead(2, payload_snapshot='{"a":2}')])


def plan(number: int, *keys: str, **more: object) -> Plan:
    """A plan of these of two dead events."""
    chosen = FRAME[FRAME["event_key"].isin(keys)]
    return plan_of(chosen, plan_id=f"plan-{number:03d}", **more)


def send(folder: Path, own: Plan, items: tuple[int, ...]) -> None:
    with open_journal(folder) as journal:
        journal.add_plan(own)
        run_id = journal.begin_run(own.plan_id)
        journal.audit("republish run", plan=own.plan_id, hash=own.hash, run=run_id, approved_by="ann")
        for item in items:
            journal.advance(own.plan_id, [], [item], run_id=run_id, step=1)
            journal.advance(own.plan_id, [Change(item, "acked", str(item))], [], run_id=run_id, step=1)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    (tmp_path / "one").mkdir()
    (tmp_path / "team").mkdir()
    yield find_registry(tmp_path / "one", tmp_path / "team")


def older(folder: Path) -> bytes:
    """The journal as it is now, with what its log of writes holds."""
    for path in journal_file(folder).parent.glob("journal.sqlite-*"):
        assert path.stat().st_size == 0 or path.suffix == "", path
    return journal_file(folder).read_bytes()


def test_without_the_journal_nothing_is_freed(registry: Registry) -> None:
    """It knew that all of it was sent; another folder is still refused."""
    own = plan(1, "e0", "e1")
    keep_plan(registry, own, {}, by="ann")
    send(registry.directory, own, (1, 2))
    for path in journal_file(registry.directory).parent.glob("journal.sqlite*"):
        path.unlink()

    for give_up in (
        lambda: cancel_plan(registry, own, by="ann", reason="journal lost"),
        lambda: cancel_unreadable(registry, "plan-001", by="ann", reason="journal lost"),
    ):
        with pytest.raises(EvidenceError, match="The journal is missing"):
            give_up()
    assert set(registry.held_elsewhere(["e0", "e1"])) == {"e0", "e1"}


def test_an_older_journal_frees_nothing_plans_nothing_and_shows_nothing_as_unsent(registry: Registry) -> None:
    """The second plan was sent after it was written, which the mark and the audit log know."""
    folder = registry.directory
    first, second = plan(1, "e0"), plan(2, "e1")
    keep_plan(registry, first, {}, by="ann")
    send(folder, first, (1,))
    before = older(folder)
    keep_plan(registry, second, {}, by="ann")
    send(folder, second, (1,))
    journal_file(folder).write_bytes(before)

    for ask in (
        lambda: cancel_plan(registry, second, by="ann", reason="older"),
        lambda: find_status(folder),
        lambda: approve_plan(registry, second, settings(), by="bob", reason="mended"),
    ):
        with pytest.raises(EvidenceError, match="The journal is an older one"):
            ask()
    assert set(registry.held_elsewhere(["e1"])) == {"e1"}


@pytest.mark.parametrize("is_plan_cut", [False, True])
def test_a_damaged_cancellation_stops_its_plan_and_nothing_else(registry: Registry, is_plan_cut: bool) -> None:
    """The plan is not sent, the others are still shown, and cancelling it again keeps by whom and why."""
    folder = registry.directory
    own, other = plan(1, "e0"), plan(2, "e1")
    for one in (own, other):
        keep_plan(registry, one, {}, by="ann")
    cancel_plan(registry, own, by="ann", reason="enough")
    plan_path(folder, "plan-001", "cancelled").write_text("{")
    if is_plan_cut:
        path = plan_path(folder, "plan-001")
        path.write_bytes(path.read_bytes()[:100])

    told = [one.approval for one in find_status(folder)]
    assert "plan-001.cancelled.json was changed" in told[0] and "republish cancel" in told[0]
    assert told[1] == "plan-002 is not approved."
    with pytest.raises(EvidenceError, match=r"cancelled\.json was changed"):
        read_approval(folder, own)

    if is_plan_cut:
        cancel_unreadable(registry, "plan-001", by="bob", reason="still enough")
    else:
        cancel_plan(registry, own, by="bob", reason="still enough")
    assert "bob" in find_status(folder)[0].approval


def test_a_plan_that_was_cut_is_given_up_although_nothing_is_claimed_for_it(registry: Registry) -> None:
    """Its claims are in a registry that the settings no longer name; until it is given up nothing could be planned."""
    keep_plan(registry, plan(1, "e0"), {}, by="ann")
    path = plan_path(registry.directory, "plan-001")
    path.write_bytes(path.read_bytes()[:100])
    other = find_registry(registry.directory, None)

    assert cancel_unreadable(other, "plan-001", by="ann", reason="cut off") == 0
    assert earlier_plans(registry.directory) == ()


def test_what_is_in_doubt_is_shown_although_its_plans_file_is_gone(registry: Registry) -> None:
    """The journal has it; the line says how to go on, and giving the plan up keeps what may have been sent."""
    own = plan(1, "e0", "e1")
    keep_plan(registry, own, {}, by="ann")
    send(registry.directory, own, (1,))
    plan_path(registry.directory, "plan-001").unlink()

    for told in (find_status(registry.directory), find_status(registry.directory, "plan-001")):
        assert [(one.plan_id, dict(one.states)) for one in told] == [("plan-001", {"acked": 1, "planned": 1})]
        assert "plan-001.json is gone" in told[0].approval and "republish cancel" in told[0].approval
    assert cancel_unreadable(registry, "plan-001", by="ann", reason="file lost") == 1
    assert "cancelled by ann" in find_status(registry.directory)[0].approval
    with pytest.raises(ParameterError, match="There is no plan-002"):
        find_status(registry.directory, "plan-002")


def test_adopting_an_older_journal_puts_plans_that_it_does_not_know_in_doubt(registry: Registry) -> None:
    """They were begun, by the audit log: nothing of them is sent again without a word for it."""
    folder = registry.directory
    first, second = plan(1, "e0"), plan(2, "e1")
    keep_plan(registry, first, {}, by="ann")
    send(folder, first, (1,))
    before = older(folder)
    keep_plan(registry, second, {}, by="ann")
    send(folder, second, (1,))
    journal_file(folder).write_bytes(before)

    assert adopt(folder, by="ann", reason="the newer one is lost") == 1

    frame = read_journal(folder)
    assert dict(zip(frame["plan_id"], frame["state"].astype("str"), strict=True)) == {
        "plan-001": "acked", "plan-002": "in_doubt",
    }  # fmt: skip
    cancel_plan(registry, second, by="ann", reason="give up")
    assert set(registry.held_elsewhere(["e1"])) == {"e1"}


def test_what_another_plan_of_the_folder_has_sent_is_kept_when_one_is_given_up(registry: Registry) -> None:
    """An edit that came late has the event's claim; the event was sent under the plan that it replaces."""
    first = plan(1, "e0")
    keep_plan(registry, first, {}, by="ann")
    late = plan(2, "e0", replaces="plan-001")
    registry.claim(late, "ann", "2026")
    send(registry.directory, first, (1,))

    cancel_plan(registry, late, by="ann", reason="too late")

    assert [one.plan_id for one in read_sends(registry, FRAME.iloc[:1])] == ["plan-001"]


def test_a_plan_is_not_replaced_while_it_is_run_nor_after_it_has_begun(registry: Registry) -> None:
    """An edit takes a while to plan; what was looked at before says nothing of now."""
    first, late = plan(1, "e0", "e1"), plan(2, "e0", "e1", replaces="plan-001")
    keep_plan(registry, first, {}, by="ann")
    begun, ended = threading.Event(), threading.Event()

    def run() -> None:
        with open_journal(registry.directory) as journal:
            journal.add_plan(first)
            begun.set()
            ended.wait(10)

    thread = threading.Thread(target=run)
    thread.start()
    begun.wait(10)
    try:
        with pytest.raises(StorageError, match="Another run"):
            keep_plan(registry, late, {}, by="ann")
    finally:
        ended.set()
        thread.join()
    send(registry.directory, first, (1,))
    with pytest.raises(PlanError, match=r"1 event of plan-001 was sent, or may have been\."):
        keep_plan(registry, late, {}, by="ann")
    registry.check(first)


def test_a_cancelled_plan_sends_nothing_again_by_anybodys_word(registry: Registry) -> None:
    own = plan(1, "e0")
    keep_plan(registry, own, {}, by="ann")
    with open_journal(registry.directory) as journal:
        journal.add_plan(own)
        run_id = journal.begin_run("plan-001")
        journal.advance("plan-001", [], [1], run_id=run_id, step=1)
        journal.advance("plan-001", [Change(1, "in_doubt", code="X")], [], run_id=run_id, step=1)
    cancel_plan(registry, own, by="ann", reason="give up")

    with open_journal(registry.directory) as journal:
        with pytest.raises(ParameterError, match="was cancelled"):
            resolve_by_word(journal, "plan-001", [1], was_sent=False, by="ann", reason="broker log", send_again=True)
        assert resolve_by_word(journal, "plan-001", [1], was_sent=False, by="ann", reason="broker log") == 1


def test_what_was_sent_is_not_approved_once_more(registry: Registry) -> None:
    """The plan could never be run; whoever approves it hears so."""
    first = plan(1, "e0")
    keep_plan(registry, first, {}, by="ann")
    send(registry.directory, first, (1,))
    registry.release(first)
    again = plan(2, "e0")
    registry.claim(again, "ann", "2026")
    from dlqkit.republish.plan import write_plan

    write_plan(registry.directory, again, {})

    with pytest.raises(EvidenceError, match="item 1 of plan-001, there at acked"):
        approve_plan(registry, again, settings(), by="bob", reason="mended", accepted=again.unknowns)


def test_a_proof_without_the_journal_calls_nothing_unsent(registry: Registry) -> None:
    own = plan(1, "e0")
    keep_plan(registry, own, {}, by="ann")
    send(registry.directory, own, (1,))
    for path in journal_file(registry.directory).parent.glob("journal.sqlite*"):
        path.unlink()

    class Folder:
        path = registry.directory

    with pytest.raises(EvidenceError, match="The journal is missing"):
        prove_incident(Folder(), own)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_plan_cut", [False, True])
def test_what_a_cancelled_plan_still_holds_is_counted_by_its_claims(registry: Registry, is_plan_cut: bool) -> None:
    """One sent event was let go of by a proof; the other's claim holds it, also where it was damaged."""
    own = plan(1, "e0", "e1")
    keep_plan(registry, own, {}, by="ann")
    send(registry.directory, own, (1, 2))
    if is_plan_cut:
        path = plan_path(registry.directory, "plan-001")
        path.write_bytes(path.read_bytes()[:100])
    assert count_held(registry, "plan-001") == (2, 0)

    registry.release(own, keep=["e1"])

    assert count_held(registry, "plan-001") == (1, 1)
    claim = next(iter(registry.claims_of("plan-001")))
    claim.write_text("{")
    assert count_held(registry, "plan-001") == (1, 1)


def test_a_claim_of_another_folders_plan_of_that_name_holds_nothing_of_this_one(registry: Registry) -> None:
    """What a proof let go of a colleague has planned since, and his plan is a plan-001 as well."""
    own = plan(1, "e0")
    keep_plan(registry, own, {}, by="ann")
    send(registry.directory, own, (1,))
    registry.release(own)
    (registry.place.parent / "two").mkdir()
    find_registry(registry.place.parent / "two", registry.place).claim(plan(1, "e0"), "bob", "2026")

    assert count_held(registry, "plan-001") == (0, 1)
