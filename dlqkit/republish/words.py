"""Counts of events in sentences."""

from __future__ import annotations

__all__ = ["are", "events_of", "were"]


def events_of(count: int) -> str:
    """``1 event``, ``1,204 events``."""
    return "1 event" if count == 1 else f"{count:,} events"


def are(count: int) -> str:
    """The verb after a count."""
    return "is" if count == 1 else "are"


def were(count: int) -> str:
    """The verb after a count, of before."""
    return "was" if count == 1 else "were"
