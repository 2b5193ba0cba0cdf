"""What people decide about a plan: to keep it, and to approve exactly it; each in the audit log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dlqkit.errors import EvidenceError, ParameterError, PlanError
from dlqkit.evidence import audit_log
from dlqkit.republish.cancelling import HELD_STATES, cancel_plan, named, note_cancellation, now_text
from dlqkit.republish.journal import read_journal, refuse_lost
from dlqkit.republish.journal_plans import refuse_sent_since
from dlqkit.republish.people import is_same_person, is_somebody
from dlqkit.republish.permission import check_settings, needs_second, planned_by, refuse_planner
from dlqkit.republish.plan import FOLDER, Plan, read_plan, readable_plans, write_plan
from dlqkit.republish.plan_decisions import Approval, read_approval, read_cancellation, write_approval
from dlqkit.republish.registry import Registry
from dlqkit.republish.run_lock import hold_run_lock, lock_path
from dlqkit.republish.sends import refuse_sent_elsewhere
from dlqkit.republish.words import events_of, exact, were
from dlqkit.settings import Settings

__all__ = ["approve_plan", "keep_plan", "next_plan_id", "refuse_begun"]


def next_plan_id(directory: Path) -> str:
    """The name of an incident folder's next plan; call it while ``open_registry`` keeps others out.

    Neither one that was given up before it was written, nor one whose file is gone, has its name used again.
    """
    names = {path.name.partition(".")[0] for path in (directory / FOLDER).glob("plan-*.json")}
    names |= set(read_journal(directory)["plan_id"])
    numbers = [int(name.removeprefix("plan-")) for name in names if name[5:].isdigit()]
    return f"plan-{max(numbers, default=0) + 1:03d}"


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
        If another open plan has one of its events, or has sent it since this one was looked at.
    StorageError
        If it cannot be written.
    """
    if not is_somebody(by):
        raise ParameterError("Nobody is named who made the plan.", "Give --by.")
    with _no_run_of(registry.directory, plan.replaces):
        with registry.claiming(plan, by.strip(), now_text()):
            # Planning takes a while, in which a colleague may have sent an event and let go of it.
            refuse_sent_elsewhere(registry, plan)
            path = write_plan(registry.directory, plan, outlook)
        audit_log.append(
            registry.directory, "republish plan", plan_id=plan.plan_id, hash=plan.hash, planned_by=by.strip(),
            planned=len(plan.events), left_out=len(plan.left_out), topic=plan.target.address,
            edited=sum(event.edited is not None for event in plan.events), replaces=plan.replaces,
            is_registry_shared=registry.is_shared, wrote=audit_log.hash_of(registry.directory, path),
        )  # fmt: skip
        if plan.replaces is not None:
            note_cancellation(registry.directory, read_plan(registry.directory, plan.replaces), by=by,
                              reason=f"replaced by {plan.plan_id}")  # fmt: skip
    if plan.replaces is not None:
        replaced = read_plan(registry.directory, plan.replaces)
        cancel_plan(registry, replaced, by=by, reason=f"replaced by {plan.plan_id}")
    return path


@contextmanager
def _no_run_of(directory: Path, replaced: str | None) -> Iterator[None]:
    """Keep runs out while a plan takes the place of another, which must not have begun since it was looked at."""
    if replaced is None:
        yield
        return
    with hold_run_lock(lock_path(directory)):
        refuse_begun(directory, read_plan(directory, replaced))
        yield


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
    begun = (journal["plan_id"] == plan.plan_id) & journal["state"].astype("str").isin(HELD_STATES)
    if begun.any():
        raise PlanError(
            f"{events_of(int(begun.sum()))} of {plan.plan_id} {were(int(begun.sum()))} sent, or may have been.",
            "Cancel it, and make a new plan of the rest.",
        )


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
        What they permit now; ``republish.second_approver``: another person than the planner must approve.
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
        If it was cancelled, is approved already, has lost its events, has one that a colleague has sent since, today's
        settings do not permit it, or the planner himself may not approve.
    EvidenceError
        If it was changed.
    """
    refuse_lost(registry.directory)
    directory = registry.directory
    by, reason = named(by, reason)
    if read_plan(directory, plan.plan_id).hash != plan.hash:
        raise EvidenceError(f"{plan.plan_id} is not the plan that was read.", "Read it again, then approve it.")
    if read_cancellation(directory, plan.plan_id) is not None:
        raise PlanError(f"{plan.plan_id} was cancelled.", "Make a new plan.")
    try:
        former = read_approval(directory, plan)
    except EvidenceError:
        former = None
    needs_another = needs_second(plan, settings)
    planner = planned_by(directory, plan) or ""
    # The planner's own approval is none where the settings have come to ask for another person's.
    if former is not None and not (needs_another and is_same_person(former.by, planner)):
        raise PlanError(f"{plan.plan_id} is approved already, by {former.by[:60]}.", "Run it, or cancel it.")
    check_settings(directory, plan, settings)
    registry.check(plan)
    refuse_sent_since(read_journal(directory), plan, readable_plans(directory))
    refuse_sent_elsewhere(registry, plan)
    if needs_another:
        refuse_planner(directory, by, plan)
    deadline = _deadline(plan, outcome_deadline_s)
    approval = Approval(plan.plan_id, plan.hash, by, reason, now_text(), _all_accepted(plan, accepted), deadline)
    write_approval(directory, approval)
    return approval


def _deadline(plan: Plan, given: float | None) -> float:
    if plan.outcome_deadline_s is not None:
        if given is not None and given != plan.outcome_deadline_s:
            raise ParameterError(
                f"The plan's own outcome deadline is {exact(plan.outcome_deadline_s)} s.",
                "Leave --outcome-deadline out.",
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
