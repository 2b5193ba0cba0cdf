"""How well a rise that began at some moment explains what was counted after it, whatever course it took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Counted", "Rise", "explain_rise"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Heights that a rise may have, in events a scrape: each so many times the one before, from almost nothing to so many
# times the most that was counted.
LOWEST, FACTOR, ABOVE = 0.05, 1.25, 1.5
# From one scrape to the next the height stays, moves to a neighbouring one, or jumps to any: what flaps falls and comes
# back, a load goes up and down.
NEIGHBOUR, JUMP = 0.1, 0.03
# How likely it is, before anything is seen, that the height stays to the end.
STEADY = 0.5
# Scrapes that a rise takes to its height, where it swells; and how likely that is before anything is seen.
SWELLS, SWELLING = (4, 8, 16, 32, 64), 0.3
# So many heights around the one that fits best tell how well a swelling rise explains what was counted.
NEAR_HEIGHTS = 7
# A rise begins with at least this part of its mean height; what is less cannot be told from none.
LEAST_START = 0.5
# What a swelling rise holds of its slope in its first scrape, if it begins with the scrape.
FIRST_SHARE = 0.5
# Single poison events come in so many of a thousand scrapes, in ones to fours, each half as often as the one before.
POISON, BATCHES = 0.003, (0.5, 0.25, 0.125, 0.0625)

# However long a gap between two scrapes is, no more moments within it are told apart.
MOST_MOMENTS = 400


@dataclass(frozen=True, slots=True)
class Counted:
    """Growth near an onset; times in scrapes since the first edge.

    ``edges`` are those of the steps; each event group was counted between ``previous`` and ``at``, which lies in
    step ``step``, where usually there are ``usual``. ``usual_in_step`` is that of whole steps.
    """

    edges: Floats
    usual_in_step: Floats
    previous: Floats
    at: Floats
    step: Ints
    events: Floats
    usual: Floats


@dataclass(frozen=True, slots=True)
class Rise:
    """Log-likelihoods, over that of no rise at all, of a rise that began...

    ``at_edge``: with a step, one for each candidate step; ``swelling``: with a step, but slowly; ``within``: at each of
    ``moments``, which lie within the steps ``moment_step``.
    """

    at_edge: Floats
    swelling: Floats
    within: Floats
    moments: Floats
    moment_step: Ints
    width: Floats


def explain_rise(counted: Counted, candidates: int, parts: int) -> Rise:
    """Likelihood of every onset within the first ``candidates`` steps, at ``parts`` moments a scrape.

    Notes
    -----
    The height after the onset is a hidden Markov chain, so that no course of it (flat, fading, in waves, flapping)
    pulls the onset away from where the rise is seen first. Its likelihood is worked out backwards, so that all onsets
    cost as much as one. An event that was counted between two scrapes of its own process has come before or
    after the onset in parts, so processes that are scraped at different moments narrow each other's intervals.
    """
    lasting = np.diff(counted.edges)
    in_step = _in_steps(counted, counted.events)
    heights = _heights(in_step, lasting)
    known = np.log1p(heights * ((counted.at - counted.previous) / counted.usual)[:, None]) * counted.events[:, None]
    so_far = np.concatenate([np.zeros((1, len(heights))), np.cumsum(known, axis=0)])
    until = np.searchsorted(counted.step, np.arange(len(lasting) + 1))
    gain = so_far[until[1:]] - so_far[until[:-1]] - lasting[:, None] * heights
    after = np.logaddexp(np.log(STEADY) + _to_the_end(gain), np.log(1 - STEADY) + _backwards(gain))
    before = np.concatenate([[0.0], np.cumsum(_poison(in_step, counted.usual_in_step))])[:candidates]
    start = _start(heights, in_step - counted.usual_in_step, lasting)
    at_edge = before + _log_sum(after[:candidates] + start)
    usual_rate = _usual_rate(counted, in_step)
    swelling = before + _swelling(in_step, usual_rate, lasting, heights, after, candidates)
    counts = np.clip(np.round(parts * lasting[:candidates]), parts, MOST_MOMENTS).astype(np.int64)
    moment_step = np.repeat(np.arange(candidates), counts)
    number = np.arange(len(moment_step)) - np.repeat(np.cumsum(counts) - counts, counts)
    width = lasting[moment_step] / counts[moment_step]
    moments = counted.edges[moment_step] + (number + 0.5) * width
    changed = _changed(counted, known, heights, moments, moment_step)
    within = before[moment_step] + _log_sum(after[moment_step] + changed + start)
    return Rise(at_edge, swelling, within, moments, moment_step, width)


def _in_steps(counted: Counted, values: Floats) -> Floats:
    sums: Floats = np.bincount(counted.step, weights=values, minlength=len(counted.edges) - 1).astype(np.float64)
    return sums


def _heights(in_step: Floats, lasting: Floats) -> Floats:
    highest = max(ABOVE * float((in_step / np.maximum(lasting, 1.0)).max(initial=0.0)), 2.0)
    count = int(np.ceil(np.log(highest / LOWEST) / np.log(FACTOR))) + 1
    heights: Floats = np.asarray(LOWEST * FACTOR ** np.arange(count), dtype=np.float64)
    return heights


def _start(heights: Floats, excess: Floats, lasting: Floats) -> Floats:
    """Log-probability of each height that a rise begins with: any that is not too small beside the whole rise."""
    seen = np.flatnonzero(excess > 0)
    usual = max(float(excess.sum() / lasting[seen[0] :].sum()), 0.0) if len(seen) else 0.0
    possible = heights >= min(LEAST_START * usual, heights[-1] / FACTOR)
    with np.errstate(divide="ignore"):
        out: Floats = np.log(possible / possible.sum())
    return out


def _to_the_end(gain: Floats) -> Floats:
    """Log-likelihood of each step and all after it, where the height stays."""
    out: Floats = np.cumsum(gain[::-1], axis=0)[::-1]
    return out


def _backwards(gain: Floats) -> Floats:
    """Log-likelihood of each step and all after it, by the height in the step."""
    steps, count = gain.shape
    move = np.full((count, count), JUMP / count)
    place = np.arange(count)
    move[place, place] += 1 - JUMP - 2 * NEIGHBOUR
    move[place[1:], place[:-1]] += NEIGHBOUR
    move[place[:-1], place[1:]] += NEIGHBOUR
    move[0, 0] += NEIGHBOUR
    move[-1, -1] += NEIGHBOUR
    highest = gain.max(axis=1)
    own = np.exp(gain - highest[:, None])
    out = np.empty_like(gain)
    carried, scale = np.ones(count), 0.0
    for step in range(steps - 1, -1, -1):
        # From the gain itself, since a height that a long gap makes all but impossible at its edge may fit its end.
        out[step] = gain[step] + np.log(carried) + scale
        carried = move @ (own[step] * carried)
        total = carried.sum()
        carried /= total
        scale += highest[step] + np.log(total)
    return out


def _poison(in_step: Floats, usual: Floats) -> Floats:
    """Log-likelihood of each step without a rise, over the Poisson one: a poison event now and then is no onset."""
    ratio, term = np.full(len(in_step), 1 - POISON), np.ones(len(in_step))
    for size, share in enumerate(BATCHES):
        term = term * np.maximum(in_step - size, 0.0) / usual
        ratio += POISON * share * term
    gain: Floats = np.log(ratio)
    return gain


def _usual_rate(counted: Counted, in_step: Floats) -> Floats:
    """The usual rate a scrape that the events of each step were counted at (their geometric mean)."""
    each = counted.events * np.log(counted.usual / (counted.at - counted.previous))
    rate: Floats = np.exp(_in_steps(counted, each) / np.maximum(in_step, 1e-9))
    return rate


def _swelling(
    in_step: Floats,
    usual_rate: Floats,
    lasting: Floats,
    heights: Floats,
    after: Floats,
    candidates: int,
) -> Floats:
    """Log-likelihood of a rise that swells from each candidate step on, to each height over each length."""
    out = np.full(candidates, -np.inf)
    for length in SWELLS:
        out = np.logaddexp(out, _swelling_over(length, in_step, usual_rate, lasting, heights, after, candidates))
    gained: Floats = out - np.log(len(SWELLS) * len(heights))
    return gained


def _swelling_over(
    length: int, in_step: Floats, usual_rate: Floats, lasting: Floats, heights: Floats, after: Floats, candidates: int
) -> Floats:
    """The same for one length, summed over the heights that fit what was counted in it and as long after it."""
    first, number = np.arange(candidates), np.arange(length)
    steps = np.minimum(first[:, None] + number, len(in_step) - 1)
    inside = first[:, None] + number < len(in_step)
    part = (number + FIRST_SHARE) / length
    own, whole = np.where(inside, in_step[steps], 0.0), np.where(inside, lasting[steps], 0.0) @ part
    then = np.minimum(first + length, len(in_step))
    end = np.minimum(then + length, len(in_step))
    so_far = np.concatenate([[0.0], np.cumsum(in_step)])
    likely = np.maximum(so_far[end] - so_far[first], 0.5) / (whole + end - then)
    near = min(NEAR_HEIGHTS, len(heights))
    middle = np.round(np.log(likely / LOWEST) / np.log(FACTOR)).astype(np.int64)
    place = np.clip(middle - near // 2, 0, len(heights) - near)[:, None] + np.arange(near)
    # Only steps in which something was counted gain anything.
    row, column = np.nonzero(own)
    raised = heights[place[row]] * (part[column] / usual_rate[steps[row, column]])[:, None]
    gain = -heights[place] * whole[:, None]
    np.add.at(gain, row, own[row, column][:, None] * np.log1p(raised))
    rest = after[np.minimum(then, len(in_step) - 1)[:, None], place]
    return _log_sum(gain + np.where((then < len(in_step))[:, None], rest, 0.0))


def _changed(counted: Counted, known: Floats, heights: Floats, moments: Floats, moment_step: Ints) -> Floats:
    """What an onset within a step, and not at its beginning, changes in the log-likelihood, by height."""
    out = (moments - counted.edges[moment_step])[:, None] * heights
    low = np.searchsorted(moments, counted.previous, side="right")
    high = np.searchsorted(moment_step, counted.step, side="right")
    lengths = np.maximum(high - low, 0)
    events = np.repeat(np.arange(len(lengths)), lengths)
    if not len(events):
        return out
    moment = np.arange(len(events)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + low[events]
    left = np.maximum(counted.at[events] - moments[moment], 0.0) / counted.usual[events]
    change = counted.events[events][:, None] * np.log1p(heights * left[:, None]) - known[events]
    np.add.at(out, moment, change)
    return out


def _log_sum(values: Floats) -> Floats:
    highest = values.max(axis=-1, keepdims=True)
    total: Floats = np.log(np.exp(values - highest).sum(axis=-1)) + highest[..., 0]
    return total
