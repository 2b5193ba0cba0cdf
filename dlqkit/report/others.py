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
    """Other workflows with their dead letters, that the report's own events are not of them, and how many all lost.

    Of the others no event's fate is asked for, so that none of their dead letters is said to be open or healed.
    """
    names = ", ".join(map(_named, others[:NAMED]))
    rest = len(others) - NAMED
    text = say("{workflows} and {rest:d} more", workflows=names, rest=rest) if rest > 0 else names
    affected, own = facts["events"]["total"], facts["workflow"]
    if affected["value"] is None or not (own["name"] or own["id"]):
        return text
    told: dict[str, Any] = {"workflows": text, "count": count_text(affected), "name": own["name"] or own["id"]}
    lost = [row.get("events") for row in facts["other_workflows"]]
    if None in lost:
        return say("{workflows}; the events affected ({count}) are of {name} alone", **told)
    total = count_text(affected | {"value": round(affected["value"] + sum(lost))})
    return say(
        "{workflows}; how many of these are open is not known; the events affected ({count}) are of {name} alone, "
        "{total} are of all workflows together",
        **told, total=total,
    )  # fmt: skip


def _named(row: Mapping[str, Any]) -> str:
    name = str(row["name"] or row["workflow_id"])
    events = row.get("events")
    return name if events is None else f"{name} ({number(events)})"
