"""Many records under one id, as an API has them that gives each the id of the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dlqkit.sources.execution_logs import ExecutionLogs
from dlqkit.sources.record_exports import RecordExports
from tests.sources.api import KEY, api, cut

COUNT = 47
TRACE, PAYLOAD = "share their id with records of other events", "differ in their payload"


def of_run(number: int, **more: Any) -> dict[str, Any]:
    """One of the events that a run failed in the same moment."""
    return {"execution_id": "run-42", "workflow_id": "wf", "trace_id": f"t{number}", "status": "failed",
            "timestamp": "2026-03-02T14:00:00Z", "queued_to_dlq": True, "last_error": f"error {number}",
            "payload": {"order": number}, **more}  # fmt: skip


@pytest.mark.parametrize(
    "told",
    ["trace_id", "workflow_id", "last_error", "payload"],
)
def test_records_of_one_id_that_differ_in_one_thing_are_all_kept(told: str) -> None:
    """Not even their time or their count of attempts tells them apart."""
    alike = of_run(0)
    data = [{**alike, told: of_run(number, workflow_id=f"wf{number}")[told]} for number in range(COUNT)]
    with api(lambda query: (200, {"items": cut(data, query, most=20)})) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    assert len(loaded.frame) == loaded.coverage.rows == COUNT
    assert loaded.coverage.completeness == "complete"
    said = " ".join(loaded.coverage.findings)
    assert (TRACE in said) == (told != "last_error")


def test_a_field_that_is_of_the_time_of_asking_makes_no_record_two() -> None:
    """Pages overlap, and each time that a record is served it says when that was."""
    data, served = [of_run(number, execution_id=f"r{number}") for number in range(COUNT)], 0

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal served
        served += 1
        page = cut(data, query, most=20)
        return 200, [{**one, "served_at": served, "duration_ms": served} for one in page]

    with api(answer) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    assert served > 3
    assert len(loaded.frame) == loaded.coverage.rows == COUNT
    assert not any("share their id" in one for one in loaded.coverage.findings)


@pytest.mark.parametrize("form", ["lines", "array", "csv", "parquet"])
def test_an_export_keeps_all_records_of_one_id(form: str, tmp_path: Path) -> None:
    data, path = [of_run(number) for number in range(COUNT)], tmp_path / "export"
    if form == "csv":
        pd.DataFrame([{**one, "payload": json.dumps(one["payload"])} for one in data]).to_csv(path, index=False)
    elif form == "parquet":
        pd.DataFrame(data).to_parquet(path)
    else:
        path.write_text(json.dumps(data) if form == "array" else "\n".join(map(json.dumps, data)))

    loaded = RecordExports(path).load()

    assert len(loaded.frame) == loaded.coverage.rows == COUNT
    assert any(TRACE in one and one.startswith("At least 47 ") for one in loaded.coverage.findings)


def test_that_records_without_a_trace_count_as_one_event_is_told_with_what_helps(tmp_path: Path) -> None:
    """Nothing but their payload tells them apart, and a key of it may be named."""
    path = tmp_path / "export"
    path.write_text(json.dumps([of_run(number, trace_id=None) for number in range(3)]))

    loaded = RecordExports(path).load()

    assert len(loaded.frame) == 3
    assert any(PAYLOAD in one and "execution_logs.event_key" in one for one in loaded.coverage.findings)


def test_several_states_of_one_event_are_no_records_that_share_an_id(tmp_path: Path) -> None:
    """Each attempt is a record with the id of the execution: that is what an id is for."""
    path = tmp_path / "export"
    path.write_text(json.dumps([of_run(1, attempts=attempt) for attempt in range(1, 6)]))

    loaded = RecordExports(path).load()

    assert len(loaded.frame) == 5
    assert not any("share their id" in one for one in loaded.coverage.findings)
