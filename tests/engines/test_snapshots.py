"""The records of several snapshots, on each engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from dlqkit.engines.contract import collect
from dlqkit.evidence.folder import RECORD_VERSION
from dlqkit.evidence.scan import scan_snapshots
from dlqkit.evidence.store import write_frame
from dlqkit.frames import RECORDS
from tests.frames import dead, good, records


def test_a_record_is_there_once_for_each_state_and_of_the_event_it_first_named(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Of three looks the last one of each state stays; what was edited is of its own event."""
    session = request.getfixturevalue("spark") if engine == "spark" else None
    looks = [
        [dead(0, record_id="r1", event_key="e1"), dead(10, record_id="r2", event_key="e2", last_error="old text")],
        [
            good(90, record_id="r1", event_key="edited"),
            dead(10, record_id="r2", event_key="e2", last_error="new text"),
            dead(20, record_id="r3", event_key="e3", attempts=None, trace_id="t3"),
        ],
        [
            dead(20, record_id="r3", event_key="e3", attempts=None, trace_id="t3"),
            good(5, record_id=None, event_key="e4"),
        ],
    ]
    files = [tmp_path / f"look[{number}].parquet" for number in range(len(looks))]
    for file, rows in zip(files, looks, strict=True):
        write_frame(file, records(rows))

    found = collect(scan_snapshots(files, RECORD_VERSION, engine, spark=session), RECORDS)

    rows = found.sort_values("recorded_at")[["record_id", "event_key", "status", "last_error"]]
    expected = records(
        [
            dead(0, record_id="r1", event_key="e1"),
            good(5, record_id=None, event_key="e4"),
            dead(10, record_id="r2", event_key="e2", last_error="new text"),
            dead(20, record_id="r3", event_key="e3", attempts=None),
            good(90, record_id="r1", event_key="e1"),
        ]
    )[["record_id", "event_key", "status", "last_error"]]
    assert_frame_equal(rows.reset_index(drop=True).astype("str"), expected.astype("str"))
