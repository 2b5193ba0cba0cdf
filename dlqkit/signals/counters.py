"""Counters as the worker exports them: resets, births and gaps, in whole events."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

__all__ = ["METRICS", "increase", "metric_samples"]

# Runbook §1; a server may call them otherwise, which is a setting.
METRICS: Mapping[str, str] = {
    "dlq": "worker_dlq_total",
    "success": "worker_success_total",
    "failure": "worker_failure_total",
    "duration": "worker_action_duration_seconds",
}


def metric_samples(samples: pd.DataFrame, name: str, names: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The samples of one of the runbook's metrics: ``dlq``, ``success``, ``failure`` or ``duration``.

    Parameters
    ----------
    samples : DataFrame
        ``frames.SAMPLES`` with ``metric`` and labels as columns.
    name : str
        A key of ``METRICS``.
    names : mapping, optional
        What differs from the runbook's names.

    Returns
    -------
    DataFrame
        The same columns. For ``duration`` also its ``_sum``, ``_count`` and ``_bucket`` series; ``_created`` never.
    """
    if "metric" not in samples.columns or samples.empty:
        return samples.iloc[:0]
    wanted = {**METRICS, **(names or {})}[name]
    metric = samples["metric"].astype("str")
    if name == "duration":
        return samples[metric.isin({wanted, f"{wanted}_sum", f"{wanted}_count", f"{wanted}_bucket"})]
    # OpenMetrics names a counter's family without _total, and some servers keep that name.
    return samples[metric.isin({wanted, wanted.removesuffix("_total")})]


def increase(samples: pd.DataFrame, *, seen_from: pd.Timestamp | None = None) -> pd.DataFrame:
    """How much each counter grew between neighbouring scrapes, in whole events.

    Parameters
    ----------
    samples : DataFrame
        ``series_id``, ``sampled_at``, ``value`` of counters, in any order; other columns are carried along.
    seen_from : Timestamp, optional
        When scraping began. A series that appears later than this was born at zero, as a labelled counter is at its
        first event, so its first value counts; without it a first value only is a start.

    Returns
    -------
    DataFrame
        A row per sample, by series and time.

        previous_at : datetime64[us, UTC], NaT for a series' first sample
        increase : Float64, events; NA where it cannot be known
        reset : boolean, True where the counter fell, so its process had restarted
        gap_s : Float64, seconds since the previous sample

    Notes
    -----
    As Prometheus does, a fall is a restart from zero; unlike its ``increase()`` nothing is extrapolated.
    """
    ordered = samples.sort_values(["series_id", "sampled_at"], kind="stable").reset_index(drop=True)
    ordered = ordered[~ordered["value"].isna()].reset_index(drop=True)
    groups = ordered.groupby("series_id", sort=False, observed=True)
    previous = groups["value"].shift()
    previous_at = groups["sampled_at"].shift()
    grown = ordered["value"] - previous
    reset = (grown < 0).fillna(False).astype("boolean")
    grown = grown.mask(reset, ordered["value"])
    if seen_from is not None and len(ordered):
        first = previous_at.isna()
        # One scrape of tolerance: series of one target need not all be in its first scrape.
        spacing = (ordered["sampled_at"] - previous_at).median()
        tolerance = pd.Timedelta(0) if pd.isna(spacing) else 2 * spacing
        born = first & (ordered["sampled_at"] > seen_from + tolerance)
        grown = grown.mask(born, ordered["value"])
        lag = pd.Timedelta(seconds=15) if pd.isna(spacing) else spacing
        previous_at = previous_at.mask(born, ordered["sampled_at"] - lag)
    ordered["previous_at"] = previous_at
    ordered["increase"] = grown.astype("Float64")
    ordered["reset"] = reset
    ordered["gap_s"] = (ordered["sampled_at"] - previous_at).dt.total_seconds().astype("Float64")
    return ordered
