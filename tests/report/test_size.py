"""A report of a large incident can still be attached."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import open_incident
from dlqkit.incident import Incident
from dlqkit.report import figures
from dlqkit.report.facts import facts, facts_json
from dlqkit.report.figure import Figure
from dlqkit.report.render import render_html, render_markdown
from dlqkit.report.render_pdf import render_pdf
from dlqkit.settings import Settings
from tests.frames import START

RECORDS = 100_000
MOST = 5_000_000


def test_a_report_of_a_hundred_thousand_records_stays_below_five_megabytes(tmp_path: Path) -> None:
    """Half of them dead letters of four hundred different errors, over six hours."""
    step = timedelta(hours=6) / RECORDS
    with (tmp_path / "export.jsonl").open("w") as file:
        for number in range(RECORDS):
            lost = number % 2 == 0 and number > RECORDS // 3
            kind = "abcdefghijklmnopqrst"[number % 20] * 5 + "uvwxyzabcdefghijklmn"[number // 20 % 20] * 5
            error = f"step {kind} refused what it was given, see the table of {kind}" if lost else None
            row = {"id": f"r{number}", "workflow_id": "wf", "trace_id": f"t{number}", "retryable": True,
                   "status": "failed" if lost else "success", "queued_to_dlq": lost, "attempts": 5 if lost else 1,
                   "created_at": (START + step * number).isoformat(), "last_error": error,
                   "action_duration_ms": 20.0 * 1.0001 ** (number % 90_000)}  # fmt: skip
            file.write(json.dumps(row) + "\n")
    question = Incident(START.to_pydatetime(), (START + timedelta(hours=6)).to_pydatetime())
    collect(question, Settings(), tmp_path / "incident", records_files=(tmp_path / "export.jsonl",))
    folder = open_incident(tmp_path / "incident")
    computed = facts(folder)
    drawn = [show(folder, computed) for show in (figures.show_signals_figure, figures.show_timeline_figure,
                                                 figures.show_durations_figure)]  # fmt: skip
    shown = [Figure(one.name, one.png, one.alt) for one in drawn]

    page = render_html(computed, shown)

    assert computed["events"]["affected"]["value"] > 30_000
    assert len(computed["figures"]["durations"]) > 20
    assert len(page.encode()) < MOST
    assert len(render_markdown(computed, shown).encode()) < MOST
    assert len(render_pdf(computed, shown)) < MOST
    assert len(facts_json(computed)) < MOST
