"""When events arrive: more by day than by night, more from some clients than from others."""

from __future__ import annotations

import numpy as np

from dlqkit.simulator.mixing import Array

__all__ = ["arrivals", "day_and_night", "mean_rate"]

DAY_S = 86_400.0
_GRID_S = 60.0


def day_and_night(times: Array) -> Array:
    """The relative rate at these times (seconds since 1970): 1.6 at 14:00 UTC, 0.4 at 02:00 UTC."""
    curve: Array = 1.0 + 0.6 * np.cos(2 * np.pi * (times - 14 * 3600) / DAY_S)
    return curve


def _cumulative(start: float, end: float) -> tuple[Array, Array]:
    grid = np.linspace(start, end, max(2, int((end - start) / _GRID_S) + 1))
    rate = day_and_night(grid)
    area = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(grid))])
    return grid, area


def mean_rate(start: float, end: float, events: int) -> float:
    """Events per second where the relative rate is 1, so that ``events`` arrive between start and end."""
    _, area = _cumulative(start, end)
    return float(events / area[-1])


def arrivals(
    rng: np.random.Generator, start: float, end: float, *, events: int | None = None, rate: float = 0.0
) -> Array:
    """Arrival times in order: exactly ``events`` of them, or as many as the rate brings."""
    grid, area = _cumulative(start, end)
    count = int(rng.poisson(rate * area[-1])) if events is None else events
    times: Array = np.interp(np.sort(rng.uniform(0.0, area[-1], count)), area, grid)
    return times
