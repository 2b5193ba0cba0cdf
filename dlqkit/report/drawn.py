"""What each figure shows, as rows: computed once, for the figure and for the table under it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.executions.buckets import bucket_histogram
from dlqkit.executions.duration_basis import duration_basis
from dlqkit.executions.durations import duration_histogram
from dlqkit.executions.timeline import timeline
from dlqkit.frames import Coverage, with_labels
from dlqkit.membership import select_rows
from dlqkit.plots.rates import signal_rates
from dlqkit.plots.timeline import missing_spans
from dlqkit.report.coverage import time_text, value_or_none
from dlqkit.report.fact_frames import changes_frame, signals_frame
from dlqkit.report.state import choose_main_signal, select_dead

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = [
    "DRAWN_OF",
    "coverage_of_lanes",
    "dead_letters_of_incident",
    "describe_figures",
    "duration_bars",
    "seen",
    "signal_samples",
    "timeline_lanes",
]

Facts = Mapping[str, Any]
# Of the facts, what the figures show or are chosen by.
DRAWN_OF = ("as_of", "workflow", "signals", "changes", "class")
_NOT_DRAWN = ["payload_snapshot", "extra_json", "record_id", "trace_id", "error_type", "error_code"]
# The lanes that count, and the key of each in the facts.
_LANES = {
    "dead letters": "dead_letters",
    "failures": "failures",
    "successes": "successes",
    "worker logs": "worker_logs",
}


def describe_figures(incident: IncidentFolder, facts: Facts) -> dict[str, list[dict[str, Any]]]:
    """The rows of the three figures; a value that the evidence does not tell is None.

    Parameters
    ----------
    incident : IncidentFolder
        The snapshot.
    facts : mapping
        Its facts so far: ``as_of``, ``workflow``, ``signals``, ``changes`` and ``class`` are read.

    Returns
    -------
    dict
        signals : events per minute in each bin of time, by the worker's counters
        timeline : how many records and log lines in each bin of time
        durations : how many records took so long, by outcome
        buckets : how many attempts the worker's own histogram counted
    """
    histogram, buckets = duration_bars(incident, facts)
    return {
        "signals": _signal_rows(incident, facts),
        "timeline": _timeline_rows(incident, facts),
        "durations": _duration_rows(histogram),
        "buckets": [] if buckets is None else _bucket_rows(buckets),
    }


def seen(frame: pd.DataFrame, column: str, facts: Facts) -> pd.DataFrame:
    """What the facts speak of: nothing after ``as_of``."""
    return select_rows(frame, ~(frame[column] > pd.Timestamp(facts["as_of"])))


def _of_workflow(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """Records or log lines of the workflow, up to ``as_of``."""
    workflow_id = facts["workflow"]["id"]
    # No figure shows a payload or an id, and they are most of what would be copied.
    frame = frame.drop(columns=_NOT_DRAWN, errors="ignore")
    known = seen(frame, "recorded_at" if "recorded_at" in frame.columns else "logged_at", facts)
    return known[known["workflow_id"] == workflow_id] if workflow_id and len(known) else known


def signal_samples(incident: IncidentFolder, facts: Facts) -> pd.DataFrame:
    """The samples that the figure of the signals draws."""
    return with_labels(seen(incident.samples().frame, "sampled_at", facts), incident.series().frame)


def timeline_lanes(incident: IncidentFolder, facts: Facts) -> pd.DataFrame:
    """``executions.timeline`` of the workflow's records and log lines, with its incidents, changes and notes."""
    own = _of_workflow(incident.records().frame, facts)
    logs = _of_workflow(incident.worker_logs().frame, facts)
    # A note near the onset is among the changes already.
    told = {row["what"] for row in facts["changes"]["rows"]}
    notes = [(at, text) for at, text in incident.notes if text not in told and (time_text(at) or "") <= facts["as_of"]]
    lanes = timeline(own, worker_logs=logs, incidents=signals_frame(facts), changes=changes_frame(facts), notes=notes)
    # The figure has room for a name, and of an id only the first letters would be read.
    names = {row["workflow_id"]: row["workflow_name"] for row in facts["signals"] if row.get("workflow_name")}
    return lanes.assign(workflow_id=lanes["workflow_id"].replace(names))


def dead_letters_of_incident(incident: IncidentFolder, facts: Facts) -> int | None:
    """How many of the dead letters in the lanes are the incident's; None where the report is of no incident.

    The lanes show all that the window holds: single ones of before or after it, too, that the report does not count.
    """
    main = choose_main_signal(signals_frame(facts), facts["workflow"]["id"])
    if main is None or incident.incident.trace_id is not None:
        return None
    own = _of_workflow(incident.records().frame, facts)
    return len(select_dead(own, main, pd.Timestamp(facts["as_of"])))


def coverage_of_lanes(incident: IncidentFolder) -> dict[str, Coverage]:
    """What each lane's own source covers: dead letters are asked for by themselves, the rest with the workflow."""
    parts = {one["kind"]: Coverage.from_json(one["coverage"]) for one in incident.manifest["sources"]}
    dead = parts.get("records: dead letters") or parts.get("records: export")
    whole = parts.get("records: workflow") or parts.get("records: trace") or parts.get("records: export")
    lanes = {"dead letters": dead, "failures": whole, "successes": whole}
    return {name: coverage for name, coverage in lanes.items() if coverage is not None}


def duration_bars(incident: IncidentFolder, facts: Facts) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """``duration_histogram`` of the workflow's records; of the same time ``bucket_histogram``, if there is one."""
    timeout_ms = facts["class"]["timeout_ms"]["value"]
    own = _of_workflow(incident.records().frame, facts)
    histogram = duration_histogram(own, timeout_ms=timeout_ms, basis=duration_basis(own, timeout_ms))
    times, series = own["recorded_at"].dropna(), incident.series().frame
    if times.empty:
        return histogram, None
    # Both sides of the same time: the worker's histogram counts every attempt, the records what they are of.
    buckets = bucket_histogram(
        signal_samples(incident, facts),
        histograms=with_labels(seen(incident.histograms().frame, "sampled_at", facts), series),
        start=times.min(), end=times.max(), workflow_id=facts["workflow"]["id"], metrics=incident.metric_names,
    )  # fmt: skip
    return histogram, None if buckets.empty else buckets


def _signal_rows(incident: IncidentFolder, facts: Facts) -> list[dict[str, Any]]:
    rates = signal_rates(
        signal_samples(incident, facts), workflow_id=facts["workflow"]["id"], names=incident.metric_names
    )
    values = [name for name in rates.columns if name not in {"at", "end_at"}]
    return [
        {"at": time_text(row["at"]), "end_at": time_text(row["end_at"])}
        # Growth is spread evenly between two scrapes, so more digits would say nothing.
        | {name: None if pd.isna(row[name]) else round(float(row[name]), 3) for name in values}
        for row in rates.to_dict("records")
    ]


def _timeline_rows(incident: IncidentFolder, facts: Facts) -> list[dict[str, Any]]:
    lanes = timeline_lanes(incident, facts)
    bins = lanes[lanes["count"].notna()]
    covered = coverage_of_lanes(incident)
    holes = {lane: missing_spans(covered.get(lane)) for lane in _LANES}
    counts = bins.pivot_table(index=["at", "end_at"], columns="lane", values="count", aggfunc="sum", observed=True)
    has_logs = len(incident.worker_logs().frame) > 0
    out = []
    for (at, end_at), row in counts.iterrows():
        values = {}
        for lane, key in _LANES.items():
            count = row.get(lane)
            untold = any(start <= at and end_at <= end for start, end in holes[lane]) or (
                lane == "worker logs" and not has_logs
            )
            values[key] = int(count) if count is not None and not pd.isna(count) else None if untold else 0
        out.append({"at": time_text(at), "end_at": time_text(end_at), **values})
    return out


def _duration_rows(histogram: pd.DataFrame) -> list[dict[str, Any]]:
    rows: dict[tuple[float, float, bool], dict[str, int]] = {}
    for row in histogram[histogram["low_ms"].notna()].itertuples(index=False):
        bar = rows.setdefault((float(row.low_ms), float(row.high_ms), bool(row.censored)), {})
        bar[str(row.outcome)] = bar.get(str(row.outcome), 0) + int(row.records)
    return [
        {
            "low_ms": round(low, 3),
            "high_ms": None if is_cut else round(high, 3),
            "dead_letters": bar.get("dead", 0),
            "failures": bar.get("failed", 0),
            "successes": bar.get("succeeded", 0),
            "cut": is_cut,
        }
        for (low, high, is_cut), bar in rows.items()
    ]


def _bucket_rows(buckets: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            "low_ms": value_or_none(row.low_ms),
            "high_ms": value_or_none(row.high_ms),
            "attempts": value_or_none(row.actions),
        }
        for row in buckets.itertuples(index=False)
        if not pd.isna(row.actions) and row.actions > 0
    ]
