"""How many events and which class, of an incident in which none is dead-lettered: silence, failures, durations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from dlqkit.language import number, say

__all__ = ["tell_without_dead"]

Facts = Mapping[str, Any]


def tell_without_dead(facts: Facts) -> list[tuple[str, str, Literal["computed", "unknown"]]]:
    """The first screen's lines on events and class where the signal is none of dead letters.

    Parameters
    ----------
    facts : mapping
        From ``report.facts.facts``.

    Returns
    -------
    list of (str, str, str)
        Label, text, and ``computed`` or ``unknown``.
    """
    dead = facts["metrics"]["dead_letters_increase"]
    events = " ".join(part for part in (_dead_text(dead), _size_text(facts)) if part)
    if dead is None:
        told = say("not known: no dead-letter counter is seen")
    elif dead:
        told = say("no more dead letters than usual, so no class")
    else:
        told = say("no dead letters, so no class")
    kind: Literal["computed", "unknown"] = "unknown" if dead is None else "computed"
    return [(say("Events affected"), events, kind), (say("Class"), told, kind)]


def _dead_text(dead: float | None) -> str:
    if dead is None:
        return say("It is not known whether events were dead-lettered.")
    return say("Dead letters by the counter: {count}.", count=round(dead))


def _size_text(facts: Facts) -> str:
    """What the signal counted, where that is events or attempts."""
    kind, onset = facts["state"]["kind"], facts["onset"]["at"]
    sizes = [row["size"] for row in facts["signals"] if row["signal"] == kind and row["onset_at"] == onset]
    if not sizes or sizes[0] is None:
        return ""
    count = number(round(sizes[0]))
    if kind == "silence" and facts["state"].get("what") in {None, "events"}:
        return say("Events that were to come and are not seen: about {count}.", count=count)
    if kind == "failures":
        return say("Failed attempts: {count}.", count=count)
    return say("Reports from outside: {count}.", count=count) if kind == "support" else ""
