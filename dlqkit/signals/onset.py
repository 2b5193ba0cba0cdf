"""Points in time: runs of them that a steady rate does not explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dlqkit.signals.dispersion import Points, blocks_of, place_in
from dlqkit.signals.runs import MINIMUM_EVENTS, find_runs, sureness

__all__ = ["MERGE_S", "MINIMUM_EVENTS", "Segment", "find_elevated"]

Array = npt.NDArray[np.float64]

# Runs nearer than this to each other are one incident: retries and restarts tear holes into a rate.
MERGE_S = 900.0
# A point stands for so much time before it: without it two near points would have an endless rate. About a scrape,
# so that records and counters of the same events are judged alike.
POINT_S = 15.0


@dataclass(frozen=True, slots=True)
class Segment:
    """Positions of the first and last point of an elevated run, its size in events, and its likelihood ratio."""

    first: int
    last: int
    size: float
    likelihood: float

    @property
    def confidence(self) -> float:
        """Probability that this is an incident."""
        return sureness(self.likelihood)


def find_elevated(at_s: Array, weight: Array, start_s: float, end_s: float) -> list[Segment]:
    """Runs of points whose rate is above that of the rest, merged where they are near.

    Parameters
    ----------
    at_s : array
        Times of the points, seconds, ascending.
    weight : array
        Events at each point, such as a counter's increase.
    start_s, end_s : float
        The time that was watched.

    Returns
    -------
    list of Segment
        By time. Empty when a steady rate explains the points.

    Notes
    -----
    By ``runs.find_runs``; each end is at a point, so the first point of a run is its onset.
    """
    if len(at_s) == 0 or end_s <= start_s:
        return []
    after = at_s - start_s + POINT_S
    edges = blocks_of(start_s, end_s, 2 * POINT_S)
    points = Points(weight, after - POINT_S, after, end_s - start_s + POINT_S, edges - start_s, place_in(edges, at_s))
    found = [Segment(run.first, run.last, run.size, run.likelihood) for run in find_runs(points)]
    return _merge(found, at_s)


def _merge(segments: list[Segment], at_s: Array) -> list[Segment]:
    out: list[Segment] = []
    for segment in segments:
        if out and at_s[segment.first] - at_s[out[-1].last] <= MERGE_S:
            last = out.pop()
            size, likelihood = last.size + segment.size, max(last.likelihood, segment.likelihood)
            segment = Segment(last.first, segment.last, size, likelihood)
        out.append(segment)
    return out
