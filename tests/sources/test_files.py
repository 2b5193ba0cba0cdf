"""Exports of records, and what clients reported."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from dlqkit.errors import ParameterError, UnexpectedAnswer
from dlqkit.frames import RECORDS, SUPPORT_REPORTS
from dlqkit.sources import export_lots, support_reports
from dlqkit.sources.record_exports import RecordExports
from dlqkit.sources.support_reports import SupportReports

ROWS = [{"id": f"r{n}", "workflow_id": "007", "trace_id": f"0{n}", "created_at": f"2026-03-02T14:00:0{n}Z",
         "status": "failed", "retryable": True, "queued_to_dlq": True, "attempts": 5, "last_error": "refused"}
        for n in range(3)]  # fmt: skip


def check(path: Path) -> None:
    loaded = RecordExports(path).load()
    assert loaded.frame["trace_id"].tolist() == ["00", "01", "02"]
    assert loaded.frame["workflow_id"].tolist() == ["007"] * 3
    assert loaded.frame["queued_to_dlq"].all()
    assert loaded.frame["recorded_at"].iloc[2] == pd.Timestamp("2026-03-02T14:00:02Z")
    assert {name: str(dtype) for name, dtype in loaded.frame.dtypes.items()} == dict(RECORDS)
    assert loaded.coverage.completeness == "complete"


def test_each_form_of_export_reads_the_same(tmp_path: Path) -> None:
    """JSON lines, an array, a saved page, gzip, CSV, Parquet: ids keep their leading zeros."""
    path = tmp_path / "export"
    lines = "\n".join(map(json.dumps, ROWS)).encode()
    for body in (
        lines,
        json.dumps(ROWS).encode(),
        json.dumps({"items": ROWS}, indent=1).encode(),
        gzip.compress(lines),
    ):
        path.write_bytes(body)
        check(path)
    frame = pd.DataFrame(ROWS)
    frame.to_csv(path, index=False)
    check(path)
    frame.to_csv(path, index=False, sep=";")
    check(path)
    frame.assign(created_at=pd.to_datetime(frame["created_at"])).to_parquet(path)
    check(path)


def test_a_line_that_is_broken_is_counted_and_a_cut_end_is_partial(tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    lines = [json.dumps(row) for row in ROWS]
    path.write_text("\n".join([lines[0], "{broken", lines[1], lines[2][:40]]))

    loaded = RecordExports(path).load()

    assert len(loaded.frame) == 2
    assert loaded.coverage.completeness == "partial"
    assert loaded.coverage.quarantined == 2


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"just text", b"PAR1 and no more"])
def test_what_is_no_export_is_refused(body: bytes, tmp_path: Path) -> None:
    path = tmp_path / "export"
    path.write_bytes(body)

    with pytest.raises(UnexpectedAnswer):
        RecordExports(path).load()


def test_an_empty_export_is_called_empty(tmp_path: Path) -> None:
    """It may be an export that failed as well as one of no record, so it is not taken for a quiet window."""
    (tmp_path / "export.jsonl").write_text("\n")

    with pytest.raises(UnexpectedAnswer, match="is empty"):
        RecordExports(tmp_path / "export.jsonl").load()


def test_reports_are_read_whatever_their_columns_are_called(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("\ufeffTime;Order ID;Comment;Client\n2026-03-02T14:00Z;ORD-1;never came;acme\nyesterday;ORD-2;;\n")

    loaded = SupportReports(path).load()

    assert loaded.frame["business_key"].tolist() == ["ORD-1", "ORD-2"]
    assert loaded.frame["note"].tolist() == ["never came; Client: acme", ""]
    assert loaded.frame["reported_at"].isna().tolist() == [False, True]
    assert "1 of 2 reports have no time" in loaded.coverage.missing[0]
    assert {name: str(dtype) for name, dtype in loaded.frame.dtypes.items()} == dict(SUPPORT_REPORTS)


def test_reports_without_a_zone_say_so_and_are_dated_once_it_is_set(tmp_path: Path) -> None:
    """Times of no zone are not used, and reports without a single time are not called complete."""
    path = tmp_path / "reports.csv"
    path.write_text("when,trace_id,time\nx,t1,2026-03-02 15:00\nx,t2,2026-03-02 15:30:00\n")

    loaded = SupportReports(path).load()
    assert loaded.coverage.completeness == "unverified"
    assert "2 of 2 reports have no time" in loaded.coverage.missing[0]
    assert any("set support_reports.timezone" in text for text in loaded.coverage.findings)

    loaded = SupportReports(path, timezone="Europe/Berlin").load()
    assert loaded.coverage.completeness == "complete"
    assert loaded.frame["reported_at"].iloc[0] == pd.Timestamp("2026-03-02T14:00Z")
    with pytest.raises(ParameterError, match="is not known") as raised:
        SupportReports(path, timezone="Berlin").load()
    assert "support_reports.timezone" in raised.value.next_step


def test_secrets_in_exports_and_reports_are_masked(tmp_path: Path) -> None:
    """A key that an error message repeats is masked, whatever the form of the file."""
    key = "k3y-of-the-tests"
    rows = [{**ROWS[0], "last_error": f"header was {key}", "payload_snapshot": {"again": key}}]
    path = tmp_path / "export"
    frame = pd.DataFrame(rows).astype({"payload_snapshot": "str"})
    writers = (lambda: path.write_text(json.dumps(rows)), lambda: frame.to_csv(path), lambda: frame.to_parquet(path))
    for write in writers:
        write()
        loaded = RecordExports(path, secrets=[key]).load()
        assert key not in loaded.frame.to_csv()
        assert loaded.frame["last_error"].tolist() == ["header was ********"]
        assert "Known secrets stood in 2 places; they are masked." in loaded.coverage.findings
    reports = tmp_path / "reports.csv"
    reports.write_text(f"trace_id,time,note\nt1,2026-03-02T14:00Z,used {key}\n")
    assert SupportReports(reports, secrets=[key]).load().frame["note"].tolist() == ["used ********"]


def test_reports_without_a_key_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("who,when\nann,now\n")

    with pytest.raises(ParameterError, match="no column"):
        SupportReports(path).load()
    with pytest.raises(ParameterError, match="cannot be read"):
        SupportReports(tmp_path / "none.csv").load()


def test_a_list_of_ids_without_a_header_is_refused_even_if_it_is_one(tmp_path: Path) -> None:
    """The first id would be taken for a column's name, and a report would be gone without a word."""
    (tmp_path / "ids.csv").write_text("4bf92f3577b34da6\n")

    with pytest.raises(ParameterError, match="no column of a trace id"):
        SupportReports(tmp_path / "ids.csv").load()


def test_a_packed_export_of_which_a_byte_flipped_is_refused_in_words(tmp_path: Path) -> None:
    """Wherever it flipped: zlib has an error of its own, beside those of a file that ends too early."""
    path = tmp_path / "export.jsonl.gz"
    whole = gzip.compress("\n".join(map(json.dumps, ROWS * 50)).encode(), mtime=0)
    refused = 0
    for place in range(10, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            RecordExports(path).load()
        except UnexpectedAnswer as error:
            assert "cannot be read; it may be cut" in error.problem
            refused += 1
    assert refused == len(whole) - 10


def test_a_cell_of_csv_without_an_end_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_lots, "LONGEST_CELL", 1000)
    monkeypatch.setattr(support_reports, "LONGEST_CELL", 1000)
    path = tmp_path / "x.csv"
    path.write_text('trace_id,workflow_id,note\nt,wf,"' + "x" * 2000)

    with pytest.raises(UnexpectedAnswer, match="longer than any record"):
        RecordExports(path).load()
    with pytest.raises(ParameterError, match="longer than any report"):
        SupportReports(path).load()


def test_an_error_of_csv_that_is_an_object_is_read_whatever_it_holds(tmp_path: Path) -> None:
    """Numbers that no integer of a machine holds, and nesting that no parser goes down."""
    path = tmp_path / "x.csv"
    errors = ['{"message": "refused", "code": 123456789012345678901234567890}', '{"message": ' + "[" * 100_000]
    cells = [error.replace('"', '""') for error in errors]
    path.write_text('trace_id,workflow_id,error\nt0,wf,"' + cells[0] + '"\nt1,wf,"' + cells[1] + '"\n')

    frame = RecordExports(path).load().frame
    assert frame["last_error"][0] == "refused"
    assert frame["last_error"][1] == errors[1]


def test_times_of_no_year_are_told_of_in_reports_as_well(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("trace_id,time\nt0,9999-12-31T23:59:59-14:00\nt1,2026-03-02T14:00:00Z\n")
    loaded = SupportReports(path).load()

    assert loaded.frame["reported_at"].isna().tolist() == [True, False]
    assert loaded.coverage.missing == ("1 of 2 reports have no time that can be read.",)
