"""Where a run begins, and whether it is over."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dlqkit.signals.dispersion import Points
from dlqkit.signals.exposure import Exposure
from dlqkit.signals.growth import Steps
from dlqkit.signals.placing import Onset, place_onset
from dlqkit.signals.runs import Run
from dlqkit.signals.scrapes import Scrapes

__all__ = ["ended", "onset_of", "usual_rate"]

Floats = npt.NDArray[np.float64]

# An incident has ended when it is quiet for five minutes and for seven of its own mean spacings: at a steady rate
# so long a pause comes once in a thousand (exp(−7)).
QUIET_S = 300.0
QUIET_SPACINGS = 7.0
# Steps before and after a run's first point among which its onset is looked for, and steps that tell its height.
STEPS_BEFORE, STEPS_AFTER, STEPS_SEEN = 50, 40, 60


def ended(last_s: float, first_s: float, size: float, end_s: float) -> bool:
    """Whether a run that was last seen then is over."""
    spacing = (last_s - first_s) / max(size - 1, 1)
    return end_s - last_s > max(QUIET_S, QUIET_SPACINGS * spacing)


def usual_rate(runs: list[Run], exposed: Points) -> float:
    """Events by exposure outside the runs; half an event more, since none seen is not none possible."""
    rest = float(exposed.weight.sum()) - sum(run.size for run in runs)
    room = exposed.total - sum(float(exposed.after[run.last] - exposed.before[run.first]) for run in runs)
    return (rest + 0.5) / max(room, exposed.total * 1e-3)


def onset_of(run: Run, points: Steps, exposure: Exposure, rate: float, scrapes: Scrapes, not_before_s: float) -> Onset:
    """Where a run begins (``placing.place_onset``), looked for around its first step and after ``not_before_s``."""
    clock, first, last = _whole_clock(scrapes, points.at_s), float(points.at_s[run.first]), float(points.at_s[run.last])
    low = max(int(np.searchsorted(clock, points.previous_s[run.first])) - STEPS_BEFORE, 0)
    low = max(low, int(np.searchsorted(clock, not_before_s)))
    high = int(np.searchsorted(clock, last, side="right")) + 1
    high = min(high, int(np.searchsorted(clock, first)) + STEPS_SEEN + STEPS_AFTER)
    grid = clock[low:high]
    if len(grid) < 3 or grid[0] >= first:
        return Onset(first, float(points.previous_s[run.first]), first)
    grown = np.histogram(points.at_s, np.nextafter(grid, np.inf), weights=points.grown)[0]
    exposed = np.diff(exposure.until(grid))
    place = min(max(int(np.searchsorted(grid, first)) - 1, 0), len(grid) - 2)
    end = max(min(int(np.searchsorted(grid, last)) - 1, len(grid) - 2), place)
    candidates = max(place - STEPS_BEFORE, 0), min(place + STEPS_AFTER, end)
    near = (points.at_s > grid[0]) & (points.at_s <= grid[-1])
    own = Steps(points.previous_s[near], points.at_s[near], points.grown[near])
    exposed_own = exposure.until(own.at_s) - exposure.until(own.previous_s)
    return place_onset(
        grid, grown, exposed, rate, candidates, end, scrapes.spacing_s, points=own, points_exposure=exposed_own
    )


def _whole_clock(scrapes: Scrapes, at_s: Floats) -> Floats:
    """The clock, and the scrapes that saw growth where it has none: each process is scraped at its own moments."""
    clock, spacing = scrapes.clock_s, scrapes.spacing_s
    place = np.clip(np.searchsorted(clock, at_s), 1, len(clock) - 1)
    apart = np.minimum(np.abs(at_s - clock[place - 1]), np.abs(clock[place] - at_s)) > 0.5 * spacing
    if not apart.any():
        return clock
    more = at_s[apart]
    _, one_a_scrape = np.unique(np.floor((more - more[0]) / spacing), return_index=True)
    whole: Floats = np.union1d(clock, more[one_a_scrape])
    return whole
