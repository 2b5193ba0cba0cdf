"""What was planned, approved, sent and proven of a republish: its part of the facts, and its tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.errors import EvidenceError
from dlqkit.language import mark, number, say
from dlqkit.report.coverage import time_text
from dlqkit.report.past_republish import (
    approved_by_then,
    find_horizon,
    is_cancelled_by_then,
    log_until,
    planned_at,
)
from dlqkit.report.republish_tables import MEANINGS, balance_text
from dlqkit.report.tables import Table
from dlqkit.report.wording import moment_text
from dlqkit.republish.exclusions import REASONS, reason_name
from dlqkit.republish.incident_proof import prove_incident
from dlqkit.republish.journal import read_journal, refuse_lost
from dlqkit.republish.plan import find_plans, read_plan
from dlqkit.republish.proof import FATES
from dlqkit.republish.status import GONE, find_status
from dlqkit.republish.words import counted, counts_of, name_of, retold

if TYPE_CHECKING:
    from datetime import datetime

    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.republish.plan import Plan

__all__ = [
    "describe_republish",
    "mark_republish",
    "show_audit",
    "show_fates",
    "show_not_sent",
    "show_republished",
    "summarise_republish",
    "told_plans",
]

# Of a list in the report; the plan's file has all of them.
LISTED = 100
_ACTIONS = {
    "republish plan": mark("planned"),
    "republish approve": mark("approved"),
    "republish cancel": mark("cancelled"),
    "republish run": mark("run begun"),
    "republish run ended": mark("run ended"),
    "republish events settled": mark("doubt settled"),
    "republish export": mark("exported"),
    "republish journal adopted": mark("journal adopted"),
}


# Who it was by name comes before whose account the command ran under.
_NAMES = ("approved_by", "planned_by", "cancelled_by", "name", "by")


def describe_republish(folder: IncidentFolder, moment: datetime) -> dict[str, Any]:
    """The republish as facts, as of the folder's snapshot.

    Parameters
    ----------
    folder : IncidentFolder
        With the snapshot that is to prove the plans.
    moment : datetime
        The end of what is looked at; plans that rest on later evidence, or on a later snapshot, are left out, and so
        is what was done after a former snapshot (``past_republish.find_horizon``).

    Returns
    -------
    dict
        ``plans``: for each ``plan_id``, ``hash``, ``address``, ``events``, ``approved`` (``by``, ``at``, ``reason``, or
        None), ``is_cancelled``, ``states`` of the journal, ``last_run``, ``left_out`` (events by reason), ``listed``
        (the first of them), ``totals`` of the proof (None where nothing was sent), ``balances``, ``gaps``.
        ``problem``: why nothing can be told of plans that there are, in a sentence; else empty.
        ``passed``, ``sent``: event keys, of all plans. ``first_passed_at``: when the first of
        them was seen to pass. ``audit``: what was done by whom. ``mark``: see
        ``mark_republish``. ``unsent``: what ``after_republish.find_unsent`` puts in.

    Notes
    -----
    Where the journal or a plan cannot be trusted the report is made without them, and says so.
    """
    problem = _find_problem(folder)
    plans: list[dict[str, Any]] = []
    passed: set[str] = set()
    sent: set[str] = set()
    passed_at: list[pd.Timestamp] = []
    until = find_horizon(folder, moment)
    for plan in told_plans(folder, moment) if not problem else []:
        status = find_status(folder.path, plan.plan_id, until=until)[0]
        begun = any(count for state, count in status.states.items() if state != "planned")
        proof = prove_incident(folder, plan, until=until) if begun else None
        if proof is not None:
            fates = proof.events["fate"].astype("str")
            passed |= set(proof.events.loc[fates == "passed", "event_key"])
            seen_at = proof.events.loc[fates == "passed", "seen_at"]
            passed_at += list(seen_at[seen_at <= pd.Timestamp(moment)])
            unsent = {"not_sent", "failed_to_send", "in_doubt"}
            sent |= set(proof.events.loc[~fates.isin(unsent), "event_key"])
        plans.append(
            {
                "plan_id": plan.plan_id,
                "hash": plan.hash,
                "address": plan.target.address,
                "events": len(plan.events),
                "edited": sum(event.edited is not None for event in plan.events),
                "approved": _approval(folder, plan, until),
                "is_cancelled": is_cancelled_by_then(folder, plan, until),
                "states": dict(status.states),
                "last_run": retold(status.last_run),
                "left_out": dict(Counter(one.reason for one in plan.left_out)),
                "listed": [
                    {"trace_id": one.trace_id or one.event_key, "reason": one.reason, "detail": one.detail}
                    for one in plan.left_out[:LISTED]
                ],
                "totals": None if proof is None else dict(proof.totals),
                "balances": None if proof is None else proof.balances,
                "gaps": [] if proof is None else [retold(gap) for gap in proof.gaps],
            }
        )
    return {
        "plans": plans,
        "passed": sorted(passed),
        "sent": sorted(sent),
        "first_passed_at": time_text(min(passed_at)) if passed_at else None,
        "unsent": [],
        "audit": _audit(folder, until) if plans or problem else [],
        "problem": retold(problem),
        "mark": mark_republish(folder),
    }


def told_plans(folder: IncidentFolder, moment: datetime) -> list[Plan]:
    """The folder's plans but those of after a former snapshot, of a later one, or on evidence of after that moment."""
    plans = [read_plan(folder.path, plan_id) for plan_id in find_plans(folder.path)]
    # A later snapshot may end before an earlier one that had worker logs, or whose API was less behind.
    known = [plan for plan in plans if _order(plan.snapshot) <= _order(folder.snapshot)]
    known = [plan for plan in known if plan.as_of <= (time_text(moment) or "")]
    until, made_at = find_horizon(folder, moment), planned_at(folder)
    if until is None:
        return known
    return [plan for plan in known if pd.Timestamp(made_at.get(plan.plan_id, plan.as_of)) <= pd.Timestamp(until)]


def _order(snapshot: str) -> tuple[int, str]:
    """Snapshots are numbered from 001; from 1000 on they are longer."""
    return len(snapshot), snapshot


def _find_problem(folder: IncidentFolder) -> str:
    """Why nothing can be told of the plans; empty where all of them, and the journal, can be read."""
    names = find_plans(folder.path)
    try:
        refuse_lost(folder.path)
        begun = set(read_journal(folder.path)["plan_id"])
        for plan_id in names:
            read_plan(folder.path, plan_id)
    except EvidenceError as error:
        return error.problem
    gone = sorted(begun - set(names))
    return GONE.format(plan=gone[0]) if gone else ""


def mark_republish(folder: IncidentFolder) -> str:
    """What changes whenever a plan, an approval or the journal does; empty without a plan."""
    if problem := _find_problem(folder):
        return problem
    if not find_plans(folder.path):
        return ""
    rows = [
        [one.hash, one.approval, sorted(one.states.items()), list(one.in_doubt)] for one in find_status(folder.path)
    ]
    return json.dumps(rows)


def _approval(folder: IncidentFolder, plan: Plan, until: datetime | None) -> dict[str, str] | None:
    try:
        approval = approved_by_then(folder, plan, until)
    except EvidenceError:
        # Not approved, or cancelled; a plan that was changed has been refused before.
        return None
    if approval is None:
        return None
    return {"by": approval.by, "at": approval.at, "reason": approval.reason}


def _audit(folder: IncidentFolder, until: datetime | None) -> list[dict[str, Any]]:
    return [
        {
            "at": str(line.get("at", "")),
            "by": str(next((line[name] for name in _NAMES if line.get(name)), "")),
            "action": _action_word(str(line["action"])),
            "plan_id": str(line.get("plan_id") or line.get("plan") or ""),
            "why": str(line.get("reason") or retold(str(line.get("sentence") or ""))),
        }
        for line in log_until(folder.path, until)
        if line.get("action") in _ACTIONS
    ]


def _action_word(action: str) -> str:
    return say(_ACTIONS[action])


def summarise_republish(republish: Mapping[str, Any]) -> str:
    """What became of all that was sent, in a sentence; empty where nothing was."""
    totals: Counter[str] = Counter()
    for plan in republish["plans"]:
        totals.update(plan["totals"] or {})
    sent = sum(totals.values()) - totals["not_sent"] - totals["failed_to_send"] - totals["in_doubt"]
    if not any(plan["totals"] for plan in republish["plans"]):
        return ""
    parts = [counted(name, totals[name]) for name in FATES if totals[name]]
    return say("{count} events were sent again by approved plans; of those planned: {parts}.",
               count=sent, parts=", ".join(parts))  # fmt: skip


def show_republished(facts: Mapping[str, Any]) -> Table:
    """Each plan: who approved it, where its events stand, how its last run ended."""
    rows = tuple(
        (
            plan["plan_id"],
            _planned(plan),
            number(sum(plan["left_out"].values())),
            _approved(plan),
            counts_of(dict(sorted(plan["states"].items()))),
            plan["last_run"] or say("none"),
            plan["hash"][:12],
        )
        for plan in facts["republish"]["plans"]
    )
    columns = (
        say("plan"), say("events"), say("left out"), say("approved"), say("journal"), say("last run"), say("hash"),
    )  # fmt: skip
    return Table(say("Republish"), columns, rows, say("no plan was made"))


def _planned(plan: Mapping[str, Any]) -> str:
    if plan["edited"]:
        return say("{events}, {edited} edited", events=plan["events"], edited=plan["edited"])
    return number(plan["events"])


def _approved(plan: Mapping[str, Any]) -> str:
    if plan["is_cancelled"]:
        return say("cancelled")
    known = plan["approved"]
    if not known:
        return say("not approved")
    return say("by {by}, {at}: {reason}", by=known["by"], at=moment_text(known["at"]), reason=known["reason"])


def show_fates(facts: Mapping[str, Any]) -> Table:
    """What became of the events of each plan; the totals add up to it."""
    rows = []
    for plan in facts["republish"]["plans"]:
        totals = plan["totals"] or {}
        rows += [
            (plan["plan_id"], name_of(name), number(totals[name]), say(MEANINGS[name]))
            for name in FATES if totals.get(name)
        ]  # fmt: skip
        if totals:
            whole = balance_text(balances=plan["balances"])
            rows.append((plan["plan_id"], say("in all"), number(sum(totals.values())), whole))
        rows += [(plan["plan_id"], say("missing"), "", gap) for gap in dict.fromkeys(plan["gaps"])]
    columns = (say("plan"), say("what became of them"), say("events"), say("that is"))
    return Table(say("Proof"), columns, tuple(rows), say("nothing was sent"))


def show_not_sent(facts: Mapping[str, Any]) -> Table:
    """How many events were left out of each plan for which reason, and the first of them."""
    rows = []
    for plan in facts["republish"]["plans"]:
        for reason, count in sorted(plan["left_out"].items(), key=lambda item: (-item[1], item[0])):
            named = [one["trace_id"] for one in plan["listed"] if one["reason"] == reason][:3]
            traces = ", ".join(named)
            if count > len(named):
                traces = say("{traces} and {more} more", traces=traces, more=count - len(named))
            rows.append((plan["plan_id"], reason_name(reason), number(count), _why_left_out(reason), traces))
    columns = (say("plan"), say("left out for"), say("events"), say("because"), say("traces"))
    return Table(say("Left out of the republish"), columns, tuple(rows), say("nothing was left out"))


def _why_left_out(reason: str) -> str:
    return say(REASONS[reason]) if reason in REASONS else ""


def show_audit(facts: Mapping[str, Any]) -> Table:
    """Who planned, approved, ran, stopped and settled what, and when."""
    rows = tuple(
        (moment_text(line["at"]), line["plan_id"], line["action"], line["by"], line["why"])
        for line in facts["republish"]["audit"][-LISTED:]
    )
    columns = (say("at"), say("plan"), say("what"), say("by whom"), say("because"))
    return Table(say("Who did what"), columns, rows, say("nothing"))
