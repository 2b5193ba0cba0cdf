from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from dlqkit.evidence.collect import collect
from dlqkit.incident import Incident
from dlqkit.report.classified import classify_events
from dlqkit.report.facts import facts
from dlqkit.settings import Settings
from tests.frames import START


def test_events_have_the_signatures_and_classes_that_the_report_shows(tmp_path: Path) -> None:
    """An id or a class copied from the screen selects in a plan what it stood for; an override counts here too."""
    texts = ["connection refused by 10.0.0.1", "validation failed: email of order 7"]
    rows = [{"id": f"r{n}", "workflow_id": "wf", "trace_id": f"t{n}", "status": "failed", "retryable": n % 2 == 0,
             "queued_to_dlq": True, "attempts": 5 if n % 2 == 0 else 1, "last_error": texts[n % 2],
             "created_at": (START + timedelta(minutes=n)).isoformat(), "payload_snapshot": {"a": n}}
            for n in range(20)]  # fmt: skip
    (tmp_path / "export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    question = Incident(START.to_pydatetime(), (START + timedelta(hours=1)).to_pydatetime(), workflow_id="wf")
    folder = collect(question, Settings(), tmp_path / "incident", records_files=(tmp_path / "export.jsonl",))

    events = classify_events(folder)

    shown = {row["signature_id"]: (row["events"], row["failure_class"]) for row in facts(folder)["signatures"]}
    found = {
        str(name): (len(part), str(part["failure_class"].iloc[0])) for name, part in events.groupby("signature_id")
    }
    assert found == shown
    assert sorted(count for count, _ in found.values()) == [10, 10]
    business = next(name for name, (_, failure_class) in found.items() if failure_class == "business")
    (folder.path / "judgement.yaml").write_text(
        f"class_overrides:\n  - {{signature_id: {business}, class: infrastructure, by: ann, reason: wrong flag}}\n"
    )
    assert set(classify_events(folder)["failure_class"].astype("str")) == {"infrastructure"}


def test_a_folder_without_dead_letters_has_no_events(tmp_path: Path) -> None:
    """The frame has its columns and no row."""
    row = {"id": "r", "workflow_id": "wf", "trace_id": "t", "status": "success", "queued_to_dlq": False,
           "created_at": START.isoformat()}  # fmt: skip
    (tmp_path / "export.jsonl").write_text(json.dumps(row))
    question = Incident(START.to_pydatetime(), (START + timedelta(hours=1)).to_pydatetime())
    folder = collect(question, Settings(), tmp_path / "incident", records_files=(tmp_path / "export.jsonl",))

    assert classify_events(folder).empty
    assert "republish_reason" in classify_events(folder).columns
