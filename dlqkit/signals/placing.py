"""Where a run begins: the onset that is right within one scrape most often, and between which times it is sure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dlqkit.signals.course import SWELLING, Counted, Rise, explain_rise
from dlqkit.signals.growth import Steps

__all__ = ["Onset", "place_onset"]

Floats = npt.NDArray[np.float64]

# The interval that is stated holds the onset with this probability.
SURE = 0.9
# Where between two scrapes the onset is put, in parts of their distance.
PLACES = np.array([0.0, 0.1, 0.4, 0.7])
# Whether the truth is at a scrape or between two is not known; scrapes jitter, so an onset exactly one of them off
# is within one only this often.
AT_EDGE, JITTER = 0.6, 0.05
# How likely it is, before anything is seen, that the first scrape's growth is all of a scrape's: then the change may be
# said to be at either end of it. Else it is anywhere within.
WHOLE = 0.5
# Where several places are as good an early one is taken, yet not at a scrape: retries delay a dead letter.
EARLY, EARLY_PLACE = 0.01, 0.1
# A step this many times as long as the usual one is a gap in scraping; the onset is placed inside it.
GAP = 1.6
AFTER_GAP = 20
# Two scrapes of a process are at least so many usual distances apart.
SHORTEST = 0.01
# Log-odds beyond which nothing changes.
EXTREME = 30.0


@dataclass(frozen=True, slots=True)
class Onset:
    """Seconds since 1970."""

    at_s: float
    low_s: float
    high_s: float


def place_onset(
    grid_s: Floats,
    grown: Floats,
    exposure: Floats,
    rate: float,
    candidates: tuple[int, int],
    last: int,
    spacing_s: float,
    *,
    points: Steps | None = None,
    points_exposure: Floats | None = None,
) -> Onset:
    """The onset among the steps ``candidates[0]`` to ``candidates[1]`` of a run that goes on to step ``last``.

    Parameters
    ----------
    grid_s : array
        Scrapes, one more than steps: step i is from ``grid_s[i]`` to ``grid_s[i + 1]``.
    grown, exposure : array
        Events and exposure of each step.
    rate : float
        Usual events by exposure.
    candidates : tuple
        First and last step that may be the run's first.
    last : int
        The last step that is looked at.
    spacing_s : float
        Usual time between two scrapes of one process.
    points, points_exposure : Steps and array, optional
        The same events as each process counted them, between two scrapes of its own, and the exposure between those;
        without them what a step holds came within it.

    Notes
    -----
    Each moment has a probability of being the first (see ``course``). ``at_s`` is where most of it is within one
    scrape.
    """
    low, high = candidates
    span = np.arange(low, max(last, high) + 1)
    lasting = np.diff(grid_s)[span]
    usual = np.maximum(rate * np.maximum(exposure[span], 1e-9), 1e-9)
    counted = _counted(grid_s, grown, usual, rate, span, spacing_s, points, points_exposure)
    count = high - low + 1
    rise = explain_rise(counted, count, len(PLACES))
    by_step, by_moment, whole = _chances(rise, count)
    # Processes that are scraped at different moments have no first scrape in common.
    whole *= _aligned(counted) ** 2
    chance = whole * by_step + (1 - whole) * np.bincount(rise.moment_step, weights=by_moment, minlength=count)
    so_far = np.cumsum(chance)
    begin = int(np.searchsorted(so_far, (1 - SURE) / 2))
    end = min(int(np.searchsorted(so_far, (1 + SURE) / 2)), count - 1)
    first = int(np.argmax(chance))
    if low == 0 and chance[0] > 0.5:
        at = float(grid_s[0])
    elif chance[first] > 0.5 and lasting[first] > GAP * float(np.median(lasting)):
        at = _inside_gap(grown[span] - usual, lasting, first, float(grid_s[low + first + 1]))
    else:
        at = _most_within_one(by_step, by_moment, rise, grid_s[low : high + 2], spacing_s, whole)
    low_s, high_s = float(grid_s[low + begin]), float(grid_s[low + end + 1])
    return Onset(at, min(low_s, at), max(high_s, at))


def _counted(
    grid_s: Floats, grown: Floats, usual: Floats, rate: float, span: npt.NDArray[np.int64], spacing_s: float,
    points: Steps | None, points_exposure: Floats | None,
) -> Counted:  # fmt: skip
    begin_s = float(grid_s[span[0]])
    edges = (grid_s[span[0] : span[-1] + 2] - begin_s) / spacing_s
    if points is None or points_exposure is None:
        seen = np.flatnonzero(grown[span] > 0)
        return Counted(edges, usual, edges[seen], edges[seen + 1], seen, grown[span][seen], usual[seen])
    inside = (points.at_s > begin_s) & (points.at_s <= grid_s[span[-1] + 1])
    at, previous = (points.at_s[inside] - begin_s) / spacing_s, (points.previous_s[inside] - begin_s) / spacing_s
    step = np.clip(np.searchsorted(edges, at) - 1, 0, len(span) - 1)
    expected = np.maximum(rate * np.maximum(points_exposure[inside], 1e-9), 1e-9)
    previous = np.minimum(previous, at - SHORTEST)
    return Counted(edges, usual, previous, at, step, points.grown[inside], expected)


def _chances(rise: Rise, count: int) -> tuple[Floats, Floats, float]:
    """Probability of each step if an onset is at its edge, of each moment if it is anywhere, and of the former."""
    slowly = np.log(SWELLING) + rise.swelling
    by_step = np.logaddexp(np.log(1 - SWELLING) + rise.at_edge, slowly)
    by_moment = np.logaddexp(np.log(1 - SWELLING) + rise.within, slowly[rise.moment_step]) + np.log(rise.width)
    own, other = _evidence(by_step), _evidence(by_moment)
    whole = 1 / (1 + (1 - WHOLE) / WHOLE * float(np.exp(np.clip(other - own, -EXTREME, EXTREME))))
    return np.exp(by_step - own), np.exp(by_moment - other), whole


def _evidence(scores: Floats) -> float:
    highest = float(scores.max())
    return highest + float(np.log(np.exp(scores - highest).sum()))


def _inside_gap(excess: Floats, lasting: Floats, first: int, end_s: float) -> float:
    """So long before the gap's end as its events take at the rate that follows."""
    after = slice(first + 1, first + 1 + AFTER_GAP)
    rate = float(excess[after].sum() / max(lasting[after].sum(), 1e-9))
    if rate <= 0:
        return end_s
    return end_s - min(max(float(excess[first]), 0.0) / rate, float(lasting[first]))


def _aligned(counted: Counted) -> float:
    """Share of the events that were counted at an edge: all, where processes are scraped at one moment."""
    away = np.abs(counted.edges[counted.step + 1] - counted.at)
    return float((counted.events * (away <= JITTER)).sum() / max(counted.events.sum(), 1e-9))


def _most_within_one(
    by_step: Floats, by_moment: Floats, rise: Rise, edges_s: Floats, spacing_s: float, whole: float
) -> float:
    """The time within one scrape of which lies most of the chance."""
    edges = (edges_s - edges_s[0]) / spacing_s
    places = (edges[:, None] + PLACES).ravel()
    low, high = rise.moments - rise.width / 2, rise.moments + rise.width / 2
    shared = np.minimum(places[:, None] + 1, high) - np.maximum(places[:, None] - 1, low)
    between = np.clip(shared, 0, None) / rise.width
    away = np.abs(places[:, None] - edges[1:])
    at_scrape = np.where(away < 1 - JITTER, 1.0, np.where(away <= 1 + JITTER, AT_EDGE, 0.0))
    early = EARLY * (np.tile(PLACES, len(edges)) == EARLY_PLACE)
    score = (1 - whole) * (between @ by_moment) + whole * (at_scrape @ by_step) + early
    return float(edges_s[0] + places[int(np.argmax(score))] * spacing_s)
