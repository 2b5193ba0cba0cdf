"""The five signals of §1, for all workflows at once, worst first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.frames import RECORDS, SAMPLES, check_frame
from dlqkit.signals.counters import increase, metric_samples
from dlqkit.signals.onset import MERGE_S, MINIMUM_EVENTS, Gap, Segment, find_elevated, find_gap

__all__ = ["INCIDENTS", "SIGNALS", "find_incidents"]

SIGNALS = ("dead_letters", "silence", "failures", "duration", "support")
TIME = "datetime64[us, UTC]"
INCIDENTS: Mapping[str, str] = {
    "workflow_id": "str",
    "signal": "category",
    "onset_at": TIME,
    "onset_low_at": TIME,
    "onset_high_at": TIME,
    "end_at": TIME,
    "resolution_s": "Float64",
    "size": "Float64",
    "baseline": "Float64",
    "confidence": "Float64",
    "evidence": "str",
}

# An incident has ended when it is quiet for five minutes and for seven of its own mean spacings: at a steady rate
# so long a pause comes once in a thousand (exp(−7)).
QUIET_S = 300.0
QUIET_SPACINGS = 7.0
# A workflow that loses this share of its events all through the window is in trouble although nothing changes.
STEADY_SHARE = 0.02
STEADY_EVENTS = 10
# A signature that holds a tenth of a run, or is hardly seen outside it, belongs to the incident; a single other dead
# letter at its edge does not.
LEADING_SIGNATURE = 0.1
# −log of the probability of a pause by chance; one in a million, and for one workflow alone one in a hundred million.
SILENCE_ALL, SILENCE_ONE = 14.0, 18.0
SILENCE_S = 300.0
# Failures and durations are looked at in steps of five minutes, three of them in a row.
STEP_S = 300.0
STEPS = 3
FAILURES_A_STEP = 5.0
SPIKE = 3.0
# A worker that takes longer than this share of a minute more is no spike, however small its usual duration.
SPIKE_MS = 100.0


@dataclass(frozen=True, slots=True)
class _Found:
    workflow_id: str | None
    signal: str
    onset_s: float
    low_s: float
    high_s: float
    end_s: float | None
    resolution_s: float
    size: float
    baseline: float
    confidence: float
    evidence: str


def find_incidents(
    samples: pd.DataFrame,
    *,
    records: pd.DataFrame | None = None,
    worker_logs: pd.DataFrame | None = None,
    support_reports: pd.DataFrame | None = None,
    metrics: Mapping[str, str] | None = None,
    records_complete_from: datetime | None = None,
    now: datetime | None = None,
) -> pd.DataFrame:
    """Which workflows are in trouble, since when, by which of the five signals.

    Parameters
    ----------
    samples : DataFrame
        ``frames.SAMPLES`` with ``metric`` and labels as columns (``frames.with_labels``).
    records : DataFrame, optional
        ``frames.RECORDS``; a column ``signature_id`` is used to keep a chance neighbour out of an incident.
    worker_logs, support_reports : DataFrame, optional
        ``frames.WORKER_LOGS`` and ``frames.SUPPORT_REPORTS``.
    metrics : mapping, optional
        Names that differ from the runbook's (``counters.METRICS``).
    records_complete_from : datetime, optional
        From when on no dead letter is missing from the records; their first one by default.
    now : datetime, optional
        The end of what is looked at; the last time in the frames by default.

    Returns
    -------
    DataFrame
        A row per incident and signal, worst first; none if nothing is wrong.

        workflow_id : str, NA for all workflows together
        signal : category, ``dead_letters``, ``silence``, ``failures``, ``duration`` or ``support``
        onset_at, onset_low_at, onset_high_at : when it began, and between which times that is sure
        end_at : NaT while it goes on
        resolution_s : Float64, how exact the onset is
        size : Float64, events (for duration: the factor over the usual)
        baseline : Float64, events an hour outside the incident (for duration: the usual milliseconds)
        confidence : Float64, 0 to 1
        evidence : str, one sentence

    Notes
    -----
    Runbook §1. Onsets by ``onset.find_elevated``; a silence by ``onset.find_gap``.
    """
    check_frame(samples, SAMPLES, ("series_id", "sampled_at", "value"))
    if records is not None:
        check_frame(records, RECORDS, ("workflow_id", "recorded_at", "queued_to_dlq"))
    end = _end(samples, records, worker_logs, now)
    if end is None:
        return _as_frame([])
    samples = samples[~(samples["sampled_at"] > end)]
    records = None if records is None else records[~(records["recorded_at"] > end)]
    worker_logs = None if worker_logs is None else worker_logs[~(worker_logs["logged_at"] > end)]
    seen_from = samples["sampled_at"].min() if len(samples) else None
    steps = {
        name: increase(metric_samples(samples, name, metrics), seen_from=seen_from)
        for name in ("dlq", "failure", "success")
    }
    end_s = _seconds(end)
    found = [
        *_dead_letters(steps, records, records_complete_from, end_s),
        *_silences(steps, samples, records, worker_logs, end_s),
        *_failures(steps, end_s),
        *_durations(samples, records, metrics, end_s),
        *_support(support_reports),
    ]
    return _as_frame(found)


def _seconds(moment: Any) -> float:
    return float(pd.Timestamp(moment).timestamp())


def _array(times: pd.Series) -> npt.NDArray[np.float64]:
    out: npt.NDArray[np.float64] = times.astype(TIME).astype("int64").to_numpy(dtype=np.float64) / 1e6
    return out


def _end(
    samples: pd.DataFrame, records: pd.DataFrame | None, logs: pd.DataFrame | None, now: datetime | None
) -> pd.Timestamp | None:
    if now is not None:
        return pd.Timestamp(now).tz_convert(UTC)
    columns = [samples["sampled_at"]]
    columns += [] if records is None else [records["recorded_at"]]
    columns += [] if logs is None else [logs["logged_at"]]
    known = [column.max() for column in columns if column.notna().any()]
    return max(known) if known else None


def _as_frame(found: list[_Found]) -> pd.DataFrame:
    order = sorted(found, key=lambda one: (_urgency(one), -one.size, one.workflow_id or ""))
    times: dict[str, list[float | None]] = {
        "onset_at": [one.onset_s for one in order],
        "onset_low_at": [one.low_s for one in order],
        "onset_high_at": [one.high_s for one in order],
        "end_at": [one.end_s for one in order],
    }
    values: dict[str, Any] = {name: _times(column) for name, column in times.items()}
    values["signal"] = pd.Categorical([one.signal for one in order], categories=list(SIGNALS))
    for name in ("workflow_id", "resolution_s", "size", "baseline", "confidence", "evidence"):
        values[name] = [getattr(one, name) for one in order]
    frame = pd.DataFrame({name: pd.Series(values[name]).astype(dtype) for name, dtype in INCIDENTS.items()})
    return frame


def _urgency(one: _Found) -> float:
    # A silence that goes on comes before dead letters that have ended, and after those that come in.
    ended = one.end_s is not None
    return SIGNALS.index(one.signal) + (1.5 if ended and one.signal == "dead_letters" else 0.5 if ended else 0.0)


def _times(seconds: list[float | None]) -> pd.Series:
    micros = [None if value is None or np.isnan(value) else round(value * 1e6) for value in seconds]
    return pd.to_datetime(pd.Series(micros, dtype="Int64"), unit="us", utc=True)


def _by_workflow(steps: pd.DataFrame) -> dict[str | None, pd.DataFrame]:
    if steps.empty:
        return {}
    if "workflow_id" not in steps.columns:
        return {None: steps}
    known = steps[steps["workflow_id"].notna() & (steps["workflow_id"].astype("str") != "")]
    return {str(name): part for name, part in known.groupby(known["workflow_id"].astype("str"), sort=True)}


def _points(steps: pd.DataFrame) -> pd.DataFrame:
    """Grown counters as points: ``at_s``, ``previous_s``, ``weight``, summed over series that are scraped together."""
    grown = steps[(steps["increase"] > 0).fillna(False).astype(bool)]
    points = pd.DataFrame(
        {
            "at_s": _array(grown["sampled_at"]),
            "previous_s": _array(grown["previous_at"]),
            "weight": grown["increase"].to_numpy(dtype=np.float64),
        }
    )
    summed = points.groupby("at_s", sort=True).agg(previous_s=("previous_s", "min"), weight=("weight", "sum"))
    return summed.reset_index()


def _spacing(steps: pd.DataFrame) -> float:
    gaps = steps["gap_s"].dropna()
    return float(gaps.median()) if len(gaps) else 60.0


# --- dead letters


def _dead_letters(
    steps: Mapping[str, pd.DataFrame], records: pd.DataFrame | None, complete_from: datetime | None, end_s: float
) -> list[_Found]:
    counters = _by_workflow(steps["dlq"])
    dead = _dead(records)
    by_records = {} if dead is None else {str(key): part for key, part in dead.groupby("workflow_id", sort=True)}
    out: list[_Found] = []
    for workflow_id in sorted({*counters, *by_records}, key=lambda key: key or ""):
        own = by_records.get(workflow_id or "")
        counted = _from_counters(workflow_id, counters.get(workflow_id), end_s)
        recorded = [] if own is None else _from_records(workflow_id, own, complete_from, end_s)
        found = _join(counted, recorded, complete_from, counters.get(workflow_id))
        out += found or _steady(workflow_id, steps, own, end_s)
    return out


def _dead(records: pd.DataFrame | None) -> pd.DataFrame | None:
    if records is None:
        return None
    dead = records[records["queued_to_dlq"].fillna(False).astype(bool) & records["recorded_at"].notna()]
    return dead[dead["workflow_id"].notna()].sort_values("recorded_at", kind="stable")


def _ended(last_s: float, first_s: float, size: float, end_s: float) -> bool:
    spacing = (last_s - first_s) / max(size - 1, 1)
    return end_s - last_s > max(QUIET_S, QUIET_SPACINGS * spacing)


def _baseline(total: float, size: float, length_s: float, watched_s: float) -> float:
    """Events an hour outside the run."""
    return float((total - size) / max(watched_s - length_s, 1.0) * 3600)


def _from_counters(workflow_id: str | None, steps: pd.DataFrame | None, end_s: float) -> list[_Found]:
    if steps is None:
        return []
    points, start_s = _points(steps), float(_array(steps["sampled_at"]).min())
    at, weight = points["at_s"].to_numpy(), points["weight"].to_numpy()
    out = []
    for run in find_elevated(at, weight, start_s, end_s):
        first, last = float(at[run.first]), float(at[run.last])
        low = float(points["previous_s"].iloc[run.first])
        ended = _ended(last, first, run.size, end_s)
        out.append(
            _Found(
                workflow_id, "dead_letters", first, low, first, last if ended else None, first - low, run.size,
                _baseline(float(weight.sum()), run.size, last - first, end_s - start_s), run.confidence,
                f"The dead-letter counter grew by {run.size:,.0f}.",
            )
        )  # fmt: skip
    return out


def _fit_signatures(run: Segment, signatures: pd.Series | None, at: npt.NDArray[np.float64]) -> tuple[int, int]:
    """The run as its signatures have it: no chance neighbour at its edges, and no straggler of its own left out."""
    if signatures is None:
        return run.first, run.last
    names = signatures.astype("str").fillna("").to_numpy()
    counts = pd.Series(names[run.first : run.last + 1]).value_counts()
    outside = pd.Series(names).value_counts().reindex(counts.index) - counts
    belongs = (counts >= LEADING_SIGNATURE * counts.sum()) | ((counts >= MINIMUM_EVENTS) & (counts > 3 * outside))
    leading = set(counts.index[belongs] if belongs.any() else counts.index[:1])
    own = np.flatnonzero(np.isin(names, list(leading)))
    inside = own[(own >= run.first) & (own <= run.last)]
    first, last = int(inside[0]), int(inside[-1])
    wide_first, wide_last = first, last
    for place in own[own < first][::-1]:
        if at[wide_first] - at[place] > MERGE_S:
            break
        wide_first = int(place)
    for place in own[own > last]:
        if at[place] - at[wide_last] > MERGE_S:
            break
        wide_last = int(place)
    # A signature that is also seen at other times is a usual one, and its neighbours may be there by chance.
    usual = {names[place] for place in own if place < wide_first or place > wide_last}
    if names[wide_first] not in usual:
        first = wide_first
    if names[wide_last] not in usual:
        last = wide_last
    return first, last


def _from_records(
    workflow_id: str | None, dead: pd.DataFrame, complete_from: datetime | None, end_s: float
) -> list[_Found]:
    at = _array(dead["recorded_at"])
    start_s = float(at[0]) if complete_from is None else _seconds(complete_from)
    inside = at >= start_s
    dead, at = dead[inside], at[inside]
    signatures = dead["signature_id"].reset_index(drop=True) if "signature_id" in dead.columns else None
    out = []
    for run in find_elevated(at, np.ones(len(at)), start_s, end_s):
        first_at, last_at = _fit_signatures(run, signatures, at)
        first, last, size = float(at[first_at]), float(at[last_at]), float(last_at - first_at + 1)
        ended = _ended(last, first, size, end_s)
        out.append(
            _Found(
                workflow_id, "dead_letters", first, first, first, last if ended else None, 1.0, size,
                _baseline(float(len(at)), size, last - first, end_s - start_s), run.confidence,
                f"{size:,.0f} dead letters in the execution records.",
            )
        )  # fmt: skip
    return out


def _overlap(one: _Found, other: _Found) -> bool:
    margin = 120.0
    one_end = np.inf if one.end_s is None else one.end_s
    other_end = np.inf if other.end_s is None else other.end_s
    return one.low_s <= other_end + margin and other.low_s <= one_end + margin


def _join(
    counted: list[_Found], recorded: list[_Found], complete_from: datetime | None, steps: pd.DataFrame | None
) -> list[_Found]:
    """One row for each incident: the records are exact where nothing before the onset can be missing from them."""
    if steps is None or not counted:
        return recorded
    spacing = _spacing(steps)
    out = []
    for one in counted:
        partners = [other for other in recorded if _overlap(one, other)]
        if not partners:
            out.append(one)
            continue
        first = min(partners, key=lambda other: other.onset_s)
        covered = complete_from is not None and _seconds(complete_from) <= first.onset_s - QUIET_S
        agrees = one.low_s - 2 * spacing <= first.onset_s <= one.high_s + 2 * spacing
        size = max(one.size, sum(other.size for other in partners))
        if not (covered or agrees):
            out.append(one)
            continue
        ends = [other.end_s for other in partners]
        known = [end for end in ends if end is not None]
        end = None if len(known) < len(ends) or one.end_s is None else max(known)
        out.append(
            _Found(
                one.workflow_id, one.signal, first.onset_s, min(first.onset_s, max(one.low_s, first.onset_s - spacing)),
                first.onset_s, end, min(spacing, one.resolution_s), size, one.baseline,
                max(one.confidence, first.confidence), f"{one.evidence} {first.evidence}",
            )
        )  # fmt: skip
    used = [other for other in recorded if any(_overlap(one, other) for one in counted)]
    return [*out, *(other for other in recorded if other not in used)]


def _steady(
    workflow_id: str | None, steps: Mapping[str, pd.DataFrame], dead: pd.DataFrame | None, end_s: float
) -> list[_Found]:
    """A workflow that loses events all through what was watched: since before the evidence begins."""
    lost, won = (_by_workflow(steps[name]).get(workflow_id) for name in ("dlq", "success"))
    if lost is None:
        return []
    points = _points(lost)
    size = float(points["weight"].sum())
    gained = 0.0 if won is None else float(won["increase"].sum())
    share = size / max(size + gained, 1.0)
    start_s = float(_array(lost["sampled_at"]).min())
    if size < STEADY_EVENTS or share < STEADY_SHARE:
        return []
    last = float(points["at_s"].iloc[-1])
    if _ended(last, start_s, size, end_s):
        return []
    text = f"{share:.0%} of its events are lost all through the window, so it began before the evidence does."
    return [_Found(workflow_id, "dead_letters", start_s, np.nan, start_s, None, np.nan, size, np.nan, 0.5, text)]


# --- silence


def _silences(
    steps: Mapping[str, pd.DataFrame],
    samples: pd.DataFrame,
    records: pd.DataFrame | None,
    logs: pd.DataFrame | None,
    end_s: float,
) -> list[_Found]:
    """Silence of the whole worker, else of single workflows; every source that is there must agree."""
    signs = _signs_of_life(steps, records, logs)
    spacing = _spacing(steps["success"])
    gaps: dict[str, Gap] = {}
    for name, (at, weight) in signs.items():
        gap = find_gap(at, weight, float(at[0]), end_s, unlikely=SILENCE_ALL)
        if gap is None or end_s - gap.last_s < SILENCE_S:
            gaps.clear()
            break
        gaps[name] = gap
    if gaps:
        last = max(gap.last_s for gap in gaps.values())
        exact = [gap.last_s for name, gap in gaps.items() if name != "counters" and last - gap.last_s <= 2 * spacing]
        onset = max(exact) if exact else last
        low = onset if exact else onset - spacing
        sources = " and ".join(gaps)
        scraped_to = float(_array(samples["sampled_at"]).max()) if len(samples) else None
        text = f"No sign of life in the {sources}; {_scrape_words(scraped_to, onset, end_s, spacing)}."
        expected = max(gap.expected for gap in gaps.values())
        return [
            _Found(
                None, "silence", onset, low, onset, None, spacing, expected, np.nan,
                float(1 - np.exp(-expected / SILENCE_ALL)), text,
            )
        ]  # fmt: skip
    return _silent_workflows(steps, records, logs, end_s, spacing)


def _scrape_words(scraped_to: float | None, onset: float, end_s: float, spacing: float) -> str:
    if scraped_to is None:
        return "there are no scrapes"
    if end_s - scraped_to <= 4 * spacing:
        return "the worker's page still answers, so its process lives and gets or takes no events"
    return f"scrapes stop {max(scraped_to - onset, 0):,.0f} s after it, so its process or the scraping is gone"


def _signs_of_life(
    steps: Mapping[str, pd.DataFrame], records: pd.DataFrame | None, logs: pd.DataFrame | None
) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    out = {}
    everything = [part for part in steps.values() if len(part)]
    if everything:
        points = _points(pd.concat(everything, ignore_index=True))
        if len(points):
            out["counters"] = points["at_s"].to_numpy(), points["weight"].to_numpy()
    # Dead letters alone are no sign of life: a healthy worker has none.
    if records is not None and (~records["queued_to_dlq"].fillna(False).astype(bool)).any():
        at = np.sort(_array(records["recorded_at"].dropna()))
        if len(at) and records["workflow_id"].nunique() > 1:
            out["execution records"] = at, np.ones(len(at))
    if logs is not None:
        at = np.sort(_array(logs["logged_at"].dropna()))
        if len(at):
            out["worker logs"] = at, np.ones(len(at))
    return out


def _silent_workflows(
    steps: Mapping[str, pd.DataFrame],
    records: pd.DataFrame | None,
    logs: pd.DataFrame | None,
    end_s: float,
    spacing: float,
) -> list[_Found]:
    everything = [part for part in steps.values() if len(part)]
    if not everything or "workflow_id" not in everything[0].columns:
        return []
    out = []
    for workflow_id, part in _by_workflow(pd.concat(everything, ignore_index=True)).items():
        points = _points(part)
        if points.empty:
            continue
        at, weight = points["at_s"].to_numpy(), points["weight"].to_numpy()
        gap = find_gap(at, weight, float(at[0]), end_s, unlikely=SILENCE_ONE)
        if gap is None or end_s - gap.last_s < 2 * SILENCE_S:
            continue
        if _is_alive(workflow_id, records, logs, gap.last_s, spacing):
            continue
        text = "Its counters no longer grow while those of other workflows do."
        low = gap.last_s - spacing
        sure = float(1 - np.exp(-gap.expected / SILENCE_ONE))
        out.append(
            _Found(workflow_id, "silence", gap.last_s, low, gap.last_s, None, spacing, gap.expected, np.nan, sure, text)
        )
    return out


def _is_alive(
    workflow_id: str | None,
    records: pd.DataFrame | None,
    logs: pd.DataFrame | None,
    since_s: float,
    spacing: float,
) -> bool:
    for frame, column in ((records, "recorded_at"), (logs, "logged_at")):
        if frame is not None and len(frame):
            own = _array(frame.loc[frame["workflow_id"] == workflow_id, column].dropna())
            if len(own) and own.max() > since_s + 2 * spacing:
                return True
    return False


# --- failures, duration, support


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


def _failures(steps: Mapping[str, pd.DataFrame], end_s: float) -> list[_Found]:
    failed, won = _by_workflow(steps["failure"]), _by_workflow(steps["success"])
    out = []
    for workflow_id, part in failed.items():
        points = _points(part)
        if points.empty:
            continue
        failures = _per_step(points["at_s"].to_numpy(), points["weight"].to_numpy(), end_s)
        good = won.get(workflow_id)
        if good is None:
            continue
        successes = _points(good)
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
                _Found(workflow_id, "failures", max(onset, start), start - STEP_S, start + STEP_S, end, STEP_S, size,
                       np.nan, 0.9, text)
            )  # fmt: skip
    return out


def _durations(
    samples: pd.DataFrame, records: pd.DataFrame | None, metrics: Mapping[str, str] | None, end_s: float
) -> list[_Found]:
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
                _Found(workflow_id, "duration", start, start - STEP_S, start + STEP_S, end, STEP_S,
                       peak / max(usual, 1), usual, 0.8, text)
            )  # fmt: skip
    return out


def _mean_durations(samples: pd.DataFrame, end_s: float) -> dict[str | None, pd.Series]:
    """Mean duration of each step by workflow, milliseconds, from a histogram's, summary's or gauge's samples."""
    if samples.empty:
        return {}
    metric = samples["metric"].astype("str")
    out: dict[str | None, pd.Series] = {}
    sums = _by_workflow(increase(samples[metric.str.endswith("_sum")]))
    counts = _by_workflow(increase(samples[metric.str.endswith("_count")]))
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
    for workflow_id, part in _by_workflow(plain).items():
        index = -np.ceil((end_s - _array(part["sampled_at"])) / STEP_S).astype(np.int64)
        out[workflow_id] = 1000 * part["value"].astype("float64").groupby(index).mean().sort_index()
    return out


def _step_sums(steps: pd.DataFrame, end_s: float) -> pd.Series:
    grown = steps[steps["increase"].notna()]
    return _per_step(_array(grown["sampled_at"]), grown["increase"].to_numpy(dtype=np.float64), end_s)


def _median_a_step(records: pd.DataFrame, end_s: float) -> pd.Series:
    index = -np.ceil((end_s - _array(records["recorded_at"])) / STEP_S).astype(np.int64)
    grouped = records["action_duration_ms"].astype("float64").groupby(index)
    medians, sizes = grouped.median(), grouped.size()
    return medians[sizes >= STEPS].sort_index()


def _support(reports: pd.DataFrame | None) -> list[_Found]:
    if reports is None or reports.empty:
        return []
    at = _array(reports["reported_at"].dropna())
    if len(at) == 0:
        return []
    text = f"{len(reports):,} reports from outside."
    return [
        _Found(None, "support", float(at.min()), np.nan, float(at.min()), None, np.nan, float(len(reports)), np.nan,
               float(1 - np.exp(-len(reports) / 3)), text)
    ]  # fmt: skip
