"""Carry out an approved plan: step by step, each judged before the next, and stopped by what has a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.language import SOURCE, use
from dlqkit.notebook_html import Shown
from dlqkit.republish.journal import Journal, open_journal, read_journal, refuse_lost
from dlqkit.republish.journal_plans import refuse_sent_since
from dlqkit.republish.next_steps import REASON, here
from dlqkit.republish.observing import Observer
from dlqkit.republish.plan import Plan, hash_plan, plan_path, readable_plans
from dlqkit.republish.plan_decisions import Approval, read_approval
from dlqkit.republish.ramp import STOPS, Judgement, find_step
from dlqkit.republish.registry import Registry, find_registry
from dlqkit.republish.running import ASKED, Running, Step
from dlqkit.republish.sends import refuse_sent_elsewhere
from dlqkit.republish.sink import Sink
from dlqkit.republish.words import events_of
from dlqkit.republish.world import World

__all__ = ["ASKED", "Run", "Step", "run_republish"]

_PROVE = "See what became of each event: dlqkit republish prove DIR PLAN"
_ASKED_TO = f"Go on by the same command, or give it up: dlqkit republish cancel DIR PLAN {REASON}"


@dataclass(frozen=True, slots=True, repr=False)
class Run(Shown):
    """What a run did; ``states`` counts the plan's events by their state in the journal."""

    plan_id: str
    run_id: str | None
    """None for a dry run."""
    is_finished: bool
    """Whether nothing of the plan is left to be sent, and the last step was judged well."""
    reason: str
    """Why it stopped: one of ``ramp.STOPS``, ``asked``, or empty."""
    sentence: str
    next_step: str
    """With this folder and plan in its command."""
    states: Mapping[str, int]
    steps: tuple[Step, ...]
    approved_by: str | None

    def _shown(self) -> tuple[str, list[tuple[str, object]]]:
        kind = f"Run {self.run_id}" if self.run_id else "Dry run"
        return f"{kind} of {self.plan_id}: {self.sentence}", [
            ("states", ", ".join(f"{count:,} {state}" for state, count in self.states.items() if count)),
            ("approved by", self.approved_by),
            ("next", self.next_step),
        ]


# What a run says is stored, and so told in English, whoever runs it.
@use(SOURCE)
def run_republish(
    directory: Path,
    plan: Plan,
    *,
    sink: Callable[[], Sink] | None = None,
    world: World | None = None,
    execute: bool = False,
    registry: Registry | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    known: pd.DataFrame | None = None,
    names: Mapping[str, str] | None = None,
    clock_tolerance_s: float | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Run:
    """Send what is left of an approved plan, step by step; without ``execute`` only say what would be sent.

    Parameters
    ----------
    directory : Path
        The incident folder.
    plan : Plan
        As ``read_plan`` gives it.
    sink : callable, optional
        Opens the way to the receiver; called only when everything that is checked before has been.
    world : World, optional
        Reads the live world. Needed, as is ``sink``, to execute.
    execute : bool
        False is a dry run: nothing is opened, written or sent.
    registry : Registry, optional
        Where the plan's events are claimed; the folder's own by default.
    should_stop : callable
        Once true, what is in flight is finished and journalled, and the run ends; a cancelled plan does the same.
    known : DataFrame, optional
        ``frames.RECORDS`` of before the run, such as the plan's snapshot.
    names : mapping, optional
        Names of metrics that differ from the runbook's.
    clock_tolerance_s : float, optional
        How far the API's clock may be behind ours; the plan's by default.
    on_step : callable
        Told of each look at a step, for a progress display.

    Returns
    -------
    Run

    Raises
    ------
    EvidenceError
        If the plan is not approved, was changed or cancelled, or the journal is damaged or not this folder's.
    PlanError
        If an event that is still to be sent is no longer this plan's in the registry, or was sent by a colleague.
    StorageError
        If another run is under way, or the journal cannot be written.
    ParameterError
        If the plan has events of several workflows, or sink or world is missing.

    Notes
    -----
    A run goes on from the journal: what was sent is never sent again, a step that was sent and not judged is judged
    first, and after a stop with a reason the ramp begins again with its first step.
    """
    if plan.hash != hash_plan(plan):
        raise EvidenceError(f"{plan.plan_id} does not fit its hash.", "Make a new plan.")
    if not execute:
        return _rehearse(directory, plan)
    approval = read_approval(directory, plan)
    workflows = sorted({event.workflow_id for event in plan.events})
    if sink is None or world is None or len(workflows) != 1:
        raise ParameterError(
            f"{plan.plan_id} cannot be run: it needs a receiver, a reader, and events of one workflow.",
            "Give it a receiver and a reader, and make a plan for each workflow.",
        )

    def is_asked() -> bool:
        return should_stop() or plan_path(directory, plan.plan_id, "cancelled").exists()

    with open_journal(directory, now=world.now) as journal:
        states = journal.states(plan.plan_id)
        left = [event for event in plan.events if states.get(event.item, "planned") == "planned"]
        # Under the journal's lock, so that nobody of this folder gives the events up meanwhile.
        claims, rest = registry or find_registry(directory, None), replace(plan, events=tuple(left))
        claims.check(rest)
        refuse_sent_since(read_journal(directory), rest, readable_plans(directory))
        refuse_sent_elsewhere(claims, rest)
        journal.add_plan(plan)
        run_id = journal.begin_run(plan.plan_id)
        journal.audit("republish run", plan=plan.plan_id, hash=plan.hash, run=run_id, approved_by=approval.by)
        observer, first = Observer.begin(
            plan, workflows[0], world, _deadline(plan, approval), names=names, known=known,
            clock_tolerance_s=clock_tolerance_s,
        )  # fmt: skip
        running = Running(journal, plan, run_id, observer, is_asked, on_step)
        end = first if first.decision == "stop" else running.go_on(sink)
        return _end(journal, plan, run_id, approval, end, tuple(running.steps))


def _deadline(plan: Plan, approval: Approval) -> float:
    deadline = approval.outcome_deadline_s or plan.outcome_deadline_s
    if deadline is None:
        raise EvidenceError(
            f"Nobody has said how long an outcome of {plan.plan_id} may take.",
            "Approve it again with an outcome deadline, or set republish.outcome_deadline_s and make a new plan.",
        )
    return deadline


def _rehearse(directory: Path, plan: Plan) -> Run:
    """What would be sent, and whether it may be."""
    refuse_lost(directory)
    known = read_journal(directory)
    states = dict(zip(*_own_states(known, plan), strict=True))
    counts = Counter(states.get(event.item, "planned") for event in plan.events)
    try:
        by, sentence = read_approval(directory, plan).by, ""
        step = here("Send them: dlqkit republish run DIR PLAN --execute", directory, plan.plan_id)
    except EvidenceError as error:
        by, sentence, step = None, f" {error.problem}", error.next_step
    left = counts["planned"]
    if not left and by is not None:
        step = here(_PROVE, directory, plan.plan_id)
    size = find_step(plan.steps, 0, left)
    would = f"{left:,} of {events_of(len(plan.events))} would be, {size:,} first" if left else "nothing is left to be"
    would = f"A dry run: nothing was sent; {would}.{sentence}"
    return Run(plan.plan_id, None, False, "", would, step, dict(counts), (), by)


def _own_states(journal: pd.DataFrame, plan: Plan) -> tuple[list[int], list[str]]:
    own = journal[journal["plan_id"] == plan.plan_id]
    return [int(item) for item in own["item"]], own["state"].astype("str").tolist()


def _end(journal: Journal, plan: Plan, run_id: str, approval: Approval, end: Judgement, steps: tuple[Step, ...]) -> Run:
    """The run's result, told to the audit log too."""
    states = dict(Counter(journal.states(plan.plan_id).values()))
    finished = end.decision == "go_on"
    journal.note(plan.plan_id, "end", {"run": run_id, "reason": end.reason, "sentence": end.sentence})
    journal.audit("republish run ended", plan=plan.plan_id, run=run_id, finished=finished, reason=end.reason,
                  sentence=end.sentence, states=states)  # fmt: skip
    text = _PROVE
    if finished and states.get("in_doubt"):
        text = "Settle what is in doubt: dlqkit republish resolve DIR PLAN"
    if not finished:
        text = STOPS.get(end.reason, _ASKED_TO)
    about = {event.item: event.trace_id or event.event_key for event in plan.events}.get(end.item or 0, "ID")
    next_step = here(text, journal.directory, plan.plan_id, about)
    return Run(plan.plan_id, run_id, finished, end.reason, end.sentence, next_step, states, steps, approval.by)
