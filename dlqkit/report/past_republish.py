"""A republish as it stood at a report's moment: what a former snapshot's report may tell of plans and runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.evidence import audit_log
from dlqkit.report.coverage import coverage_rows, evidence_end
from dlqkit.republish.frozen import read_frozen
from dlqkit.republish.plan import plan_path
from dlqkit.republish.plan_decisions import Approval, read_approval, read_cancellation

if TYPE_CHECKING:
    from pathlib import Path

    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.republish.plan import Plan

__all__ = ["approved_by_then", "find_horizon", "is_cancelled_by_then", "log_until", "planned_at"]


def find_horizon(folder: IncidentFolder, moment: datetime) -> datetime | None:
    """Until when a report tells of plans and runs.

    Parameters
    ----------
    folder : IncidentFolder
        With its snapshot.
    moment : datetime
        The report's ``as_of``.

    Returns
    -------
    datetime or None
        None for the newest snapshot: what was sent since is the state of things. A former one tells what there was when
        it was collected; a report as of an earlier moment, what there was then.
    """
    if moment < evidence_end(folder, coverage_rows(folder)):
        return moment.astimezone(UTC)
    # A first look is at a snapshot that is not finished yet, and so not among them.
    own = (len(folder.snapshot), folder.snapshot)
    is_former = any((len(name), name) > own for name in folder.snapshots)
    return folder.collected_at.astimezone(UTC) if is_former else None


def log_until(directory: Path, until: datetime | None) -> list[dict[str, Any]]:
    """Lines of the audit log up to a moment; all of them without one."""
    return [line for line in audit_log.read(directory) if not _is_after(str(line.get("at") or ""), until)]


def planned_at(folder: IncidentFolder) -> dict[str, str]:
    """When each plan was made, by the audit log."""
    return {
        str(line.get("plan_id") or line.get("plan")): str(line["at"])
        for line in audit_log.read(folder.path)
        if line.get("action") == "republish plan" and line.get("at")
    }


def is_cancelled_by_then(folder: IncidentFolder, plan: Plan, until: datetime | None) -> bool:
    """Whether somebody had given the plan up."""
    if until is None:
        return plan_path(folder.path, plan.plan_id, "cancelled").exists()
    given_up = read_cancellation(folder.path, plan.plan_id)
    return given_up is not None and not _is_after(given_up.at, until)


def approved_by_then(folder: IncidentFolder, plan: Plan, until: datetime | None) -> Approval | None:
    """The plan's approval; None where there was none yet, or it had been taken back.

    Raises
    ------
    EvidenceError
        If it does not count, or the plan had been cancelled.
    """
    if until is None or is_cancelled_by_then(folder, plan, until):
        return read_approval(folder.path, plan)
    path = plan_path(folder.path, plan.plan_id, "approval")
    # What was cancelled later was approved all the same.
    given_up = read_cancellation(folder.path, plan.plan_id)
    if given_up is not None:
        approval = read_frozen(path, Approval) if path.exists() else None
    else:
        approval = read_approval(folder.path, plan)
    return None if approval is None or _is_after(approval.at, until) else approval


def _is_after(at: str, until: datetime | None) -> bool:
    return bool(at) and until is not None and pd.Timestamp(at) > pd.Timestamp(until)
