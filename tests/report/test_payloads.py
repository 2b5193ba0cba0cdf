"""Payloads are in a report only where somebody asked for them, and then everyone is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dlqkit.evidence import audit_log
from dlqkit.evidence.folder import IncidentFolder
from dlqkit.report.facts import facts
from dlqkit.report.payload_tables import show_payloads
from dlqkit.report.payloads import LONGEST, add_payloads
from dlqkit.report.pseudonyms import redact_facts
from dlqkit.report.render import render_html, render_markdown
from dlqkit.report.run import run_postmortem
from tests.evidence.test_folder import gather
from tests.report.example import HOSTILE, make_facts
from tests.report.test_facts import healthy, row
from tests.report.test_facts_schema import faults

NAME = "Anna Rao"


@pytest.fixture
def folder(tmp_path: Path) -> IncidentFolder:
    """Forty dead letters of a region in which nothing succeeded; their errors repeat a name of the payload."""
    payload = {"name": NAME, "region": "north-7"}
    rows = [row(n, 120 + n / 4, last_error=f"{NAME} refused, ask a.rao@example.org", payload_snapshot=payload)
            for n in range(40)]  # fmt: skip
    return gather(tmp_path / "incident", rows + healthy(240, 1, payload_snapshot={"name": "Li", "region": "south-1"}))


def shown(folder: IncidentFolder) -> dict[str, Any]:
    found = facts(folder)
    return add_payloads(folder, found, redact_facts(folder.path, found))


def test_payloads_are_left_out_unless_they_are_asked_for(folder: IncidentFolder) -> None:
    result = run_postmortem(folder.path, formats=("html", "md"))

    files = {path.name: path.read_text(encoding="utf-8") for path in result.paths.values()}
    assert result.facts["payloads"] is None
    assert not [name for name, text in files.items() if NAME in text or "north-7" in text or "--include" in text]
    assert [line["action"] for line in audit_log.read(folder.path)] == ["collect"]


def test_a_report_with_payloads_says_so_before_anything_else_and_in_the_audit_log(folder: IncidentFolder) -> None:
    """Three of the forty, the newest; whose word it was stands in the log before a file is written."""
    result = run_postmortem(folder.path, formats=("ipynb", "html", "md"), include_payload=True)

    files = {path.name: path.read_text(encoding="utf-8") for path in result.paths.values()}
    warning = "--include-payload was given: this report shows the payloads of 3 events"
    assert result.complete
    assert files["postmortem.html"].index(warning) < files["postmortem.html"].index("<h2>")
    assert all(NAME in text for text in files.values())
    assert all("include-payload" in text for name, text in files.items() if name != "facts.json")
    assert [row["trace_id"] for row in result.facts["payloads"]["rows"]] == ["t39", "t38", "t37"]
    assert result.facts["payloads"]["events"] == 40
    line = audit_log.read(folder.path)[-1]
    assert (line["action"], line["payloads"], line["formats"]) == ("postmortem with payloads", 3, ["ipynb", "html",
                                                                                                   "md"])  # fmt: skip
    assert faults(result.facts) == []


def test_a_report_without_payloads_lies_beside_none_with_them(folder: IncidentFolder) -> None:
    """One was made with payloads in two formats and a zip, then one without in one format: the others are gone."""
    report = folder.path / "report"
    run_postmortem(folder.path, formats=("html", "md"), include_payload=True)
    (report / "postmortem.zip").write_bytes(b"with payloads")
    (report / "notes.txt").write_text("an analyst's own")

    run_postmortem(folder.path, formats=("html",))
    run_postmortem(folder.path, formats=("md",))

    kept = sorted(path.name for path in report.iterdir() if path.is_file())
    assert kept == ["facts.json", "notes.txt", "postmortem.html", "postmortem.md"]
    assert not [name for name in kept if NAME in (report / name).read_text(encoding="utf-8")]
    removed = [line["files"] for line in audit_log.read(folder.path) if line["action"].endswith("removed")]
    assert removed == [["postmortem.html", "postmortem.md", "postmortem.zip"]]


def test_the_value_by_which_failing_events_differ_is_shown(folder: IncidentFolder) -> None:
    left_out = json.dumps(redact_facts(folder.path, facts(folder))["differences"])
    told = json.dumps(shown(folder)["differences"])

    assert "north-7" not in left_out and "Anna" not in left_out
    assert "north-7" in told or NAME in told


def test_personal_data_elsewhere_stay_replaced(folder: IncidentFolder) -> None:
    """The address is in the error, which is shown whole beside its payload and nowhere else."""
    found = shown(folder)
    beside = found.pop("payloads")

    assert "a.rao@example.org" in json.dumps(beside)
    assert "a.rao@example.org" not in json.dumps(found)


def test_a_payload_that_nobody_could_read_in_a_table_is_cut(tmp_path: Path) -> None:
    rows = [row(n, 120 + n / 4, payload_snapshot={"n": "x" * 5_000}) for n in range(40)]

    (first, *_) = shown(gather(tmp_path / "incident", rows + healthy(240, 1)))["payloads"]["rows"]

    assert len(first["payload"]) == LONGEST + 1 and first["payload"].endswith("…")


def test_hostile_payloads_are_shown_harmlessly() -> None:
    payloads = {"events": 1, "rows": [{"signature_id": "a1", "recorded_at": None, "trace_id": None, "error": HOSTILE,
                                       "payload": HOSTILE + "`\n|"}]}  # fmt: skip
    found = make_facts(payloads=payloads)

    page, text = render_html(found, []), render_markdown(found, [])

    assert "<script>" not in page and "&lt;script&gt;" in page
    assert "\x1b" not in page + text
    # One row, whatever line breaks the payload holds.
    assert len([line for line in text.split("## Payloads")[1].splitlines() if "alert" in line]) == 1
    assert "\x1b" not in show_payloads(found).to_text()


def test_a_notebook_says_that_they_are_left_out() -> None:
    assert show_payloads(make_facts()).to_text() == "Payloads: left out of this report; --include-payload shows them"
