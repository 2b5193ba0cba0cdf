"""What share of the actions that outlast one timeout ends before another (Kaplan–Meier)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dlqkit.executions.intervals import Z, share_interval

__all__ = ["Finished", "are_alike", "finished_between"]

# The 1 % point of Kolmogorov and Smirnov's statistic; beyond it so much more, as large samples are never quite alike.
_KS = 1.63
_ALIKE = 0.10


@dataclass(frozen=True, slots=True)
class Finished:
    """A share with its 95 % interval, and on how many actions it rests."""

    share: float
    low: float
    high: float
    actions: int


def finished_between(
    durations: npt.NDArray[np.float64], ended: npt.NDArray[np.bool_], after_ms: float, until_ms: float
) -> Finished | None:
    """Of the actions still running at ``after_ms`` the share that ends by ``until_ms``; None where there are none.

    Parameters
    ----------
    durations : array
        How long each was watched, milliseconds: to its end, or until a timeout cut it.
    ended : array of bool
        True where it came to its own end.
    after_ms, until_ms : float
        Milliseconds.

    Returns
    -------
    Finished or None

    Notes
    -----
    Assumes that a cut action would have gone on like the others that lasted so long (independent censoring). The
    variance is Greenwood's, its interval on the log(−log) scale; where nothing was cut in between, Wilson's.
    """
    at_risk = durations > after_ms
    total = int(at_risk.sum())
    if not total:
        return None
    inside = at_risk & (durations <= until_ms)
    ends, cuts = inside & ended, inside & ~ended
    if not cuts.any():
        low, high = share_interval(int(ends.sum()), total)
        return Finished(int(ends.sum()) / total, low, high, total)
    moments = np.unique(durations[ends])
    ordered = np.sort(durations[at_risk])
    left = total - np.searchsorted(ordered, moments, side="left")
    events = np.array([int((durations[ends] == moment).sum()) for moment in moments], dtype=np.float64)
    survival = float(np.prod(1 - events / left)) if len(moments) else 1.0
    if not 0 < survival < 1:
        # Greenwood's variance says nothing at the ends; those that were watched to the end say this much.
        low, high = share_interval(int(ends.sum()), int(ends.sum()) + int((at_risk & (durations > until_ms)).sum()))
        return Finished(1 - survival, low, high, total)
    greenwood = float(np.sum(events / (left * np.maximum(left - events, 1))))
    half = Z * math.sqrt(greenwood) / abs(math.log(survival))
    low, high = 1 - survival ** math.exp(-half), 1 - survival ** math.exp(half)
    return Finished(1 - survival, low, high, total)


def are_alike(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], below_ms: float) -> bool:
    """Whether two groups take about as long, judged by what lies below the shorter timeout."""
    points = np.sort(np.concatenate([one, other]))
    points = points[points < below_ms]
    if not len(points):
        return False
    shares = [np.searchsorted(np.sort(group), points, side="right") / len(group) for group in (one, other)]
    distance = float(np.abs(shares[0] - shares[1]).max())
    return distance <= _KS * math.sqrt(1 / len(one) + 1 / len(other)) + _ALIKE
