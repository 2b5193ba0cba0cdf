"""Small plans, journals and sent events for tests: a few named values, the rest as a plan would have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dlqkit.frames import conform
from dlqkit.republish.journal import JOURNAL
from dlqkit.republish.plan import Plan, PlannedEvent, Target, dedupe_key, hash_text, seal_plan
from dlqkit.republish.sent_events import sent_events
from tests.frames import START, at

ADDRESS = "projects/p/topics/orders"


def planned(item: int, **more: Any) -> PlannedEvent:
    """An event of workflow ``wf``, trace ``t<item>``, with a payload of its own, that died at START."""
    values: dict[str, Any] = {
        "item": item, "event_key": f"e{item}", "record_id": f"old{item}", "workflow_id": "wf", "trace_id": f"t{item}",
        "dead_at": START.isoformat(), "payload": f'{{"order": {item}, "amount": 1.10}}', "attributes": None,
        "ordering_key": None, "failure_class": "infrastructure", "signature_id": "s0", "edited": None, "warnings": (),
    } | more  # fmt: skip
    own, address = hash_text(values["payload"]), values.pop("address", ADDRESS)
    values = {"original_sha256": own, **values, "payload_sha256": own}
    return PlannedEvent(dedupe_key=dedupe_key(address, values["event_key"], own, 1), **values)


def make_plan(events: Sequence[PlannedEvent], **more: Any) -> Plan:
    """A sealed plan of these events."""
    address = more.pop("address", ADDRESS)
    values: dict[str, Any] = {
        "plan_id": "plan-001", "incident": "orders", "snapshot": "001", "as_of": START.isoformat(),
        "selection": {"all": True}, "target": Target("pubsub", address, "dlqkit-dedupe-id"), "generation": 1,
        "steps": (1, 5, 20), "max_rate": 100.0, "outcome_deadline_s": 120.0, "events": tuple(events), "left_out": (),
        "unknowns": (), "replaces": None, "hash": "",
    } | more  # fmt: skip
    return seal_plan(Plan(**values))


def journal_of(plan: Plan, states: Mapping[int, str], *, sent_s: float = 100.0) -> pd.DataFrame:
    """The journal of a plan: these events in these states, intended at ``sent_s``, the others planned."""
    rows = [
        {
            "plan_id": plan.plan_id, "item": event.item, "event_key": event.event_key,
            "workflow_id": event.workflow_id, "trace_id": event.trace_id, "address": plan.target.address,
            "dedupe_key": event.dedupe_key, "payload_sha256": event.payload_sha256,
            "original_sha256": event.original_sha256, "state": states.get(event.item, "planned"),
            "intent_at": at(sent_s).isoformat() if event.item in states else None,
        }
        for event in plan.events
    ]  # fmt: skip
    return conform(pd.DataFrame(rows, columns=None if rows else list(JOURNAL)), JOURNAL)


def sent(*events: PlannedEvent, sent_s: float = 100.0) -> pd.DataFrame:
    """These events, acknowledged, sent at ``sent_s`` after START."""
    plan = make_plan(events)
    return sent_events(plan, journal_of(plan, dict.fromkeys(range(1, len(events) + 1), "acked"), sent_s=sent_s))
