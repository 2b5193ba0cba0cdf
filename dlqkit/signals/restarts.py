"""Which falls of a counter are restarts of its process, and which are scrapes that went wrong."""

from __future__ import annotations

from math import lgamma

import numpy as np
import numpy.typing as npt

from dlqkit.signals.scrapes import Scrapes

__all__ = ["find_dips", "goes_on"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# A value that was read wrongly, or from a server that lags behind, is right again within so many scrapes.
DIP_SCRAPES = 3
# Steps before and after from which the usual growth is read.
USUAL_STEPS = 20
# Log-likelihood ratio over a restart at which a counter that comes back is taken to have gone on: one in a thousand.
DIP_RATIO = 7.0
# Growth this many standard deviations above the usual is no mere going on, and one event more is.
PLAUSIBLE = 5.0


def find_dips(counters: Scrapes, grown: Floats, fallen: Ints) -> list[tuple[int, int]]:
    """Falls that a counter comes back from as if nothing had been: where it fell, and where it is right again.

    ``grown`` is the growth at each sample, negative at the ``fallen`` ones.

    Notes
    -----
    A counter of 500 that reads 0 and then 500 again either has not moved, or its process restarted and counted just
    those 500 within two scrapes: what usually grows in that time tells which. Small counters may have done so.
    """
    if not len(fallen):
        return []
    value, ends = counters.value, counters.first[np.searchsorted(counters.first, fallen, side="right")]
    before, back = value[fallen - 1], np.full(len(fallen), -1, dtype=np.int64)
    for later in range(DIP_SCRAPES, 0, -1):
        place = np.minimum(fallen + later, len(value) - 1)
        back = np.where((fallen + later < ends) & (value[place] >= before), place, back)
    found = np.flatnonzero(back > 0)
    if not len(found):
        return []
    begin, back = fallen[found], back[found]
    near = counters.at_s[back] - counters.at_s[begin - 1] <= (DIP_SCRAPES + 2) * counters.spacing_s
    is_dip = near & goes_on(counters, grown, begin, back, DIP_RATIO)
    out: list[tuple[int, int]] = []
    for low, high in zip(begin[is_dip].tolist(), back[is_dip].tolist(), strict=True):
        # A second fall inside a dip is part of it.
        if not out or low > out[-1][1]:
            out.append((low, high))
    return out


def goes_on(counters: Scrapes, grown: Floats, begin: Ints, back: Ints, ratio: float) -> npt.NDArray[np.bool_]:
    """Whether a counter did not restart between the sample before ``begin`` and ``back``, by its usual growth."""
    expected = _usual(counters, grown, begin, back)
    on, anew = counters.value[back] - counters.value[begin - 1], counters.value[back]
    plausible = (on >= 0) & (anew >= 0) & (on <= expected + PLAUSIBLE * np.sqrt(expected) + 1)
    out = np.zeros(len(begin), dtype=bool)
    for place in np.flatnonzero(plausible).tolist():
        more = float(on[place] - anew[place]) * np.log(float(expected[place]))
        out[place] = more - lgamma(float(on[place]) + 1) + lgamma(float(anew[place]) + 1) >= ratio
    return out


def _usual(counters: Scrapes, grown: Floats, begin: Ints, back: Ints) -> Floats:
    """Events to be expected between these samples by the steps around them; half an event more in a scrape."""
    at, first = counters.at_s, counters.first
    series = np.searchsorted(first, begin, side="right") - 1
    low = np.maximum(begin - USUAL_STEPS, first[series] + 1)
    high = np.minimum(back + USUAL_STEPS, first[series + 1] - 1)
    # A process that restarts all the time counts anew each time: there, one more restart is the usual.
    so_far = np.concatenate([[0.0], np.cumsum(np.maximum(np.where(grown < 0, counters.value, grown), 0.0))])
    events = so_far[begin] - so_far[np.minimum(low, begin)] + so_far[high + 1] - so_far[back + 1]
    seconds = at[begin - 1] - at[np.minimum(low, begin) - 1] + at[high] - at[back]
    rate = (events + 0.5) / (seconds + counters.spacing_s)
    usual: Floats = rate * (at[back] - at[begin - 1])
    return usual
