"""Looking around in a notebook: a signature's events, times, durations and differences; a figure to zoom into.

With the extra ``[lab]`` by widgets; without it the same is shown for one signature, and a figure stands still.
"""

from __future__ import annotations

import base64
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import matplotlib
import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.language import date_and_time, number, percent, say
from dlqkit.report.comparison import describe_differences
from dlqkit.report.diagnosis_tables import show_differences
from dlqkit.report.figures import DrawnFigure, draw_axes, drawn_figure
from dlqkit.report.inputs import Inputs, read_inputs
from dlqkit.report.tables import Table, Text
from dlqkit.report.terms import term
from dlqkit.report.wording import Line
from dlqkit.untrusted import for_html, for_plot

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["SignatureView", "choose_signature", "show_signature", "zoom_figure"]

Facts = Mapping[str, Any]
_EVENTS = 50
# The report's resolution would be wider than a notebook.
_SCREEN_DPI = 100


@dataclass(frozen=True)
class SignatureView:
    """The events of one signature: how many and when, each of them, their durations, and what differs."""

    summary: Text
    durations: DrawnFigure | None
    differences: Table
    events: Table

    def _repr_html_(self) -> str:
        parts = [self.summary._repr_html_()]
        if self.durations is not None:
            png = base64.b64encode(self.durations.png).decode("ascii")
            alt = for_html(self.durations.alt)
            parts.append(f'<img src="data:image/png;base64,{png}" alt="{alt}" style="max-width:100%">')
        return "".join([*parts, self.differences._repr_html_(), self.events._repr_html_()])

    def __repr__(self) -> str:
        return "\n\n".join(map(repr, (self.summary, self.differences, self.events)))


class _Signatures:
    """Views of an incident's signatures; the frames are read once, and each is computed when it is chosen."""

    def __init__(self, incident: IncidentFolder, facts: Facts) -> None:
        self.incident, self.facts = incident, facts
        self._made: dict[str, SignatureView] = {}

    @cached_property
    def inputs(self) -> Inputs:
        return read_inputs(self.incident, self.facts)

    @property
    def options(self) -> list[tuple[str, str]]:
        """What to choose from: a line for people, and the id."""
        return [
            (for_plot(f"{percent(row['share'])}  {row['signature']}", 110), row["signature_id"])
            for row in self.facts["signatures"]
        ]

    def view(self, signature_id: str) -> SignatureView:
        if signature_id not in self._made:
            row = next((one for one in self.facts["signatures"] if one["signature_id"] == signature_id), None)
            if row is None:
                known = ", ".join(one["signature_id"] for one in self.facts["signatures"][:5]) or "none"
                raise ParameterError(f"There is no signature {signature_id[:40]!r}.", f"There are: {known}.")
            self._made[signature_id] = _view(self.inputs, self.facts, row)
        return self._made[signature_id]


def show_signature(incident: IncidentFolder, facts: Facts, signature_id: str = "") -> SignatureView | Table:
    """The events of one signature: how many and when, their durations, what differs, and each of them.

    Parameters
    ----------
    incident : IncidentFolder
        An opened snapshot.
    facts : mapping
        Its facts.
    signature_id : str
        As ``facts["signatures"]`` has it; empty for the most frequent.
    """
    signatures = _Signatures(incident, facts)
    if not signatures.options:
        return Table(say("Error signatures"), (), (), say("no dead letters in the incident"))
    return signatures.view(signature_id or signatures.options[0][1])


def choose_signature(incident: IncidentFolder, facts: Facts) -> Any:
    """The same for whichever signature is chosen from a list, where ipywidgets is installed; else for the first."""
    signatures = _Signatures(incident, facts)
    if importlib.util.find_spec("ipywidgets") is None or not signatures.options:
        return show_signature(incident, facts)
    import ipywidgets

    chosen = ipywidgets.Dropdown(
        options=signatures.options,
        description=say("signature"),
        layout=ipywidgets.Layout(width="98%"),
        style={"description_width": "initial"},
    )
    shown = ipywidgets.HTML(signatures.view(chosen.value)._repr_html_())

    def show(change: Mapping[str, Any]) -> None:
        shown.value = signatures.view(change["new"])._repr_html_()

    chosen.observe(show, names="value")
    return ipywidgets.VBox([chosen, shown])


def zoom_figure(name: str, incident: IncidentFolder, facts: Facts) -> Any:
    """A figure that can be zoomed and moved, where ipympl is installed; else as it stands in the report.

    Parameters
    ----------
    name : str
        ``signals``, ``timeline`` or ``durations``.
    incident : IncidentFolder
        An opened snapshot.
    facts : mapping
        Its facts.
    """
    if importlib.util.find_spec("ipympl") is None:
        return drawn_figure(name, incident, facts)
    backend = matplotlib.get_backend()
    from ipympl.backend_nbagg import Canvas, FigureManager

    # It makes itself the backend of every further figure of the notebook when it is imported.
    matplotlib.use(backend)
    figure = draw_axes(name, incident, facts).get_figure(root=True)
    assert figure is not None
    figure.set_dpi(_SCREEN_DPI)
    canvas = Canvas(figure)
    FigureManager(canvas, 0)
    canvas.header_visible = False
    return canvas


def _view(inputs: Inputs, facts: Facts, row: Mapping[str, Any]) -> SignatureView:
    own = inputs.dead[inputs.dead["signature_id"] == row["signature_id"]].sort_values("recorded_at", kind="stable")
    moment = pd.Timestamp(facts["as_of"]).to_pydatetime()
    differences = describe_differences(inputs.own, own, inputs.main, moment, {}) if len(own) else []
    return SignatureView(
        _summary(own, row), _durations(inputs, own, facts), show_differences({"differences": differences}), _events(own)
    )


def _summary(own: pd.DataFrame, row: Mapping[str, Any]) -> Text:
    times, took = own["recorded_at"].dropna(), own["action_duration_ms"].dropna()
    lines = [
        Line(say("Signature"), row["signature"], evidence=row["signature_id"]),
        Line(say("Class"), term(row["failure_class"])),
        Line(say("Events"), say("{events}, {share} of the dead letters", events=number(row["events"]),
                                share=percent(row["share"]))),
    ]  # fmt: skip
    if len(times):
        lines.append(Line(say("When"), say("{start} to {end}", start=date_and_time(times.min()),
                                           end=date_and_time(times.max()))))  # fmt: skip
    if len(took):
        low, half, high = (number(float(took.quantile(share))) for share in (0.1, 0.5, 0.9))
        span = say("half of them under {half} ms; 80% from {low} to {high} ms", half=half, low=low, high=high)
        lines.append(Line(say("Duration"), span))
    return Text("", tuple(lines))


def _durations(inputs: Inputs, own: pd.DataFrame, facts: Facts) -> DrawnFigure | None:
    """The durations of its records beside the successes of the same workflow."""
    from dlqkit.executions.durations import duration_histogram
    from dlqkit.plots.durations import plot_durations
    from dlqkit.plots.theme import alt_text, figure_png
    from dlqkit.signals.outcomes import record_outcomes

    if own["action_duration_ms"].dropna().empty:
        return None
    good = inputs.own[(record_outcomes(inputs.own) == "succeeded").to_numpy()]
    timeout_ms = facts["class"]["timeout_ms"]["value"]
    both = pd.concat([own[good.columns], good], ignore_index=True)
    axes = plot_durations(duration_histogram(both, timeout_ms=timeout_ms), timeout_ms=timeout_ms)
    alt = alt_text(axes)
    return DrawnFigure("signature", figure_png(axes), alt)


def _events(own: pd.DataFrame) -> Table:
    newest = own.tail(_EVENTS).iloc[::-1]
    rows = tuple(
        (
            "" if pd.isna(row.recorded_at) else date_and_time(row.recorded_at),
            "" if pd.isna(row.trace_id) else str(row.trace_id),
            "" if pd.isna(row.attempts) else number(int(row.attempts)),
            ""
            if pd.isna(row.action_duration_ms)
            else say("{duration} ms", duration=number(float(row.action_duration_ms))),
            "" if pd.isna(row.last_error) else str(row.last_error),
        )
        for row in newest.itertuples(index=False)
    )
    title = say("Its newest dead letters ({shown} of {total})", shown=len(rows), total=len(own))
    return Table(title, (say("when"), "trace_id", say("attempts"), say("took"), say("error")), rows, say("none"))
