"""The records of a folder's snapshots as one lazy frame."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from dlqkit.engines import choose
from dlqkit.engines.contract import collect
from dlqkit.evidence.folder import open_incident
from dlqkit.executions.scale.counts import count_records
from dlqkit.executions.scale.states import count_states
from dlqkit.frames import RECORDS
from tests.evidence.test_folder import gather, row

LOCAL = pytest.mark.parametrize("engine", ["pandas", "duckdb"])


@pytest.fixture
def incident(tmp_path: Path) -> Path:
    """Three looks: r1 heals with another payload, r2 is seen again as it was, r4 is new and r5 comes last."""
    path = tmp_path / "in[c]ident"
    healed = row(1, 90, status="success", queued_to_dlq=False, last_error=None, payload_snapshot={"n": "edited"})
    gather(path, [row(1, 10), row(2, 20)])
    gather(path, [row(2, 20), healed, row(4, 95)])
    gather(path, [row(4, 95), row(5, 100)])
    return path


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows in an order of their own."""
    return frame.astype({"status": "str"}).sort_values(["record_id", "recorded_at"]).reset_index(drop=True)


@LOCAL
@pytest.mark.parametrize("snapshot", [None, "001", "002"])
def test_a_scan_has_the_records_of_the_frame(incident: Path, engine: str, snapshot: str | None) -> None:
    """Each state of a record once, of the event that it first named, on either engine and of each snapshot."""
    folder = open_incident(incident, snapshot, engine=engine)

    assert_frame_equal(ordered(collect(folder.scan(), RECORDS)), ordered(folder.records().frame))


@LOCAL
def test_a_healed_event_is_one_event(incident: Path, engine: str) -> None:
    """The record whose payload was corrected healed its own event and is none beside it."""
    scanned = open_incident(incident, engine=engine).scan()

    assert count_records(scanned)[["records", "events"]].to_numpy().tolist() == [[5, 4]]
    assert count_states(scanned).to_numpy().tolist() == [["wf", "healed", 1], ["wf", "open", 3]]


@LOCAL
def test_a_folder_without_records_scans_as_nothing(tmp_path: Path, engine: str) -> None:
    """No records are an empty frame, not an error."""
    folder = gather(tmp_path / "incident", [row(1, -600)])
    opened = open_incident(folder.path, engine=engine)

    assert len(opened.records().frame) == 0
    assert_frame_equal(ordered(collect(opened.scan(), RECORDS)), ordered(opened.records().frame))


def test_auto_takes_what_the_memory_allows(incident: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some records are pandas'; with no memory left they are DuckDB's, and a named engine is kept."""
    assert open_incident(incident).engine == "pandas"
    monkeypatch.setattr(choose, "free_memory_bytes", lambda: 0)

    assert open_incident(incident).engine == "duckdb"
    assert open_incident(incident, engine="pandas").engine == "pandas"
