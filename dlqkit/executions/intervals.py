"""How sure a median or a share is, from counting alone: no distribution is assumed, nothing is drawn at random."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["MEDIAN_NEEDS", "median_interval", "share_interval"]

# 95 %: the normal quantile of 0.975.
Z = 1.959964
# Below six values no two of them hold the median with 95 % (1 − 2 · 0.5⁵ is 0.94).
MEDIAN_NEEDS = 6
# Up to here the binomial is summed; beyond it the normal approximation gives the same ranks within one.
EXACT_UP_TO = 200


def median_interval(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """The median, and the two order statistics that hold it with 95 %; NaN where there are too few values.

    A value that is only known to be large is given as infinity.
    """
    ordered = np.sort(values)
    count = len(ordered)
    if not count:
        return math.nan, math.nan, math.nan
    # np.median would subtract infinities where both middle values are unknown.
    low_middle, high_middle = float(ordered[(count - 1) // 2]), float(ordered[count // 2])
    middle = low_middle if low_middle == high_middle else (low_middle + high_middle) / 2
    if count < MEDIAN_NEEDS:
        return middle, math.nan, math.nan
    rank = _low_rank(count)
    return middle, float(ordered[rank - 1]), float(ordered[count - rank])


def _low_rank(count: int) -> int:
    """The largest rank below which the median lies with at most 2.5 %."""
    if count > EXACT_UP_TO:
        return max(math.floor(count / 2 - Z * math.sqrt(count) / 2), 1)
    total, rank = 0, 0
    while True:
        total += math.comb(count, rank)
        if total > 0.025 * 2**count:
            return max(rank, 1)
        rank += 1


def share_interval(part: int, whole: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; 0 to 1 where nothing was seen (E. B. Wilson, 1927)."""
    if whole <= 0:
        return 0.0, 1.0
    share = part / whole
    scale = 1 + Z**2 / whole
    centre = (share + Z**2 / (2 * whole)) / scale
    half = Z * math.sqrt(share * (1 - share) / whole + Z**2 / (4 * whole**2)) / scale
    # Exact at the ends, where rounding would leave a crumb.
    return (0.0 if part == 0 else max(centre - half, 0.0)), (1.0 if part == whole else min(centre + half, 1.0))
