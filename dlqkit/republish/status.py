"""Where each plan of an incident folder stands: approved or not, and its events by state; offline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence import audit_log
from dlqkit.language import mark
from dlqkit.republish.journal import journal_until, read_journal, refuse_lost
from dlqkit.republish.next_steps import REASON, here
from dlqkit.republish.plan import Plan, find_plans, plan_path, read_plan
from dlqkit.republish.plan_decisions import read_approval, read_cancellation
from dlqkit.republish.run_lock import is_running

__all__ = ["GONE", "Status", "find_status"]

GONE = mark("{plan}.json is gone, and the journal has its events.")
"""Why nothing can be told of a plan; in English, as all that is stored."""
_APPROVED = mark("Approved by {by}, {at}: {reason}")


@dataclass(frozen=True, slots=True)
class Status:
    """One plan; ``states`` counts its events by their state in the journal."""

    plan_id: str
    hash: str
    events: int
    left_out: int
    approval: str
    """A sentence: by whom, or why not."""
    states: Mapping[str, int]
    in_doubt: tuple[int, ...]
    """Items of the plan."""
    last_run: str
    """How the last run ended, in a sentence; empty where none has."""


def find_status(directory: Path, plan_id: str | None = None, *, until: datetime | None = None) -> list[Status]:
    """Where the plans of an incident folder stand, also while a run goes on.

    Parameters
    ----------
    directory : Path
        The incident folder.
    plan_id : str, optional
        This one alone; every one by default.
    until : datetime, optional
        Events that were taken up after it count as planned, and runs that ended after it as not ended.

    Returns
    -------
    list of Status
        By the plans' numbers.

    Raises
    ------
    ParameterError
        If there is no such folder or plan.
    EvidenceError
        If the journal was changed or is gone; a plan that was, though it was begun, is shown as such.
    """
    if not Path(directory).is_dir():
        raise ParameterError(f"There is no folder {str(directory)[:200]}.", "Check the path.")
    refuse_lost(directory)
    was_running = is_running(directory)
    journal = read_journal(directory)
    if not was_running and not is_running(directory):
        journal = _with_doubt(journal)
    journal = journal_until(journal, until)
    ended = {str(line.get("plan")): line for line in audit_log.read(directory)
             if line.get("action") == "republish run ended"
             and (until is None or pd.Timestamp(str(line["at"])) <= pd.Timestamp(until))}  # fmt: skip
    out = []
    begun = set(journal["plan_id"])
    every = sorted({*find_plans(directory), *begun}, key=lambda name: (len(name), name))
    for name in [plan_id] if plan_id is not None else every:
        try:
            plan = _read(directory, name, begun)
        except EvidenceError as error:
            out.append(_unreadable(directory, name, journal, error))
            continue
        own = journal[journal["plan_id"] == name]
        items = dict(zip(own["item"].astype(int), own["state"].astype("str"), strict=True))
        states = Counter(items.get(event.item, "planned") for event in plan.events)
        doubtful = tuple(sorted(item for item, state in items.items() if state == "in_doubt"))
        last = str(ended[name].get("sentence", "")) if name in ended else ""
        out.append(Status(name, plan.hash, len(plan.events), len(plan.left_out), _approval(directory, plan),
                          dict(states), doubtful, last))  # fmt: skip
    return out


def _with_doubt(journal: pd.DataFrame) -> pd.DataFrame:
    """What a run that was killed has left at intent is in doubt, though nobody has written so yet."""
    states = journal["state"].astype("str")
    return journal.assign(state=states.mask(states == "intent", "in_doubt"))


def _read(directory: Path, plan_id: str, begun: Collection[str]) -> Plan:
    if plan_id in begun and not plan_path(directory, plan_id).exists():
        step = f"Restore it, or give the plan up: dlqkit republish cancel DIR PLAN {REASON}"
        raise EvidenceError(GONE.format(plan=plan_id), here(step, directory, plan_id))
    return read_plan(directory, plan_id)


def _unreadable(directory: Path, plan_id: str, journal: pd.DataFrame, error: EvidenceError) -> Status:
    """What is known of a plan whose file was changed or is gone: the journal's word alone."""
    own = journal[journal["plan_id"] == plan_id]
    items = dict(zip(own["item"].astype(int), own["state"].astype("str"), strict=True))
    try:
        given_up = read_cancellation(directory, plan_id)
    except EvidenceError as damaged:
        given_up, error = None, damaged
    end = f"It was cancelled by {given_up.by}: {given_up.reason}" if given_up is not None else error.next_step
    doubtful = tuple(sorted(item for item, state in items.items() if state == "in_doubt"))
    return Status(plan_id, "", len(items), 0, f"{error.problem} {end}", dict(Counter(items.values())), doubtful, "")


def _approval(directory: Path, plan: Plan) -> str:
    try:
        known = read_approval(directory, plan)
    except EvidenceError as error:
        # Somebody decided something that does not count, and is told the way on.
        is_decided = any(plan_path(directory, plan.plan_id, kind).exists() for kind in ("approval", "cancelled"))
        return f"{error.problem} {error.next_step}" if is_decided else error.problem
    return _APPROVED.format(by=known.by, at=known.at, reason=known.reason)
