"""Counts of events and other figures in sentences."""

from __future__ import annotations

import math

__all__ = ["are", "events_of", "exact", "figure", "were"]


def events_of(count: int) -> str:
    """``1 event``, ``1,204 events``."""
    return "1 event" if count == 1 else f"{count:,} events"


def are(count: int) -> str:
    """The verb after a count."""
    return "is" if count == 1 else "are"


def were(count: int) -> str:
    """The verb after a count, of before."""
    return "was" if count == 1 else "were"


def figure(value: float, digits: int = 3) -> str:
    """A number as people write it: so many digits that say something, or the whole number; no powers of ten."""
    if value == 0 or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    text = f"{value:,.{digits - 1 - math.floor(math.log10(abs(value)))}f}"
    return text.rstrip("0").rstrip(".")


def exact(value: float) -> str:
    """A number that was set by somebody, in the digits that he may have given."""
    return figure(value, 9)
