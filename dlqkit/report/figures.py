"""The figures of an incident, drawn from its evidence and facts, each with its name and alternative text."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.frames import Coverage, with_labels
from dlqkit.plots.theme import alt_text, figure_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["DrawnFigure", "show_durations_figure", "show_signals_figure", "show_timeline_figure"]

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DrawnFigure:
    """A PNG that shows itself in a notebook together with its name and what it shows in words."""

    name: str
    png: bytes
    alt: str

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        data = {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt, "name": self.name}}


def _finished(name: str, axes: Axes) -> DrawnFigure:
    return DrawnFigure(name, figure_png(axes), alt_text(axes))


def _seen(frame: pd.DataFrame, column: str, facts: Facts) -> pd.DataFrame:
    """What the facts speak of: nothing after ``as_of``."""
    return frame[~(frame[column] > pd.Timestamp(facts["as_of"]))]


def _of_workflow(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """Records or log lines of the workflow, up to ``as_of``."""
    workflow_id = facts["workflow"]["id"]
    seen = _seen(frame, "recorded_at" if "recorded_at" in frame.columns else "logged_at", facts)
    return seen[seen["workflow_id"] == workflow_id] if workflow_id and len(seen) else seen


def show_signals_figure(incident: IncidentFolder, facts: Facts) -> DrawnFigure:
    """Dead letters, failures and successes per minute from the worker's counters."""
    from dlqkit.plots.signals import plot_signals
    from dlqkit.report.facts import signals_frame

    samples = with_labels(_seen(incident.samples().frame, "sampled_at", facts), incident.series().frame)
    axes = plot_signals(samples, signals_frame(facts), workflow_id=facts["workflow"]["id"], names=incident.metric_names)
    return _finished("signals", axes)


def show_timeline_figure(incident: IncidentFolder, facts: Facts) -> DrawnFigure:
    """Dead letters, failures and successes in lanes, with what changed."""
    from dlqkit.executions.timeline import timeline
    from dlqkit.plots.timeline import plot_timeline
    from dlqkit.report.coverage import time_text
    from dlqkit.report.facts import changes_frame, signals_frame

    own = _of_workflow(incident.records().frame, facts)
    logs = _of_workflow(incident.worker_logs().frame, facts)
    # A note near the onset is among the changes already.
    told = {row["what"] for row in facts["changes"]["rows"]}
    notes = [(at, text) for at, text in incident.notes if text not in told and time_text(at) <= facts["as_of"]]
    lanes = timeline(own, worker_logs=logs, incidents=signals_frame(facts), changes=changes_frame(facts), notes=notes)
    return _finished("timeline", plot_timeline(lanes, coverage=_coverage_of_lanes(incident)))


def _coverage_of_lanes(incident: IncidentFolder) -> dict[str, Coverage]:
    """What each lane's own source covers: dead letters are asked for by themselves, the rest with the workflow."""
    parts = {one["kind"]: Coverage.from_json(one["coverage"]) for one in incident.manifest["sources"]}
    dead = parts.get("records: dead letters") or parts.get("records: export")
    whole = parts.get("records: workflow") or parts.get("records: trace") or parts.get("records: export")
    lanes = {"dead letters": dead, "failures": whole, "successes": whole}
    return {name: coverage for name, coverage in lanes.items() if coverage is not None}


def show_durations_figure(incident: IncidentFolder, facts: Facts) -> DrawnFigure:
    """How long the action took, and what the timeout cut."""
    from dlqkit.executions.buckets import bucket_histogram
    from dlqkit.executions.duration_basis import duration_basis
    from dlqkit.executions.durations import duration_histogram
    from dlqkit.plots.durations import plot_durations

    timeout_ms = facts["class"]["timeout_ms"]["value"]
    own = _of_workflow(incident.records().frame, facts)
    histogram = duration_histogram(own, timeout_ms=timeout_ms, basis=duration_basis(own, timeout_ms))
    times, series = own["recorded_at"].dropna(), incident.series().frame
    buckets = None
    # Both sides of the same time: the worker's histogram counts every attempt, the records what they are of.
    if len(times):
        buckets = bucket_histogram(
            with_labels(_seen(incident.samples().frame, "sampled_at", facts), series),
            histograms=with_labels(_seen(incident.histograms().frame, "sampled_at", facts), series),
            start=times.min(), end=times.max(), workflow_id=facts["workflow"]["id"], metrics=incident.metric_names,
        )  # fmt: skip
    drawn = None if buckets is None or buckets.empty else buckets
    axes = plot_durations(histogram, timeout_ms=timeout_ms, buckets=drawn)
    return _finished("durations", axes)
