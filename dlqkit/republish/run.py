"""Carry out an approved plan: step by step, each judged before the next, and stopped by what has a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.republish.journal import Journal, open_journal, read_journal
from dlqkit.republish.observing import Observer
from dlqkit.republish.outcomes import CLOCK_TOLERANCE_S
from dlqkit.republish.plan import Approval, Plan, hash_plan, plan_path, read_approval
from dlqkit.republish.ramp import STOPS, Judgement, find_step, judge_sending
from dlqkit.republish.sending import Sent, send_events
from dlqkit.republish.sink import Sink
from dlqkit.republish.world import World

__all__ = ["ASKED", "Run", "Step", "run_republish"]

# Between two looks at the world: three to a scrape interval of 15 s, the shortest in common use.
POLL_S = 5.0
ASKED = "asked"
_STEP, _RESUMED, _STOP, _END = "step", "resumed", "stop", "end"
# What sending.Sent says of a call that gave up, as a stop of the ramp.
_GAVE_UP = {"refused": "sink_failed", "unreachable": "sink_failed", "doubtful": "in_doubt_grow"}


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was sent and judged, or a look at one that is waited for."""

    number: int
    events: int
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Run:
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
    states: Mapping[str, int]
    steps: tuple[Step, ...]
    approved_by: str | None


def run_republish(
    directory: Path,
    plan: Plan,
    *,
    sink: Callable[[], Sink] | None = None,
    world: World | None = None,
    execute: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
    known: pd.DataFrame | None = None,
    names: Mapping[str, str] | None = None,
    clock_tolerance_s: float = CLOCK_TOLERANCE_S,
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
    should_stop : callable
        Once true, what is in flight is finished and journalled, and the run ends; a cancelled plan does the same.
    known : DataFrame, optional
        ``frames.RECORDS`` of before the run, such as the plan's snapshot.
    names : mapping, optional
        Names of metrics that differ from the runbook's.
    clock_tolerance_s : float
        How far the API's clock may be behind ours.
    on_step : callable
        Told of each look at a step, for a progress display.

    Returns
    -------
    Run

    Raises
    ------
    EvidenceError
        If the plan is not approved, was changed or cancelled, or the journal is damaged or not this folder's.
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
        raise EvidenceError(f"{plan.plan_id} does not fit its hash.", "Make a new plan by: dlqkit republish plan")
    if not execute:
        return _rehearse(directory, plan)
    approval = read_approval(directory, plan)
    workflows = sorted({event.workflow_id for event in plan.events})
    if sink is None or world is None or len(workflows) != 1:
        raise ParameterError(
            f"{plan.plan_id} cannot be run: it needs a receiver, a reader, and events of one workflow.",
            "Run it by dlqkit republish run, and make a plan for each workflow.",
        )

    def is_asked() -> bool:
        return should_stop() or plan_path(directory, plan.plan_id, "cancelled").exists()

    with open_journal(directory, now=world.now) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run(plan.plan_id)
        journal.audit("republish run", plan=plan.plan_id, hash=plan.hash, run=run_id, approved_by=approval.by)
        observer, first = Observer.begin(
            plan, workflows[0], world, _deadline(plan, approval), names=names, known=known,
            clock_tolerance_s=clock_tolerance_s,
        )  # fmt: skip
        running = _Running(journal, plan, run_id, observer, is_asked, on_step)
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
    known = read_journal(directory)
    states = dict(zip(*_own_states(known, plan), strict=True))
    counts = Counter(states.get(event.item, "planned") for event in plan.events)
    try:
        by, sentence, step = read_approval(directory, plan).by, "", "Send them: dlqkit republish run DIR PLAN --execute"
    except EvidenceError as error:
        by, sentence, step = None, f" {error.problem}", error.next_step
    left = counts["planned"]
    size = find_step(plan.steps, 0, left)
    would = f"A dry run: nothing was sent. {left:,} of {len(plan.events):,} events would be, {size:,} first.{sentence}"
    return Run(plan.plan_id, None, False, "", would, step, dict(counts), (), by)


def _own_states(journal: pd.DataFrame, plan: Plan) -> tuple[list[int], list[str]]:
    own = journal[journal["plan_id"] == plan.plan_id]
    return [int(item) for item in own["item"]], own["state"].astype("str").tolist()


def _end(journal: Journal, plan: Plan, run_id: str, approval: Approval, end: Judgement, steps: tuple[Step, ...]) -> Run:
    """The run's result, told to the audit log too."""
    states = dict(Counter(journal.states(plan.plan_id).values()))
    finished = end.decision == "go_on"
    journal.note(plan.plan_id, _END, {"run": run_id, "reason": end.reason, "sentence": end.sentence})
    journal.audit("republish run ended", plan=plan.plan_id, run=run_id, finished=finished, reason=end.reason,
                  sentence=end.sentence, states=states)  # fmt: skip
    next_step = "See what became of each event: dlqkit republish prove DIR PLAN"
    if not finished:
        next_step = STOPS.get(
            end.reason, "Go on by the same command, or give it up: dlqkit republish cancel DIR PLAN --reason TEXT"
        )
    return Run(plan.plan_id, run_id, finished, end.reason, end.sentence, next_step, states, steps, approval.by)


class _Running:
    """One run: what is left is sent in steps, and each is judged before the next."""

    def __init__(
        self,
        journal: Journal,
        plan: Plan,
        run_id: str,
        observer: Observer,
        is_asked: Callable[[], bool],
        on_step: Callable[[Step], None],
    ) -> None:
        self._journal, self._plan, self._run_id = journal, plan, run_id
        self._observer, self._is_asked, self._on_step = observer, is_asked, on_step
        self._passed, self._number, self._judged = _read_notes(journal.notes(plan.plan_id))
        self._unfinished: set[int] = set()
        self._held: set[int] = set()
        self.steps: list[Step] = []

    def go_on(self, open_sink: Callable[[], Sink]) -> Judgement:
        """Send until nothing is left or something stops it."""
        states = self._journal.states(self._plan.plan_id)
        sent = [item for item, state in states.items() if state in {"acked", "in_doubt"} and item not in self._judged]
        if sent:
            # What an interrupted run had sent may be less than a step; then it does not make the next one larger.
            is_whole = sum(states[item] == "acked" for item in sent) >= find_step(
                self._plan.steps, self._passed, len(self._plan.events)
            )
            judgement = self._judge(sorted(sent), kind=_STEP if is_whole else _RESUMED)
            if judgement.decision != "go_on":
                return judgement
        sink: Sink | None = None
        try:
            while left := self._left():
                if self._is_asked():
                    return _asked(len(left))
                sink = sink or open_sink()
                judgement = self._take_step(sink, left[: find_step(self._plan.steps, self._passed, len(left))])
                if judgement.decision != "go_on":
                    return judgement
        finally:
            if sink is not None:
                sink.close()
        return self._finish()

    def _left(self) -> list[int]:
        states = self._journal.states(self._plan.plan_id)
        return sorted(item for item, state in states.items() if state == "planned" and item not in self._held)

    def _take_step(self, sink: Sink, items: list[int]) -> Judgement:
        self._number += 1
        sent = send_events(
            self._journal, sink, self._plan, items, run_id=self._run_id, step=self._number,
            max_rate=self._plan.max_rate, should_stop=self._is_asked,
        )  # fmt: skip
        states = self._journal.states(self._plan.plan_id)
        tried = {item: states[item] for item in items if states[item] != "planned"}
        if sent.stopped in _GAVE_UP:
            return self._stop(_gave_up(sent), ())
        if sent.stopped is not None:
            return _asked(len(self._left()))
        self._held |= set(items) - set(tried)
        if not tried:
            return Judgement("go_on", "", "Nothing could be sent.")
        judgement = judge_sending(pd.Series(tried, dtype="str"))
        if judgement.decision == "stop":
            return self._stop(judgement, ())
        return self._judge([item for item, state in tried.items() if state in {"acked", "in_doubt"}])

    def _judge(self, items: list[int], *, kind: str = _STEP) -> Judgement:
        """Look until the step is judged; its judgement is kept for the next run."""
        while True:
            events = self._journal.events(self._plan.plan_id)
            judgement, unfinished = self._observer.look(events, items, self._unfinished)
            self._on_step(Step(self._number, len(items), judgement))
            if judgement.decision != "wait":
                break
            if self._is_asked():
                return _asked(len(self._left()))
            self._observer.world.wait(POLL_S)
        self.steps.append(Step(self._number, len(items), judgement))
        if judgement.decision == "stop":
            return self._stop(judgement, items)
        self._unfinished = unfinished
        self._passed += kind == _STEP
        self._note(kind, judgement, items)
        return judgement

    def _stop(self, judgement: Judgement, items: Collection[int]) -> Judgement:
        self._note(_STOP, judgement, items)
        return judgement

    def _note(self, kind: str, judgement: Judgement, items: Collection[int]) -> None:
        facts: dict[str, Any] = {"run": self._run_id, "step": self._number, "items": sorted(items),
                                 "reason": judgement.reason, "sentence": judgement.sentence}  # fmt: skip
        self._journal.note(self._plan.plan_id, kind, facts)

    def _finish(self) -> Judgement:
        if self._held:
            return Judgement("stop", "held", f"{len(self._held):,} events are held: an earlier one of their ordering "
                                             "key failed or is in doubt.")  # fmt: skip
        counts = Counter(self._journal.states(self._plan.plan_id).values())
        doubt = f"; {counts['in_doubt']:,} are in doubt" if counts["in_doubt"] else ""
        refused = f"; {counts['failed']:,} were refused" if counts["failed"] else ""
        return Judgement("go_on", "", f"Nothing is left to be sent: {counts['acked']:,} of {len(self._plan.events):,} "
                                      f"events are acknowledged{doubt}{refused}.")  # fmt: skip


def _read_notes(notes: list[dict[str, Any]]) -> tuple[int, int, set[int]]:
    """Steps that went well since the last stop, the number of the last step, and every item that was judged."""
    passed = number = 0
    judged: set[int] = set()
    for note in notes:
        if note["kind"] not in {_STEP, _RESUMED, _STOP}:
            continue
        passed = 0 if note["kind"] == _STOP else passed + (note["kind"] == _STEP)
        number = max(number, int(note["step"]))
        judged |= set(note["items"])
    return passed, number, judged


def _asked(left: int) -> Judgement:
    return Judgement("stop", ASKED, f"It was asked to stop; what was in flight is in the journal, {left:,} events are "
                                    "left.")  # fmt: skip


def _gave_up(sent: Sent) -> Judgement:
    return Judgement("stop", _GAVE_UP[sent.stopped or ""], sent.reason or "The receiver gave no answer.")
