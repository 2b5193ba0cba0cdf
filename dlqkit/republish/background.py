"""How often a workflow fails anyway: what its counters did before the run, and whether they do more since."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from dlqkit.signals.counters import increase, metric_samples

__all__ = ["Background", "Grown", "grows", "measure_background", "read_growth"]

# Before the run so long is looked at, which is some hundred scrapes; and its last third, in which a fix may show.
BEFORE_S = 1800.0
RECENT_PART = 3
# A rate has fallen by the last third where that has a probability below this by chance.
FALLEN = 0.01
# The probability by chance below which failures grow. A step is looked at some hundred times, so this is small.
UNLIKELY = 1e-5
# Counts in so many blocks tell how much more they vary than Poisson numbers do.
BLOCKS = 20


@dataclass(frozen=True, slots=True)
class Grown:
    """How much a workflow's counters grew in a stretch of time; None where they cannot tell."""

    start: datetime
    end: datetime
    dlq: float | None
    failure: float | None
    success: float | None
    last_scrape: datetime | None
    """The newest scrape of any workflow's counters."""
    spacing_s: float | None

    @property
    def length_s(self) -> float:
        """Seconds."""
        return (self.end - self.start).total_seconds()

    @property
    def volume(self) -> float | None:
        """Attempts that ended."""
        known = [value for value in (self.failure, self.success) if value is not None]
        return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class Background:
    """What a workflow's counters did before the run, and how much more than Poisson numbers they vary."""

    grown: Grown
    dispersion: float


def read_growth(
    samples: pd.DataFrame, workflow_id: str, start: datetime, end: datetime, names: Mapping[str, str] | None = None
) -> Grown:
    """How much the counters of one workflow grew from ``start`` to ``end``, restarts of the worker included.

    Parameters
    ----------
    samples : DataFrame
        ``frames.SAMPLES`` with ``metric`` and labels as columns; more than the stretch is no harm.
    workflow_id : str
        Only its series count, so that another workflow's failures say nothing here.
    start, end : datetime
        Aware. A step between two scrapes counts if it ends in the stretch.
    names : mapping, optional
        Names of metrics that differ from the runbook's.

    Returns
    -------
    Grown
        None for a counter that has no ``workflow_id``; 0 for one of which only other workflows have series: a labelled
        counter is on the page from its first event on.
    """
    counted: dict[str, float | None] = {}
    seen: list[pd.Timestamp] = []
    spacings: list[float] = []
    for name in ("dlq", "failure", "success"):
        every = metric_samples(samples, name, names)
        scraped = every["sampled_at"][every["sampled_at"] <= pd.Timestamp(end)]
        seen += [scraped.max()] if len(scraped) else []
        if every.empty or "workflow_id" not in every.columns or every["workflow_id"].isna().all():
            counted[name] = None
            continue
        own = every[every["workflow_id"].astype("str") == workflow_id]
        steps = increase(own, among=samples)
        inside = (steps["sampled_at"] > pd.Timestamp(start)) & (steps["sampled_at"] <= pd.Timestamp(end))
        counted[name] = float(steps.loc[inside, "increase"].fillna(0.0).sum())
        gap = steps["gap_s"].median()
        spacings += [] if pd.isna(gap) else [float(gap)]
    return Grown(start, end, counted["dlq"], counted["failure"], counted["success"],
                 max(seen).to_pydatetime() if seen else None, min(spacings, default=None))  # fmt: skip


def measure_background(
    samples: pd.DataFrame, workflow_id: str, until: datetime, names: Mapping[str, str] | None = None
) -> Background:
    """What the workflow's counters did in the half hour before ``until``, or in its last ten minutes alone where dead
    letters or failures came down by then: a fix that was just applied must not leave the incident as what is usual.

    Parameters
    ----------
    samples : DataFrame
        As for ``read_growth``.
    workflow_id : str
        The workflow that is sent to.
    until : datetime
        When the first event is sent.
    names : mapping, optional
        Names of metrics that differ from the runbook's.

    Returns
    -------
    Background
    """
    begin = until - timedelta(seconds=BEFORE_S)
    middle = until - timedelta(seconds=BEFORE_S / RECENT_PART)
    early, late = (read_growth(samples, workflow_id, *span, names) for span in ((begin, middle), (middle, until)))
    whole = read_growth(samples, workflow_id, begin, until, names)
    share = 1 - 1 / RECENT_PART
    has_fallen = any(
        _at_least(before, before + after, share) < FALLEN
        for before, after in ((early.dlq, late.dlq), (early.failure, late.failure))
        if before is not None and after is not None
    )
    chosen = late if has_fallen else whole
    return Background(chosen, _dispersion(samples, workflow_id, chosen, names))


def grows(before: Background, now: Grown, sent: int, own_failures: float = 0.0) -> str | None:
    """Which counter grows more than before the run: ``dead letters`` or ``failures``; None where neither does.

    Parameters
    ----------
    before : Background
        Of the half hour before the run.
    now : Grown
        Since the step was sent.
    sent : int
        Events that the run added in that time; each may fail as others usually do.
    own_failures : float
        Failed attempts of these events that their own records show: they are judged by what becomes of the event.

    Returns
    -------
    str or None
        None also where a counter cannot tell.

    Notes
    -----
    Two Poisson counts are compared given their sum (a binomial test), both divided by the over-dispersion of before.
    What is usual is a rate in time, or a share of the attempts where that gives more: more events fail more often.
    """
    volume, was = now.volume, before.grown.volume
    others = None if now.failure is None else now.failure - own_failures
    for name, counted, usual in (("dead letters", now.dlq, before.grown.dlq),
                                 ("failures", others, before.grown.failure)):  # fmt: skip
        if counted is None or usual is None or counted <= 0:
            continue
        # The first scrape of the stretch also counts what was before it.
        part = (now.length_s + (now.spacing_s or 0.0)) / max(before.grown.length_s, 1.0)
        if volume and was:
            part = max(part, volume / was)
        elif was:
            part += sent / was
        scale = before.dispersion
        if _at_least(counted / scale, (counted + usual) / scale, part / (1 + part)) < UNLIKELY:
            return name
    return None


def _dispersion(samples: pd.DataFrame, workflow_id: str, span: Grown, names: Mapping[str, str] | None) -> float:
    """How much more the failures vary from block to block than Poisson numbers do; at least 1."""
    worst = 1.0
    edges = [span.start + (span.end - span.start) * number / BLOCKS for number in range(BLOCKS + 1)]
    for name in ("dlq", "failure"):
        own = metric_samples(samples, name, names)
        if own.empty or "workflow_id" not in own.columns:
            continue
        steps = increase(own[own["workflow_id"].astype("str") == workflow_id], among=samples)
        grown = steps["increase"].fillna(0.0).to_numpy(dtype=np.float64)
        place = np.searchsorted(pd.DatetimeIndex(edges), pd.DatetimeIndex(steps["sampled_at"]), side="left") - 1
        inside = (place >= 0) & (place < BLOCKS)
        counts = np.bincount(place[inside], weights=grown[inside], minlength=BLOCKS)
        # Below an event a block a variance says nothing.
        if counts.mean() >= 1:
            worst = max(worst, float(counts.var(ddof=1) / counts.mean()))
    return worst


def _at_least(count: float, total: float, chance: float) -> float:
    """The probability that of ``total`` events ``count`` or more fall into a part with this chance."""
    wanted, events = math.floor(count), math.floor(total)
    if wanted <= 0 or chance >= 1:
        return 1.0
    if chance <= 0:
        return 0.0
    if wanted <= events * chance:
        return 1.0
    logs = [
        math.lgamma(events + 1) - math.lgamma(k + 1) - math.lgamma(events - k + 1)
        + k * math.log(chance) + (events - k) * math.log1p(-chance)
        for k in range(wanted, events + 1)
    ]  # fmt: skip
    top = max(logs)
    return min(1.0, math.exp(top) * sum(math.exp(one - top) for one in logs))
