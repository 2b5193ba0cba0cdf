"""How long actions took from scrape to scrape: one number a step, from whatever type the metric is of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.language import mark, say
from dlqkit.signals.growth import growth
from dlqkit.signals.points import times_s
from dlqkit.signals.scrapes import Scrapes

__all__ = ["RECORDED", "Durations", "durations_by_workflow", "native_durations", "recorded_durations"]

Floats = npt.NDArray[np.float64]

# The open bucket stands for values this many times its lower bound, the first one for half its upper.
OPEN_BUCKET, FIRST_BUCKET = 1.5, 0.5
# A summary's quantile nearest to the median tells most about all actions.
MIDDLE = 0.5
RECORDED = mark("the execution records")
# Counts of native buckets below this share of one are rounding.
SMALLEST = 1e-9


@dataclass(frozen=True, slots=True)
class Durations:
    """Steps by time: when each began and ended, log milliseconds, and the actions behind it."""

    previous_s: Floats
    at_s: Floats
    log_ms: Floats
    count: Floats
    source: str
    """In words; ``RECORDED`` where each step is an action of its own."""
    told_to_ms: float = np.inf
    """Where the last bucket with an end ends: how much longer than this an action took is not told."""


def durations_by_workflow(scrapes: Scrapes, metric: str) -> dict[str | None, Durations]:
    """Durations of each workflow: from buckets, else from sum and count, else from quantiles or a gauge."""
    out: dict[str | None, Durations] = {}
    for name, read in (("_bucket", _from_buckets), ("_count", _from_sums), ("", _from_values)):
        own = scrapes.of({metric + name, *((metric + "_sum",) if name == "_count" else ())})
        for workflow_id, series in own.by_workflow().items() if len(own) and name != "_count" else []:
            if workflow_id not in out:
                found = read(_part(own, series), metric)
                if found is not None:
                    out[workflow_id] = found
        if name == "_count" and len(own):
            # Sum and count are two metrics, so a workflow's series are not side by side.
            for workflow in dict.fromkeys(own.label("workflow_id")):
                key = (str(workflow) or None) if "workflow_id" not in own.labels else str(workflow)
                if key in out or (key == "" and "workflow_id" in own.labels):
                    continue
                found = read(own.where(own.label("workflow_id") == workflow), metric)
                if found is not None:
                    out[key] = found
    return out


def _part(scrapes: Scrapes, series: slice) -> Scrapes:
    wanted = np.zeros(len(scrapes), dtype=bool)
    wanted[series] = True
    return scrapes.where(wanted)


def _from_buckets(own: Scrapes, metric: str) -> Durations | None:
    bounds = np.array([_number(text) for text in own.label("le")])
    if np.isnan(bounds).all():
        return None
    steps = growth(own).steps
    lengths = np.diff(own.first)
    edges, which = np.unique(bounds, return_inverse=True)
    times, place = np.unique(steps.at_s, return_inverse=True)
    so_far = np.bincount(place * len(edges) + np.repeat(which, lengths), weights=steps.grown,
                         minlength=len(times) * len(edges)).reshape(len(times), len(edges))  # fmt: skip
    counts = np.maximum(np.diff(so_far, axis=1, prepend=0.0), 0.0)
    previous = np.full(len(times), np.inf)
    np.minimum.at(previous, place, steps.previous_s)
    finite = edges[np.isfinite(edges) & (edges > 0)]
    if not len(finite):
        return None
    lower = np.concatenate([[max(finite[0] * FIRST_BUCKET**2, 1e-9)], edges[:-1]])
    upper = np.where(np.isfinite(edges), edges, finite[-1] * OPEN_BUCKET**2)
    middle = np.log(1000 * np.sqrt(np.maximum(lower, 1e-9) * np.maximum(upper, 1e-9)))
    found = _weighted(previous, times, counts @ middle, counts.sum(axis=1), say("histogram buckets"))
    return None if found is None else replace(found, told_to_ms=1000 * float(finite[-1]))


def _weighted(previous: Floats, at: Floats, logs: Floats, count: Floats, source: str) -> Durations | None:
    seen = count > 0
    if not seen.any():
        return None
    return Durations(previous[seen], at[seen], logs[seen] / count[seen], count[seen], source)


def _from_sums(own: Scrapes, metric: str) -> Durations | None:
    names = own.label("metric")
    counts, sums = own.where(names == f"{metric}_count"), own.where(names == f"{metric}_sum")
    if not len(counts) or not len(sums):
        return None
    actions, seconds = growth(counts).steps, growth(sums).steps
    times = np.unique(actions.at_s)
    count = np.bincount(np.searchsorted(times, actions.at_s), weights=actions.grown, minlength=len(times))
    place = np.searchsorted(times, seconds.at_s)
    fits = place < len(times)
    total = np.bincount(place[fits], weights=seconds.grown[fits], minlength=len(times))
    previous = np.full(len(times), np.inf)
    np.minimum.at(previous, np.searchsorted(times, actions.at_s), actions.previous_s)
    seen = (count > 0) & (total > 0)
    if not seen.any():
        return None
    logs = np.log(1000 * total[seen] / count[seen])
    return Durations(previous[seen], times[seen], logs, count[seen].astype(np.float64), say("sum and count"))


def _from_values(own: Scrapes, metric: str) -> Durations | None:
    quantiles = np.array([_number(text) for text in own.label("quantile")])
    source = say("a gauge")
    if not np.isnan(quantiles).all():
        nearest = quantiles[np.nanargmin(np.abs(quantiles - MIDDLE))]
        own, source = own.where(quantiles == nearest), say("the summary's {quantile} quantile", quantile=f"{nearest:g}")
    # A gauge that stands still saw no new action: only a change is one more observation.
    changed = np.concatenate([[True], np.diff(own.value) != 0])
    changed[own.first[:-1]] = True
    changed &= own.value > 0
    at, value = own.at_s[changed], own.value[changed]
    if not len(at):
        return None
    order = np.argsort(at, kind="stable")
    at = at[order]
    return Durations(at - own.spacing_s, at, np.log(1000 * value[order]), np.ones(len(at)), source)


def _number(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        return float("nan")


def native_durations(histograms: pd.DataFrame | None, metric: str) -> dict[str | None, Durations]:
    """Durations from native histograms (``frames.HISTOGRAMS`` with ``metric`` and labels), of each workflow."""
    if histograms is None or histograms.empty:
        return {}
    if "metric" in histograms.columns:
        histograms = histograms[histograms["metric"].astype("str") == metric]
    ordered = histograms.sort_values(["series_id", "sampled_at"], kind="stable")
    parts: dict[str | None, list[tuple[float, float, float, float]]] = {}
    names = ordered["workflow_id"].astype("str") if "workflow_id" in ordered.columns else [None] * len(ordered)
    last_series, last_at, last = None, 0.0, dict[tuple[float, float], float]()
    for series, at, text, name in zip(
        ordered["series_id"], times_s(ordered["sampled_at"]), ordered["buckets_json"], names, strict=True
    ):
        now = _native_buckets(json.loads(text))
        if series == last_series:
            grown = {key: count - last.get(key, 0.0) for key, count in now.items()}
            if any(count < -SMALLEST for count in grown.values()) or sum(now.values()) < sum(last.values()):
                grown = now
            logs = sum(count * _native_middle(*key) for key, count in grown.items())
            parts.setdefault(name, []).append((last_at, at, logs, sum(grown.values())))
        last_series, last_at, last = series, at, now
    out = {}
    for name, rows in parts.items():
        table = np.array(sorted(rows, key=lambda row: row[1]))
        found = _weighted(table[:, 0], table[:, 1], table[:, 2], table[:, 3], say("a native histogram"))
        if found is not None:
            out[name] = found
    return out


def _native_buckets(value: Mapping[str, Any]) -> dict[tuple[float, float], float]:
    return {(float(low), float(high)): float(count) for _, low, high, count in value.get("buckets", [])}


def _native_middle(low: float, high: float) -> float:
    if high <= 0 or not np.isfinite(high):
        return float(np.log(1000 * max(low, 1e-6)))
    return float(np.log(1000 * np.sqrt(max(low, high * FIRST_BUCKET**2) * high)))


def recorded_durations(records: pd.DataFrame | None) -> dict[str | None, Durations]:
    """Durations from the execution records, of each workflow."""
    if records is not None and "log_ms" in records.columns:
        return _grouped_durations(records)
    needed = ["action_duration_ms", "recorded_at", "workflow_id"]
    if records is None or not set(needed) <= set(records.columns):
        return {}
    known = records[needed].dropna()
    known = known[known["action_duration_ms"] > 0].sort_values("recorded_at", kind="stable")
    out: dict[str | None, Durations] = {}
    for workflow_id, part in known.groupby("workflow_id", sort=True, observed=True):
        at = times_s(part["recorded_at"])
        logs = np.log(part["action_duration_ms"].to_numpy(dtype=np.float64))
        out[str(workflow_id)] = Durations(at, at, logs, np.ones(len(at)), RECORDED)
    return out


def _grouped_durations(records: pd.DataFrame) -> dict[str | None, Durations]:
    """The same of records that are counted by time (``grouped.GROUPED``)."""
    known = records[(records["timed"] > 0) & records["recorded_at"].notna() & records["workflow_id"].notna()]
    return {
        str(workflow_id): Durations(
            times_s(part["recorded_at"]), times_s(part["until_at"]), part["log_ms"].to_numpy(dtype=np.float64),
            part["timed"].to_numpy(dtype=np.float64), RECORDED,
        )
        for workflow_id, part in known.sort_values("recorded_at", kind="stable").groupby("workflow_id", sort=True)
    }  # fmt: skip
