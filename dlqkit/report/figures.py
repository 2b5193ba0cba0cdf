"""The figures of an incident, drawn from its evidence and facts, each with its name and alternative text."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlqkit.errors import ParameterError
from dlqkit.language import current
from dlqkit.notebook_html import is_in_lab
from dlqkit.plots.theme import alt_text, figure_png
from dlqkit.report.drawn import (
    DRAWN_OF,
    coverage_of_lanes,
    dead_letters_of_incident,
    duration_bars,
    signal_samples,
    timeline_lanes,
)
from dlqkit.report.fact_frames import signals_frame
from dlqkit.untrusted import for_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dlqkit.evidence.folder import IncidentFolder

__all__ = [
    "DrawnFigure",
    "draw_ahead",
    "draw_axes",
    "drawn_figure",
    "show_durations_figure",
    "show_signals_figure",
    "show_timeline_figure",
]

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DrawnFigure:
    """A PNG that shows itself in a notebook together with its name and what it shows in words."""

    name: str
    png: bytes
    alt: str

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        png = base64.b64encode(self.png).decode("ascii")
        if is_in_lab():
            # JupyterLab has no alternative text for a PNG of its own kind (jupyterlab 4.6).
            image = f'<img src="data:image/png;base64,{png}" alt="{for_html(self.alt)}" style="max-width:100%">'
            return {"text/html": image, "text/plain": self.alt}, {}
        data = {"image/png": png, "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt, "name": self.name}}


def drawn_figure(name: str, incident: IncidentFolder, facts: Facts) -> DrawnFigure:
    """The figure of this name: ``signals``, ``timeline`` or ``durations``."""
    return _take(name, incident, facts) or _draw(name, incident, facts)


def draw_axes(name: str, incident: IncidentFolder, facts: Facts) -> Axes:
    """The same as axes, on a figure that is still open.

    Raises
    ------
    ParameterError
        If there is no figure of this name.
    """
    if name not in _AXES:
        raise ParameterError(f"There is no figure {name[:40]!r}.", f"There are: {', '.join(_AXES)}.")
    return _AXES[name](incident, facts)


def _draw(name: str, incident: IncidentFolder, facts: Facts) -> DrawnFigure:
    axes = draw_axes(name, incident, facts)
    return DrawnFigure(name, figure_png(axes), alt_text(axes))


def show_signals_figure(incident: IncidentFolder, facts: Facts) -> DrawnFigure:
    """Dead letters, failures and successes per minute from the worker's counters."""
    return drawn_figure("signals", incident, facts)


def show_timeline_figure(incident: IncidentFolder, facts: Facts) -> DrawnFigure:
    """Dead letters, failures and successes in lanes, with what changed."""
    return drawn_figure("timeline", incident, facts)


def show_durations_figure(incident: IncidentFolder, facts: Facts) -> DrawnFigure:
    """How long the action took, and what the timeout cut."""
    return drawn_figure("durations", incident, facts)


def draw_ahead(incident: IncidentFolder, facts: Facts) -> None:
    """Draw all three and keep each for the one time that it is shown.

    Parameters
    ----------
    incident : IncidentFolder
        The snapshot.
    facts : mapping
        Its facts so far: ``as_of``, ``workflow``, ``signals``, ``changes`` and ``class``. A figure that is asked for
        with others of these is drawn anew.
    """
    for name in _AXES:
        _READY[_key(name, incident, facts)] = _draw(name, incident, facts)


_READY: dict[tuple[str, ...], DrawnFigure] = {}


def _take(name: str, incident: IncidentFolder, facts: Facts) -> DrawnFigure | None:
    # Shown once only: whoever runs the cell again has changed something, maybe what no key tells.
    return _READY.pop(_key(name, incident, facts), None)


def _key(name: str, incident: IncidentFolder, facts: Facts) -> tuple[str, ...]:
    """All that a figure rests on beside the evidence, which does not change."""
    rests_on = {key: facts[key] for key in DRAWN_OF}
    return name, str(incident.path), incident.snapshot, current(), json.dumps(rests_on, sort_keys=True)


def _signals_axes(incident: IncidentFolder, facts: Facts) -> Axes:
    from dlqkit.plots.signals import plot_signals

    samples = signal_samples(incident, facts)
    axes = plot_signals(samples, signals_frame(facts), workflow_id=facts["workflow"]["id"], names=incident.metric_names)
    return axes


def _timeline_axes(incident: IncidentFolder, facts: Facts) -> Axes:
    from dlqkit.plots.timeline import plot_timeline

    lanes, coverage = timeline_lanes(incident, facts), coverage_of_lanes(incident)
    axes = plot_timeline(lanes, coverage=coverage, of_incident=dead_letters_of_incident(incident, facts))
    return axes


def _durations_axes(incident: IncidentFolder, facts: Facts) -> Axes:
    from dlqkit.plots.durations import plot_durations

    histogram, buckets = duration_bars(incident, facts)
    axes = plot_durations(histogram, timeout_ms=facts["class"]["timeout_ms"]["value"], buckets=buckets)
    return axes


_AXES: Mapping[str, Callable[[IncidentFolder, Facts], Axes]] = {
    "signals": _signals_axes,
    "timeline": _timeline_axes,
    "durations": _durations_axes,
}
