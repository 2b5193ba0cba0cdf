"""Counters as the worker exports them: resets, births and gaps, in whole events."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.signals.scrapes import TARGET_LABELS

__all__ = ["METRICS", "increase", "metric_samples", "steps_within"]

# Runbook §1; a server may call them otherwise, which is a setting.
METRICS: Mapping[str, str] = {
    "dlq": "worker_dlq_total",
    "success": "worker_success_total",
    "failure": "worker_failure_total",
    "duration": "worker_action_duration_seconds",
}
# Series of one target need not all be in its first scrape.
_BORN_AFTER_SCRAPES = 2.0
# As Prometheus names counters, and those of histograms and summaries.
_COUNTERS = ("_total", "_count")
_USUAL_SPACING = pd.Timedelta(seconds=15)


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


def increase(samples: pd.DataFrame, *, among: pd.DataFrame | None = None) -> pd.DataFrame:
    """How much each counter grew between neighbouring scrapes, in whole events.

    Parameters
    ----------
    samples : DataFrame
        ``series_id``, ``sampled_at``, ``value`` of counters, in any order; other columns are carried along.
    among : DataFrame, optional
        Everything that was scraped, ``frames.SAMPLES`` with ``metric`` and labels as columns. A series that appears
        after scraping began was born at zero, as a labelled counter is at its first event, so its first value counts,
        since the scrape before; a rare counter that comes back after a restart was at zero until then, too, even where
        it comes back no lower, if other counters of its process fell. Without it a first value only is a start.

    Returns
    -------
    DataFrame
        A row per sample, by series and time.

        previous_at : datetime64[us, UTC], the scrape before; NaT for a series' first sample
        increase : Float64, events; NA where it cannot be known
        reset : boolean, True where its process had restarted
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
    if among is not None and len(ordered) and len(among):
        spacing = (ordered["sampled_at"] - previous_at).median()
        tolerance = pd.Timedelta(0) if pd.isna(spacing) else _BORN_AFTER_SCRAPES * spacing
        spacing = _USUAL_SPACING if pd.isna(spacing) else spacing
        born = previous_at.isna() & (ordered["sampled_at"] > among["sampled_at"].min() + tolerance)
        away = ordered["sampled_at"] - previous_at > _BORN_AFTER_SCRAPES * spacing
        if (away & ~reset).any():
            reset = reset.mask(away & ~reset, _restarted(ordered.assign(previous_at=previous_at), among))
        since_zero = (born | (away & reset)).astype(bool)
        grown = grown.mask(since_zero, ordered["value"])
        before = _scrape_before(among["sampled_at"], ordered.loc[since_zero, "sampled_at"], spacing)
        known = previous_at[since_zero]
        previous_at = previous_at.where(~since_zero, before.where(known.isna() | (before > known), known))
    ordered["previous_at"] = previous_at
    ordered["increase"] = grown.astype("Float64")
    ordered["reset"] = reset
    ordered["gap_s"] = (ordered["sampled_at"] - previous_at).dt.total_seconds().astype("Float64")
    return ordered


def _restarted(steps: pd.DataFrame, among: pd.DataFrame) -> pd.Series:
    """Whether another counter of the same process fell within each step."""
    names = among["metric"].astype("str")
    counters = among[names.isin([name for name in names.unique() if str(name).endswith(_COUNTERS)])]
    counters = counters.sort_values(["series_id", "sampled_at"], kind="stable")
    fallen = counters[counters.groupby("series_id", observed=True)["value"].diff().lt(0).fillna(False)]
    by_target = {who: np.sort(_micros(own)) for who, own in fallen.groupby(_target(fallen))["sampled_at"]}
    out = pd.Series(False, index=steps.index)
    for who, own in steps.groupby(_target(steps)):
        times = by_target.get(who)
        if times is not None:
            known = own[own["previous_at"].notna()]
            low, high = (np.searchsorted(times, _micros(known[name]), side="right")
                         for name in ("previous_at", "sampled_at"))  # fmt: skip
            out[known.index] = high > low
    return out


def _target(samples: pd.DataFrame) -> pd.Series:
    """The process behind each sample, as far as the labels tell."""
    out = pd.Series("", index=samples.index)
    for name in TARGET_LABELS:
        if name in samples.columns:
            out = out + "|" + samples[name].astype("str").fillna("")
    return out


def _micros(times: pd.Series) -> npt.NDArray[np.datetime64]:
    micros: npt.NDArray[np.datetime64] = times.to_numpy(dtype="datetime64[us]")
    return micros


def _scrape_before(scraped_at: pd.Series, at: pd.Series, spacing: pd.Timedelta) -> pd.Series:
    """The last time before each of ``at`` that anything was scraped, half a usual distance off at least."""
    known = np.unique(_micros(scraped_at.dropna()))
    place = np.searchsorted(known, _micros(at - spacing / 2), side="right") - 1
    found = np.where(place >= 0, known[np.maximum(place, 0)], _micros(at - spacing))
    return pd.Series(found, index=at.index).dt.tz_localize("UTC").astype(at.dtype)


def steps_within(steps: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """The steps of ``increase`` that touch the time after ``start`` up to and with ``end``."""
    return steps[(steps["sampled_at"] > start) & (steps["previous_at"] < end)]
