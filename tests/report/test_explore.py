"""Looking around in a notebook: a signature's events, and a figure to zoom into."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import ParameterError
from dlqkit.evidence.folder import IncidentFolder
from dlqkit.report.explore import SignatureView, choose_signature, show_signature, zoom_figure
from dlqkit.report.facts import facts
from dlqkit.report.figures import DrawnFigure, show_timeline_figure
from tests.report.example import HOSTILE
from tests.report.test_drawn import folder_of, row

HEALTHY = [row(f"s{n}", n, lost=False, took_ms=100.0) for n in range(0, 240, 2)]
ROWS = [
    *HEALTHY,
    *(row(f"d{n}", 120 + n / 4, lost=True, took_ms=30_000.0) for n in range(40)),
    *(row(f"a{n}", 121 + n / 2, lost=True, took_ms=50.0)
      | {"last_error": f"no account, asked by Ada L. {HOSTILE}", "payload_snapshot": {"name": "Ada L."}}
      for n in range(15)),
]  # fmt: skip


@pytest.fixture
def incident(tmp_path: Path) -> IncidentFolder:
    return folder_of(tmp_path, ROWS)


def without_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    missing = {"ipywidgets", "ipympl"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name in missing else find(name, *a))


def texts(view: Any) -> str:
    return f"{view!r}\n{view._repr_html_()}"


def test_a_signature_shows_its_own_events_and_no_others(incident: IncidentFolder) -> None:
    """How many, when, how long, each of them; values of payloads stay out."""
    found = facts(incident)
    first, second = (one["signature_id"] for one in found["signatures"])

    views = [show_signature(incident, found, one) for one in ("", first, second)]

    assert all(isinstance(view, SignatureView) for view in views)
    assert texts(views[0]) == texts(views[1])
    assert [len(view.events.rows) for view in views[1:]] == [40, 15]  # type: ignore[union-attr]
    assert "Ada" not in texts(views[2])
    with pytest.raises(ParameterError, match="no signature"):
        show_signature(incident, found, "nowhere")


def test_hostile_words_stay_words(incident: IncidentFolder) -> None:
    """In the view, and in the list to choose from."""
    found = facts(incident)

    view = show_signature(incident, found, found["signatures"][1]["signature_id"])
    widget = choose_signature(incident, found)

    assert "<script" not in view._repr_html_() and "\x1b" not in texts(view)
    assert "<script" not in widget.children[1].value
    assert "\x1b" not in "".join(label for label, _ in widget.children[0].options)


def test_choosing_another_signature_shows_its_events(incident: IncidentFolder) -> None:
    """The list has every signature; what is below follows it."""
    found = facts(incident)

    widget = choose_signature(incident, found)
    chosen, shown = widget.children
    before = shown.value
    chosen.value = found["signatures"][1]["signature_id"]

    assert [one for _, one in chosen.options] == [one["signature_id"] for one in found["signatures"]]
    assert shown.value != before
    assert shown.value == show_signature(incident, found, chosen.value)._repr_html_()


def test_without_the_extra_the_first_signature_and_a_still_figure_are_shown(
    incident: IncidentFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the notebook fails."""
    without_widgets(monkeypatch)
    found = facts(incident)

    assert texts(choose_signature(incident, found)) == texts(show_signature(incident, found))
    assert zoom_figure("timeline", incident, found) == show_timeline_figure(incident, found)


# Of ipympl's own toolbar (0.10) with traitlets 5.
@pytest.mark.filterwarnings("ignore:Passing unrecognized arguments:DeprecationWarning")
def test_a_figure_is_zoomed_where_ipympl_is_installed(incident: IncidentFolder) -> None:
    """The same figure, as a canvas of its own; a name that there is none of is refused."""
    found = facts(incident)

    canvas = zoom_figure("durations", incident, found)

    assert not isinstance(canvas, DrawnFigure)
    assert canvas.figure.axes
    with pytest.raises(ParameterError, match="no figure"):
        zoom_figure("pie", incident, found)


def test_an_incident_without_dead_letters_has_nothing_to_choose(tmp_path: Path) -> None:
    """It says so."""
    quiet = folder_of(tmp_path, HEALTHY)

    assert "no dead letters" in choose_signature(quiet, facts(quiet))._repr_html_()
