"""What stops the damage while an incident goes on, and what is to be gone once it is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.decision.cause_steps import find_causes
from dlqkit.decision.class_advice import names_dependency
from dlqkit.decision.since_fix import is_unstopped
from dlqkit.decision.suspects import last_version_text, of_payload_text
from dlqkit.language import say

__all__ = ["see_it_gone", "stop_first"]


def stop_first(facts: Mapping[str, Any], action: str) -> str:
    """The first step, with what can be undone at once before it; as it is where nothing can.

    Parameters
    ----------
    facts : mapping
        The report's facts, as far as they are computed.
    action : str
        The first step without it; empty for what can be undone alone.

    Notes
    -----
    The last version before the onset: a candidate and no conclusion, but to roll it back is quick, while events die.
    None is named where the errors speak of another cause: business errors of the input, others of what is down.
    """
    alive = {one["failure_class"] for one in find_causes(facts) if one["state"] == "going_on"}
    version = _find_version(facts, alive) if is_unstopped(facts) else ""
    if not version:
        return action
    stop = say("It goes on, so first undo the last version of before the onset: {change}.", change=version)
    return f"{stop} {action}".strip()


def see_it_gone(facts: Mapping[str, Any]) -> str:
    """That what changed is not to be there any more once it may be over; empty where nothing is named.

    Of events that are still open: their causes are what the next one would die of.
    """
    causes = find_causes(facts)
    classes = {one["failure_class"] for one in causes if one["open"]} or {one["failure_class"] for one in causes}
    change = of_payload_text(facts) if "business" in classes else _find_version(facts, classes)
    return say("See that the cause is gone; it may be {change}.", change=change) if change else ""


def _find_version(facts: Mapping[str, Any], classes: set[str]) -> str:
    if classes == {"business"}:
        return ""
    if names_dependency([row for row in facts["signatures"] if row["failure_class"] in classes]):
        return ""
    return last_version_text(facts)
