"""A republish for people: where each plan stands, what the journal says, what became of the events."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dlqkit.report.plan_tables import show_left_out, show_plan
from dlqkit.report.tables import Table, Text
from dlqkit.republish.incident_proof import prove_incident
from dlqkit.republish.journal import read_journal
from dlqkit.republish.plan import find_plans, read_outlook, read_plan
from dlqkit.republish.proof import FATES
from dlqkit.republish.status import find_status

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.republish.plan import Plan

__all__ = ["show_chosen_left_out", "show_chosen_plan", "show_journal", "show_plans", "show_proof", "show_unproven"]

NO_PLAN = "there is no plan yet; make one by dlqkit republish plan"
# What each word of the proof means, and what is to be done about it.
MEANINGS = {
    "passed": "an execution record of its own, of after the send, is a success",
    "failed_same": "a dead letter again, with its error of before: the cause is not removed",
    "failed_new": "a dead letter again, with another error",
    "running": "attempted since, and not done",
    "not_seen": "acknowledged by the receiver; no record is its own beyond doubt",
    "in_doubt": "no answer tells whether it was stored: dlqkit republish resolve",
    "failed_to_send": "refused for certain, so it was not stored",
    "not_sent": "neither sent nor tried",
}


def _choose(folder: IncidentFolder, plan_id: str) -> Plan | None:
    """The named plan, or the newest; None where there is none."""
    known = find_plans(folder.path)
    return read_plan(folder.path, plan_id or known[-1]) if plan_id or known else None


def show_plans(folder: IncidentFolder) -> Table:
    """Every plan: approved or not, its events by state in the journal, how its last run ended."""
    rows = tuple(
        (
            one.plan_id,
            f"{one.events:,}",
            f"{one.left_out:,}",
            one.approval,
            _counted(one.states),
            one.last_run or "none",
        )
        for one in find_status(folder.path)
    )  # fmt: skip
    columns = ("plan", "events", "left out", "approval", "journal", "last run")
    return Table("Republish plans", columns, rows, NO_PLAN)


def _counted(states: object) -> str:
    counts = dict(states) if isinstance(states, dict) else {}
    return ", ".join(f"{count:,} {str(name).replace('_', ' ')}" for name, count in sorted(counts.items()))


def show_chosen_plan(folder: IncidentFolder, plan_id: str = "") -> Text | Table:
    """What a plan sends and what it does not know; the newest by default."""
    plan = _choose(folder, plan_id)
    return Table("Plan", ("plan",), (), NO_PLAN) if plan is None else show_plan(
        plan, read_outlook(folder.path, plan.plan_id)
    )  # fmt: skip


def show_chosen_left_out(folder: IncidentFolder, plan_id: str = "") -> Table:
    """What a plan leaves out, and why; the newest by default."""
    plan = _choose(folder, plan_id)
    return Table("Left out", ("event",), (), NO_PLAN) if plan is None else show_left_out(plan)


def show_journal(folder: IncidentFolder, plan_id: str = "") -> Table:
    """How many of a plan's events are in which state of the journal."""
    plan = _choose(folder, plan_id)
    columns = ("state", "events")
    if plan is None:
        return Table("Journal", columns, (), NO_PLAN)
    journal = read_journal(folder.path)
    states = Counter(journal.loc[journal["plan_id"] == plan.plan_id, "state"].astype("str"))
    rows = tuple((name.replace("_", " "), f"{count:,}") for name, count in sorted(states.items()))
    return Table(f"Journal of {plan.plan_id}", columns, rows, "nothing was run")


def show_proof(folder: IncidentFolder, plan_id: str = "") -> Table:
    """What became of a plan's events, as of the folder's snapshot; the totals add up to the plan."""
    plan = _choose(folder, plan_id)
    columns = ("what became of it", "events", "that is")
    if plan is None:
        return Table("Proof", columns, (), NO_PLAN)
    proof = prove_incident(folder, plan)
    rows = [(name.replace("_", " "), f"{proof.totals[name]:,}", MEANINGS[name]) for name in FATES if proof.totals[name]]
    total = "as planned" if proof.balances else "these do not balance with the plan"
    rows.append(("in all", f"{sum(proof.totals.values()):,}", total))
    title = f"Proof of {plan.plan_id} by snapshot {folder.snapshot}, as of {proof.as_of:%Y-%m-%d %H:%M:%S} UTC"
    return Table(title, columns, tuple(rows))


def show_unproven(folder: IncidentFolder, plan_id: str = "", limit: int = 50) -> Table:
    """The events of a plan that are not seen to have passed, in the order of sending."""
    plan = _choose(folder, plan_id)
    columns = ("item", "trace_id", "what became of it", "record", "code")
    if plan is None:
        return Table("Not passed", columns, (), NO_PLAN)
    events = prove_incident(folder, plan).events
    others = events[events["fate"].astype("str") != "passed"].head(limit)
    texts = others.astype("str").fillna("").to_dict("records")
    rows = tuple(
        (row["item"], row["trace_id"], row["fate"].replace("_", " "), row["record_id"], row["code"]) for row in texts
    )
    return Table(f"Not passed, of {plan.plan_id}", columns, rows, "all events of the plan passed")
