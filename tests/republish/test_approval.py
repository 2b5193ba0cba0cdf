from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import EvidenceError, ParameterError, PlanError
from dlqkit.evidence import audit_log
from dlqkit.republish.approval import approve_plan, keep_plan
from dlqkit.republish.cancelling import cancel_plan
from dlqkit.republish.journal import open_journal, read_journal
from dlqkit.republish.permission import planned_by
from dlqkit.republish.plan import Plan, plan_path, read_plan
from dlqkit.republish.plan_decisions import read_approval
from dlqkit.republish.registry import Registry, find_registry
from dlqkit.republish.status import find_status
from tests.republish.cases import settings, small_plan


def _kept(directory: Path, **more: Any) -> tuple[Registry, Plan]:
    registry, plan = find_registry(directory, None), small_plan(**more)
    keep_plan(registry, plan, {}, by="ann")
    return registry, plan


def _approve(registry: Registry, plan: Plan, by: str = "bob", **more: Any) -> Any:
    asked = {"reason": "root removed", "accepted": ["1"], **more}
    return approve_plan(registry, plan, asked.pop("own", settings()), by=by, **asked)


def test_an_approval_names_hash_person_reason_and_every_unknown(tmp_path: Path) -> None:
    """It stands beside the plan and in the audit log."""
    registry, plan = _kept(tmp_path)

    approval = _approve(registry, plan)

    assert read_approval(tmp_path, plan) == approval
    assert (approval.hash, approval.by, approval.accepted) == (plan.hash, "bob", ("Not known: x.",))
    line = audit_log.read(tmp_path)[-1]
    assert (line["action"], line["hash"], line["approved_by"], line["reason"]) == (
        "republish approve", plan.hash, "bob", "root removed",
    )  # fmt: skip
    assert audit_log.check_chain(tmp_path).faults == ()


@pytest.mark.parametrize("accepted", [[], ["2"], ["Not known: y."]])
def test_every_unknown_is_repeated(tmp_path: Path, accepted: list[str]) -> None:
    """An unknown that nobody read is not accepted; its number or its words count, nothing else."""
    registry, plan = _kept(tmp_path)

    with pytest.raises(ParameterError):
        _approve(registry, plan, accepted=accepted)

    assert _approve(registry, plan, accepted=["Not known: x."]).accepted == plan.unknowns


def test_an_unknown_deadline_is_asked_for(tmp_path: Path) -> None:
    """Without it the run could wait for ever; where the plan knows it, it is not overruled."""
    registry, plan = _kept(tmp_path, outcome_deadline_s=None)
    for wrong in (None, 0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ParameterError, match="outcome is not known"):
            _approve(registry, plan, outcome_deadline_s=wrong)

    assert _approve(registry, plan, outcome_deadline_s=90).outcome_deadline_s == 90.0


def test_the_plans_own_deadline_is_not_overruled(tmp_path: Path) -> None:
    """Another one would have been another plan."""
    registry, plan = _kept(tmp_path)

    with pytest.raises(ParameterError, match="own outcome deadline is 30 s"):
        _approve(registry, plan, outcome_deadline_s=90)


def test_a_second_pair_of_eyes_is_another_person(tmp_path: Path) -> None:
    """The settings ask for it: whoever made the plan may not approve it, however the name is written."""
    registry, plan = _kept(tmp_path)
    own = settings(second_approver=True)

    for name in ("ann", " ANN "):
        with pytest.raises(PlanError, match="second pair of eyes"):
            _approve(registry, plan, name, own=own)
    assert planned_by(tmp_path, plan) == "ann"
    assert _approve(registry, plan, "bob", own=own).by == "bob"


def test_without_the_setting_one_person_may_do_both(tmp_path: Path) -> None:
    """At three in the morning there may be one."""
    registry, plan = _kept(tmp_path)

    assert _approve(registry, plan, "ann").by == "ann"


def test_a_plan_whose_maker_nobody_knows_is_not_approved_by_a_second_person(tmp_path: Path) -> None:
    """Without the audit log nobody can say that the second is not the first."""
    registry, plan = _kept(tmp_path)
    (tmp_path / audit_log.NAME).unlink()

    with pytest.raises(PlanError, match="Nobody knows who made"):
        _approve(registry, plan, own=settings(second_approver=True))


def test_a_changed_plan_is_not_approved(tmp_path: Path) -> None:
    """What was read is what is approved."""
    registry, plan = _kept(tmp_path)
    path = plan_path(tmp_path, "plan-001")
    path.write_text(path.read_text().replace('"max_rate":5.0', '"max_rate":9.0'))

    with pytest.raises(EvidenceError, match="was changed"):
        _approve(registry, plan)


def test_a_plan_is_approved_once_and_not_after_it_was_given_up(tmp_path: Path) -> None:
    """A second approval would hide the first; a cancelled plan stays so."""
    registry, plan = _kept(tmp_path)
    _approve(registry, plan)
    with pytest.raises(PlanError, match="approved already, by bob"):
        _approve(registry, plan, "eve")

    cancel_plan(registry, plan, by="ann", reason="too early")

    with pytest.raises(PlanError, match="was cancelled"):
        _approve(registry, plan)
    with pytest.raises(EvidenceError, match="was cancelled"):
        read_approval(tmp_path, plan)


def test_a_plan_without_its_events_is_not_approved(tmp_path: Path) -> None:
    """Somebody released them, so another plan may have them."""
    registry, plan = _kept(tmp_path)
    registry.release(plan, keep=("a",))

    with pytest.raises(PlanError, match="event b is not claimed"):
        _approve(registry, plan)


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"\xff", b'{"hash":"0"}'])
def test_a_damaged_approval_is_said_to_be_given_again(tmp_path: Path, content: bytes) -> None:
    """The plan is whole; only the decision about it has to be repeated."""
    registry, plan = _kept(tmp_path)
    _approve(registry, plan)
    plan_path(tmp_path, plan.plan_id, "approval").write_bytes(content)

    with pytest.raises(EvidenceError, match=r"approval\.json was changed") as caught:
        read_approval(tmp_path, plan)
    assert "approve it again: dlqkit republish approve" in caught.value.next_step
    assert caught.value.next_step in find_status(tmp_path)[0].approval
    assert _approve(registry, plan) == read_approval(tmp_path, plan)


@pytest.mark.parametrize(("by", "reason"), [("", "x"), ("ann", " ")])
def test_a_name_and_a_reason_are_needed(tmp_path: Path, by: str, reason: str) -> None:
    """Nobody decides anonymously."""
    registry, plan = _kept(tmp_path)

    with pytest.raises(ParameterError, match="name or a reason"):
        _approve(registry, plan, by, reason=reason)
    with pytest.raises(ParameterError, match="name or a reason"):
        cancel_plan(registry, plan, by=by, reason=reason)


def test_a_cancelled_plan_keeps_what_may_have_been_sent(tmp_path: Path) -> None:
    """An event in doubt stays claimed, so that no other folder of the team sends it again unseen."""
    registry, plan = _kept(tmp_path)
    with open_journal(tmp_path) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run(plan.plan_id)
        journal.advance(plan.plan_id, [], [1], run_id=run_id, step=1)

    assert cancel_plan(registry, plan, by="ann", reason="enough") == 1

    assert registry.holder("a") is not None
    assert registry.holder("b") is None
    states = read_journal(tmp_path).set_index("event_key")["state"].astype("str").to_dict()
    assert states == {"a": "intent", "b": "failed"}


def test_while_a_run_goes_on_a_cancelled_plan_keeps_its_events(tmp_path: Path) -> None:
    """The run may still send what its journal has as planned; a second cancel frees them."""
    registry, plan = _kept(tmp_path)
    with (tmp_path / "republish" / "journal.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert cancel_plan(registry, plan, by="ann", reason="enough") is None
        assert registry.holder("a") is not None

    assert cancel_plan(registry, plan, by="ann", reason="enough") == 2
    actions = [line["action"] for line in audit_log.read(tmp_path)]
    assert actions == ["republish plan", "republish cancel"]


def test_the_audit_log_tells_who_planned_what(tmp_path: Path) -> None:
    """Counts and the hash; no payload."""
    _kept(tmp_path)

    (line,) = audit_log.read(tmp_path)

    plan = read_plan(tmp_path, "plan-001")
    assert line["planned_by"] == "ann"
    assert (line["plan_id"], line["hash"], line["planned"], line["left_out"]) == ("plan-001", plan.hash, 2, 1)
    assert "payload" not in line
