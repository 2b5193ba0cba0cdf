"""When a rate of events changed: the run of points that a steady rate explains worst."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["MERGE_S", "MINIMUM_EVENTS", "Gap", "Segment", "find_elevated", "find_gap"]

Array = npt.NDArray[np.float64]

# Two background dead letters may come together by chance; three of a rate near zero do not (see LIKELIHOOD).
MINIMUM_EVENTS = 3
# Log-likelihood ratio over a steady rate that a run needs: three events in an eight-hour window, all within
# ten minutes. Every pair of points is tried as the ends, so more points need more: by the log of their pairs over
# that of FEW_POINTS.
LIKELIHOOD = 10.0
FEW_POINTS = 8
# Runs nearer than this to each other are one incident: retries and restarts tear holes into a rate.
MERGE_S = 900.0
# All pairs of points are looked at, so their number is bounded; the ends are then refined point by point.
MAXIMUM_POINTS = 1000
MAXIMUM_DEPTH = 6


@dataclass(frozen=True, slots=True)
class Segment:
    """Positions of the first and last point of an elevated run, its size in events, and its likelihood ratio."""

    first: int
    last: int
    size: float
    likelihood: float

    @property
    def confidence(self) -> float:
        """1 − exp(−likelihood / 10): 0.63 at the threshold, near 1 for a plain jump."""
        return float(1 - np.exp(-self.likelihood / LIKELIHOOD))


@dataclass(frozen=True, slots=True)
class Gap:
    """A silence: when the last event was, and how many were to be expected since."""

    last_s: float
    expected: float


@dataclass(frozen=True, slots=True)
class _Watched:
    """Points, events before each of them, and the time that was watched."""

    at_s: Array
    before: Array
    start_s: float
    end_s: float
    low: int
    high: int

    @property
    def total(self) -> float:
        return float(self.before[self.high] - self.before[self.low])

    @property
    def span_s(self) -> float:
        return self.end_s - self.start_s


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
    Poisson generalised likelihood ratio over all pairs of points as ends; each end is at a point, so the first
    point of a run is its onset. The rest is searched again until nothing stands out.
    """
    if len(at_s) == 0 or end_s <= start_s:
        return []
    before = np.concatenate([[0.0], np.cumsum(weight, dtype=np.float64)])
    found = _search(_Watched(at_s, before, start_s, end_s, 0, len(at_s)), MAXIMUM_DEPTH)
    return _merge(sorted(found, key=lambda segment: segment.first), at_s)


def _ratio(watched: _Watched, firsts: npt.NDArray[np.int64], lasts: npt.NDArray[np.int64]) -> Array:
    """Log-likelihood ratio of each run first–last against a steady rate; −inf where it is none."""
    sizes = watched.before[lasts + 1] - watched.before[firsts]
    span, total = watched.span_s, watched.total
    # A run of n points holds n spacings, not n − 1: without the one more, two near points have an endless rate.
    lengths = (watched.at_s[lasts] - watched.at_s[firsts]) * (1 + 1 / np.maximum(sizes, 1))
    lengths = np.clip(lengths, span / 5000, span)
    rest, room = total - sizes, np.maximum(span - lengths, span / 5000)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = sizes * np.log(sizes / lengths * span / total)
        outside = np.where(rest > 0, rest * np.log(rest / room * span / total), 0.0)
        ratio = inside + outside
        fits = (lasts >= firsts) & (sizes >= MINIMUM_EVENTS) & (sizes / lengths > (rest + 0.5) / room)
    result: Array = np.where(fits & np.isfinite(ratio), ratio, -np.inf)
    return result


def _search(watched: _Watched, depth: int) -> list[Segment]:
    if depth == 0 or watched.high - watched.low < 1 or watched.span_s <= 0 or watched.total < MINIMUM_EVENTS:
        return []
    count = watched.high - watched.low
    steps = np.unique(np.linspace(watched.low, watched.high, min(count, MAXIMUM_POINTS) + 1).astype(np.int64))
    firsts, lasts = steps[:-1], steps[1:] - 1
    ratio = _ratio(watched, firsts[:, None], lasts[None, :])
    row, column = divmod(int(np.argmax(ratio)), ratio.shape[1])
    if ratio[row, column] < LIKELIHOOD + 2 * np.log(max(count / FEW_POINTS, 1)):
        return []
    first, last = _refine(watched, steps, row, column)
    likelihood = float(_ratio(watched, np.array([first]), np.array([last]))[0])
    size = float(watched.before[last + 1] - watched.before[first])
    left = _Watched(watched.at_s, watched.before, watched.start_s, float(watched.at_s[first]), watched.low, first)
    right = _Watched(watched.at_s, watched.before, float(watched.at_s[last]), watched.end_s, last + 1, watched.high)
    return [*_search(left, depth - 1), Segment(first, last, size, likelihood), *_search(right, depth - 1)]


def _refine(watched: _Watched, steps: npt.NDArray[np.int64], row: int, column: int) -> tuple[int, int]:
    """The best ends near those that were found among every so-manieth point."""
    near_first = np.arange(steps[max(row - 1, 0)], steps[min(row + 2, len(steps) - 1)])
    near_last = np.arange(steps[max(column - 1, 0)], steps[min(column + 2, len(steps) - 1)])
    first, last = int(steps[row]), int(steps[column + 1] - 1)
    for _ in range(2):
        first = int(near_first[np.argmax(_ratio(watched, near_first, np.full_like(near_first, last)))])
        last = int(near_last[np.argmax(_ratio(watched, np.full_like(near_last, first), near_last))])
    return first, last


def _merge(segments: list[Segment], at_s: Array) -> list[Segment]:
    out: list[Segment] = []
    for segment in segments:
        if out and at_s[segment.first] - at_s[out[-1].last] <= MERGE_S:
            last = out.pop()
            size, likelihood = last.size + segment.size, max(last.likelihood, segment.likelihood)
            segment = Segment(last.first, segment.last, size, likelihood)
        out.append(segment)
    return out


def find_gap(at_s: Array, weight: Array, start_s: float, end_s: float, *, unlikely: float) -> Gap | None:
    """The silence up to ``end_s`` if the usual rate does not explain it.

    Parameters
    ----------
    at_s, weight, start_s, end_s
        As for ``find_elevated``.
    unlikely : float
        −log of the probability that a steady rate gives no event for so long.

    Notes
    -----
    The usual rate is the lower of the last hour's before the silence and the whole time's, since a night is no outage.
    """
    if len(at_s) == 0:
        return None
    last = float(at_s[-1])
    recent = weight[at_s > last - 3600].sum() / min(3600.0, max(last - start_s, 1.0))
    usual = weight.sum() / max(last - start_s, 1.0)
    expected = float(min(recent, usual) * (end_s - last))
    return Gap(last, expected) if expected > unlikely else None
