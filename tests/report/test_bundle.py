"""One attachment holds the report and nothing else of the incident folder."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

from dlqkit.report.bundle import make_zip, report_of
from tests.report.example import make_facts


def report(folder: Path) -> dict[str, Path]:
    paths = {kind: folder / name for kind, name in (("facts", "facts.json"), ("html", "postmortem.html"),
                                                    ("md", "postmortem.md"), ("pdf", "postmortem.pdf"))}  # fmt: skip
    (folder / "figures").mkdir(parents=True)
    for path in (*paths.values(), folder / "figures" / "signals.png", folder / "redaction.key"):
        path.write_bytes(path.name.encode())
    paths["md"].write_text("![Signals](figures/signals.png)")
    return paths


def test_the_zip_holds_the_report_and_its_figures_alone(tmp_path: Path) -> None:
    """No key, no path of this machine, no time of today, no figure of an earlier run."""
    paths = report(tmp_path)
    (tmp_path / "figures" / "durations.png").write_bytes(b"of an earlier run")
    packed = zipfile.ZipFile(io.BytesIO(make_zip(paths)))

    assert packed.namelist() == [
        "postmortem/facts.json", "postmortem/figures/signals.png", "postmortem/postmortem.html",
        "postmortem/postmortem.md", "postmortem/postmortem.pdf",
    ]  # fmt: skip
    assert packed.testzip() is None
    assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_same_files_give_the_same_bytes_whenever_they_were_written(tmp_path: Path) -> None:
    first = make_zip(report(tmp_path / "a"))
    paths = report(tmp_path / "b")
    for path in paths.values():
        os.utime(path, (1, 1))

    assert make_zip(paths) == first


def test_two_runs_over_the_same_evidence_give_the_same_zip(tmp_path: Path) -> None:
    """Papermill writes when and how long each cell ran, and draws the id of the cell with the parameters by lot."""
    packed = []
    for name, second in (("a", "01"), ("b", "59")):
        paths = report(tmp_path / name)
        times = {"start_time": f"2026-03-02T16:00:{second}", "end_time": second, "duration": float(second)}
        run = {"papermill": times, "execution": {"iopub.status.busy": second}}
        cell = {"id": f"c{second}", "source": "1", "metadata": {"tags": ["injected-parameters"], **run}}
        notebook = {"cells": [cell], "metadata": {"papermill": {**times, "version": "2.7.0"}}}
        paths["ipynb"] = tmp_path / name / "postmortem.ipynb"
        paths["ipynb"].write_text(json.dumps(notebook))
        packed.append(make_zip(paths))

    assert packed[0] == packed[1]
    kept = json.loads(zipfile.ZipFile(io.BytesIO(packed[0])).read("postmortem/postmortem.ipynb"))
    assert kept["metadata"] == {"papermill": {"version": "2.7.0"}}
    assert (kept["cells"][0]["id"], kept["cells"][0]["source"]) == ("injected-parameters", "1")


def test_a_ticket_gets_the_zip_where_there_is_one_else_what_people_open(tmp_path: Path) -> None:
    paths = report(tmp_path)
    loose = report_of(make_facts(), paths)
    (tmp_path / "postmortem.zip").write_bytes(make_zip(paths))
    packed = report_of(make_facts(), {**paths, "zip": tmp_path / "postmortem.zip"})

    assert [file.media_type for file in loose.files] == ["text/html", "application/pdf"]
    assert [file.media_type for file in packed.files] == ["application/zip"]
    assert loose.mark != packed.mark
    labels = [label for label, _ in loose.lines]
    assert (labels[0], labels[-2:]) == ("Problem", ["Report", "Attached"])
    assert "Draft: judgement is still needed. Window" in loose.lines[-2][1]
    assert "as of 2026-03-02 16:00:00 UTC" in loose.lines[-2][1]


def test_a_report_that_was_made_again_whole_is_another_one(tmp_path: Path) -> None:
    """A kernel died at the first try: what was attached then does not keep the whole report out of the ticket."""
    paths = report(tmp_path)
    problem = "3 of 9 cells did not run."

    half, whole = report_of(make_facts(), paths, (problem,)), report_of(make_facts(), paths)

    assert half.mark != whole.mark
    assert half.lines[0] == ("Not whole", problem)


def test_that_it_was_attached_makes_it_no_other_report(tmp_path: Path) -> None:
    """Only the checklist's item on the ticket changes by it."""
    facts = make_facts()
    facts["closure"]["items"].append({**facts["closure"]["items"][1], "name": "ticket", "why": "Nobody has."})
    later = make_facts()
    later["closure"]["items"].append({**facts["closure"]["items"][1], "name": "ticket", "why": "It is attached."})
    later["closure"]["verdict"] = "closable"
    paths = report(tmp_path)

    assert report_of(facts, paths).mark == report_of(later, paths).mark
