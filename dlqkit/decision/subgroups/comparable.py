"""Which failing and successful records may be compared: those of the same stretches of time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.language import say, say_count

__all__ = ["FEWEST", "Strata", "stretches"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Fewer on a side say nothing about any condition.
FEWEST = 5
_MOST_STRETCHES = 24
_FAILING_EACH = 10
# Beyond three standard deviations the failure rate is taken to change with time.
_CHANGES_Z = 3.0
_DAY_S, _HOUR_S = 86_400.0, 3600.0


@dataclass(frozen=True, slots=True)
class Strata:
    """The stretch of time of each record; or why there is nothing to compare."""

    of: Ints
    reason: str = ""
    repeats_daily: bool = False
    """Whether the failures keep to hours of the day, on several days."""


def stretches(times: pd.Series | None, failing: Bools) -> Strata:
    """Cut time into stretches where the failure rate changes with it; one stretch where it does not.

    Parameters
    ----------
    times : Series of UTC times, optional
        NaT is a stretch of its own.
    failing : array of bool

    Returns
    -------
    Strata
        ``reason`` is a sentence where the sides cannot be compared.
    """
    nothing = np.zeros(len(failing), dtype=np.int64)
    if failing.sum() < FEWEST:
        few = (say_count("Only {count} record failed; {needed:d} are needed to compare.",
                         "Only {count} records failed; {needed:d} are needed to compare.",
                         int(failing.sum()), needed=FEWEST) if failing.any()
               else say("No record failed, so there is nothing to compare."))  # fmt: skip
        return Strata(nothing, few)
    if (~failing).sum() < FEWEST:
        few = (say_count("Only {count} record succeeded, so there is nothing to compare with.",
                         "Only {count} records succeeded, so there is nothing to compare with.",
                         int((~failing).sum())) if not failing.all()
               else say("No record succeeded, so there is nothing to compare with."))  # fmt: skip
        return Strata(nothing, few)
    if times is None or times.notna().sum() < 2 * FEWEST:
        return Strata(nothing)
    at = (times - times.min()).dt.total_seconds().to_numpy(dtype=np.float64)
    known = ~np.isnan(at)
    failing_at, healthy_at = at[known & failing], at[known & ~failing]
    if len(failing_at) < failing.sum() / 2:
        return Strata(nothing)
    begin, end = failing_at.min(), failing_at.max()
    beside = int(((healthy_at >= begin) & (healthy_at <= end)).sum())
    covered = float(
        ((failing_at >= healthy_at.min(initial=math.inf)) & (failing_at <= healthy_at.max(initial=-1))).mean()
    )
    if beside >= FEWEST and covered < 0.5:
        alone = say("Most of the failing records are of times in which nothing succeeded; {count:d} succeeded while "
                    "others failed.", count=beside)  # fmt: skip
        return Strata(nothing, alone)
    if beside < FEWEST:
        apart = say("Failing and successful records are of different times: {count:d} succeeded while others failed.",
                    count=beside)  # fmt: skip
        return Strata(nothing, apart)
    if _keeps_to_hours(times, at, failing & known):
        return Strata(np.where(known, at // _DAY_S + 1, 0).astype(np.int64), repeats_daily=True)
    if not _changes(at[known], failing[known], begin, end):
        return Strata(nothing)
    pieces = int(np.clip(len(failing_at) // _FAILING_EACH, 2, _MOST_STRETCHES))
    shares = np.linspace(0, 1, pieces + 1)
    inside = at[known & (at >= begin) & (at <= end)]
    cuts = np.unique(np.concatenate([np.quantile(failing_at, shares), np.quantile(inside, shares)]))
    # The last cut is the last failing record itself; what comes after it is another stretch.
    code = np.searchsorted(cuts[:-1], at, side="right") + (at > end)
    return Strata(np.where(known, code + 1, 0).astype(np.int64))


def _changes(at: npt.NDArray[np.float64], failing: Bools, begin: float, end: float) -> bool:
    """Whether the failure rate is not the same at all times."""
    outside = float(((at < begin) | (at > end)).mean())
    # Were they spread evenly, about two in the number of failing records would fall outside.
    if outside * failing.sum() > 10:
        return True
    pieces = int(np.clip(failing.sum() // _FAILING_EACH, 2, _MOST_STRETCHES))
    code = np.searchsorted(np.quantile(at, np.linspace(0, 1, pieces + 1)[1:-1]), at, side="right")
    n, k = np.bincount(code, minlength=pieces), np.bincount(code[failing], minlength=pieces)
    rate = failing.mean()
    used = n > 0
    square = float((((k - n * rate) ** 2)[used] / (n[used] * rate * (1 - rate))).sum())
    free = max(int(used.sum()) - 1, 1)
    # Wilson and Hilferty: the cube root of a chi-square is nearly normal.
    z = ((square / free) ** (1 / 3) - (1 - 2 / (9 * free))) / math.sqrt(2 / (9 * free))
    return bool(z > _CHANGES_Z)


def _keeps_to_hours(times: pd.Series, at: npt.NDArray[np.float64], failing: Bools) -> bool:
    """Whether the failures come in the same hours on at least two days, and not at all hours."""
    if np.nanmax(at) < 1.5 * _DAY_S:
        return False
    hour = times.dt.hour.to_numpy(dtype=np.float64, na_value=-1).astype(int)
    day = np.where(np.isnan(at), -1, at // _DAY_S).astype(int)
    known = hour >= 0
    n, k = (np.bincount(hour[known & which], minlength=24) for which in (np.ones(len(hour), bool), failing))
    rate = np.divide(k, n, out=np.zeros(24), where=n > 0)
    hot = rate > 2 * failing[known].mean()
    if not hot.any() or hot.sum() > 12:
        return False
    in_hot = known & hot[np.maximum(hour, 0)]
    days = [d for d in np.unique(day[in_hot])
            if (in_hot & failing & (day == d)).sum() >= FEWEST
            and (in_hot & failing & (day == d)).sum() / (in_hot & (day == d)).sum()
            > 2 * (~in_hot & failing & (day == d)).sum() / max((~in_hot & (day == d)).sum(), 1)]  # fmt: skip
    by_day = np.array([(in_hot & failing & (day == d)).sum() for d in days])
    return len(days) >= 2 and bool(by_day.max() < 0.8 * by_day.sum()) and bool(k[hot].sum() > 0.5 * k.sum())
