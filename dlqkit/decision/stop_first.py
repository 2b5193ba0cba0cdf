"""What stops the damage while an incident goes on: before anything else is repaired, counted or sent again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dlqkit.decision.cause_steps import find_causes
from dlqkit.decision.class_advice import names_dependency
from dlqkit.decision.since_fix import is_unstopped
from dlqkit.language import clock, say

__all__ = ["stop_first"]


def stop_first(facts: Mapping[str, Any], action: str) -> str:
    """The first step, with what can be undone at once before it; as it is where nothing can.

    Parameters
    ----------
    facts : mapping
        The report's facts, as far as they are computed.
    action : str
        The first step without it.

    Notes
    -----
    The last version before the onset: a candidate and no conclusion, but to roll it back is quick, while events die.
    None is named where the errors speak of another cause: business errors of the input, others of what is down.
    """
    changes = facts.get("changes", {}).get("rows") or []
    versions = [row for row in changes if row["kind"] == "version"]
    if not is_unstopped(facts) or not versions:
        return action
    alive = {one["failure_class"] for one in find_causes(facts) if one["state"] == "going_on"}
    if alive == {"business"}:
        return action
    if names_dependency([row for row in facts["signatures"] if row["failure_class"] in alive]):
        return action
    last = max(versions, key=lambda row: str(row["at"]))
    at = clock(datetime.fromisoformat(last["at"]))
    return say("It goes on, so first roll back {change} (of {at} UTC) if it may be the cause. Then: {action}",
               change=last["what"], at=at, action=action)  # fmt: skip
