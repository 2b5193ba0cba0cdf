"""A republish for people: where each plan stands, what the journal says, what became of the events."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dlqkit.language import date_and_time, mark, number, say
from dlqkit.report.plan_tables import show_left_out, show_plan
from dlqkit.report.tables import Table, Text
from dlqkit.republish.incident_proof import prove_incident
from dlqkit.republish.journal import read_journal
from dlqkit.republish.plan import find_plans, read_outlook, read_plan
from dlqkit.republish.proof import FATES
from dlqkit.republish.status import find_status
from dlqkit.republish.words import counts_of, name_of, retold

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.republish.plan import Plan

__all__ = [
    "balance_text",
    "show_chosen_left_out",
    "show_chosen_plan",
    "show_journal",
    "show_plans",
    "show_proof",
    "show_unproven",
]

NO_PLAN = mark("there is no plan yet; make one by dlqkit republish plan")
# What each word of the proof means, and what is to be done about it.
MEANINGS = {
    "passed": mark("an execution record of its own, of after the send, is a success"),
    "failed_same": mark("a dead letter again, with its error of before: the cause is not removed"),
    "failed_new": mark("a dead letter again, with another error"),
    "running": mark("attempted since, and not done"),
    "not_seen": mark("acknowledged by the receiver; no record is its own beyond doubt"),
    "in_doubt": mark("no answer tells whether it was stored: dlqkit republish resolve"),
    "failed_to_send": mark("refused for certain, so it was not stored"),
    "not_sent": mark("neither sent nor tried"),
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
            number(one.events),
            number(one.left_out),
            retold(one.approval),
            _counted(one.states),
            retold(one.last_run) or say("none"),
        )
        for one in find_status(folder.path)
    )  # fmt: skip
    columns = (say("plan"), say("events"), say("left out"), say("approval"), say("journal"), say("last run"))
    return Table(say("Republish plans"), columns, rows, say(NO_PLAN))


def _counted(states: object) -> str:
    return counts_of(dict(sorted(states.items())) if isinstance(states, dict) else {})


def show_chosen_plan(folder: IncidentFolder, plan_id: str = "") -> Text | Table:
    """What a plan sends and what it does not know; the newest by default."""
    plan = _choose(folder, plan_id)
    return Table(say("Plan"), (say("plan"),), (), say(NO_PLAN)) if plan is None else show_plan(
        plan, read_outlook(folder.path, plan.plan_id)
    )  # fmt: skip


def show_chosen_left_out(folder: IncidentFolder, plan_id: str = "") -> Table:
    """What a plan leaves out, and why; the newest by default."""
    plan = _choose(folder, plan_id)
    return Table(say("Left out"), (say("event"),), (), say(NO_PLAN)) if plan is None else show_left_out(plan)


def show_journal(folder: IncidentFolder, plan_id: str = "") -> Table:
    """How many of a plan's events are in which state of the journal."""
    plan = _choose(folder, plan_id)
    columns = (say("state"), say("events"))
    if plan is None:
        return Table(say("Journal"), columns, (), say(NO_PLAN))
    journal = read_journal(folder.path)
    states = Counter(journal.loc[journal["plan_id"] == plan.plan_id, "state"].astype("str"))
    rows = tuple((name_of(name), number(count)) for name, count in sorted(states.items()))
    return Table(say("Journal of {plan}", plan=plan.plan_id), columns, rows, say("nothing was run"))


def show_proof(folder: IncidentFolder, plan_id: str = "") -> Table:
    """What became of a plan's events, as of the folder's snapshot; the totals add up to the plan."""
    plan = _choose(folder, plan_id)
    columns = (say("what became of it"), say("events"), say("that is"))
    if plan is None:
        return Table(say("Proof"), columns, (), say(NO_PLAN))
    proof = prove_incident(folder, plan)
    rows = [(name_of(name), number(proof.totals[name]), say(MEANINGS[name])) for name in FATES if proof.totals[name]]
    rows.append((say("in all"), number(sum(proof.totals.values())), balance_text(balances=proof.balances)))
    title = say("Proof of {plan} by snapshot {snapshot}, as of {at}",
                plan=plan.plan_id, snapshot=folder.snapshot, at=date_and_time(proof.as_of))  # fmt: skip
    return Table(title, columns, tuple(rows))


def balance_text(*, balances: bool) -> str:
    """Whether the totals add up to what was planned."""
    return say("as planned") if balances else say("these do not balance with the plan")


def show_unproven(folder: IncidentFolder, plan_id: str = "", limit: int = 50) -> Table:
    """The events of a plan that are not seen to have passed, in the order of sending."""
    plan = _choose(folder, plan_id)
    columns = (say("item"), "trace_id", say("what became of it"), say("record"), say("code"))
    if plan is None:
        return Table(say("Not passed"), columns, (), say(NO_PLAN))
    events = prove_incident(folder, plan).events
    others = events[events["fate"].astype("str") != "passed"].head(limit)
    texts = others.astype("str").fillna("").to_dict("records")
    rows = tuple((row["item"], row["trace_id"], name_of(row["fate"]), row["record_id"], row["code"]) for row in texts)
    return Table(say("Not passed, of {plan}", plan=plan.plan_id), columns, rows, say("all events of the plan passed"))
