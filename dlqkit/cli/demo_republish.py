"""The end of ``dlqkit demo``: the cause is removed or not, and the dead events are sent again from an approved plan."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dlqkit.cli.progress import aside
from dlqkit.cli.republish_live import execute_plan, take_snapshot
from dlqkit.cli.shared import screen_width
from dlqkit.errors import PlanError
from dlqkit.language import say
from dlqkit.untrusted import for_terminal, for_terminal_lines

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.republish.plan import Plan
    from dlqkit.republish.run import Run, Step
    from dlqkit.settings import Settings

__all__ = ["RETRIED", "beside_incident", "not_asked_for", "republish_settings", "show_republish"]

# Classes whose events may be sent again as they are (runbook §4).
RETRIED = ("infrastructure", "timeout")
RATE, DEADLINE_S = 200.0, 120.0
# From the fix on until every worker has been scraped since (each 15 s), and what it then did can be seen.
SEEN_AFTER_S = 22.0


def republish_settings(served: Mapping[str, Any]) -> dict[str, str]:
    """Variables that say where the simulator's events may be sent, and how fast."""
    topics = served["topics"]
    return {
        "DLQKIT_REPUBLISH__ALLOWED_TOPICS": json.dumps(sorted(topics.values())),
        "DLQKIT_REPUBLISH__MAX_RATE": str(RATE),
        "DLQKIT_REPUBLISH__OUTCOME_DEADLINE_S": str(DEADLINE_S),
        # The rest at once after three steps: a demo is watched.
        "DLQKIT_REPUBLISH__STEPS": "[1, 5, 20, 100000]",
        **{f"DLQKIT_WORKFLOWS__{key}__TOPIC": topic for key, topic in topics.items()},
    }


def show_republish(
    directory: Path,
    settings: Settings,
    served: Mapping[str, Any],
    workflow_id: str | None,
    *,
    fix: bool,
    quiet: bool,
    is_wrong: bool = True,
) -> dict[str, Any]:
    """Plan, approve, run and prove, with a sentence for each.

    Parameters
    ----------
    directory : Path
        The incident folder.
    settings : Settings
        With those of ``republish_settings``.
    served : mapping
        What the simulator says of itself.
    workflow_id : str, optional
        The incident's; without one nothing is sent.
    fix : bool
        Whether the cause is removed before; without that the ramp stops after its first event.
    quiet : bool
        Print nothing.
    is_wrong : bool
        Whether the report is of an incident at all.

    Returns
    -------
    dict
        ``planned``, ``reason`` of a stop, ``totals`` of the proof, ``balances``; or ``not_sent``, why, and ``after``:
        the snapshot that was taken once what the fix did could be seen, and the incident's ``state`` in it.
    """

    from dlqkit.report.facts import facts
    from dlqkit.republish.incident_proof import prove_incident
    from dlqkit.republish.next_steps import here

    def tell(text: str) -> None:
        if not quiet:
            with aside():
                typer.echo("\n".join(for_terminal_lines(text, screen_width())))

    def tell_report() -> None:
        # Not wrapped: it ends in a command.
        if not quiet:
            typer.echo(for_terminal(here("Put it into the report: dlqkit postmortem DIR", directory)))

    def look_after() -> dict[str, Any]:
        if not fix:
            return {}
        after = _look_after(directory, settings, done_at, tell)
        tell_report()
        return {"after": after}

    _post(f"{served['control_url']}/{'heal' if fix else 'outage'}", {"workflow_id": workflow_id or ""})
    done_at = datetime.now(UTC)
    tell("")
    if workflow_id is None and not is_wrong:
        tell("Nothing is wrong, so nothing is repaired and nothing is sent again.")
        return {"not_sent": "nothing is wrong"}
    tell("The cause is removed." if fix else "The cause is still there, although somebody says that it is removed.")
    if workflow_id is None:
        tell("No workflow has lost events, so nothing is sent again.")
        return {"not_sent": "no workflow has lost events", **look_after()}
    folder = take_snapshot(directory, settings)
    try:
        plan = _plan(folder, directory, settings, workflow_id)
    except PlanError as error:
        tell(f"Nothing is sent again: {error.problem}")
        tell(beside_incident(facts(folder, first_look=True)))
        return {"not_sent": error.problem, **look_after()}
    tell(f"{plan.plan_id} is approved: {len(plan.events):,} events to {plan.target.address}, "
         f"{len(plan.left_out):,} left out. Hash {plan.hash[:12]}…")  # fmt: skip
    if unsent := facts(folder, first_look=True)["republish"]["unsent"]:
        tell(not_asked_for(unsent))
    done = _run(directory, plan, settings, tell)
    proof = prove_incident(take_snapshot(directory, settings, plan.events[0].workflow_id), plan)
    tell(f"Proof: {proof.sentence}.")
    tell_report()
    return {"planned": proof.planned, "reason": done.reason, "totals": dict(proof.totals), "balances": proof.balances}


def _look_after(directory: Path, settings: Settings, fixed_at: datetime, tell: Callable[[str], None]) -> dict[str, str]:
    """Note the fix and collect once more, so that the next report tells of it and of what came after."""
    from dlqkit.report.facts import facts
    from dlqkit.report.judgement_file import write_judgement
    from dlqkit.report.wording import summary

    said = {"at": fixed_at, "who": say("the demo"), "what": say("The cause is removed."), "milestone": "fix"}
    write_judgement(directory, timeline=[said])
    left = max(0.0, SEEN_AFTER_S - (datetime.now(UTC) - fixed_at).total_seconds())
    if left:
        tell(f"What comes after it is collected in {left:.0f} s, once the worker has been scraped again.")
        time.sleep(left)
    told = facts(take_snapshot(directory, settings), first_look=True)
    state = next(line.text for line in summary(told) if line.label == say("State"))
    tell(f"State in snapshot {told['snapshot']['id']}: {state.removesuffix('.')}.")
    return {"snapshot": told["snapshot"]["id"], "state": told["state"]["value"]}


def _post(url: str, form: Mapping[str, str]) -> None:
    body = urllib.parse.urlencode({name: value for name, value in form.items() if value}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=body, method="POST"), timeout=30):
        return


def not_asked_for(unsent: Sequence[Mapping[str, Any]]) -> str:
    """Why fewer events are planned than the incident has.

    Parameters
    ----------
    unsent : sequence of mapping
        ``republish.unsent`` of the facts.
    """
    count = sum(row["events"] for row in unsent)
    classes = ", ".join(f"{row['failure_class']}: {row['events']:,}" for row in unsent)
    are = "event of the incident is" if count == 1 else "events of the incident are"
    return f"{count:,} more {are} not in it ({classes}): only {' and '.join(RETRIED)} are sent again as they are (§4)."


def beside_incident(facts: Mapping[str, Any]) -> str:
    """Which snapshot these are the dead events of, and how many of them the report is about."""
    affected, snapshot = facts["events"]["affected"], facts["snapshot"]["id"]
    told = f"Counted are all dead events of the workflow in snapshot {snapshot}, which was just taken"
    if affected["value"] is None:
        return f"{told}."
    at_least = "" if affected["bound"] == "exact" else "at least "
    return f"{told}; of the incident are {at_least}{affected['value']:,}."


def _plan(folder: IncidentFolder, directory: Path, settings: Settings, workflow_id: str) -> Plan:
    """A plan of the incident's newest evidence, approved with what it does not know."""
    from dlqkit.report.planning import plan_incident
    from dlqkit.republish.approval import approve_plan, keep_plan, next_plan_id
    from dlqkit.republish.registry import open_registry
    from dlqkit.republish.selection import Selection

    selection = Selection(workflows=(workflow_id,), classes=RETRIED)
    with open_registry(directory, settings.republish.registry) as registry:
        plan, outlook = plan_incident(folder, selection, settings, plan_id=next_plan_id(directory))
        who, why = say("the demo"), say("the cause is removed")
        keep_plan(registry, plan, outlook, by=who)
        approve_plan(registry, plan, settings, by=who, reason=why, accepted=plan.unknowns)
    return plan


def _run(directory: Path, plan: Plan, settings: Settings, tell: Any) -> Run:
    known: list[str] = []

    def say(step: Step) -> None:
        sentence = f"{step.place}: {step.judgement.sentence}"
        if sentence not in known:
            known.append(sentence)
            tell(sentence)

    done = execute_plan(directory, plan, settings, on_step=say)
    tell(f"Stopped, {done.reason.replace('_', ' ')}: {done.sentence}" if done.reason else done.sentence)
    return done
