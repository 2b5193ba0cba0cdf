"""What people decide about a plan: to keep it, to approve exactly it, to give it up; each in the audit log."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dlqkit.errors import EvidenceError, ParameterError, PlanError
from dlqkit.evidence import audit_log
from dlqkit.republish.journal import open_journal, read_journal
from dlqkit.republish.next_steps import is_reason
from dlqkit.republish.plan import (
    FOLDER,
    Approval,
    Cancellation,
    Plan,
    find_plans,
    read_approval,
    read_cancellation,
    read_plan,
    write_approval,
    write_cancellation,
    write_plan,
)
from dlqkit.republish.registry import Registry
from dlqkit.settings import Settings

__all__ = ["approve_plan", "cancel_plan", "keep_plan", "next_plan_id", "planned_by", "refuse_begun"]

# What may have arrived, or is on its way, is nobody else's to send.
_HELD_STATES = ("intent", "in_doubt", "acked")


def next_plan_id(directory: Path) -> str:
    """The name of an incident folder's next plan; call it while ``open_registry`` keeps others out."""
    numbers = [int(name.removeprefix("plan-")) for name in find_plans(directory)]
    return f"plan-{max(numbers, default=0) + 1:03d}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _named(by: str, reason: str) -> tuple[str, str]:
    if not by.strip() or not is_reason(reason):
        raise ParameterError("A name or a reason is missing.", "Give --by and --reason.")
    return by.strip(), reason.strip()


def keep_plan(registry: Registry, plan: Plan, outlook: Mapping[str, Any], *, by: str) -> Path:
    """Claim a plan's events, write it for good, and give up the one that it replaces.

    Parameters
    ----------
    registry : Registry
        From ``open_registry``, still open.
    plan : Plan
        Named by ``next_plan_id``.
    outlook : mapping
        From ``outlook.forecast``.
    by : str
        Who made it.

    Returns
    -------
    Path
        The plan's file.

    Raises
    ------
    PlanError
        If another open plan has one of its events.
    StorageError
        If it cannot be written.
    """
    if not by.strip():
        raise ParameterError("Nobody is named who made the plan.", "Give --by.")
    registry.claim(plan, by.strip(), _now())
    path = write_plan(registry.directory, plan, outlook)
    audit_log.append(
        registry.directory, "republish plan", plan_id=plan.plan_id, hash=plan.hash, planned_by=by.strip(),
        planned=len(plan.events), left_out=len(plan.left_out), topic=plan.target.address,
        edited=sum(event.edited is not None for event in plan.events), replaces=plan.replaces,
    )  # fmt: skip
    if plan.replaces is not None:
        replaced = read_plan(registry.directory, plan.replaces)
        cancel_plan(registry, replaced, by=by, reason=f"replaced by {plan.plan_id}")
    return path


def refuse_begun(directory: Path, plan: Plan) -> None:
    """Refuse to replace a plan of which something was sent, or may have been.

    Raises
    ------
    PlanError
        If the journal knows of it, or it was cancelled.
    """
    if read_cancellation(directory, plan.plan_id) is not None:
        raise PlanError(f"{plan.plan_id} was cancelled.", "Make a new plan.")
    journal = read_journal(directory)
    begun = (journal["plan_id"] == plan.plan_id) & journal["state"].astype("str").isin(_HELD_STATES)
    if begun.any():
        raise PlanError(
            f"{int(begun.sum()):,} events of {plan.plan_id} were sent, or may have been.",
            "Cancel it, and make a new plan of the rest.",
        )


def planned_by(directory: Path, plan: Plan) -> str | None:
    """Who made the plan, as the audit log has it."""
    for line in reversed(audit_log.read(directory)):
        if line.get("action") == "republish plan" and line.get("hash") == plan.hash:
            return str(line.get("planned_by", "")) or None
    return None


def approve_plan(
    registry: Registry,
    plan: Plan,
    settings: Settings,
    *,
    by: str,
    reason: str,
    accepted: Sequence[str] = (),
    outcome_deadline_s: float | None = None,
) -> Approval:
    """Approve exactly this plan.

    Parameters
    ----------
    registry : Registry
        Of the incident folder.
    plan : Plan
        As ``read_plan`` gave it: unchanged.
    settings : Settings
        ``republish.second_approver``: another person than the planner must approve.
    by, reason : str
    accepted : sequence of str
        Every one of the plan's unknowns, by its number from 1 or word for word.
    outcome_deadline_s : float, optional
        How long to wait for an outcome, where the plan does not know it.

    Returns
    -------
    Approval

    Raises
    ------
    ParameterError
        If a name, a reason, an unknown or the deadline is missing.
    PlanError
        If it was cancelled, is approved already, has lost its events, or the planner himself may not approve.
    EvidenceError
        If it was changed.
    """
    directory = registry.directory
    by, reason = _named(by, reason)
    if read_plan(directory, plan.plan_id).hash != plan.hash:
        raise EvidenceError(f"{plan.plan_id} is not the plan that was read.", "Read it again, then approve it.")
    if read_cancellation(directory, plan.plan_id) is not None:
        raise PlanError(f"{plan.plan_id} was cancelled.", "Make a new plan.")
    try:
        former = read_approval(directory, plan)
    except EvidenceError:
        former = None
    if former is not None:
        raise PlanError(f"{plan.plan_id} is approved already, by {former.by[:60]}.", "Run it, or cancel it.")
    registry.check(plan)
    if settings.republish.second_approver:
        _refuse_planner(planned_by(directory, plan), by, plan)
    deadline = _deadline(plan, outcome_deadline_s)
    approval = Approval(plan.plan_id, plan.hash, by, reason, _now(), _all_accepted(plan, accepted), deadline)
    # The log first: an approval without a trace of it would be worse than a trace without an approval.
    audit_log.append(directory, "republish approve", plan_id=plan.plan_id, hash=plan.hash, approved_by=by,
                     reason=reason, accepted=list(approval.accepted), outcome_deadline_s=deadline)  # fmt: skip
    write_approval(directory, approval)
    return approval


def _refuse_planner(planner: str | None, by: str, plan: Plan) -> None:
    if planner is None:
        raise PlanError(f"Nobody knows who made {plan.plan_id}; the audit log lacks it.", "Make a new plan.")
    if planner.casefold() == by.casefold():
        raise PlanError(
            f"{by[:60]} made {plan.plan_id}, and the settings ask for a second pair of eyes.",
            "Have somebody else read and approve it.",
        )


def _deadline(plan: Plan, given: float | None) -> float:
    if plan.outcome_deadline_s is not None:
        if given is not None and given != plan.outcome_deadline_s:
            raise ParameterError(
                f"The plan's own outcome deadline is {plan.outcome_deadline_s:g} s.", "Leave --outcome-deadline out."
            )
        return plan.outcome_deadline_s
    if given is None or not 0 < given < float("inf"):
        raise ParameterError(
            "How long an event takes to its outcome is not known, so the run could not tell when to stop waiting.",
            "Give --outcome-deadline in seconds, or set republish.outcome_deadline_s and plan again.",
        )
    return float(given)


def _all_accepted(plan: Plan, accepted: Sequence[str]) -> tuple[str, ...]:
    numbers = {str(number): words for number, words in enumerate(plan.unknowns, start=1)}
    said = [numbers.get(text.strip(), text.strip()) for text in accepted]
    strange = [text for text in said if text not in plan.unknowns]
    if strange:
        raise ParameterError(
            f"“{strange[0][:80]}” is none of the plan's {len(plan.unknowns)} unknowns.", "Give their numbers."
        )
    left = [f"{number}. {words}" for number, words in numbers.items() if words not in said]
    if left:
        options = " ".join(f"--accept-unknown {number}" for number in numbers)
        raise ParameterError(f"What is not known was not accepted: {' '.join(left)}", f"If you accept it: {options}")
    return plan.unknowns


def cancel_plan(registry: Registry, plan: Plan, *, by: str, reason: str) -> int | None:
    """Give a plan up: it is never sent after that, and other plans may have its events.

    Parameters
    ----------
    registry : Registry
    plan : Plan
    by, reason : str

    Returns
    -------
    int or None
        How many events are free again: those that the journal does not have as sent or in doubt. None while a run of
        this folder is still going: it ends what is in flight, and a second ``cancel_plan`` frees the rest.

    Raises
    ------
    ParameterError
        If a name or a reason is missing.
    EvidenceError
        If the journal is damaged; then nothing is freed.
    """
    by, reason = _named(by, reason)
    directory = registry.directory
    if read_cancellation(directory, plan.plan_id) is None:
        audit_log.append(directory, "republish cancel", plan_id=plan.plan_id, hash=plan.hash, cancelled_by=by,
                         reason=reason)  # fmt: skip
        write_cancellation(directory, Cancellation(plan.plan_id, plan.hash, by, reason, _now()))
    if _is_running(directory):
        return None
    return registry.release(plan, keep=_withdraw(directory, plan, by, reason))


def _withdraw(directory: Path, plan: Plan, by: str, reason: str) -> set[str]:
    """Have the journal give up what was not sent; the events that were, or may have been."""
    if plan.plan_id not in set(read_journal(directory)["plan_id"]):
        return set()
    with open_journal(directory) as journal:
        journal.withdraw(plan.plan_id, by=by, reason=reason)
        events = journal.events(plan.plan_id)
    return set(events.loc[events["state"].astype("str").isin(_HELD_STATES), "event_key"].astype("str"))


def _is_running(directory: Path) -> bool:
    """Whether a run has the folder's journal: until it ends it may still send what its journal has as planned."""
    try:
        descriptor = os.open(directory / FOLDER / "journal.lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
