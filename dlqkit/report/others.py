"""Other workflows beside the report's own: what they are called, and how many died of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dlqkit.language import number, say
from dlqkit.report.amounts import count_text

__all__ = ["name_workflow", "others_text"]

Facts = Mapping[str, Any]
# Workflows that the first screen names.
NAMED = 3


def name_workflow(facts: Facts, workflow_id: str) -> str:
    """The name that a workflow is known by, else its id."""
    rows = [facts["workflow"], *({"id": row["workflow_id"], "name": row["name"]} for row in facts["other_workflows"])]
    return next((str(row["name"]) for row in rows if row["id"] == workflow_id and row["name"]), workflow_id)


def others_text(facts: Facts, others: Sequence[Mapping[str, Any]]) -> str:
    """Other workflows with their dead letters, and that the report's own events are not of them."""
    names = ", ".join(map(_named, others[:NAMED]))
    rest = len(others) - NAMED
    text = say("{workflows} and {rest:d} more", workflows=names, rest=rest) if rest > 0 else names
    affected, own = facts["events"]["total"], facts["workflow"]
    if affected["value"] is None or not (own["name"] or own["id"]):
        return text
    return say(
        "{workflows}; the events affected ({count}) are of {name} alone",
        workflows=text, count=count_text(affected), name=own["name"] or own["id"],
    )  # fmt: skip


def _named(row: Mapping[str, Any]) -> str:
    name = str(row["name"] or row["workflow_id"])
    events = row.get("events")
    return name if events is None else f"{name} ({number(events)})"
