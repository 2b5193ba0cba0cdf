"""Whether events die after the fix that people name, while it is too early to say that the incident has ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

__all__ = ["is_quiet_since_fix", "is_unstopped"]


def is_quiet_since_fix(facts: Mapping[str, Any]) -> bool:
    """Whether people name a fix after which nothing died, too short a time ago to say that it has ended."""
    fixed_at, last = facts["state"].get("fixed_at"), (facts.get("last_dead_letter") or {}).get("at")
    if not fixed_at or not last:
        return False
    return datetime.fromisoformat(last) <= datetime.fromisoformat(fixed_at)


def is_unstopped(facts: Mapping[str, Any]) -> bool:
    """Whether events go on dying, and nobody says that the cause was removed since the last of them."""
    return facts["state"]["value"] == "going_on" and not is_quiet_since_fix(facts)
