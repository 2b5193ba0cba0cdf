"""The numbers under each figure are those that it draws."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import IncidentFolder, open_incident
from dlqkit.incident import Incident
from dlqkit.report import figures
from dlqkit.report.drawn import dead_letters_of_incident, timeline_lanes
from dlqkit.report.facts import facts
from dlqkit.report.figure import Figure
from dlqkit.report.figure_tables import MOST_ROWS, show_figure_data
from dlqkit.report.render import render_html
from dlqkit.settings import Settings
from tests.frames import START
from tests.report.example import make_facts

QUESTION = Incident(START.to_pydatetime(), (START + timedelta(hours=4)).to_pydatetime())
SETTINGS = Settings.model_validate({"worker": {"action_timeout_ms": 30_000}})


def row(name: str, minutes: float, *, lost: bool, took_ms: float) -> dict[str, Any]:
    return {"id": name, "workflow_id": "wf", "trace_id": name, "status": "failed" if lost else "success",
            "retryable": True, "created_at": (START + timedelta(minutes=minutes)).isoformat(), "queued_to_dlq": lost,
            "attempts": 5, "last_error": "refused" if lost else None, "action_duration_ms": took_ms}  # fmt: skip


def folder_of(path: Path, rows: Sequence[dict[str, Any]]) -> IncidentFolder:
    (path / "export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    collect(QUESTION, SETTINGS, path / "incident", records_files=(path / "export.jsonl",))
    return open_incident(path / "incident")


ROWS = [
    *(row(f"d{n}", 120 + n / 4, lost=True, took_ms=30_000.0) for n in range(40)),
    *(row(f"s{n}", n, lost=False, took_ms=100.0) for n in range(0, 240, 2)),
]


def test_the_rows_of_the_timeline_add_up_to_the_records(tmp_path: Path) -> None:
    """40 dead letters from 14:00 to 14:10, 120 successes, no log line asked for; a bin is 5 minutes long."""
    found = facts(folder_of(tmp_path, ROWS))["figures"]["timeline"]

    assert sum(one["dead_letters"] for one in found) == 40
    assert sum(one["successes"] for one in found) == 120
    assert {one["worker_logs"] for one in found} == {None}
    lost = [(one["at"][11:16], one["dead_letters"]) for one in found if one["dead_letters"]]
    assert lost == [("14:00", 20), ("14:05", 20)]


def test_the_timeline_tells_the_incident_s_dead_letters_from_a_single_one_of_before(tmp_path: Path) -> None:
    """Forty of the incident, as the headline counts, and one of two hours earlier that the lane shows, too."""
    folder = folder_of(tmp_path, [*ROWS, row("early", 5, lost=True, took_ms=100.0)])
    found = facts(folder)

    assert found["events"]["affected"]["value"] == 40
    assert dead_letters_of_incident(folder, found) == 40
    assert sum(one["dead_letters"] for one in found["figures"]["timeline"]) == 41
    assert "Of the incident: 40." in figures.show_timeline_figure(folder, found).alt


def test_a_report_of_nothing_divides_no_dead_letters(tmp_path: Path) -> None:
    """Two dead letters in four hours are no incident, so none is said to be of one."""
    folder = folder_of(tmp_path, [*ROWS[40:], *(row(f"d{n}", 60 + 90 * n, lost=True, took_ms=9.0) for n in range(2))])
    found = facts(folder)

    assert found["state"]["value"] == "nothing"
    assert dead_letters_of_incident(folder, found) is None


def test_the_timeline_calls_workflows_that_died_together_by_their_names(tmp_path: Path) -> None:
    """Of an id of 36 letters the figure has room for twelve, and nobody knows a workflow by these."""
    folder = folder_of(tmp_path, ROWS)
    found = facts(folder)
    own = found["signals"][0]
    found["signals"] = [own, own | {"workflow_id": "wf-2", "workflow_name": "stock-reserve"}]

    lanes = timeline_lanes(folder, found)

    assert set(lanes.loc[lanes["lane"] == "incident", "workflow_id"]) == {"wf", "stock-reserve"}


def test_what_the_timeout_cut_is_a_row_of_its_own(tmp_path: Path) -> None:
    """40 dead letters of exactly 30 s were cut, so how long they would have taken is not known."""
    found = facts(folder_of(tmp_path, ROWS))["figures"]["durations"]

    cut = [one for one in found if one["cut"]]
    assert [(one["low_ms"], one["high_ms"], one["dead_letters"]) for one in cut] == [(30_000.0, None, 40)]
    [whole] = [one for one in found if not one["cut"]]
    assert whole["successes"] == 120
    assert whole["low_ms"] <= 100.0 < whole["high_ms"]


def test_the_figure_and_its_numbers_agree(tmp_path: Path) -> None:
    """The words of the figure name the peak that the table has."""
    folder = folder_of(tmp_path, ROWS)
    computed = facts(folder)

    drawn = figures.show_timeline_figure(folder, computed)

    assert "40 from 14:00 to 14:10, at most 20 in 5 min" in drawn.alt
    assert max(one["dead_letters"] for one in computed["figures"]["timeline"]) == 20


def test_what_is_not_known_is_said_in_the_cell() -> None:
    """No scrape and no coverage are neither zero nor empty."""
    signals, timeline, durations, buckets = (
        table.rows for name in ("signals", "timeline", "durations") for table in show_figure_data(make_facts(), name)
    )

    assert signals == (("2026-03-02 14:00 UTC", "2.40", "not scraped", "0"),)
    assert timeline == (("2026-03-02 14:00 UTC", "12", "60", "not covered", "0"),)
    assert durations == (
        ("100 ms", "126 ms", "2", "3", "0"),
        ("30 s", "cut by the timeout", "10", "0", "0"),
    )
    assert buckets == (("10 s", "no end", "15"),)


def test_a_year_of_bins_is_cut_and_says_so() -> None:
    """The page stays small; the facts have every row."""
    computed = make_facts()
    computed["figures"]["signals"] *= 365

    [table] = show_figure_data(computed, "signals")

    assert len(table.rows) == MOST_ROWS
    assert "the first 200 of 365 rows; facts.json has all" in table.title


def test_the_numbers_stand_under_their_figure_even_if_it_was_not_drawn() -> None:
    """A kernel that died takes the picture with it, not what it would have shown."""
    page = render_html(make_facts(), [])

    order = re.findall(r"The figure “(\w+)” was not drawn|<details><summary>(The figure's numbers)", page)
    assert [name or "numbers" for name, _ in order] == ["signals", "numbers", "timeline", "numbers", "durations",
                                                         "numbers"]  # fmt: skip


def test_of_a_figure_with_nothing_in_it_the_numbers_say_that_there_are_none() -> None:
    """A silence without any record leaves a timeline of its own mark alone."""
    computed = make_facts()
    computed["figures"]["timeline"] = []

    page = render_html(computed, [Figure(name, b"png", "words") for name in ("signals", "timeline", "durations")])

    assert page.count("<details><summary>The figure's numbers") == page.count("<figure>") == 3
    assert page.count("There are none: no record, log line or sample is in it.") == 1
    assert "There are none" not in render_html(computed, [])
