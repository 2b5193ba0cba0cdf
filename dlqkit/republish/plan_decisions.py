"""What people decided about a plan, kept beside it: an approval of exactly it, or that it was given up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlqkit.errors import EvidenceError
from dlqkit.evidence import audit_log
from dlqkit.evidence.store import prepared, put_in_place, write_bytes
from dlqkit.language import mark
from dlqkit.republish.frozen import canonical_json, plain_values, read_frozen
from dlqkit.republish.next_steps import REASON, approve_command, here, is_reason
from dlqkit.republish.people import is_somebody
from dlqkit.republish.plan import Plan, plan_path

__all__ = [
    "Approval",
    "Cancellation",
    "read_approval",
    "read_cancellation",
    "write_approval",
    "write_cancellation",
]


# In English, as every error; a table of the plans tells them in the reader's language.
_CANCELLED = mark("{plan} was cancelled by {by}.")
_NOT_APPROVED = mark("{plan} is not approved.")


@dataclass(frozen=True, slots=True)
class Approval:
    """Who approved which hash, why, and what was said of the unknowns."""

    plan_id: str
    hash: str
    by: str
    reason: str
    at: str
    accepted: tuple[str, ...]
    """The plan's unknowns, word for word."""
    outcome_deadline_s: float | None
    """The plan's own, or what the approval said."""


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Who gave a plan up, and why; it is never sent after that."""

    plan_id: str
    hash: str
    by: str
    reason: str
    at: str


def write_approval(directory: Path, approval: Approval) -> None:
    """Keep an approval beside its plan, and in the audit log.

    The log first: an approval without a trace of it would be worse than a trace without an approval. Before that the
    file is prepared, so that ``verify`` can tell a kill between the two from a file that was taken away.
    """
    path, content = plan_path(directory, approval.plan_id, "approval"), _content(approval)
    write_bytes(prepared(path), content)
    audit_log.append(
        directory, "republish approve", plan_id=approval.plan_id, hash=approval.hash, approved_by=approval.by,
        reason=approval.reason, accepted=list(approval.accepted), outcome_deadline_s=approval.outcome_deadline_s,
        wrote=audit_log.hash_of(directory, path, content),
    )  # fmt: skip
    put_in_place(path)


def _content(decision: Approval | Cancellation) -> bytes:
    return (canonical_json(plain_values(decision)) + "\n").encode()


def read_approval(directory: Path, plan: Plan) -> Approval:
    """The approval of exactly this plan.

    Raises
    ------
    EvidenceError
        If it is not approved, the approval is of another hash, lacks a name, a reason or an unknown, or is not in the
        audit log; or the plan was cancelled.
    """
    given_up = read_cancellation(directory, plan.plan_id)
    if given_up is not None:
        raise EvidenceError(_CANCELLED.format(plan=plan.plan_id, by=repr(given_up.by)), "Make a new plan.")
    path = plan_path(directory, plan.plan_id, "approval")
    command = approve_command(directory, plan.plan_id, plan.unknowns, plan.outcome_deadline_s)
    if not path.exists():
        raise EvidenceError(_NOT_APPROVED.format(plan=plan.plan_id), f"Read it, then: {command}")
    again = f"Read the plan, and approve it again: {command}"
    try:
        approval = read_frozen(path, Approval)
    except EvidenceError as error:
        # What was damaged is the decision: the plan itself has been read.
        raise EvidenceError(error.problem, again) from error
    known = approval.outcome_deadline_s == (plan.outcome_deadline_s or approval.outcome_deadline_s)
    if approval.plan_id != plan.plan_id or approval.hash != plan.hash or not known:
        raise EvidenceError(f"The approval is not of this {plan.plan_id}.", again)
    if set(plan.unknowns) - set(approval.accepted) or not (approval.outcome_deadline_s or 0) > 0:
        raise EvidenceError(f"The approval of {plan.plan_id} leaves an unknown unsaid.", again)
    if not is_somebody(approval.by) or not is_reason(approval.reason):
        raise EvidenceError(f"The approval of {plan.plan_id} lacks a name or a reason.", again)
    if not any(_tells_of(line, approval) for line in audit_log.read(directory)):
        raise EvidenceError(f"audit.jsonl does not tell of the approval of {plan.plan_id}.", again)
    return approval


def _tells_of(line: Mapping[str, Any], approval: Approval) -> bool:
    told = (line.get("action"), line.get("hash"), line.get("approved_by"), line.get("reason"))
    return told == ("republish approve", approval.hash, approval.by, approval.reason)


def write_cancellation(directory: Path, cancellation: Cancellation) -> None:
    """Keep beside the plan, and in the audit log, that it was given up; the log first, as of an approval."""
    path, content = plan_path(directory, cancellation.plan_id, "cancelled"), _content(cancellation)
    write_bytes(prepared(path), content)
    audit_log.append(
        directory, "republish cancel", plan_id=cancellation.plan_id, hash=cancellation.hash,
        cancelled_by=cancellation.by, reason=cancellation.reason, wrote=audit_log.hash_of(directory, path, content),
    )  # fmt: skip
    put_in_place(path)


def read_cancellation(directory: Path, plan_id: str) -> Cancellation | None:
    """Who gave the plan up, or None.

    Raises
    ------
    EvidenceError
        If the file was changed or is not whole.
    """
    path = plan_path(directory, plan_id, "cancelled")
    if not path.exists():
        return None
    try:
        return read_frozen(path, Cancellation)
    except EvidenceError as error:
        step = f"It is not sent; cancel it again, so that this is kept: dlqkit republish cancel DIR PLAN {REASON}"
        raise EvidenceError(error.problem, here(step, directory, plan_id)) from error
