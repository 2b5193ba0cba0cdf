"""Send a step's events at a rate: intent on the disk, then the request, then its result on the disk."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass

from dlqkit.errors import EvidenceError
from dlqkit.language import say
from dlqkit.republish.batches import Queue
from dlqkit.republish.interrupts import holding_interrupts
from dlqkit.republish.journal import Change, Journal
from dlqkit.republish.pace import Pace
from dlqkit.republish.plan import Plan, hash_text
from dlqkit.republish.request import Answer, Flight, let_go, prepare_request
from dlqkit.republish.sink import Message, Pending, SendError, Sink

__all__ = ["Message", "SendError", "Sent", "Sink", "send_events"]

MAX_BATCH = 500
"""Messages of a request: more are not faster, and more would be in doubt when an answer is lost."""
MAX_IN_FLIGHT = 2
"""Requests whose intent is written: one at the server, one ready behind it."""
MAX_BAD_ANSWERS = 3
"""Requests in a row without a sure answer, after which a call stops."""
MAX_REFUSED = 10
"""Messages refused in a row, each for itself: then it is not they that are bad."""
PAUSE_S = 2.0
"""Before the request after a doubtful one; doubled for each further one."""
MAX_PAUSE_S = 300.0
"""So long at most a target is waited for that names a time itself."""
# How often somebody who wants to stop is heard.
_LISTEN_S = 0.1


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the events of one call."""

    acked: int = 0
    failed: int = 0
    in_doubt: int = 0
    held: int = 0
    """Not sent, since an earlier event of their ordering key failed, is in doubt or is still to be sent."""
    not_sent: int = 0
    stopped: str | None = None
    """None where all that could be sent was; else ``asked``, ``refused``, ``doubtful`` or ``unreachable``."""
    reason: str | None = None
    """Why it stopped, in a sentence."""


def send_events(
    journal: Journal,
    sink: Sink,
    plan: Plan,
    items: Collection[int],
    *,
    run_id: str,
    step: int,
    max_rate: float,
    should_stop: Callable[[], bool],
) -> Sent:
    """Send those of the items that are planned; what else they are, they stay.

    Parameters
    ----------
    journal : Journal
        Open, the plan added, the run begun.
    sink : Sink
        Where to; it is not closed.
    plan : Plan
        Whose events are sent, as it is in the journal.
    items : collection of int
        Of the plan.
    run_id, step : str, int
        What the journal notes of the sending.
    max_rate : float
        Events per second; neither a batch nor the start of a call exceeds it.
    should_stop : callable
        Asked between requests; once it says so, what is under way is finished and journalled.

    Returns
    -------
    Sent

    Raises
    ------
    EvidenceError
        If an event is not the one that is in the journal: nothing was sent.
    StorageError
        If the journal cannot be written: nothing more is sent, and what was under way is in doubt.
    ParameterError
        If the rate cannot be kept.

    Notes
    -----
    No event is sent twice: only planned ones are taken, their intent is durable before the request begins, and the
    request is never repeated. A doubtful answer leaves its events in doubt; the next request waits, and after three
    in a row the call stops.
    """
    _check_same(journal, plan, items)
    pace = Pace(max_rate)
    queue = Queue(plan, items, journal.states(plan.plan_id))
    return _Sending(journal, sink, plan, queue, pace, should_stop, run_id, step).run()


def _check_same(journal: Journal, plan: Plan, items: Collection[int]) -> None:
    """Refuse bytes, keys or a target that are not those that the journal has."""
    known = journal.fixed(plan.plan_id)
    wanted = set(items)
    for event in plan.events:
        if event.item not in wanted:
            continue
        own = (event.dedupe_key, hash_text(event.payload), plan.target.address)
        if known.get(event.item) != own:
            raise EvidenceError(
                f"Item {event.item} of {plan.plan_id} is not what the journal has of it; nothing was sent.",
                "Restore the plan that was approved, or make a new one.",
            )


class _Sending:
    """One call of ``send_events``: while a request is under way the next is written down and made ready.

    The one that is ready goes the moment that the answer of the one before is there, and that answer is written down
    after it: so the server never waits for the journal.
    """

    def __init__(
        self,
        journal: Journal,
        sink: Sink,
        plan: Plan,
        queue: Queue,
        pace: Pace,
        should_stop: Callable[[], bool],
        run_id: str,
        step: int,
    ) -> None:
        self._journal, self._sink, self._plan, self._queue, self._pace = journal, sink, plan, queue, pace
        self._should_stop, self._run_id, self._step = should_stop, run_id, step
        self._most = min(MAX_BATCH, getattr(sink, "max_messages", MAX_BATCH))
        self._ready: tuple[list[Message], Callable[[], Pending]] | None = None
        self._flying: Flight | None = None
        self._unsaved: list[Change] = []
        self._counts: Counter[str] = Counter()
        self._bad = 0
        self._refused = 0
        self._not_before = 0.0
        self._stop: tuple[str, str] | None = None
        self._pool: Executor
        self._listening: Callable[[], AbstractContextManager[None]]

    def run(self) -> Sent:
        """Send until nothing is left, or until something says stop."""
        # An interrupt is heard where the call waits: everywhere else it could lose an answer.
        with ThreadPoolExecutor(1, thread_name_prefix="dlqkit-request") as pool, holding_interrupts() as listening:
            self._pool, self._listening = pool, listening
            try:
                while self._go_on():
                    pass
            finally:
                self._drain()
        name, sentence = self._stop or (None, None)
        return Sent(
            self._counts["acked"], self._counts["failed"], self._counts["in_doubt"], self._queue.held,
            len(self._queue), name, sentence,
        )  # fmt: skip

    def _go_on(self) -> bool:
        batch = self._next_batch()
        if batch or self._unsaved:
            self._commit(batch)
        if batch:
            self._ready = batch, prepare_request(self._sink, batch, self._pool)
        if self._flying is not None:
            self._collect()
        elif self._ready is not None:
            self._start()
        else:
            if self._stop is not None or not len(self._queue):
                return False
            wait = max(self._pace.wait_s(), self._not_before - time.monotonic())
            with self._listening():
                time.sleep(min(max(wait, 0.0), _LISTEN_S))
        return True

    def _next_batch(self) -> list[Message]:
        if self._stop is None and len(self._queue) and self._should_stop():
            self._stop = ("asked", say("It was asked to stop; what was under way is finished and in the journal."))
        if self._stop is not None or time.monotonic() < self._not_before:
            return []
        busy = {self._flying.messages[0].ordering_key} - {""} if self._flying is not None else set()
        batch = self._queue.next_batch(min(self._most, self._pace.most()), busy)
        self._pace.take(len(batch))
        return batch

    def _commit(self, batch: Sequence[Message]) -> None:
        changes, before = self._unsaved, self._journal.sequence
        self._unsaved = []
        try:
            self._journal.advance(
                self._plan.plan_id, changes, [one.item for one in batch], run_id=self._run_id, step=self._step
            )
        except BaseException:
            if self._journal.sequence == before:
                self._unsaved = changes
            raise

    def _start(self) -> None:
        if self._ready is not None:
            (messages, start), self._ready = self._ready, None
            self._flying = Flight(self._sink, messages, start(), self._pool)

    def _collect(self) -> None:
        """Take the answer that is waited for; after a bad one what is ready behind it does not go."""
        assert self._flying is not None
        messages = self._flying.messages
        try:
            with self._listening():
                answer = self._flying.answer()
        except Exception:
            self._flying = None  # a request that crashed stays at intent
            raise
        self._flying = None
        if answer.code is None:
            self._start()
        self._note(messages[0].ordering_key, answer)
        self._let_go()

    def _let_go(self) -> None:
        if self._ready is not None:
            messages, self._ready = self._ready[0], None
            self._note(messages[0].ordering_key, let_go(messages))

    def _note(self, key: str, answer: Answer) -> None:
        self._unsaved += answer.changes
        self._counts.update(change.state for change in answer.changes)
        self._queue.put_back(answer.unsent)
        if any(change.state in {"failed", "in_doubt"} for change in answer.changes):
            self._queue.hold(key)
        for change in answer.changes:
            self._refused = self._refused + 1 if change.state == "failed" else 0
            if self._refused == MAX_REFUSED:
                text = say("The target refused {count} events in a row ({code}).", count=MAX_REFUSED, code=change.code)
                self._stop = ("refused", text)
        if answer.code is None:
            self._bad = self._bad if answer.unsent else 0
        elif answer.is_refused:
            self._stop = ("refused", say("The target refuses what is sent ({code}).", code=answer.code))
        else:
            self._bad += 1
            pause = max(PAUSE_S * 2 ** (self._bad - 1), min(answer.retry_after_s, MAX_PAUSE_S))
            self._not_before = time.monotonic() + pause
            if self._bad >= MAX_BAD_ANSWERS:
                self._stop = _without_answer(answer, self._bad)

    def _drain(self) -> None:
        """Journal what is under way, however the call ends."""
        self._let_go()
        try:
            if self._flying is not None:
                self._collect()
        finally:
            if self._unsaved and not self._journal.is_broken:
                self._commit(())


def _without_answer(answer: Answer, count: int) -> tuple[str, str]:
    if answer.is_ambiguous:
        text = say("{count} requests in a row had no sure answer, the last one {code}.", count=count, code=answer.code)
        return "doubtful", text
    return "unreachable", say(
        "The target could not be reached {count} times in a row; nothing was sent to it.", count=count
    )
