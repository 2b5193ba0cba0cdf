"""An export in parts: folders that tell a column, parts that lack one or have it in another type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlqkit.errors import ParameterError, UnexpectedAnswer
from dlqkit.sources.export_parts import find_parts
from dlqkit.sources.record_exports import RecordExports


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"r{number}", "trace_id": f"t{number}", "created_at": f"2026-03-02T14:00:0{number}Z",
            "status": "failed", "queued_to_dlq": True, "attempts": 5, **more}  # fmt: skip


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("\n".join(json.dumps(one) for one in rows))


def test_folders_tell_the_column_that_the_files_leave_out(tmp_path: Path) -> None:
    """As Spark writes a table by workflow and day: ids keep their zeros, escaped names are read, marks are no parts."""
    table = tmp_path / "records"
    write(table / "workflow_id=007" / "day=2026-03-02" / "part-0.parquet", [row(1, payload={"n": 1})])
    write(table / "workflow_id=a%20b" / "part-0.jsonl", [row(2, payload={"n": 2.50})])
    write(table / "workflow_id=__HIVE_DEFAULT_PARTITION__" / "part-0.parquet", [row(3)])
    write(table / "part-x.jsonl", [row(4, workflow_id="own")])
    (table / "_SUCCESS").write_text("")
    (table / ".part-x.jsonl.crc").write_bytes(b"\x00\x01")

    loaded = RecordExports(table).load()

    frame = loaded.frame.set_index("record_id")
    assert frame["workflow_id"].dropna().to_dict() == {"r1": "007", "r2": "a b", "r4": "own"}
    assert frame.loc["r2", "payload_snapshot"] == '{"n": 2.5}'
    assert json.loads(frame.loc["r1", "extra_json"]) == {"day": "2026-03-02"}
    assert frame.loc["r1", "event_key"].startswith("t1.007.")
    assert loaded.coverage.completeness == "complete"
    assert loaded.source == "records"


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_secret_in_the_name_of_a_folder_is_masked_as_one_in_a_column(form: str, tmp_path: Path) -> None:
    secret = "Zq7-planted+secret/value=="
    table = tmp_path / "records"
    write(table / "workflow_id=wf" / f"api_key={quote(secret, safe='')}" / f"part-0.{form}", [row(1)])

    loaded = RecordExports(table, secrets=[secret]).load()

    assert loaded.frame["extra_json"].tolist() == ['{"api_key":"********"}']
    assert loaded.frame["workflow_id"].tolist() == ["wf"]
    assert "Known secrets stood in 1 places; they are masked." in loaded.coverage.findings


def test_a_secret_in_the_name_of_a_folder_is_in_no_message(tmp_path: Path) -> None:
    secret = "Zq7-planted+secret/value=="
    table = tmp_path / "records"
    path = table / f"api_key={quote(secret, safe='')}" / "part-0.jsonl"
    write(path, [row(1)])
    path.write_text(path.read_text() + "\nno record\n" + '{"id": "r2", "tra')

    loaded = RecordExports(table, secrets=[secret]).load()

    assert loaded.coverage.missing == (
        "records/api_key=********/part-0.jsonl was cut in its last line.",
        "1 rows of records/api_key=********/part-0.jsonl are no records.",
    )


def test_a_part_without_a_column_or_with_another_type_is_read_like_the_others(tmp_path: Path) -> None:
    """One part knows no attempts, one has them as text, one has an error that is an object: what fits is taken."""
    table = tmp_path / "records"
    write(table / "a.parquet", [row(1, last_error="refused")])
    without = row(2)
    del without["attempts"]
    write(table / "b.parquet", [without])
    write(table / "c.parquet", [row(3, attempts="7", last_error={"type": "Timeout", "message": "late"})])
    write(table / "d.parquet", [row(4, attempts="many", created_at=pd.Timestamp("2026-03-02T14:00:04Z"))])

    loaded = RecordExports(table).load()

    frame = loaded.frame.set_index("record_id")
    assert frame["attempts"].dropna().to_dict() == {"r1": 5, "r3": 7}
    assert frame["last_error"].dropna().to_dict() == {"r1": "refused", "r3": "late"}
    assert frame.loc["r3", "error_type"] == "Timeout"
    assert frame["recorded_at"].tolist() == [pd.Timestamp(f"2026-03-02T14:00:0{n}Z") for n in (1, 2, 3, 4)]


def test_a_part_that_was_cut_is_named(tmp_path: Path) -> None:
    """Of a hundred parts the one that is broken: its folder says which."""
    table = tmp_path / "records"
    write(table / "day=1" / "part-0.parquet", [row(1)])
    write(table / "day=2" / "part-0.parquet", [row(2)])
    broken = table / "day=2" / "part-0.parquet"
    broken.write_bytes(broken.read_bytes()[:200])

    with pytest.raises(UnexpectedAnswer, match=r"records/day=2/part-0\.parquet is a Parquet file that was cut"):
        RecordExports(table).load()


def test_a_parquet_file_is_the_same_read_in_lots_or_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "records.parquet"
    write(path, [row(number, payload={"n": number}) for number in range(7)])
    at_once = RecordExports(path).load()
    monkeypatch.setattr("dlqkit.sources.record_exports.BATCH_ROWS", 3)

    in_lots = RecordExports(path).load()

    pd.testing.assert_frame_equal(in_lots.frame, at_once.frame)
    assert in_lots.coverage == at_once.coverage
    assert len(in_lots.frame) == 7


def test_a_folder_without_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(ParameterError, match="holds no file"):
        find_parts(tmp_path / "empty")
    with pytest.raises(ParameterError, match="There is no file"):
        find_parts(tmp_path / "nowhere")
