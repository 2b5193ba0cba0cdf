"""What is left of a plan is sent in steps, and each is judged before the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dlqkit.language import say, say_count
from dlqkit.republish.journal import Journal
from dlqkit.republish.observing import Observer
from dlqkit.republish.plan import Plan
from dlqkit.republish.ramp import Judgement, find_step, judge_sending
from dlqkit.republish.sending import Sent, send_events
from dlqkit.republish.sink import Sink

__all__ = ["ASKED", "Running", "Step"]

# Between two looks at the world: three to a scrape interval of 15 s, the shortest in common use.
POLL_S = 5.0
ASKED = "asked"
_STEP, _RESUMED, _STOP = "step", "resumed", "stop"
# What sending.Sent says of a call that gave up, as a stop of the ramp.
_GAVE_UP = {"refused": "sink_failed", "unreachable": "sink_failed", "doubtful": "in_doubt_grow"}


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was sent and judged, or a look at one that is waited for."""

    number: int
    events: int
    judgement: Judgement

    @property
    def place(self) -> str:
        """Which step it is, for people."""
        # What an earlier run had sent, and nobody had judged, is looked at before the first step of this one.
        return f"Step {self.number}" if self.number else "Sent before"


class Running:
    """One run of a plan whose journal is open and locked.

    Parameters
    ----------
    journal : Journal
        Open, the plan added, the run begun.
    plan, run_id, observer
        What is sent, the run's id, and who looks at the world.
    is_asked : callable
        Whether the run is to end after what is in flight.
    on_step : callable
        Told of each look at a step.
    """

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
        states = self._journal.states(self._plan.plan_id)
        if self._held:
            return self._say_held(states)
        counts = Counter(states.values())
        return Judgement("go_on", "", _end_sentence(counts, len(self._plan.events)))

    def _say_held(self, states: Mapping[int, str]) -> Judgement:
        """Only a doubt can be settled; behind an event that failed for good this plan sends nothing more."""
        keys = {event.ordering_key for event in self._plan.events if event.item in self._held}
        own = [event.item for event in self._plan.events if event.ordering_key in keys]
        is_doubtful = any(states.get(item) in {"in_doubt", "intent"} for item in own)
        if is_doubtful:
            held = say_count(
                "{count} event is held: an earlier one of their ordering key is in doubt.",
                "{count} events are held: an earlier one of their ordering key is in doubt.",
                len(self._held),
            )
            return Judgement("stop", "held", held)
        held = say_count(
            "{count} event is held: an earlier one of their ordering key failed for good.",
            "{count} events are held: an earlier one of their ordering key failed for good.",
            len(self._held),
        )
        return Judgement("stop", "held_by_failed", held)


def _end_sentence(counts: Mapping[str, int], total: int) -> str:
    """What became of a plan of which all was tried."""
    values = {"acked": counts["acked"], "doubtful": counts["in_doubt"], "refused": counts["failed"]}
    if values["doubtful"] and values["refused"]:
        return say_count(
            "Nothing is left to be sent: {acked} of {count} event is acknowledged; {doubtful} in doubt; {refused}"
            " refused.",
            "Nothing is left to be sent: {acked} of {count} events are acknowledged; {doubtful} in doubt; {refused}"
            " refused.",
            total, **values,
        )  # fmt: skip
    if values["doubtful"]:
        return say_count(
            "Nothing is left to be sent: {acked} of {count} event is acknowledged; {doubtful} in doubt.",
            "Nothing is left to be sent: {acked} of {count} events are acknowledged; {doubtful} in doubt.",
            total, **values,
        )  # fmt: skip
    if values["refused"]:
        return say_count(
            "Nothing is left to be sent: {acked} of {count} event is acknowledged; {refused} refused.",
            "Nothing is left to be sent: {acked} of {count} events are acknowledged; {refused} refused.",
            total, **values,
        )  # fmt: skip
    return say_count(
        "Nothing is left to be sent: {acked} of {count} event is acknowledged.",
        "Nothing is left to be sent: {acked} of {count} events are acknowledged.",
        total, **values,
    )  # fmt: skip


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
    words = say_count(
        "It was asked to stop; what was in flight is in the journal, {count} event is left.",
        "It was asked to stop; what was in flight is in the journal, {count} events are left.",
        left,
    )
    return Judgement("stop", ASKED, words)


def _gave_up(sent: Sent) -> Judgement:
    return Judgement("stop", _GAVE_UP[sent.stopped or ""], sent.reason or say("The receiver gave no answer."))
