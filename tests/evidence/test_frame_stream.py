"""Records that are written and joined a part at a time: the same rows as all at once, and a full disk is told."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from dlqkit.errors import EvidenceError, StorageError
from dlqkit.evidence import frame_stream
from dlqkit.evidence.folder import RECORD_VERSION
from dlqkit.evidence.frame_stream import FrameWriter, find_values, join_records
from dlqkit.evidence.store import read_frame, write_frame
from dlqkit.frames import RECORDS
from tests.frames import dead, good, records


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As a disk that is full after so many bytes of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_pages_become_one_file_of_several_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row in its order, absent values and categories too; what is held back is written when it is enough."""
    monkeypatch.setattr(frame_stream, "_GROUP_BYTES", 1)
    first = records([dead(1, payload_snapshot='{"a": "ü"}'), good(2, attempts=None, trace_id=None)])
    second = records([good(3, status=None, action_duration_ms=None)])

    with FrameWriter(tmp_path / "frames" / "records.parquet") as writer:
        writer.add(first)
        writer.add(second)

    path = tmp_path / "frames" / "records.parquet"
    expected = pd.concat([first, second], ignore_index=True).astype({"status": "category"})
    pd.testing.assert_frame_equal(read_frame(path, RECORDS), expected, check_categorical=False)
    assert pq.read_metadata(path).num_row_groups == 2
    assert writer.rows == 3
    assert path.stat().st_mode & 0o777 == 0o600


def test_thousands_of_tiny_pages_become_one_group(tmp_path: Path) -> None:
    """A page of one record takes more room for itself than for the record, so they are put together on the way."""
    pages = [records([dead(number, record_id=f"r{number}")]) for number in range(50)]

    with FrameWriter(tmp_path / "records.parquet") as writer:
        for number in range(1000):
            writer.add(pages[number % 50])
            assert len(writer._held) < 257

    found = read_frame(tmp_path / "records.parquet", RECORDS)
    assert found["record_id"].tolist() == [f"r{number % 50}" for number in range(1000)]
    assert pq.read_metadata(tmp_path / "records.parquet").num_row_groups == 1


def test_a_file_without_rows_is_not_made(tmp_path: Path) -> None:
    with FrameWriter(tmp_path / "records.parquet"):
        pass

    assert list(tmp_path.iterdir()) == []


def test_a_reading_that_breaks_off_leaves_nothing_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a file would be taken for what was asked."""
    monkeypatch.setattr(frame_stream, "_GROUP_BYTES", 1)
    with pytest.raises(KeyError), FrameWriter(tmp_path / "records.parquet") as writer:
        writer.add(records([dead(1)]))
        raise KeyError

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("group_bytes", [1, 1 << 30])
def test_a_disk_that_fills_up_is_told_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group_bytes: int
) -> None:
    """Whether it is full at the first rows or at the last: what to do is said, and nothing half-written is there."""
    monkeypatch.setattr(frame_stream, "_GROUP_BYTES", group_bytes)
    path = tmp_path / "records.parquet"
    write_frame(path, records([dead(1)]))
    before = path.read_bytes()
    frame = records([dead(number) for number in range(2, 400)])
    with files_of_at_most(2000), pytest.raises(StorageError, match="disk is full") as told, FrameWriter(path) as writer:
        writer.add(frame)

    assert "records.parquet could not be written" in told.value.problem
    assert "run the same command again" in told.value.next_step
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_of_one_state_seen_twice_the_last_is_kept_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sources bring the same record; one that was rewritten in between is another state and stays."""
    monkeypatch.setattr(frame_stream, "_BATCH_ROWS", 2)
    early = records(
        [dead(1, record_id="a", last_error="early"), good(2, record_id="b"), dead(3, record_id="c", attempts=None)]
    ).assign(trace_id="t")
    late = records(
        [good(4, record_id="d"), dead(1, record_id="a", last_error="late"), dead(3, record_id="c", attempts=None),
         dead(2, record_id="b")]
    ).assign(trace_id="t")  # fmt: skip
    for name, frame in (("a", early), ("b", late)):
        write_frame(tmp_path / f"{name}.parquet", frame)

    join_records([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path / "whole.parquet", RECORD_VERSION)

    whole = read_frame(tmp_path / "whole.parquet", RECORDS)
    at_once = pd.concat([early, late], ignore_index=True).drop_duplicates(RECORD_VERSION, keep="last")
    expected = at_once.astype({"status": "category"}).reset_index(drop=True)
    pd.testing.assert_frame_equal(whole, expected, check_categorical=False)
    assert whole["record_id"].tolist() == ["b", "d", "a", "c", "b"]
    assert whole["last_error"].tolist()[2] == "late"


def test_a_count_is_the_same_whether_or_not_its_neighbours_are_absent(tmp_path: Path) -> None:
    """One file knows all attempts, the other lacks some: the record that both have is one record."""
    write_frame(tmp_path / "a.parquet", records([dead(1, record_id="a", attempts=5), dead(2, attempts=None)]))
    write_frame(tmp_path / "b.parquet", records([dead(1, record_id="a", attempts=5)]))

    join_records([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path / "whole.parquet", RECORD_VERSION)

    assert len(read_frame(tmp_path / "whole.parquet", RECORDS)) == 2


def test_a_part_that_was_cut_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_frame(path, records([dead(1)]))
    path.write_bytes(path.read_bytes()[:300])

    with pytest.raises(EvidenceError, match="cut or changed"):
        join_records([path], tmp_path / "whole.parquet", RECORD_VERSION)


def test_reported_traces_are_found_without_reading_the_records(tmp_path: Path) -> None:
    """Only the traces that were asked for, of those that are there."""
    write_frame(
        tmp_path / "a.parquet", records([dead(1, trace_id="t1"), dead(2, trace_id=None), dead(3, trace_id="t3")])
    )

    assert find_values(tmp_path / "a.parquet", "trace_id", {"t3", "t4"}) == {"t3"}
