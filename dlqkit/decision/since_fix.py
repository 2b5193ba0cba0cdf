"""Whether events go on dying, or have not for a while, by the fix that people name or by their usual pace."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

__all__ = ["is_perhaps_over", "is_quiet", "is_quiet_since_fix", "is_unstopped", "usual_gap_s"]

# At a steady pace a silence of five usual gaps comes by chance less than once in a hundred times (exp -5).
MANY_GAPS = 5
# From so many events on a mean gap says something.
FEW_EVENTS = 20


def is_quiet_since_fix(facts: Mapping[str, Any]) -> bool:
    """Whether people name a fix after which nothing died, too short a time ago to say that it has ended."""
    fixed_at, last = facts["state"].get("fixed_at"), (facts.get("last_dead_letter") or {}).get("at")
    if not fixed_at or not last:
        return False
    return datetime.fromisoformat(last) <= datetime.fromisoformat(fixed_at)


def is_unstopped(facts: Mapping[str, Any]) -> bool:
    """Whether events go on dying at their pace, and nobody says that the cause was removed since the last of them."""
    return facts["state"]["value"] == "going_on" and not is_quiet(facts)


def is_quiet(facts: Mapping[str, Any]) -> bool:
    """Whether nothing has died since the fix, or for many usual gaps; of an incident whose end nobody knows yet."""
    return is_quiet_since_fix(facts) or is_perhaps_over(facts)


def is_perhaps_over(facts: Mapping[str, Any]) -> bool:
    """Whether nothing died for so long that, at the usual pace, chance would hardly bring it; too early to tell."""
    gap_s, last = usual_gap_s(facts), facts.get("last_dead_letter") or {}
    if facts["state"]["value"] != "going_on" or facts["state"].get("fixed_at") or not gap_s:
        return False
    return bool(last["age_s"] > MANY_GAPS * gap_s)


def usual_gap_s(facts: Mapping[str, Any]) -> float | None:
    """Seconds from one dead event of the incident to the next, on average; None where too few are known."""
    affected = (facts.get("events") or {}).get("affected") or {}
    onset, last = (facts.get("onset") or {}).get("at"), (facts.get("last_dead_letter") or {}).get("at")
    # A list that is cut may lack the newest.
    events = affected["value"] or 0 if affected.get("bound") == "exact" else 0
    if not onset or not last or events < FEW_EVENTS:
        return None
    return (datetime.fromisoformat(last) - datetime.fromisoformat(onset)).total_seconds() / events or None
