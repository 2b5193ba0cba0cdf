"""Workflows that lose a large part of their events without any change of the share that would show."""

from __future__ import annotations

import numpy as np

from dlqkit.signals.bounds import ended
from dlqkit.signals.growth import Steps
from dlqkit.signals.points import Found
from dlqkit.signals.scrapes import Scrapes

__all__ = ["find_steady"]

# A workflow that loses this share of its events all through the window is in trouble although nothing changes.
STEADY_SHARE, STEADY_EVENTS = 0.2, 20.0


def find_steady(
    workflow_id: str | None, points: Steps, volume: list[Steps], scrapes: Scrapes, end_s: float
) -> Found | None:
    """A workflow that loses events all through what was watched: since before the evidence begins."""
    start_s, size, gained = scrapes.began_s, points.total, sum(part.total for part in volume)
    share = size / max(size + gained, 1.0)
    if not volume or size < STEADY_EVENTS or share < STEADY_SHARE:
        return None
    last = float(points.at_s[-1])
    if ended(last, start_s, size, end_s):
        return None
    text = f"{share:.0%} of its events are lost all through the window, so it began before the evidence does."
    return Found(workflow_id, "dead_letters", start_s, np.nan, start_s, None, np.nan, size, np.nan, 0.5, text)
