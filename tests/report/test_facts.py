"""Counts are exact only where nothing speaks against it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from dlqkit.evidence.collect import collect
from dlqkit.incident import Incident
from dlqkit.report.facts import _doubt, facts, facts_json
from dlqkit.settings import Settings
from tests.frames import START, at, dead, good, records

QUESTION = Incident(START.to_pydatetime(), (START + timedelta(hours=4)).to_pydatetime())
API = [{"kind": "records: dead letters"}]


def row(number: int, minutes: float, **more: Any) -> dict[str, Any]:
    return {"id": f"r{number}", "workflow_id": "wf", "trace_id": f"t{number}", "status": "failed", "retryable": True,
            "created_at": (START + timedelta(minutes=minutes)).isoformat(), "queued_to_dlq": True, "attempts": 5,
            "last_error": "refused", "payload_snapshot": {"card": "4111-1111"}, **more}  # fmt: skip


def facts_of(folder: Path, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    (folder / "export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return facts(collect(QUESTION, Settings(), folder / "incident", records_files=(folder / "export.jsonl",)))


def test_an_export_that_begins_before_the_incident_counts_exactly(tmp_path: Path) -> None:
    rows = [row(n, 120 + n / 2) for n in range(40)]
    rows += [row(100 + n, n, queued_to_dlq=False, status="ok", last_error=None) for n in range(200)]

    found = facts_of(tmp_path, rows)

    assert found["events"]["affected"] == {"value": 40, "bound": "exact"}
    assert found["onset"]["at"] == at(7200).isoformat()
    assert found["class"]["value"] == "infrastructure"


def test_an_export_that_begins_with_the_incident_counts_at_least(tmp_path: Path) -> None:
    """Thirty dead letters and nothing before: the file may have been cut there."""
    rows = [row(n, 120 + n / 2) for n in range(30)] + [row(99, 180, queued_to_dlq=False, status="ok")]

    found = facts_of(tmp_path, rows)

    assert found["events"]["affected"]["bound"] != "exact"


def test_a_counter_that_grew_more_than_the_records_tell_is_a_doubt() -> None:
    """Two hundred counted, a hundred recorded: a hundred are missing somewhere."""
    own = records([dead(3600 + n) for n in range(100)] + [good(0)])
    main = pd.Series({"signal": "dead_letters", "size": 200.0, "onset_at": at(3600)})

    assert "grew by 200" in _doubt(own, own[own["queued_to_dlq"]], main, API)
    assert _doubt(own, own[own["queued_to_dlq"]], main.where(main.index != "size", 104.0), API) == ""


def test_a_record_without_a_time_makes_the_count_at_least(tmp_path: Path) -> None:
    rows = [row(n, 120 + n / 2) for n in range(40)] + [row(99, 0, created_at="some day")]
    rows += [row(100 + n, n, queued_to_dlq=False, status="ok", last_error=None) for n in range(200)]

    assert facts_of(tmp_path, rows)["events"]["affected"] == {"value": 40, "bound": "at_least"}


def test_equal_evidence_gives_equal_facts_without_a_payload(tmp_path: Path) -> None:
    rows = [row(n, 120 + n / 2) for n in range(40)]
    first = facts_of(tmp_path, rows)

    from dlqkit.evidence.folder import open_incident

    again = facts(open_incident(tmp_path / "incident"))
    assert facts_json(first) == facts_json(again)
    assert b"4111" not in facts_json(first)
