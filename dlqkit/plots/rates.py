"""What the worker's counters grew by, per minute: the bins that the figure of the signals draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dlqkit.plots.theme import to_num
from dlqkit.signals.counters import increase, metric_samples

__all__ = ["MINUTE", "Curve", "Rates", "read_rates", "signal_rates"]

MINUTE = 1 / 1440
# Widths of a bin that people read, in minutes; some 180 bins fit a page.
_WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1440)
_BINS = 180
# A pause longer than this many usual spacings is a gap, not a late scrape.
_GAP = 3
_COLUMNS = {"dlq": "dead_letters_per_min", "failure": "failures_per_min", "success": "successes_per_min"}


@dataclass(frozen=True, slots=True)
class Curve:
    """One counter of the worker: its events per minute in each bin, NaN where nothing was scraped."""

    name: str
    """``dlq``, ``failure`` or ``success``."""
    is_shared: bool
    """Whether it counts the whole worker, not the workflow that was asked for."""
    rates: np.ndarray
    grown: list[float]
    """Events in each gap."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Curves over the same bins; times as days, the axis' numbers."""

    low: float
    high: float
    edges: np.ndarray
    gaps: list[tuple[float, float]]
    curves: list[Curve]


def signal_rates(
    samples: pd.DataFrame, *, workflow_id: str | None = None, names: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Dead letters, failures and successes per minute in each bin, as ``plot_signals`` draws them.

    Parameters
    ----------
    samples : DataFrame
        ``frames.SAMPLES`` with ``metric`` and labels as columns.
    workflow_id : str, optional
        Only this workflow; all together by default.
    names : mapping, optional
        Metric names that differ from the runbook's.

    Returns
    -------
    DataFrame
        A row per bin, ascending; none where nothing was scraped at all.

        at, end_at : datetime64[us, UTC], half-open
        dead_letters_per_min, failures_per_min, successes_per_min : Float64, NA where that counter was not scraped
    """
    found = read_rates(samples, workflow_id, names)
    edges = np.array([]) if found is None else found.edges
    times = pd.to_datetime(np.round(edges * 86_400e6).astype("int64"), unit="us", utc=True).astype(
        "datetime64[us, UTC]"
    )
    out = pd.DataFrame({"at": times[:-1], "end_at": times[1:]})
    for name, column in _COLUMNS.items():
        curve = None if found is None else next((one for one in found.curves if one.name == name), None)
        rates = np.full(len(out), np.nan) if curve is None else curve.rates
        out[column] = pd.Series(rates, dtype="Float64").mask(np.isnan(rates))
    return out


def read_rates(samples: pd.DataFrame, workflow_id: str | None, names: Mapping[str, str] | None) -> Rates | None:
    """The curves of the three counters; None where none of them has a sample."""
    steps = _steps(samples, workflow_id, names)
    seen = [frame for frame, _ in steps.values() if len(frame)]
    if not seen:
        return None
    times = np.unique(np.concatenate([to_num(frame["sampled_at"]) for frame in seen]))
    # Other workflows' series tell how long the server was scraped while this one's were missing.
    window = to_num(samples["sampled_at"])
    low, high = float(np.nanmin(window)), float(np.nanmax(window))
    gaps = _gaps(seen, times, low, high)
    edges = _edges(np.array([low, high]))
    curves = [
        _curve(name, is_shared, frame, edges, gaps, times) for name, (frame, is_shared) in steps.items() if len(frame)
    ]
    return Rates(low, high, edges, gaps, curves)


def _steps(
    samples: pd.DataFrame, workflow_id: str | None, names: Mapping[str, str] | None
) -> dict[str, tuple[pd.DataFrame, bool]]:
    """Each counter's steps between scrapes, and whether they are not of this workflow alone."""
    out = {}
    for name in _COLUMNS:
        own, is_shared = metric_samples(samples, name, names), False
        if workflow_id and len(own):
            labelled = own["workflow_id"] if "workflow_id" in own.columns else pd.Series(pd.NA, index=own.index)
            if labelled.isna().all():
                is_shared = True
            else:
                own = own[(labelled == workflow_id).fillna(False).astype(bool)]
        out[name] = (increase(own, among=samples) if len(own) else own, is_shared)
    return out


def _gaps(frames: list[pd.DataFrame], times: np.ndarray, low: float, high: float) -> list[tuple[float, float]]:
    """Pauses in which no counter was scraped."""
    spacing = pd.concat([frame["gap_s"] for frame in frames]).dropna()
    if spacing.empty:
        return []
    limit = _GAP * float(spacing.median()) / 86_400
    every = np.concatenate([[low], times, [high]])
    wide = np.flatnonzero(np.diff(every) > limit)
    return [(float(every[index]), float(every[index + 1])) for index in wide]


def _edges(times: np.ndarray) -> np.ndarray:
    span = max(times[-1] - times[0], MINUTE)
    minutes = next((width for width in _WIDTHS if span <= _BINS * width * MINUTE), _WIDTHS[-1])
    width = minutes * MINUTE
    first = np.floor(times[0] / width + 1e-6)
    last = max(np.ceil(times[-1] / width - 1e-6), first + 1)
    return np.asarray(np.arange(first, last + 1) * width)


def _curve(
    name: str,
    is_shared: bool,
    steps: pd.DataFrame,
    edges: np.ndarray,
    gaps: list[tuple[float, float]],
    times: np.ndarray,
) -> Curve:
    counts = np.zeros(len(edges) - 1)
    # The first and the last bin may be scraped in part only; a rate is taken over the part that was. A counter that
    # is absent while its neighbours are scraped has not counted yet, so all of them tell what was covered.
    low, high = np.clip(edges[:-1], times.min(), times.max()), np.clip(edges[1:], times.min(), times.max())
    covered = high - low
    grown = [0.0] * len(gaps)
    for _, series in steps.groupby("series_id", sort=False, observed=True):
        at, started = to_num(series["sampled_at"]), to_num(series["previous_at"])
        step = series["increase"].to_numpy(dtype=float, na_value=0.0)
        x = np.concatenate([[started[0] if np.isfinite(started[0]) else at[0]], at])
        y = np.concatenate([[0.0], np.cumsum(step)])
        counts += np.interp(edges[1:], x, y) - np.interp(edges[:-1], x, y)
        for index, gap in enumerate(gaps):
            inside = float(np.interp(gap[1], x, y) - np.interp(gap[0], x, y))
            grown[index] += inside
            counts -= _overlap(edges, gap) / (gap[1] - gap[0]) * inside
    for gap in gaps:
        covered = covered - _overlap(edges, gap)
    # A sliver of a bin says nothing about a minute.
    enough = covered > 0.2 * (edges[1] - edges[0])
    rates = np.where(enough, np.maximum(counts, 0) / np.where(enough, covered, 1) * MINUTE, np.nan)
    if not enough.any():
        rates = np.where(counts > 0, counts * MINUTE / (edges[1] - edges[0]), np.nan)
    return Curve(name, is_shared, rates, grown)


def _overlap(edges: np.ndarray, gap: tuple[float, float]) -> np.ndarray:
    return np.asarray(np.maximum(np.minimum(edges[1:], gap[1]) - np.maximum(edges[:-1], gap[0]), 0))
