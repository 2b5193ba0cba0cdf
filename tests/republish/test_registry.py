from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import EvidenceError, ParameterError, PlanError, StorageError
from dlqkit.republish import approval
from dlqkit.republish import registry as module
from dlqkit.republish.approval import keep_plan, next_plan_id
from dlqkit.republish.cancelling import cancel_plan, cancel_unreadable
from dlqkit.republish.gather import earlier_plans
from dlqkit.republish.journal import Change, open_journal
from dlqkit.republish.plan import find_plans, read_plan
from dlqkit.republish.plan_decisions import read_cancellation
from dlqkit.republish.registry import find_registry, open_registry
from dlqkit.republish.status import find_status
from tests.republish.cases import small_plan

FORK = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def _team(tmp_path: Path) -> None:
    """A team makes the folder of its registry beforehand."""
    (tmp_path / "team").mkdir()


def _keep(directory: Path, shared: Path | None, keys: tuple[str, ...], by: str = "ann", **more: Any) -> str:
    with open_registry(directory, shared) as registry:
        plan = small_plan(keys, next_plan_id(directory), **more)
        keep_plan(registry, plan, {}, by=by)
    return plan.plan_id


def test_a_second_plan_is_refused_and_names_the_first(tmp_path: Path) -> None:
    """Plan, folder and person; of the refused plan nothing is left, so its other events are free."""
    _keep(tmp_path / "one", tmp_path / "team", ("a", "b"))

    with pytest.raises(PlanError, match=r"event b is in another open plan: plan-001 in one on .*, by ann") as caught:
        _keep(tmp_path / "two", tmp_path / "team", ("b", "c"), "bob")

    assert caught.value.exit_code == 4
    assert find_plans(tmp_path / "two") == []
    _keep(tmp_path / "two", tmp_path / "team", ("c",), "bob")


def test_without_a_shared_folder_only_the_incident_itself_is_checked(tmp_path: Path) -> None:
    """The same event can be in a plan of another folder, which is why the plan says so."""
    _keep(tmp_path / "one", None, ("a",))
    with pytest.raises(PlanError, match="plan-001"):
        _keep(tmp_path / "one", None, ("a",))

    assert _keep(tmp_path / "two", None, ("a",)) == "plan-001"


def test_a_cancelled_plan_lets_its_events_go(tmp_path: Path) -> None:
    """They may be planned again; the plan itself is never open again."""
    _keep(tmp_path, None, ("a", "b"))
    with open_registry(tmp_path, None) as registry:
        assert cancel_plan(registry, read_plan(tmp_path, "plan-001"), by="ann", reason="wrong topic") == 2
        with pytest.raises(PlanError, match="no longer has its events"):
            registry.check(read_plan(tmp_path, "plan-001"))

    assert _keep(tmp_path, None, ("a", "b")) == "plan-002"


def test_a_plan_that_replaces_another_takes_over_its_events(tmp_path: Path) -> None:
    """The replaced one is cancelled; an event that it does not take over is free."""
    _keep(tmp_path, None, ("a", "b"))

    _keep(tmp_path, None, ("b", "c"), replaces="plan-001")

    cancelled = read_cancellation(tmp_path, "plan-001")
    assert cancelled is not None
    assert cancelled.reason == "replaced by plan-002"
    with open_registry(tmp_path, None) as registry:
        registry.check(read_plan(tmp_path, "plan-002"))
        assert registry.holder("a") is None


def test_a_replacement_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    """The events that had passed over are the first plan's again."""
    team = tmp_path / "team"
    _keep(tmp_path / "one", team, ("a", "b"))
    _keep(tmp_path / "two", team, ("zz", "c", "d", "e"), "bob")

    with pytest.raises(PlanError, match="plan-001 in two"):
        _keep(tmp_path / "one", team, ("a", "b", "c", "d", "e", "zz"), replaces="plan-001")

    with open_registry(tmp_path / "one", team) as registry:
        registry.check(read_plan(tmp_path / "one", "plan-001"))
    with open_registry(tmp_path / "two", team) as registry:
        registry.check(read_plan(tmp_path / "two", "plan-001"))


def test_a_claim_that_cannot_be_read_is_not_free(tmp_path: Path) -> None:
    """A damaged registry keeps events in, never lets them out twice."""
    _keep(tmp_path, None, ("a",))
    (path,) = (tmp_path / "republish" / "claims").glob("??/*.json")
    path.write_text("{")

    with pytest.raises(PlanError, match="cannot be read"):
        _keep(tmp_path, None, ("a",))


def _compete(place: Path, number: int, keys: tuple[str, ...], start: Any, results: Any) -> None:
    start.wait()
    try:
        _keep(place / f"f{number}", place / "team", keys, f"p{number}")
        results.put((number, True))
    except PlanError:
        results.put((number, False))


def test_of_planners_at_the_same_moment_exactly_one_wins(tmp_path: Path) -> None:
    """Fifteen rounds of four processes with one event in common: one plan each time, and it has all of its events."""
    for turn in range(15):
        place = tmp_path / str(turn)
        (place / "team").mkdir(parents=True)
        start, results = FORK.Event(), FORK.Queue()
        keys = [(*(f"own{number}-{n}" for n in range(10)), "common") for number in range(4)]
        workers = [
            FORK.Process(target=_compete, args=(place, number, keys[number], start, results)) for number in range(4)
        ]
        for worker in workers:
            worker.start()
        start.set()
        won = dict(results.get(timeout=30) for _ in workers)
        for worker in workers:
            worker.join(30)

        winners = [number for number, has_won in won.items() if has_won]
        assert len(winners) == 1
        for number in range(4):
            with open_registry(place / f"f{number}", place / "team") as registry:
                held = {key for key in keys[number] if registry.holder(key) is not None}
            assert held == (set(keys[number]) if number in winners else {"common"})


def test_of_planners_in_one_folder_each_gets_a_name_of_its_own(tmp_path: Path) -> None:
    """Two people at the same folder never write the same plan."""
    start, results = FORK.Event(), FORK.Queue()

    def plan_one(number: int) -> None:
        start.wait()
        results.put(_keep(tmp_path, None, (f"k{number}",)))

    workers = [FORK.Process(target=plan_one, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    start.set()
    names = [results.get(timeout=30) for _ in workers]
    for worker in workers:
        worker.join(30)

    assert sorted(names) == ["plan-001", "plan-002", "plan-003", "plan-004"]


def _claim_and_hang(place: Path, ready: Any) -> None:
    with open_registry(place / "one", place / "team") as registry:
        registry.claim(small_plan(("a", "b"), next_plan_id(place / "one")), "ann", "now")
        ready.set()
        time.sleep(60)


def test_a_planner_that_was_killed_leaves_nothing_that_its_folder_cannot_mend(tmp_path: Path) -> None:
    """Killed between claim and plan: nobody else gets the events, and the same folder plans them anew."""
    ready = FORK.Event()
    worker = FORK.Process(target=_claim_and_hang, args=(tmp_path, ready))
    worker.start()
    assert ready.wait(30)
    os.kill(worker.pid or 0, signal.SIGKILL)
    worker.join(30)

    with pytest.raises(PlanError, match="plan-001 in one"):
        _keep(tmp_path / "two", tmp_path / "team", ("b",), "bob")
    assert _keep(tmp_path / "one", tmp_path / "team", ("a", "b", "c")) == "plan-001"


def test_events_of_other_plans_are_found_before_planning(tmp_path: Path) -> None:
    """So that they can be left out; one's own plan that is to be replaced does not count."""
    team = tmp_path / "team"
    _keep(tmp_path / "one", team, ("a", "b"))
    with open_registry(tmp_path / "one", team) as registry:
        assert registry.held_elsewhere(["a", "x"], instead_of="plan-001") == {}
        assert set(registry.held_elsewhere(["a", "x"])) == {"a"}
    with open_registry(tmp_path / "two", team) as registry:
        assert {key: claim.by for key, claim in registry.held_elsewhere(["b", "x"]).items()} == {"b": "ann"}


def test_more_events_than_a_file_may_have_names_are_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims share files, a limited number each; nothing temporary stays."""
    monkeypatch.setattr(module, "NAMES_PER_FILE", 7)
    keys = tuple(f"k{number}" for number in range(30))

    _keep(tmp_path, None, keys)

    place = tmp_path / "republish" / "claims"
    assert len(list(place.glob("??/*.json"))) == 30
    assert list((place / "tmp").iterdir()) == []
    assert max(path.stat().st_nlink for path in place.glob("??/*.json")) <= 7


def test_a_shared_registry_that_is_not_there_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    """A share that is not mounted would say that no colleague has an event; nothing is made in its place."""
    for opened in (find_registry, open_registry):
        with pytest.raises(ParameterError, match=r"registry names, '.*teem', is not there") as error:
            _enter(opened(tmp_path / "one", tmp_path / "teem"))
        assert "Mount it" in error.value.next_step
    assert not (tmp_path / "teem").exists()


def _enter(opened: Any) -> None:
    with opened:
        pass


def test_a_shared_registry_is_as_open_as_the_team_made_its_folder(tmp_path: Path) -> None:
    """Colleagues of the group can read who has an event, and add their own; without a team it is the owner's alone."""
    team = tmp_path / "team"
    team.chmod(0o770)

    _keep(tmp_path / "one", team, ("a",))
    _keep(tmp_path / "two", None, ("a",))

    modes = {stat.S_IMODE(path.stat().st_mode) for path in team.rglob("*") if path.is_dir()}
    assert modes == {0o770}
    assert {stat.S_IMODE(path.stat().st_mode) for path in team.glob("??/*.json")} == {0o660}
    own = tmp_path / "two" / "republish" / "claims"
    assert {stat.S_IMODE(path.stat().st_mode) for path in own.glob("??/*.json")} == {0o600}


@pytest.mark.parametrize("is_shared", [False, True])
def test_a_copy_of_a_folder_may_not_send_the_plan_that_was_made_in_the_first(tmp_path: Path, is_shared: bool) -> None:
    """Copied before the first run, both would send all of it; a renamed folder is the same one."""
    team = tmp_path / "team" if is_shared else None
    _keep(tmp_path / "one", team, ("a", "b"))
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    plan = read_plan(tmp_path / "copy", "plan-001")

    with pytest.raises(PlanError, match="made in another folder"):
        find_registry(tmp_path / "copy", team).check(plan)
    assert find_registry(tmp_path / "copy", team).release(plan) == (0 if is_shared else 2)

    (tmp_path / "one").rename(tmp_path / "renamed")
    find_registry(tmp_path / "renamed", team).check(plan)


def test_an_interrupt_while_events_are_claimed_leaves_none_of_them_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan was never written, so nobody could give its events back."""
    calls = iter(range(100))
    link = os.link

    def interrupted(*values: Any) -> None:
        if next(calls) == 3:
            raise KeyboardInterrupt
        link(*values)

    monkeypatch.setattr(os, "link", interrupted)
    find_registry(tmp_path / "one", tmp_path / "team").owner  # noqa: B018  (its file is linked too)
    with pytest.raises(KeyboardInterrupt):
        _keep(tmp_path / "one", tmp_path / "team", ("a", "b", "c"))
    monkeypatch.undo()

    assert _keep(tmp_path / "two", tmp_path / "team", ("a", "b", "c"), "bob") == "plan-001"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), StorageError("The disk is full.", "Free some space.")])
def test_a_plan_that_could_not_be_written_keeps_no_event_from_a_colleague(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Nobody would find a plan to cancel; events of the one that was to be replaced are that one's again."""
    team = tmp_path / "team"
    _keep(tmp_path / "one", team, ("a", "b"))

    def failing(*values: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(approval, "write_plan", failing)
        with pytest.raises(type(error)):
            _keep(tmp_path / "one", team, ("b", "c"), replaces="plan-001")

    find_registry(tmp_path / "one", team).check(read_plan(tmp_path / "one", "plan-001"))
    assert _keep(tmp_path / "two", team, ("c",), "bob") == "plan-001"


def test_a_plan_that_was_written_keeps_its_events_though_an_interrupt_came_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there to be approved or cancelled, so nobody else gets its events meanwhile."""
    write = approval.write_plan

    def interrupted(*values: Any) -> None:
        write(*values)
        raise KeyboardInterrupt

    monkeypatch.setattr(approval, "write_plan", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _keep(tmp_path / "one", tmp_path / "team", ("a",))

    with pytest.raises(PlanError, match="plan-001 in one"):
        _keep(tmp_path / "two", tmp_path / "team", ("a",), "bob")


def test_what_a_killed_planner_has_claimed_can_be_given_up_by_name(tmp_path: Path) -> None:
    """There is no plan file to cancel then; the next plan does not get the name that was given up."""
    team = tmp_path / "team"
    registry = find_registry(tmp_path / "one", team)
    registry.claim(small_plan(("a", "b"), "plan-001"), "ann", "now")
    with pytest.raises(PlanError, match="plan-001 in one"):
        _keep(tmp_path / "two", team, ("b",), "bob")

    assert cancel_unreadable(registry, "plan-001", by="ann", reason="killed while it was planned") == 2
    assert _keep(tmp_path / "two", team, ("b",), "bob") == "plan-001"
    assert _keep(tmp_path / "one", team, ("a",)) == "plan-002"
    with pytest.raises(ParameterError, match="Nothing is known of plan-007"):
        cancel_unreadable(registry, "plan-007", by="ann", reason="there is none")


def test_a_plan_whose_file_was_cut_off_is_given_up_by_its_claims(tmp_path: Path) -> None:
    """What it has sent stays taken, the rest is free, and other plans go on."""
    _keep(tmp_path, None, ("a", "b"))
    plan = read_plan(tmp_path, "plan-001")
    with open_journal(tmp_path) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run("plan-001")
        journal.advance("plan-001", [], [1], run_id=run_id, step=1)
        journal.advance("plan-001", [Change(1, "acked", "7")], [], run_id=run_id, step=1)
    path = tmp_path / "republish" / "plan-001.json"
    path.write_bytes(path.read_bytes()[:100])

    told = find_status(tmp_path)[0]
    assert "not whole" in told.approval and "republish cancel" in told.approval
    assert told.states == {"acked": 1, "planned": 1}
    with pytest.raises(EvidenceError, match="not whole"):
        earlier_plans(tmp_path)
    registry = find_registry(tmp_path, None)
    assert cancel_unreadable(registry, "plan-001", by="ann", reason="cut off") == 1
    assert find_status(tmp_path)[0].states == {"acked": 1, "failed": 1}
    assert earlier_plans(tmp_path) == ()
    with pytest.raises(PlanError, match="event a is in another open plan"):
        _keep(tmp_path, None, ("a",))
    assert _keep(tmp_path, None, ("b",)) == "plan-002"
