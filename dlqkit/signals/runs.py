"""Runs of events that a steady rate does not explain: found by likelihood ratio, cut where they pause."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dlqkit.signals.dispersion import COARSE, Points, dispersion, together

__all__ = ["FLOOR", "MINIMUM_EVENTS", "Run", "find_runs", "is_raised", "likelihood", "sureness"]

Floats = npt.NDArray[np.float64]

# Fewer dead letters than this are single poison events, however near to each other they are.
MINIMUM_EVENTS = 5
# Log-likelihood ratio over the steady rate that a run needs. Of 1,000 quiet windows of 1,000 scrapes about one
# reaches it by chance (benchmarks/signals.py).
FLOOR = 13.0
# Ratios of the rate inside a run to the usual one at which runs are looked for; between two of them little is lost.
RATIOS = np.array([1.5, 2.2, 3.5, 6.0, 12.0, 30.0, 100.0, 500.0, 5000.0])
# A pause inside a run that is this unlikely (as a log-likelihood ratio) cuts it in two.
CUT = 11.0
# Between two runs of one incident the rate is so much above the usual one, and plainly.
RAISED, RAISED_FLOOR = 1.4, 5.0
ROUNDS = 4
MAXIMUM_RUNS = 60
# A low usual rate is that of this share of the coarse blocks.
LOW = 0.15
# A long stretch fills this share of the window, and leaves this share to measure dispersion on,
# in which next to nothing happens.
LONG, REST, CONTRAST = 0.5, 0.1, 20.0


@dataclass(frozen=True, slots=True)
class Run:
    """Positions of the first and last point of a run, its events, the events to be expected, and how unlikely it is."""

    first: int
    last: int
    size: float
    expected: float
    likelihood: float


def likelihood(size: float, exposure: float, rest: float, rest_exposure: float) -> float:
    """Log-likelihood ratio of two Poisson rates over one; 0 where the first is not the higher."""
    if exposure <= 0 or rest_exposure <= 0 or size / exposure <= rest / rest_exposure:
        return 0.0
    total, whole = size + rest, exposure + rest_exposure
    value = size * np.log(size / exposure * whole / total)
    if rest > 0:
        value += rest * np.log(rest / rest_exposure * whole / total)
    return float(value)


def is_raised(size: float, expected: float) -> bool:
    """Whether a pause between two runs is above the usual rate itself, and so is no pause."""
    return size > RAISED * expected and size * np.log(size / max(expected, 1e-9)) - size + expected > RAISED_FLOOR


def sureness(ratio: float) -> float:
    """Probability that a run of this likelihood ratio is an incident (see docs/signals.md)."""
    return float(1 / (1 + np.exp(-(ratio - FLOOR + 2.0) / 1.5)))


def find_runs(points: Points, *, floor: float = FLOOR, minimum: float = MINIMUM_EVENTS) -> list[Run]:
    """Runs of points above the steady rate of the rest, by position.

    Parameters
    ----------
    points : Points
        Ascending.
    floor : float
        Log-likelihood ratio that a run needs, times the over-dispersion.
    minimum : float
        Events that a run needs.

    Returns
    -------
    list of Run
        Empty when a steady rate explains the points.

    Notes
    -----
    For each of a few ratios the stretch of the largest likelihood ratio is the largest sum of a sequence (Kadane),
    so nothing is quadratic. The steady rate is that of what lies outside all runs, so it is found in a few rounds.
    """
    sums = points.sums()
    if sums[-1] < minimum or points.total <= 0:
        return []
    spread = dispersion(points)
    if spread > 1:
        spread = min(spread, _spread_outside(points, sums))
    needed = floor * spread
    best: list[tuple[int, int]] = []
    highest = 0.0
    for rate in _usual_rates(points, sums):
        spans = _settle(points, sums, rate, needed, minimum)
        gain = _gain(points, sums, spans) - needed * len(spans)
        if gain > highest:
            best, highest = spans, gain
    size, exposure, rate = _outside(points, sums, best)
    runs = []
    for first, last in best:
        own, length = float(sums[last + 1] - sums[first]), float(points.after[last] - points.before[first])
        ratio = likelihood(own, length, size, exposure) / spread
        if ratio >= floor:
            runs.append(Run(first, last, own, rate * length, ratio))
    return runs


def _usual_rates(points: Points, sums: Floats) -> list[float]:
    """Rates to begin with: that of all, and a low one, for an incident that fills most of the window."""
    overall = float(sums[-1] / points.total)
    width = max((len(points.until) - 1) // COARSE, 1)
    fine = np.bincount(points.block, weights=points.weight, minlength=len(points.until) - 1).astype(np.float64)
    rates = together(fine, width) / np.maximum(together(np.diff(points.until), width), 1e-9)
    low = float(np.quantile(rates, LOW))
    low = max(low, 0.5 / points.total)
    return [overall] if low > 0.9 * overall else [overall, low]


def _settle(points: Points, sums: Floats, rate: float, needed: float, minimum: float) -> list[tuple[int, int]]:
    """The spans that are found at the rate of what is outside them."""
    spans: list[tuple[int, int]] = []
    for _ in range(ROUNDS):
        found: list[tuple[int, int]] = []
        _search(points, sums, rate, 0, len(points), needed, minimum, found)
        found.sort()
        if found == spans:
            break
        spans = found
        rate = _outside(points, sums, spans)[2]
    return spans


def _gain(points: Points, sums: Floats, spans: list[tuple[int, int]]) -> float:
    """Log-likelihood ratio of a rate for each span and one for the rest over one rate for all."""
    size, exposure, _ = _outside(points, sums, spans)
    overall = sums[-1] / points.total
    value = size * np.log(size / exposure / overall) if size > 0 else 0.0
    for first, last in spans:
        own = sums[last + 1] - sums[first]
        value += own * np.log(own / (points.after[last] - points.before[first]) / overall)
    return float(value)


def _outside(points: Points, sums: Floats, spans: list[tuple[int, int]]) -> tuple[float, float, float]:
    """Events, exposure and rate outside the spans; half an event more, since none seen is not none possible."""
    size, exposure = float(sums[-1]), points.total
    for first, last in spans:
        size -= float(sums[last + 1] - sums[first])
        exposure -= float(points.after[last] - points.before[first])
    exposure = max(exposure, points.total * 1e-3)
    return size, exposure, (size + 0.5) / exposure


def _search(
    points: Points, sums: Floats, rate: float, low: int, high: int, needed: float, minimum: float,
    found: list[tuple[int, int]],
) -> None:  # fmt: skip
    if high <= low or sums[high] - sums[low] < minimum or len(found) >= MAXIMUM_RUNS:
        return
    best = _best(points, sums, rate, low, high)
    if best is None:
        return
    first, last = best
    size = sums[last + 1] - sums[first]
    expected = rate * (points.after[last] - points.before[first])
    if size * np.log(size / expected) - size + expected < needed:
        return
    parts = _cut(points, sums, rate, first, last, needed)
    for part_first, part_last in parts:
        if sums[part_last + 1] - sums[part_first] >= minimum:
            found.append((part_first, part_last))
    # A small run may lie in a pause between two large ones, as well as before and after all.
    for begin, end in pairwise([low - 1, *(place for part in parts for place in part), high]):
        if (begin, end) not in parts:
            _search(points, sums, rate, begin + 1, end, needed, minimum, found)


def _best(points: Points, sums: Floats, rate: float, low: int, high: int) -> tuple[int, int] | None:
    """First and last point of the stretch that the rate explains worst."""
    before, after = points.before[low:high], points.after[low:high]
    below, above = sums[low:high], sums[low + 1 : high + 1]
    gain, cost = np.log(RATIOS)[:, None], ((RATIOS - 1) * rate)[:, None]
    starts = gain * below - cost * before
    lowest = np.minimum.accumulate(starts, axis=1)
    score = gain * above - cost * after - lowest
    last = np.argmax(score, axis=1)
    row = int(np.argmax(score[np.arange(len(RATIOS)), last]))
    end = int(last[row])
    if score[row, end] <= 0:
        return None
    begin = int(np.argmin(starts[row, : end + 1]))
    # The ratio that was tried is not that of the stretch: one more round at its own moves both ends.
    ratio = (above[end] - below[begin]) / max(rate * (after[end] - before[begin]), 1e-12)
    if ratio > 1.1:
        starts_own = np.log(ratio) * below - (ratio - 1) * rate * before
        score_own = np.log(ratio) * above - (ratio - 1) * rate * after - np.minimum.accumulate(starts_own)
        end = int(np.argmax(score_own))
        begin = int(np.argmin(starts_own[: end + 1]))
    return low + begin, low + end


def _cut(points: Points, sums: Floats, rate: float, first: int, last: int, needed: float) -> list[tuple[int, int]]:
    """The parts of a stretch between pauses in which the usual rate explains more than the stretch's own."""
    if last - first < 1:
        return [(first, last)]
    span = slice(first, last + 1)
    size = sums[last + 1] - sums[first]
    ratio = max(size / max(rate * (points.after[last] - points.before[first]), 1e-12), 1.1)
    level_after = np.log(ratio) * sums[first + 1 : last + 2] - (ratio - 1) * rate * points.after[span]
    level_before = np.log(ratio) * sums[first : last + 1] - (ratio - 1) * rate * points.before[span]
    # The deepest fall from after one point to before a later one.
    highest = np.maximum.accumulate(level_after)
    fall = highest[:-1] - level_before[1:]
    place = int(np.argmax(fall))
    if fall[place] < max(CUT, needed * CUT / FLOOR):
        return [(first, last)]
    top = int(np.argmax(level_after[: place + 1]))
    left = (first, first + top)
    right = (first + place + 1, last)
    return [*_cut(points, sums, rate, *left, needed), *_cut(points, sums, rate, *right, needed)]


def _spread_outside(points: Points, sums: Floats) -> float:
    """Dispersion of what is outside one stretch that fills half the window or more; else no limit.

    An incident that goes on and off through most of the window makes all of it look dispersed.
    """
    best = _best(points, sums, _usual_rates(points, sums)[-1], 0, len(points))
    if best is None:
        return np.inf
    first, last = best
    begin, end = int(points.block[first]), int(points.block[last])
    blocks = len(points.until) - 1
    if not LONG * blocks <= end - begin <= (1 - REST) * blocks:
        return np.inf
    size = float(sums[last + 1] - sums[first])
    if size / (end - begin) < CONTRAST * (float(sums[-1]) - size) / (blocks - end + begin):
        return np.inf
    room = np.diff(points.until)
    free = np.concatenate([room[:begin], room[end + 1 :]])
    outside = np.r_[0:first, last + 1 : len(points)]
    block = points.block[outside]
    block = np.where(block > end, block - (end + 1 - begin), np.minimum(block, begin - 1))
    until = np.concatenate([[0.0], np.cumsum(free)])
    part = Points(points.weight[outside], points.before[outside], points.after[outside], float(until[-1]), until,
                  np.maximum(block, 0))  # fmt: skip
    return dispersion(part) if len(outside) else 1.0
