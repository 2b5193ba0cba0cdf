"""What was planned, approved, sent and proven of a republish: its part of the facts, and its tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dlqkit.errors import EvidenceError
from dlqkit.evidence import audit_log
from dlqkit.report.coverage import time_text
from dlqkit.report.republish_tables import MEANINGS
from dlqkit.report.tables import Table
from dlqkit.report.wording import moment_text
from dlqkit.republish.exclusions import REASONS
from dlqkit.republish.incident_proof import prove_incident
from dlqkit.republish.journal import read_journal, refuse_lost
from dlqkit.republish.plan import find_plans, plan_path, read_plan
from dlqkit.republish.plan_decisions import read_approval
from dlqkit.republish.proof import FATES
from dlqkit.republish.status import find_status

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
]

# Of a list in the report; the plan's file has all of them.
LISTED = 100
_ACTIONS = {
    "republish plan": "planned",
    "republish approve": "approved",
    "republish cancel": "cancelled",
    "republish run": "run begun",
    "republish run ended": "run ended",
    "republish events settled": "doubt settled",
    "republish export": "exported",
    "republish journal adopted": "journal adopted",
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
        The end of what is looked at; plans that rest on later evidence are left out.

    Returns
    -------
    dict
        ``plans``: for each ``plan_id``, ``hash``, ``address``, ``events``, ``approved`` (``by``, ``at``, ``reason``, or
        None), ``is_cancelled``, ``states`` of the journal, ``last_run``, ``left_out`` (events by reason), ``listed``
        (the first of them), ``totals`` of the proof (None where nothing was sent), ``balances``, ``gaps``.
        ``problem``: why nothing can be told of plans that there are, in a sentence; else empty.
        ``passed``, ``sent``: event keys, of all plans. ``audit``: what was done by whom. ``mark``: see
        ``mark_republish``.

    Notes
    -----
    Where the journal or a plan cannot be trusted the report is made without them, and says so.
    """
    problem = _find_problem(folder)
    plans: list[dict[str, Any]] = []
    passed: set[str] = set()
    sent: set[str] = set()
    for plan_id in find_plans(folder.path) if not problem else []:
        plan = read_plan(folder.path, plan_id)
        if plan.as_of > (time_text(moment) or ""):
            continue
        status = find_status(folder.path, plan_id)[0]
        begun = any(count for state, count in status.states.items() if state != "planned")
        proof = prove_incident(folder, plan) if begun else None
        if proof is not None:
            fates = proof.events["fate"].astype("str")
            passed |= set(proof.events.loc[fates == "passed", "event_key"])
            unsent = {"not_sent", "failed_to_send", "in_doubt"}
            sent |= set(proof.events.loc[~fates.isin(unsent), "event_key"])
        plans.append(
            {
                "plan_id": plan_id,
                "hash": plan.hash,
                "address": plan.target.address,
                "events": len(plan.events),
                "edited": sum(event.edited is not None for event in plan.events),
                "approved": _approval(folder, plan),
                "is_cancelled": plan_path(folder.path, plan_id, "cancelled").exists(),
                "states": dict(status.states),
                "last_run": status.last_run,
                "left_out": dict(Counter(one.reason for one in plan.left_out)),
                "listed": [
                    {"trace_id": one.trace_id or one.event_key, "reason": one.reason, "detail": one.detail}
                    for one in plan.left_out[:LISTED]
                ],
                "totals": None if proof is None else dict(proof.totals),
                "balances": None if proof is None else proof.balances,
                "gaps": [] if proof is None else list(proof.gaps),
            }
        )
    return {
        "plans": plans,
        "passed": sorted(passed),
        "sent": sorted(sent),
        "audit": _audit(folder) if plans or problem else [],
        "problem": problem,
        "mark": mark_republish(folder),
    }


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
    return f"{gone[0]}.json is gone, and the journal has its events." if gone else ""


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


def _approval(folder: IncidentFolder, plan: Plan) -> dict[str, str] | None:
    try:
        approval = read_approval(folder.path, plan)
    except EvidenceError:
        # Not approved, or cancelled; a plan that was changed has been refused before.
        return None
    return {"by": approval.by, "at": approval.at, "reason": approval.reason}


def _audit(folder: IncidentFolder) -> list[dict[str, Any]]:
    return [
        {
            "at": str(line.get("at", "")),
            "by": str(next((line[name] for name in _NAMES if line.get(name)), "")),
            "action": _ACTIONS[str(line["action"])],
            "plan_id": str(line.get("plan_id") or line.get("plan") or ""),
            "why": str(line.get("reason") or line.get("sentence") or ""),
        }
        for line in audit_log.read(folder.path)
        if line.get("action") in _ACTIONS
    ]


def summarise_republish(republish: Mapping[str, Any]) -> str:
    """What became of all that was sent, in a sentence; empty where nothing was."""
    totals: Counter[str] = Counter()
    for plan in republish["plans"]:
        totals.update(plan["totals"] or {})
    sent = sum(totals.values()) - totals["not_sent"] - totals["failed_to_send"] - totals["in_doubt"]
    if not any(plan["totals"] for plan in republish["plans"]):
        return ""
    parts = [f"{totals[name]:,} {name.replace('_', ' ')}" for name in FATES if totals[name]]
    return f"{sent:,} events were sent again by approved plans; of those planned: {', '.join(parts)}."


def show_republished(facts: Mapping[str, Any]) -> Table:
    """Each plan: who approved it, where its events stand, how its last run ended."""
    rows = tuple(
        (
            plan["plan_id"],
            f"{plan['events']:,}" + (f", {plan['edited']:,} edited" if plan["edited"] else ""),
            f"{sum(plan['left_out'].values()):,}",
            _approved(plan),
            ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in sorted(plan["states"].items())),
            plan["last_run"] or "none",
            plan["hash"][:12],
        )
        for plan in facts["republish"]["plans"]
    )
    columns = ("plan", "events", "left out", "approved", "journal", "last run", "hash")
    return Table("Republish", columns, rows, "no plan was made")


def _approved(plan: Mapping[str, Any]) -> str:
    if plan["is_cancelled"]:
        return "cancelled"
    known = plan["approved"]
    return f"by {known['by']}, {moment_text(known['at'])}: {known['reason']}" if known else "not approved"


def show_fates(facts: Mapping[str, Any]) -> Table:
    """What became of the events of each plan; the totals add up to it."""
    rows = []
    for plan in facts["republish"]["plans"]:
        totals = plan["totals"] or {}
        rows += [
            (plan["plan_id"], name.replace("_", " "), f"{totals[name]:,}", MEANINGS[name])
            for name in FATES if totals.get(name)
        ]  # fmt: skip
        if totals:
            whole = "as planned" if plan["balances"] else "these do not balance with the plan"
            rows.append((plan["plan_id"], "in all", f"{sum(totals.values()):,}", whole))
        rows += [(plan["plan_id"], "missing", "", gap) for gap in plan["gaps"]]
    return Table("Proof", ("plan", "what became of them", "events", "that is"), tuple(rows), "nothing was sent")


def show_not_sent(facts: Mapping[str, Any]) -> Table:
    """How many events were left out of each plan for which reason, and the first of them."""
    rows = []
    for plan in facts["republish"]["plans"]:
        for reason, count in sorted(plan["left_out"].items(), key=lambda item: (-item[1], item[0])):
            named = [one["trace_id"] for one in plan["listed"] if one["reason"] == reason][:3]
            more = f" and {count - len(named):,} more" if count > len(named) else ""
            rows.append((plan["plan_id"], reason, f"{count:,}", REASONS.get(reason, ""), ", ".join(named) + more))
    columns = ("plan", "left out for", "events", "because", "traces")
    return Table("Left out of the republish", columns, tuple(rows), "nothing was left out")


def show_audit(facts: Mapping[str, Any]) -> Table:
    """Who planned, approved, ran, stopped and settled what, and when."""
    rows = tuple(
        (moment_text(line["at"]), line["plan_id"], line["action"], line["by"], line["why"])
        for line in facts["republish"]["audit"][-LISTED:]
    )
    return Table("Who did what", ("at", "plan", "what", "by", "because"), rows, "nothing")
