"""Counters as the worker exports them: resets, births and gaps, in whole events."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.signals.copies import without_copies
from dlqkit.signals.growth import falls, growth, old_ones
from dlqkit.signals.points import times_s
from dlqkit.signals.scrapes import TARGET_LABELS, Scrapes, read_scrapes

__all__ = ["METRICS", "increase", "metric_names", "metric_samples", "steps_within"]

Floats = npt.NDArray[np.float64]

# Runbook §1; a server may call them otherwise, which is a setting.
METRICS: Mapping[str, str] = {
    "dlq": "worker_dlq_total",
    "success": "worker_success_total",
    "failure": "worker_failure_total",
    "duration": "worker_action_duration_seconds",
}
# As Prometheus names counters, and those of histograms and summaries.
_COUNTERS = ("_total", "_count")
_USUAL_SPACING_S = 15.0


def metric_names(names: Mapping[str, str] | None) -> dict[str, str]:
    """The name of each of the runbook's metrics, by the keys of ``METRICS``."""
    if names is not None and not isinstance(names, Mapping):
        raise ParameterError(
            f"The names of metrics are no mapping, but a {type(names).__name__}.",
            'Give those that differ by the runbook\'s key, such as {"dlq": "my_dead_letters_total"}.',
        )
    return {**METRICS, **(names or {})}


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
        The same columns. For ``duration`` also its ``_sum``, ``_count`` and ``_bucket`` series; ``_created`` never. Of
        copies that several servers scraped, one (``copies.without_copies``).
    """
    if "metric" not in samples.columns or samples.empty:
        return samples.iloc[:0]
    wanted = metric_names(names)[name]
    if name == "duration":
        known = {wanted, f"{wanted}_sum", f"{wanted}_count", f"{wanted}_bucket"}
    else:
        # OpenMetrics names a counter's family without _total, and some servers keep that name.
        known = {wanted, wanted.removesuffix("_total")}
    return without_copies(samples[_is_named(samples["metric"], known.__contains__)])


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
    As Prometheus does, a fall is a restart from zero, unless the counter is right again at once (``growth.growth`` has
    all rules); unlike Prometheus' ``increase()`` nothing is extrapolated.
    """
    ordered = samples.sort_values(["series_id", "sampled_at"], kind="stable").reset_index(drop=True)
    ordered = ordered[np.isfinite(ordered["value"].astype("float64").fillna(np.nan))].reset_index(drop=True)
    counters, others = _as_scrapes(ordered, among), _counters(among)
    grown = growth(counters) if others is None else growth(counters, *_of_processes(others))
    previous_us = np.round(grown.steps.previous_s * 1e6).astype("int64")
    previous = pd.Series(pd.to_datetime(previous_us, unit="us", utc=True), index=ordered.index)
    first = pd.Series(grown.started, index=ordered.index)
    ordered["previous_at"] = previous.astype(ordered["sampled_at"].dtype).mask(first)
    ordered["increase"] = pd.Series(grown.steps.grown, index=ordered.index, dtype="Float64").mask(first)
    ordered["reset"] = pd.Series(grown.reset, index=ordered.index, dtype="boolean")
    ordered["gap_s"] = (ordered["sampled_at"] - ordered["previous_at"]).dt.total_seconds().astype("Float64")
    return ordered


def _as_scrapes(ordered: pd.DataFrame, among: pd.DataFrame | None) -> Scrapes:
    """Rows by series and time as they stand, beside the times at which anything was scraped."""
    number = ordered["series_id"].to_numpy()
    begins = np.flatnonzero(np.concatenate([[True], number[1:] != number[:-1]])) if len(ordered) else np.empty(0, int)
    first = np.append(begins, len(ordered)).astype(np.int64)
    labels = {name: ordered[name].iloc[begins].astype("str").fillna("").to_numpy(dtype=object)
              for name in TARGET_LABELS if name in ordered.columns}  # fmt: skip
    at, value = times_s(ordered["sampled_at"]), ordered["value"].to_numpy(dtype=np.float64)
    apart = np.delete(np.diff(at), begins[1:] - 1)
    spacing = float(np.median(apart)) if len(apart) else _USUAL_SPACING_S
    # Of a counter alone it is not known since when there was scraping, so none is born within it.
    clock = np.empty(0) if among is None else np.unique(times_s(among["sampled_at"].dropna()))
    began = float(clock[0]) if len(clock) else np.inf
    own = {"metric": np.full(len(begins), "", dtype=object), **labels}
    return Scrapes(at, value, first, own, began, spacing, clock)


def _counters(among: pd.DataFrame | None) -> Scrapes | None:
    """Every counter that was scraped; None where the frame holds none, but histograms."""
    if among is None or "metric" not in among.columns or "value" not in among.columns:
        return None
    return read_scrapes(among[_is_named(among["metric"], lambda name: name.endswith(_COUNTERS))])


def _is_named(metric: pd.Series, is_meant: Callable[[str], bool]) -> npt.NDArray[np.bool_]:
    """Where the metric's name is meant: of ten thousands of samples a few names are looked at."""
    codes, names = pd.factorize(metric)
    # A missing name is -1, the last of these.
    meant: npt.NDArray[np.bool_] = np.array([*(is_meant(str(name)) for name in names), False], dtype=bool)
    named: npt.NDArray[np.bool_] = meant[np.asarray(codes)]
    return named


def _of_processes(counters: Scrapes) -> tuple[list[dict[str, Floats]], list[dict[str, Floats]]]:
    """When counters fell, and when old processes are first seen, by process."""
    # A burst that creates a counter of failures may be all that it ever shows: that does not make its process old.
    in_trouble = {METRICS[name] for name in ("dlq", "failure")}
    healthy = counters.where(np.array([name not in in_trouble for name in counters.label("metric")], dtype=bool))
    return [falls(counters, growth(counters))], [old_ones(healthy, growth(healthy))]


def steps_within(steps: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """The steps of ``increase`` that touch the time after ``start`` up to and with ``end``."""
    return steps[(steps["sampled_at"] > start) & (steps["previous_at"] < end)]
