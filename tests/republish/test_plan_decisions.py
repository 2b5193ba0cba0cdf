"""A decision that was killed half-way is none, is not called tampering, and can be made again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dlqkit.errors import EvidenceError
from dlqkit.evidence.extra import find_extra
from dlqkit.evidence.manifest import verify
from dlqkit.republish import plan_decisions
from dlqkit.republish.plan import Plan, write_plan
from dlqkit.republish.plan_decisions import (
    Approval,
    Cancellation,
    read_approval,
    read_cancellation,
    write_approval,
    write_cancellation,
)
from dlqkit.republish.tampering import verify_republish
from tests.republish.plans import make_plan

AT = "2026-03-02T15:10:00+00:00"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    made = make_plan(2)
    write_plan(tmp_path, made, {})
    return made


def approve(directory: Path, plan: Plan) -> None:
    write_approval(directory, Approval(plan.plan_id, plan.hash, "bob", "root removed", AT, (), 60.0))


def cancel(directory: Path, plan: Plan) -> None:
    write_cancellation(directory, Cancellation(plan.plan_id, plan.hash, "bob", "not needed", AT))


@pytest.mark.parametrize(("decide", "kind"), [(approve, "approval"), (cancel, "cancelled")])
@pytest.mark.parametrize("step", ["write_bytes", "audit_log.append", "put_in_place"])
def test_a_kill_at_any_step_of_a_decision_leaves_none_and_no_false_alarm(
    step: str, decide: Callable[[Path, Plan], None], kind: str, tmp_path: Path, plan: Plan,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def kill(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    of, _, name = step.rpartition(".")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(getattr(plan_decisions, of) if of else plan_decisions, name, kill)
        decide(tmp_path, plan)

    def changes() -> set[str]:
        found = {change.path for change in (*verify(tmp_path), *verify_republish(tmp_path))}
        return found - {"republish/plan-001.json"}  # which this test wrote without a line

    assert changes() == set()
    assert find_extra(tmp_path) == ()
    assert read_cancellation(tmp_path, plan.plan_id) is None
    with pytest.raises(EvidenceError, match="is not approved"):
        read_approval(tmp_path, plan)

    decide(tmp_path, plan)
    assert changes() == set()
    assert not list((tmp_path / "republish").glob(".*.prepared"))
    path = tmp_path / "republish" / f"plan-001.{kind}.json"
    path.unlink()
    assert changes() == {f"republish/plan-001.{kind}.json"}
