"""A small incident to plan over: one workflow, its settings, and plans made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dlqkit.decision.classes import classify_failures
from dlqkit.decision.overrides import apply_overrides
from dlqkit.republish.edits import Edit
from dlqkit.republish.known import Known
from dlqkit.republish.plan import (
    LeftOut,
    Plan,
    PlannedEvent,
    Target,
    dedupe_key,
    hash_text,
    seal_plan,
)
from dlqkit.republish.planning import plan_republish
from dlqkit.republish.selection import Selection
from dlqkit.settings import Settings

TOPIC = "projects/p/topics/orders"
EVERYTHING = Selection(workflows=("wf",))


def settings(workflow: Mapping[str, Any] | None = None, **republish: Any) -> Settings:
    """Settings of the workflow ``wf``, five events a second to its own topic."""
    return Settings.model_validate(
        {
            "workflows": {"wf": {"topic": TOPIC, **(workflow or {})}},
            "republish": {"allowed_topics": [TOPIC], "max_rate": 5, **republish},
        }
    )


def classified(records: pd.DataFrame) -> pd.DataFrame:
    """Classes by MAX_ATTEMPTS 5, without anybody's word."""
    return apply_overrides(classify_failures(records, max_attempts=5), ())


def plan_of(
    records: pd.DataFrame,
    selection: Selection = EVERYTHING,
    own: Settings | None = None,
    known: Known | None = None,
    edits: Sequence[Edit] = (),
    **more: Any,
) -> Plan:
    """A plan over the records."""
    return plan_republish(records, classified(records), selection, own or settings(), known, edits=edits, **more)


def left_out(plan: Plan) -> dict[str, str]:
    """The reason of each event that is left out."""
    return {one.event_key: one.reason for one in plan.left_out}


def event(item: int, key: str, payload: str = "{}", **more: Any) -> PlannedEvent:
    """A planned event without anything special."""
    digest = hash_text(payload)
    values: dict[str, Any] = {
        "item": item, "event_key": key, "record_id": f"r-{key}", "workflow_id": "wf", "trace_id": f"t-{key}",
        "dead_at": "2026-03-02T12:00:01+00:00", "payload": payload, "payload_sha256": digest,
        "original_sha256": digest, "attributes": None, "ordering_key": "",
        "dedupe_key": dedupe_key(TOPIC, key, digest, 1), "failure_class": "infrastructure", "signature_id": "s1",
        "edited": None, "warnings": (), "generation": 1, "record_sha256": digest,
    }  # fmt: skip
    return PlannedEvent(**{**values, **more})


def small_plan(keys: Sequence[str] = ("a", "b"), plan_id: str = "plan-001", **more: Any) -> Plan:
    """A sealed plan of events that nothing speaks against."""
    values: dict[str, Any] = {
        "plan_id": plan_id, "incident": "orders", "snapshot": "001", "as_of": "2026-03-02T12:10:00+00:00",
        "selection": {"workflows": ["wf"]}, "target": Target("pubsub", TOPIC, "dlqkit-dedupe-id"), "generation": 1,
        "steps": (1, 1), "max_rate": 5.0, "outcome_deadline_s": 30.0,
        "events": tuple(event(number, key) for number, key in enumerate(keys, start=1)),
        "left_out": (LeftOut("z", None, "succeeded later", "2026-03-02 12:09:00 UTC"),), "unknowns": ("Not known: x.",),
        "replaces": None, "hash": "",
    }  # fmt: skip
    return seal_plan(Plan(**{**values, **more}))
