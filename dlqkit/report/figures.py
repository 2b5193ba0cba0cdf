"""The figures of an incident, drawn from its evidence and facts, each with its name and alternative text."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlqkit.plots.theme import alt_text, figure_png
from dlqkit.report.drawn import coverage_of_lanes, duration_bars, signal_samples, timeline_lanes

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


def show_signals_figure(incident: IncidentFolder, facts: Facts) -> DrawnFigure:
    """Dead letters, failures and successes per minute from the worker's counters."""
    from dlqkit.plots.signals import plot_signals
    from dlqkit.report.facts import signals_frame

    samples = signal_samples(incident, facts)
    axes = plot_signals(samples, signals_frame(facts), workflow_id=facts["workflow"]["id"], names=incident.metric_names)
    return _finished("signals", axes)


def show_timeline_figure(incident: IncidentFolder, facts: Facts) -> DrawnFigure:
    """Dead letters, failures and successes in lanes, with what changed."""
    from dlqkit.plots.timeline import plot_timeline

    axes = plot_timeline(timeline_lanes(incident, facts), coverage=coverage_of_lanes(incident))
    return _finished("timeline", axes)


def show_durations_figure(incident: IncidentFolder, facts: Facts) -> DrawnFigure:
    """How long the action took, and what the timeout cut."""
    from dlqkit.plots.durations import plot_durations

    histogram, buckets = duration_bars(incident, facts)
    axes = plot_durations(histogram, timeout_ms=facts["class"]["timeout_ms"]["value"], buckets=buckets)
    return _finished("durations", axes)
