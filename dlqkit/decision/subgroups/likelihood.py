"""How much better two failure rates, one inside a subgroup and one outside, explain the failures than one rate does."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["log_likelihood_gain", "log_p_value", "risk_difference"]

Floats = npt.NDArray[np.float64]
_ODDS_LIMIT = 1e12
_TINY = 1e-300
# The normal quantile of a two-sided 95 % interval.
_Z95 = 1.959964


def log_likelihood_gain(inside: Floats, inside_failing: Floats, total: Floats, failing: Floats) -> Floats:
    """The gain in log likelihood, 0 where the rate inside is not the higher one.

    Parameters
    ----------
    inside, inside_failing : array, (subgroups, strata)
        Records of each subgroup, and the failing ones, in each stratum of time.
    total, failing : array, (strata,)
        The same of all records.

    Returns
    -------
    array, (subgroups,)
        Natural logarithm. Each stratum keeps its own overall rate; the odds ratio (Mantel-Haenszel) is common to all,
        so that a subgroup which is merely active while much fails gains nothing.
    """
    outside, outside_failing = total - inside, failing - inside_failing
    for_it = (inside_failing * (outside - outside_failing) / total).sum(axis=1)
    against = ((inside - inside_failing) * outside_failing / total).sum(axis=1)
    odds = np.clip(for_it / np.maximum(against, _TINY), 0.0, _ODDS_LIMIT)
    higher = odds > 1
    gain = np.zeros(len(odds))
    if not higher.any():
        return gain
    n, k = inside[higher], inside_failing[higher]
    expected = _expected(n, total, failing, odds[higher, None])
    rest, rest_failing = total - n, failing - k
    rate = failing / total
    gain[higher] = (
        _log_times(k, expected, n * rate)
        + _log_times(n - k, n - expected, n * (1 - rate))
        + _log_times(rest_failing, failing - expected, rest * rate)
        + _log_times(rest - rest_failing, rest - failing + expected, rest * (1 - rate))
    ).sum(axis=1)
    return np.maximum(gain, 0.0)


def _expected(n: Floats, total: Floats, failing: Floats, odds: Floats) -> Floats:
    """Failing records inside at this odds ratio, in each stratum: the root of a quadratic, in its stable form."""
    linear = (total - n - failing) + odds * (n + failing)
    square = np.maximum(linear * linear - 4 * odds * (odds - 1) * n * failing, 0.0)
    root: Floats = 2 * odds * n * failing / np.maximum(linear + np.sqrt(square), _TINY)
    return np.clip(root, np.maximum(0, failing - (total - n)), np.minimum(n, failing))


def _log_times(count: Floats, fitted: Floats, null: Floats) -> Floats:
    ratio = np.maximum(fitted, _TINY) / np.maximum(null, _TINY)
    return np.where(count > 0, count * np.log(ratio), 0.0)


def log_p_value(gain: float, total: float, failing: float) -> float:
    """An upper bound of the logarithm of the chance of such a gain, were the failures spread by chance alone.

    The hypergeometric tail is at most exp(-gain) times this root (from Stirling's bounds of the binomials).
    """
    return min(0.0, -gain + 0.5 * math.log1p(2 * math.pi * failing * (1 - failing / total)))


def risk_difference(k: float, n: float, rest_k: float, rest_n: float) -> tuple[float, float, float]:
    """Failure rate inside less the one outside, with its 95 % interval (Newcombe's, from two Wilson intervals)."""
    inside, outside = k / n, rest_k / rest_n
    low, high = _wilson(inside, n)
    rest_low, rest_high = _wilson(outside, rest_n)
    effect = inside - outside
    return (
        effect,
        effect - math.hypot(inside - low, rest_high - outside),
        effect + math.hypot(high - inside, outside - rest_low),
    )


def _wilson(rate: float, n: float) -> tuple[float, float]:
    middle = rate + _Z95**2 / (2 * n)
    half = _Z95 * math.sqrt(max(rate * (1 - rate), 0.0) / n + _Z95**2 / (4 * n * n))
    scale = 1 + _Z95**2 / n
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
