"""Incident folders from files alone: no network is needed to collect, open and verify them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dlqkit import count_records
from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence import audit_log
from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import IncidentFolder, open_incident, read_incident
from dlqkit.evidence.manifest import verify
from dlqkit.incident import Incident
from dlqkit.settings import Settings, WorkerSettings, WorkflowSettings
from tests.frames import START

END = START + timedelta(hours=4)
QUESTION = Incident(START.to_pydatetime(), END.to_pydatetime())


def row(number: int, minutes: float, **more: Any) -> dict[str, Any]:
    return {"id": f"r{number}", "workflow_id": "wf", "trace_id": f"t{number}", "status": "failed", "retryable": True,
            "created_at": (START + timedelta(minutes=minutes)).isoformat(), "queued_to_dlq": True, "attempts": 5,
            "last_error": "refused", "payload_snapshot": {"n": number}, **more}  # fmt: skip


def gather(
    folder: Path, rows: Sequence[dict[str, Any]], settings: Settings | None = None, **more: Any
) -> IncidentFolder:
    export = folder.parent / "export.jsonl"
    export.write_text("\n".join(map(json.dumps, rows)))
    return collect(QUESTION, settings or Settings(), folder, records_files=(export,), **more)


def test_a_folder_tells_its_question_its_evidence_and_its_worker(tmp_path: Path) -> None:
    settings = Settings(
        worker=WorkerSettings(max_attempts=5),
        workflows={"wf": WorkflowSettings(name="orders", action_timeout_ms=30_000)},
    )
    folder = gather(tmp_path / "incident", [row(1, 10), row(2, 20)], settings)

    assert (folder.snapshot, folder.completeness, folder.snapshots) == ("001", "complete", ["001"])
    assert folder.incident == QUESTION == read_incident(tmp_path / "incident")
    assert (folder.max_attempts("wf"), folder.action_timeout_ms("wf"), folder.workflow_name("wf")) == (
        5,
        30_000,
        "orders",
    )
    assert folder.action_timeout_ms("other") is None
    assert folder.records().source == "001/1"
    assert len(folder.records().frame) == 2
    assert verify(tmp_path / "incident") == ()


def test_snapshots_add_up_and_an_earlier_one_stays_as_it_was(tmp_path: Path) -> None:
    """A record that was rewritten is there in both its states, of one event; the first snapshot does not know."""
    gather(tmp_path / "incident", [row(1, 10), row(2, 20)])
    gather(tmp_path / "incident", [row(1, 90, status="success", queued_to_dlq=False, last_error=None), row(3, 95)])

    newest, first = open_incident(tmp_path / "incident"), open_incident(tmp_path / "incident", "001")
    assert sorted(newest.records().frame["record_id"]) == ["r1", "r1", "r2", "r3"]
    assert newest.records().frame["event_key"].nunique() == 3
    assert sorted(first.records().frame["record_id"]) == ["r1", "r2"]
    assert newest.snapshots == ["001", "002"]


def test_only_records_of_the_window_and_its_baseline_are_kept(tmp_path: Path) -> None:
    """An export may hold a year; four hours before the window are kept for comparison."""
    folder = gather(tmp_path / "incident", [row(1, 10), row(2, -60), row(3, -600), row(4, 600)])

    assert sorted(folder.records().frame["record_id"]) == ["r1", "r2"]


def test_a_folder_that_was_moved_opens_and_verifies(tmp_path: Path) -> None:
    gather(tmp_path / "incident", [row(1, 10)])
    shutil.move(tmp_path / "incident", tmp_path / "elsewhere")

    assert len(open_incident(tmp_path / "elsewhere").records().frame) == 1
    assert verify(tmp_path / "elsewhere") == ()


def test_a_snapshot_is_found_by_its_number_too(tmp_path: Path) -> None:
    """As somebody types it, and as Papermill's -p hands 001 over."""
    gather(tmp_path / "incident", [row(1, 10)])

    for typed in ("001", "1", 1):
        assert open_incident(tmp_path / "incident", typed).snapshot == "001"  # type: ignore[arg-type]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no incident folder"):
        open_incident(tmp_path)
    gather(tmp_path / "incident", [row(1, 10)])
    with pytest.raises(ParameterError, match="no snapshot '007'"):
        open_incident(tmp_path / "incident", "007")
    with pytest.raises(ParameterError, match="no engine"):
        open_incident(tmp_path / "incident", engine="polars")
    with pytest.raises(ParameterError, match="engine spark needs a session"):
        open_incident(tmp_path / "incident", engine="spark")
    (tmp_path / "incident" / "evidence" / "001" / "manifest.json").write_text("{")
    with pytest.raises(EvidenceError, match="manifest"):
        open_incident(tmp_path / "incident")


@pytest.mark.parametrize("engine", ["pandas", "duckdb", "auto"])
@pytest.mark.parametrize("number", ["001", "002"])
def test_records_that_are_gone_are_not_read_as_none(number: str, engine: str, tmp_path: Path) -> None:
    """No rows would mean that nothing is wrong; also where they are of an earlier snapshot."""
    gather(tmp_path / "incident", [row(1, 10)])
    gather(tmp_path / "incident", [row(2, 20)])
    (tmp_path / "incident" / "evidence" / number / "records.parquet").unlink()

    with pytest.raises(EvidenceError, match=rf"{number}/records\.parquet is missing\.\nNext: Restore it from a copy"):
        open_incident(tmp_path / "incident", engine=engine)


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_records_without_their_errors_are_not_taken_for_records(engine: str, tmp_path: Path) -> None:
    """A file that was written anew without a column that every analysis needs says so the same on each engine."""
    gather(tmp_path / "incident", [row(1, 10)])
    place = tmp_path / "incident" / "evidence" / "001" / "records.parquet"
    pq.write_table(pq.read_table(place).drop_columns(["last_error"]), place)
    folder = open_incident(tmp_path / "incident", engine=engine)

    with pytest.raises(EvidenceError, match=r"has no column last_error; it was changed\.\nNext: Run dlqkit"):
        count_records(folder.scan())


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_records_that_were_cut_are_damaged_on_every_engine(engine: str, tmp_path: Path) -> None:
    gather(tmp_path / "incident", [row(1, 10)])
    place = tmp_path / "incident" / "evidence" / "001" / "records.parquet"
    place.write_bytes(place.read_bytes()[:-20])
    folder = open_incident(tmp_path / "incident", engine=engine)

    with pytest.raises(EvidenceError, match=r"it was cut or changed\.\nNext: Run dlqkit verify"):
        count_records(folder.scan())


def test_notes_need_a_zone(tmp_path: Path) -> None:
    gather(tmp_path / "incident", [row(1, 10)])
    path = tmp_path / "incident" / "incident.toml"
    text = path.read_text()

    path.write_text(text + '[[notes]]\nat = 2026-03-02T14:02:00Z\ntext = "deploy"\n')
    assert open_incident(tmp_path / "incident").notes[0][1] == "deploy"
    path.write_text(text + '[[notes]]\nat = 2026-03-02T14:02:00\ntext = "deploy"\n')
    with pytest.raises(ParameterError, match="without zone"):
        _ = open_incident(tmp_path / "incident").notes


def test_the_audit_log_is_a_chain(tmp_path: Path) -> None:
    """A changed or removed line is found by the line after it; a torn last line does not stop the next."""
    gather(tmp_path / "incident", [row(1, 10)])
    audit_log.append(tmp_path / "incident", "look", who="me")
    audit_log.append(tmp_path / "incident", "look", who="you")
    path = tmp_path / "incident" / "audit.jsonl"
    whole = path.read_bytes()
    assert [entry["action"] for entry in audit_log.read(tmp_path / "incident")] == ["collect", "look", "look"]
    assert audit_log.check_chain(tmp_path / "incident").faults == ()

    path.write_bytes(whole.replace(b'"me"', b'"he"'))
    assert [change.path for change in verify(tmp_path / "incident")] == ["audit.jsonl"]
    path.write_bytes(whole + b'{"torn')
    audit_log.append(tmp_path / "incident", "look")
    assert len(audit_log.read(tmp_path / "incident")) == 4


def test_the_callback_sees_the_first_evidence_and_names_the_workflow(tmp_path: Path) -> None:
    seen: list[int] = []

    def focus(folder: IncidentFolder) -> str:
        seen.append(len(folder.records().frame))
        return "wf"

    gather(tmp_path / "incident", [row(1, 10)], focus=focus, on_dead_letters=lambda folder: seen.append(0))

    assert seen == [1, 0]


def test_no_secret_stands_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest and the question know where a source is, not how it is opened."""
    monkeypatch.setenv("THE_KEY", "s3cret-of-the-test")
    settings = Settings.model_validate({"execution_logs": {"api_key": {"env": "THE_KEY"}}})
    gather(tmp_path / "incident", [row(1, 10)], settings)

    for path in (tmp_path / "incident").rglob("*"):
        assert not path.is_file() or b"s3cret" not in path.read_bytes()
