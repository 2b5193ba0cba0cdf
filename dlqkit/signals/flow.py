"""Gaps in a flow of events that neither chance, nor the night, nor the flow's own habit explains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dlqkit.signals.growth import Steps

__all__ = ["Pause", "find_pauses", "joined", "points_of_times"]

Floats = npt.NDArray[np.float64]

# Shorter pauses are restarts and deploys.
LEAST_S, LEAST_SCRAPES = 300.0, 5.0
# A pause is this many times as long as the second longest other one: batches and cron jobs pause by habit.
HABIT = 2.5
# What is longer than all but the two longest pauses by chance, and how many tell their distribution.
BY_HABIT, ENOUGH_PAUSES = 1e-4, 8
# The rate before and after a pause is taken over so many times its length, at least so long, both in halves: the
# lowest counts, since load that fades into a night is no outage.
BESIDE, BESIDE_S = 2.0, 1800.0
PARTS = 4
# A flow fades if each of three stretches has less than this share of the one before.
FADES = 0.8
DAY_S = 86_400.0
# The day before, the same time had less than this share of the usual flow: it is always quiet then.
QUIET_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Pause:
    """From the last event to the next (None: it goes on), and how many events were to be expected."""

    begin_s: float
    end_s: float | None
    expected: float


def points_of_times(at_s: Floats) -> Steps:
    """Events with times of their own, such as records or log lines."""
    at = np.sort(at_s)
    return Steps(at, at, np.ones(len(at)))


def joined(parts: Sequence[Steps], signs: Sequence[Steps] = ()) -> Steps:
    """The growth of several counters together, by time; of each only the steps in which it grew (``Steps.points``).

    Of ``signs`` only that something grew then is kept: they count what ``parts`` count already.
    """
    kept = [part for part in parts if len(part)]
    kept += [Steps(one.previous_s, one.at_s, np.zeros(len(one))) for one in signs if len(one)]
    if not kept:
        return Steps(np.empty(0), np.empty(0), np.empty(0))
    if len(kept) == 1:
        return kept[0]
    at = np.concatenate([part.at_s for part in kept])
    times, place = np.unique(at, return_inverse=True)
    previous = np.full(len(times), np.inf)
    np.minimum.at(previous, place, np.concatenate([part.previous_s for part in kept]))
    grown = np.bincount(place, weights=np.concatenate([part.grown for part in kept]), minlength=len(times))
    return Steps(previous, times, grown.astype(np.float64))


def find_pauses(points: Steps, start_s: float, end_s: float, spacing_s: float, unlikely: float) -> Iterator[Pause]:
    """Pauses in which more than ``unlikely`` events were to be expected at the least rate around them.

    Notes
    -----
    A scrape that comes after a gap in scraping and shows growth says that events came in the gap, so it is no pause.
    """
    if len(points) < 2:
        return
    begins = np.maximum.accumulate(points.at_s)
    ends = np.append(points.previous_s[1:], end_s)
    lengths = ends - begins
    least = max(LEAST_S, LEAST_SCRAPES * spacing_s)
    longest = np.sort(lengths)[::-1]
    usual_longest = _usual_longest(longest[2:])
    so_far = np.concatenate([[0.0], np.cumsum(points.grown)])
    for place in np.flatnonzero(lengths >= least):
        length = float(lengths[place])
        # The longest but this one: for the two longest of all it is the third.
        habit = longest[2 if length >= longest[min(1, len(longest) - 1)] else 1] if len(longest) > 2 else 0.0
        if length < max(HABIT * habit, usual_longest):
            continue
        begin, end = float(begins[place]), float(ends[place])
        rate = _least_rate(points, so_far, begin, end, start_s, end_s, length)
        expected = min(rate * length, _if_it_fades(points, so_far, begin, start_s, length))
        if expected < unlikely or _always_quiet(points, so_far, begin, end, start_s):
            continue
        yield Pause(begin, None if place == len(lengths) - 1 else end, expected)


def _usual_longest(lengths: Floats) -> float:
    """A pause so long that the tail of these, taken as exponential, has one as long with the chance ``BY_HABIT``."""
    kept = lengths[lengths > 0]
    if len(kept) < ENOUGH_PAUSES:
        return 0.0
    middle = float(np.median(kept))
    above = kept[kept > middle]
    scale = float((above - middle).mean()) if len(above) else 0.0
    return middle + scale * float(np.log(len(kept) / 2 / BY_HABIT))


def _least_rate(
    points: Steps, so_far: Floats, begin: float, end: float, start_s: float, end_s: float, length: float
) -> float:
    width = max(BESIDE * length, BESIDE_S)
    rates = []
    for low, high in ((max(begin - width, start_s), begin), (end, min(end + width, end_s))):
        edges = np.linspace(low, high, PARTS + 1)
        counted = so_far[np.searchsorted(points.at_s, edges, side="right")]
        if high - low >= LEAST_S:
            whole = (counted[-1] - counted[0]) / (high - low)
            # Half of it: the part nearest to the pause may be the slope of an evening.
            nearest = (counted[-1] - counted[-3]) if high == begin else (counted[2] - counted[0])
            rates.append(min(whole, nearest / (high - low) * 2))
    whole = so_far[-1] / max(end_s - start_s - length, 1.0)
    return float(min([*rates, whole]))


def _if_it_fades(points: Steps, so_far: Floats, begin: float, start_s: float, length: float) -> float:
    """Events to come if the flow goes on to fade as it did in the three stretches before the pause."""
    part = max(length / 4, LEAST_S)
    if begin - 3 * part < start_s:
        return float("inf")
    edges = begin + part * np.arange(-3, 1)
    third, second, last = np.diff(so_far[np.searchsorted(points.at_s, edges, side="right")])
    if not last < FADES * second < FADES**2 * third:
        return float("inf")
    return float(last * last / max(second - last, 1e-9))


def _always_quiet(points: Steps, so_far: Floats, begin: float, end: float, start_s: float) -> bool:
    if begin - DAY_S < start_s:
        return False
    low, high = np.searchsorted(points.at_s, [begin - DAY_S, end - DAY_S], side="right")
    day = np.searchsorted(points.at_s, [begin - DAY_S, begin], side="right")
    usual = (so_far[day[1]] - so_far[day[0]]) / DAY_S
    return bool((so_far[high] - so_far[low]) / max(end - begin, 1.0) < QUIET_SHARE * usual)
