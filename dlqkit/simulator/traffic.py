"""When events arrive: more by day than by night, more from some clients than from others."""

from __future__ import annotations

import numpy as np

from dlqkit.simulator.mixing import Array

__all__ = ["BUSIEST_S", "arrivals", "day_and_night", "mean_rate"]

DAY_S = 86_400.0
BUSIEST_S = 14 * 3600.0
"""14:00 UTC, of any day."""
_GRID_S = 60.0


def day_and_night(times: Array, busiest: float = BUSIEST_S) -> Array:
    """The relative rate at these times (seconds since 1970): 1.6 at the busiest of each day, 0.4 half a day off."""
    curve: Array = 1.0 + 0.6 * np.cos(2 * np.pi * (times - busiest) / DAY_S)
    return curve


def _cumulative(start: float, end: float, busiest: float) -> tuple[Array, Array]:
    grid = np.linspace(start, end, max(2, int((end - start) / _GRID_S) + 1))
    rate = day_and_night(grid, busiest)
    area = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(grid))])
    return grid, area


def mean_rate(start: float, end: float, events: int, busiest: float = BUSIEST_S) -> float:
    """Events per second where the relative rate is 1, so that ``events`` arrive between start and end."""
    _, area = _cumulative(start, end, busiest)
    return float(events / area[-1])


def arrivals(
    rng: np.random.Generator, start: float, end: float, *, events: int | None = None, rate: float = 0.0,
    busiest: float = BUSIEST_S,
) -> Array:  # fmt: skip
    """Arrival times in order: exactly ``events`` of them, or as many as the rate brings."""
    grid, area = _cumulative(start, end, busiest)
    count = int(rng.poisson(rate * area[-1])) if events is None else events
    times: Array = np.interp(np.sort(rng.uniform(0.0, area[-1], count)), area, grid)
    return times
