"""Failures that outgrow successes, actions that take longer, and what clients report."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.signals.counters import increase, metric_samples
from dlqkit.signals.points import Found, by_workflow, grown_points, times_s

__all__ = ["find_failures", "find_reports", "find_spikes"]

# Failures and durations are looked at in steps of five minutes, three of them in a row.
STEP_S = 300.0
STEPS = 3
FAILURES_A_STEP = 5.0
SPIKE = 3.0
# What takes only so much longer is no spike, however short it usually is.
SPIKE_MS = 100.0


def _per_step(at: npt.NDArray[np.float64], weight: npt.NDArray[np.float64], end_s: float) -> pd.Series:
    """Sum in steps of five minutes that end at ``end_s``; index: number of steps before the end, negative."""
    index = -np.ceil((end_s - at) / STEP_S).astype(np.int64)
    return pd.Series(weight).groupby(index).sum().sort_index()


def _runs(flags: pd.Series) -> list[tuple[int, int]]:
    """First and last index of each run of at least STEPS neighbouring true steps."""
    out: list[tuple[int, int]] = []
    indices = [int(index) for index in flags.index[flags.to_numpy(dtype=bool)]]
    begin = previous = None
    for index in [*indices, None]:
        if previous is not None and (index is None or index != previous + 1):
            assert begin is not None
            if previous - begin + 1 >= STEPS:
                out.append((begin, previous))
            begin = None
        if begin is None:
            begin = index
        previous = index
    return out


def find_failures(steps: Mapping[str, pd.DataFrame], end_s: float) -> list[Found]:
    """Stretches in which a workflow's failed attempts outnumber its successes."""
    failed, won = by_workflow(steps["failure"]), by_workflow(steps["success"])
    out = []
    for workflow_id, part in failed.items():
        points = grown_points(part)
        if points.empty:
            continue
        failures = _per_step(points["at_s"].to_numpy(), points["weight"].to_numpy(), end_s)
        good = won.get(workflow_id)
        if good is None:
            continue
        successes = grown_points(good)
        gained = _per_step(successes["at_s"].to_numpy(), successes["weight"].to_numpy(), end_s)
        gained = gained.reindex(failures.index, fill_value=0)
        for begin, last in _runs((failures >= FAILURES_A_STEP) & (failures > gained)):
            size = float(failures.loc[begin:last].sum())
            start = end_s + begin * STEP_S
            inside = points[(points["at_s"] >= start - STEP_S) & (points["at_s"] <= start + STEP_S)]
            # The first scrape from which on the failures of a step are at least half of what the run brings.
            onset = float(inside["at_s"].iloc[0]) if len(inside) else start
            end = None if last >= -1 else end_s + (last + 1) * STEP_S
            text = f"{size:,.0f} failed attempts against {gained.loc[begin:last].sum():,.0f} successes."
            out.append(
                Found(workflow_id, "failures", max(onset, start), start - STEP_S, start + STEP_S, end, STEP_S, size,
                       np.nan, 0.9, text)
            )  # fmt: skip
    return out


def find_spikes(
    samples: pd.DataFrame, records: pd.DataFrame | None, metrics: Mapping[str, str] | None, end_s: float
) -> list[Found]:
    """Stretches in which a workflow's action takes several times as long as usual."""
    own = metric_samples(samples, "duration", metrics)
    means = _mean_durations(own, end_s)
    if not means and records is not None:
        known = records.dropna(subset=["action_duration_ms", "recorded_at", "workflow_id"])
        means = {str(key): _median_a_step(part, end_s) for key, part in known.groupby("workflow_id", sort=True)}
    out = []
    for workflow_id, mean in means.items():
        if len(mean) < 2 * STEPS:
            continue
        usual = float(mean.median())
        for begin, last in _runs((mean > SPIKE * usual) & (mean > usual + SPIKE_MS)):
            start = end_s + begin * STEP_S
            end = None if last >= -1 else end_s + (last + 1) * STEP_S
            peak = float(mean.loc[begin:last].max())
            text = f"The action takes up to {peak:,.0f} ms on average, usually {usual:,.0f} ms."
            out.append(
                Found(workflow_id, "duration", start, start - STEP_S, start + STEP_S, end, STEP_S,
                       peak / max(usual, 1), usual, 0.8, text)
            )  # fmt: skip
    return out


def _mean_durations(samples: pd.DataFrame, end_s: float) -> dict[str | None, pd.Series]:
    """Mean duration of each step by workflow, milliseconds, from a histogram's, summary's or gauge's samples."""
    if samples.empty:
        return {}
    metric = samples["metric"].astype("str")
    out: dict[str | None, pd.Series] = {}
    sums = by_workflow(increase(samples[metric.str.endswith("_sum")]))
    counts = by_workflow(increase(samples[metric.str.endswith("_count")]))
    for workflow_id, part in counts.items():
        if workflow_id not in sums:
            continue
        count = _step_sums(part, end_s)
        total = _step_sums(sums[workflow_id], end_s).reindex(count.index, fill_value=0)
        enough = count >= STEPS
        out[workflow_id] = 1000 * total[enough] / count[enough]
    if out:
        return out
    plain = samples[~metric.str.contains("_(?:sum|count|bucket)$")]
    for workflow_id, part in by_workflow(plain).items():
        index = -np.ceil((end_s - times_s(part["sampled_at"])) / STEP_S).astype(np.int64)
        out[workflow_id] = 1000 * part["value"].astype("float64").groupby(index).mean().sort_index()
    return out


def _step_sums(steps: pd.DataFrame, end_s: float) -> pd.Series:
    grown = steps[steps["increase"].notna()]
    return _per_step(times_s(grown["sampled_at"]), grown["increase"].to_numpy(dtype=np.float64), end_s)


def _median_a_step(records: pd.DataFrame, end_s: float) -> pd.Series:
    index = -np.ceil((end_s - times_s(records["recorded_at"])) / STEP_S).astype(np.int64)
    grouped = records["action_duration_ms"].astype("float64").groupby(index)
    medians, sizes = grouped.median(), grouped.size()
    return medians[sizes >= STEPS].sort_index()


def find_reports(reports: pd.DataFrame | None) -> list[Found]:
    """What clients say never arrived; from the first report on."""
    if reports is None or reports.empty:
        return []
    at = times_s(reports["reported_at"].dropna())
    if len(at) == 0:
        return []
    text = f"{len(reports):,} reports from outside."
    return [
        Found(None, "support", float(at.min()), np.nan, float(at.min()), None, np.nan, float(len(reports)), np.nan,
               float(1 - np.exp(-len(reports) / 3)), text)
    ]  # fmt: skip
