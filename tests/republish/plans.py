"""Small plans over a topic of the simulator, and sinks that answer as a test wants."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from dlqkit.republish.journal import Journal
from dlqkit.republish.plan import Plan, PlannedEvent, Target, dedupe_key, hash_text, seal_plan
from dlqkit.republish.sending import Message, Sent, send_events

TOPIC = "projects/simulated-project/topics/orders"
ATTRIBUTE = "dlqkit-dedupe-id"
FAST = 1e9


def make_plan(
    count: int = 6,
    *,
    plan_id: str = "plan-001",
    first: int = 1,
    keys: Sequence[str] = (),
    payloads: Sequence[str] = (),
    target: Target | None = None,
    replaces: str | None = None,
    generation: int = 1,
) -> Plan:
    """A plan of events ``event-1``, ``event-2`` and so on; ``keys`` and ``payloads`` by item."""
    where = target or Target("pubsub", TOPIC, ATTRIBUTE)
    events = []
    for item in range(1, count + 1):
        number = first + item - 1
        payload = payloads[item - 1] if payloads else json.dumps({"order": number, "amount": 1.10})
        digest, name = hash_text(payload), f"event-{number}"
        events.append(
            PlannedEvent(
                item=item, event_key=name, record_id=f"r{number}", workflow_id="orders", trace_id=f"trace-{number}",
                dead_at="2026-03-02T14:00:00+00:00", payload=payload, payload_sha256=digest, original_sha256=digest,
                attributes={"tenant": "a"}, ordering_key=keys[item - 1] if keys else "",
                dedupe_key=dedupe_key(where.address, name, digest, generation), failure_class="infrastructure",
                signature_id="s1", edited=None, warnings=(), generation=generation,
            )
        )  # fmt: skip
    return seal_plan(
        Plan(
            plan_id=plan_id, incident="orders", snapshot="001", as_of="2026-03-02T15:00:00+00:00",
            selection={"signature": "s1"}, target=where, generation=generation, steps=(1, 5, 20), max_rate=FAST,
            outcome_deadline_s=60.0, events=tuple(events), left_out=(), unknowns=(), replaces=replaces, hash="",
        )
    )  # fmt: skip


class Answers:
    """A sink whose answers are made by a function of the request's number, from 1, and its messages."""

    def __init__(self, answer: Callable[[int, Sequence[Message]], list[str]] | None = None, most: int = 500) -> None:
        self.max_messages = most
        self.requests: list[list[int]] = []
        self._answer = answer or (lambda _, messages: [f"id-{one.item}" for one in messages])

    def send(self, messages: Sequence[Message]) -> list[str]:
        self.requests.append([one.item for one in messages])
        return self._answer(len(self.requests), messages)

    @property
    def items(self) -> list[int]:
        """Items of all requests, in order."""
        return [item for request in self.requests for item in request]

    def close(self) -> None:
        return


def send_all(journal: Journal, sink: object, plan: Plan, *, should_stop: Callable[[], bool] = lambda: False) -> Sent:
    """Add the plan, begin a run and send every item of it."""
    journal.add_plan(plan)
    run_id = journal.begin_run(plan.plan_id)
    items = [event.item for event in plan.events]
    return send_events(
        journal, sink, plan, items, run_id=run_id, step=1, max_rate=plan.max_rate, should_stop=should_stop
    )  # fmt: skip


def states(journal: Journal, plan: Plan) -> list[str]:
    """State of each item, in order."""
    known = journal.states(plan.plan_id)
    return [known[event.item] for event in plan.events]


def journal_file(directory: Path) -> Path:
    """Where the journal is."""
    return directory / "republish" / "journal.sqlite"
