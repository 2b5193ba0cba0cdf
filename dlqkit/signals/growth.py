"""How counters grew from scrape to scrape, of all workflows at once, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dlqkit.signals.restarts import find_dips, goes_on
from dlqkit.signals.scrapes import TARGET_LABELS, Scrapes

__all__ = ["Growth", "Steps", "falls", "growth", "old_ones"]

Floats = npt.NDArray[np.float64]

# A series born later than this many scrapes after the first of all was born at zero: series of one target need not
# all be in its first scrape.
BORN_AFTER = 2.0
# A first value far above all later growth is an old process seen for the first time, not events of one scrape.
OLD_VALUE, OLD_FACTOR = 100.0, 20.0
# Scrapes of one target jitter by less than this part of their spacing; what is further off is another target's.
OWN_MOMENT = 0.1
# A fall by less than this part of the value is a number that was rounded on its way, not a restart.
ROUNDED = 1e-9
# Log-likelihood ratio at which a counter is taken to have gone on although another one of its process fell: labels that
# do not tell processes apart make one's restart look like another's.
OTHERS_RATIO = 25.0


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps of one workflow by time: the scrape before, the scrape, the growth between them."""

    previous_s: Floats
    at_s: Floats
    grown: Floats

    def __len__(self) -> int:
        return len(self.at_s)

    @property
    def total(self) -> float:
        """Events in all steps."""
        return float(self.grown.sum())

    def points(self) -> Steps:
        """Only the steps in which something grew; steps that end together are one."""
        kept = np.flatnonzero(self.grown > 0)
        previous, at, grown = self.previous_s[kept], self.at_s[kept], self.grown[kept]
        if len(at) < 2 or bool((np.diff(at) > 0).all()):
            return Steps(previous, at, grown)
        times, begin = np.unique(at, return_index=True)
        return Steps(np.minimum.reduceat(previous, begin), times, np.add.reduceat(grown, begin))


@dataclass(frozen=True, slots=True)
class Growth:
    """Growth of every series of a metric, with where each workflow's steps are."""

    steps: Steps
    reset: npt.NDArray[np.bool_]
    started: npt.NDArray[np.bool_]
    """Where a series is first seen and was there before, so that its value is only a start."""
    rows: Mapping[str | None, slice]
    single: Mapping[str | None, bool]
    """Whether a workflow's steps are of one series, and so by time already."""

    def of(self, workflow_id: str | None) -> Steps:
        """The steps of a workflow by time; none if it has no such counter."""
        rows = self.rows.get(workflow_id)
        if rows is None:
            return Steps(np.empty(0), np.empty(0), np.empty(0))
        own = Steps(self.steps.previous_s[rows], self.steps.at_s[rows], self.steps.grown[rows])
        if self.single[workflow_id]:
            return own
        order = np.argsort(own.at_s, kind="stable")
        return Steps(own.previous_s[order], own.at_s[order], own.grown[order])

    def totals(self) -> dict[str | None, float]:
        """Events of each workflow, without sorting anything."""
        return {name: float(self.steps.grown[rows].sum()) for name, rows in self.rows.items()}


def falls(counters: Scrapes, grown: Growth) -> dict[str, Floats]:
    """When counters fell, by the process that must have restarted then."""
    return _by_process(counters, np.flatnonzero(grown.reset))


def _by_process(counters: Scrapes, places: npt.NDArray[np.int64]) -> dict[str, Floats]:
    series = np.searchsorted(counters.first, places, side="right") - 1
    names = _targets(counters) if len(places) else []
    out: dict[str, list[float]] = {}
    for one, at in zip(series.tolist(), counters.at_s[places].tolist(), strict=True):
        out.setdefault(names[one], []).append(at)
    return {name: np.sort(np.array(times)) for name, times in out.items()}


def _since(counters: Scrapes) -> float:
    """After this a series that is first seen may have been born then."""
    return counters.began_s + BORN_AFTER * counters.spacing_s


def old_ones(counters: Scrapes, grown: Growth) -> dict[str, Floats]:
    """When processes that were running before are first seen, by process: under a new name, or as a new target."""
    begins = counters.first[:-1]
    late = begins[grown.started[begins] & (counters.at_s[begins] > _since(counters))]
    return _by_process(counters, late)


def growth(
    counters: Scrapes, restarts: Sequence[Mapping[str, Floats]] = (), old: Sequence[Mapping[str, Floats]] = ()
) -> Growth:
    """Growth between neighbouring scrapes of each series, in whole events.

    Notes
    -----
    A fall is a restart from zero, unless the counter comes back from it at once as if nothing had been (``find_dips``)
    and no other counter of its process fell for good. A series that is born after scraping began counts from zero;
    another one's first value is only a start, and so is that of a process that is old by its other counters (``old``,
    from ``old_ones``). A rare counter that comes back after a restart was at zero until the
    scrape before, even if it comes back no lower, where another counter of its process fell (``restarts``, from
    ``falls``) and its own value fits a restart (``goes_on``).
    """
    at, value, first = counters.at_s, counters.value, counters.first
    previous = np.empty_like(at)
    grown = np.zeros_like(value)
    previous[1:] = at[:-1]
    np.subtract(value[1:], value[:-1], out=grown[1:])
    begins = first[:-1]
    previous[begins], grown[begins] = at[begins], 0.0
    spacing = counters.spacing_s
    reset = grown < 0
    if bool(reset.any()):
        reset &= _is_fall(value, grown)
        grown[~reset] = np.maximum(grown[~reset], 0.0)
        _level_dips(counters, previous, grown, reset, restarts)
    if restarts:
        away = np.flatnonzero((at - previous > 2 * spacing) & ~reset)
        away = away[_restarted(counters, away, previous[away], restarts)]
        reset[away[~goes_on(counters, grown, away, away, OTHERS_RATIO)]] = True
    fallen = np.flatnonzero(reset)
    grown[fallen] = np.maximum(value[fallen], 0.0)
    # Without a clock of all that was scraped, only the counter's own samples tell.
    late = fallen[(at[fallen] - previous[fallen] > 2 * spacing) & (len(counters.clock_s) > 0)]
    previous[late] = np.maximum(previous[late], _scrape_before(counters, at[late]))
    born = begins[at[begins] > _since(counters)]
    if len(born):
        ends = dict(zip(begins.tolist(), first[1:].tolist(), strict=True))
        most = np.array([grown[begin : ends[int(begin)]].max() for begin in born])
        young = value[born] <= OLD_VALUE + OLD_FACTOR * most
        born = born[young & (value[born] >= 0)]
        # A process that is old by another of its counters, first seen at the same time, brings all of its past.
        born = born[~_within(counters, born, at[born] - BORN_AFTER * spacing, at[born] + BORN_AFTER * spacing, old)]
        grown[born], previous[born] = value[born], _scrape_before(counters, at[born])
    started = np.zeros(len(at), dtype=bool)
    started[begins] = True
    started[born] = False
    series = counters.by_workflow()
    rows = {name: slice(int(first[own.start]), int(first[own.stop])) for name, own in series.items()}
    single = {name: own.stop - own.start == 1 for name, own in series.items()}
    return Growth(Steps(previous, at, grown), reset, started, rows, single)


def _is_fall(value: Floats, grown: Floats) -> npt.NDArray[np.bool_]:
    lost: npt.NDArray[np.bool_] = -grown > ROUNDED * (value - grown)
    return lost


def _level_dips(
    counters: Scrapes,
    previous: Floats,
    grown: Floats,
    reset: npt.NDArray[np.bool_],
    restarts: Sequence[Mapping[str, Floats]],
) -> None:
    """Count over scrapes that went wrong, in place: what came meanwhile is of the first one that is right again."""
    dips = find_dips(counters, grown, np.flatnonzero(reset))
    if not dips:
        return
    begin, back = (np.array(places, dtype=np.int64) for places in zip(*dips, strict=True))
    others = _restarted(counters, back, counters.at_s[begin - 1], restarts)
    for low, high in zip(begin[~others].tolist(), back[~others].tolist(), strict=True):
        grown[low:high], reset[low:high] = 0.0, False
        grown[high] = counters.value[high] - counters.value[low - 1]
        previous[high] = counters.at_s[low - 1]


def _restarted(
    counters: Scrapes, places: npt.NDArray[np.int64], previous: Floats, restarts: Sequence[Mapping[str, Floats]]
) -> npt.NDArray[np.bool_]:
    """Whether a counter of the same process fell between each of these samples and the one before it."""
    return _within(counters, places, previous, counters.at_s[places], restarts)


def _within(
    counters: Scrapes, places: npt.NDArray[np.int64], low: Floats, high: Floats, known: Sequence[Mapping[str, Floats]]
) -> npt.NDArray[np.bool_]:
    """Whether the process of each of these samples has a known time after ``low``, up to and with ``high``."""
    out = np.zeros(len(places), dtype=bool)
    if not len(places) or not any(known):
        return out
    names = np.array(_targets(counters), dtype=object)[np.searchsorted(counters.first, places, side="right") - 1]
    for name in set(names.tolist()):
        own = np.flatnonzero(names == name)
        for times in (part[name] for part in known if name in part):
            first, last = (np.searchsorted(times, edge[own], side="right") for edge in (low, high))
            out[own] |= last > first
    return out


def _targets(counters: Scrapes) -> list[str]:
    """The process behind each series, as far as the labels tell."""
    labels = [counters.label(name) for name in TARGET_LABELS]
    return ["|".join(map(str, parts)) for parts in zip(*labels, strict=True)]


def _scrape_before(counters: Scrapes, at: Floats) -> Floats:
    """The scrape before each of these: when the busiest series was scraped, or where it was at another moment, one
    usual spacing before.
    """
    spacing = counters.spacing_s
    place = np.searchsorted(counters.clock_s, at - 0.5 * spacing, side="right") - 1
    found = np.where(place >= 0, counters.clock_s[np.maximum(place, 0)], at - spacing)
    apart = np.abs(at - found - spacing)
    found = np.where((apart > OWN_MOMENT * spacing) & (apart < 0.5 * spacing), at - spacing, found)
    before: Floats = np.minimum(found, at)
    return before
