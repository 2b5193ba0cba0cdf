"""Where a run begins: the onset that is right within one scrape most often, and between which times it is sure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Onset", "place_onset"]

Floats = npt.NDArray[np.float64]

# Lengths of ramps in scrapes (0: a step), the share of the new rate that the first step holds, and how likely each is
# before anything is seen. A step begins somewhere within a scrape interval.
SHAPES = ((0.0, 1.0, 0.3), (0.0, 0.5, 0.25), (0.0, 0.15, 0.1), (4.0, 0.5, 0.12), (12.0, 0.5, 0.12), (40.0, 0.5, 0.11))
# The interval that is stated holds the onset with this probability.
SURE = 0.9
# Where between two scrapes the onset is put, in parts of their distance.
PLACES = np.array([0.0, 0.25, 0.5, 0.75])
# Whether the truth is at a scrape or between two is not known; scrapes jitter, so an onset exactly one of them off
# is within one only this often.
AT_EDGE, JITTER = 0.3, 0.05
# Where several places are as good an early one is taken, yet not at a scrape: retries delay a dead letter.
EARLY, EARLY_PLACE = 0.01, 0.25
# A step this many times as long as the usual one is a gap in scraping; the onset is placed inside it.
GAP = 1.6
AFTER_GAP = 20


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

    Notes
    -----
    Each step has a probability of being the first: the likelihood of a step, or a ramp of a few lengths, of the
    best height. ``at_s`` is where most of that probability is within one scrape.
    """
    low, high = candidates
    span = np.arange(low, max(last, high) + 1)
    own, weight = grown[span], np.maximum(exposure[span], 1e-9)
    usual = np.maximum(rate * weight, 1e-9)
    # What comes on top is by time: dead letters are themselves part of the volume, so a scrape of little volume would
    # say nothing against an onset before it.
    lasting = np.diff(grid_s)[span]
    firsts = np.arange(low, high + 1)
    since = span[None, :] - firsts[:, None]
    score = np.full(len(firsts), -np.inf)
    inside = since >= 0
    surplus = np.where(inside, own - usual, 0.0).sum(axis=1)
    for length, share, prior in SHAPES:
        shape = np.where(inside, 1.0 if length == 0 else np.minimum((since + share) / length, 1.0), 0.0)
        if length == 0:
            shape[since == 0] = share
        excess = shape * lasting
        raised = (np.maximum(surplus, 0.5) / np.maximum(excess.sum(axis=1), 1e-9))[:, None] * excess
        gain = np.where(inside, own * np.log1p(raised / usual) - raised, 0.0).sum(axis=1)
        score = np.logaddexp(score, gain + np.log(prior))
    chance = np.exp(score - score.max())
    chance /= chance.sum()
    so_far = np.cumsum(chance)
    begin = int(np.searchsorted(so_far, (1 - SURE) / 2))
    end = min(int(np.searchsorted(so_far, (1 + SURE) / 2)), len(firsts) - 1)
    first = int(np.argmax(chance))
    if low == 0 and chance[0] > 0.5:
        at = float(grid_s[0])
    elif chance[first] > 0.5 and lasting[first] > GAP * float(np.median(lasting)):
        at = _inside_gap(own - usual, lasting, first, float(grid_s[low + first + 1]))
    else:
        at = _most_within_one(chance, grid_s, low, spacing_s)
    low_s, high_s = float(grid_s[low + begin]), float(grid_s[low + end + 1])
    return Onset(at, min(low_s, at), max(high_s, at))


def _inside_gap(excess: Floats, lasting: Floats, first: int, end_s: float) -> float:
    """So long before the gap's end as its events take at the rate that follows."""
    after = slice(first + 1, first + 1 + AFTER_GAP)
    rate = float(excess[after].sum() / max(lasting[after].sum(), 1e-9))
    if rate <= 0:
        return end_s
    return end_s - min(max(float(excess[first]), 0.0) / rate, float(lasting[first]))


def _most_within_one(chance: Floats, grid_s: Floats, low: int, spacing_s: float) -> float:
    """The time within one scrape of which lies most of the chance."""
    ends = grid_s[low + 1 : low + 1 + len(chance)]
    # Of several processes each is scraped at its own moment, so growth seen now began up to one scrape ago.
    begins = np.minimum(grid_s[low : low + len(chance)], ends - spacing_s)
    all_ends = np.concatenate([[grid_s[low]], ends])
    places = (all_ends[:, None] + PLACES * spacing_s).ravel()
    reach_low, reach_high = places[:, None] - spacing_s, places[:, None] + spacing_s
    between = np.clip(np.minimum(reach_high, ends) - np.maximum(reach_low, begins), 0, None) / (ends - begins)
    away = np.abs(places[:, None] - ends) / spacing_s
    at_scrape = np.where(away < 1 - JITTER, 1.0, np.where(away <= 1 + JITTER, AT_EDGE, 0.0))
    early = EARLY * (np.tile(PLACES, len(all_ends)) == EARLY_PLACE)
    return float(places[int(np.argmax((0.5 * between + 0.5 * at_scrape) @ chance + early))])
