from __future__ import annotations

import os
import stat
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from dlqkit.errors import EvidenceError, StorageError
from dlqkit.evidence.store import hold, make_folder, read_frame, read_raw, write_bytes, write_frame, write_raw
from dlqkit.frames import RECORDS
from tests.frames import dead, good, records


def test_a_file_is_the_owners_alone(tmp_path: Path) -> None:
    """0700 and 0600: the evidence holds payloads."""
    write_bytes(tmp_path / "new" / "deeper" / "file", b"x")

    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "deeper" / "file").stat().st_mode) == 0o600


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(StorageError, match="disk is full"):
        write_bytes(path, b"new")

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="could not be written"):
        make_folder(tmp_path / "file")


def test_two_processes_do_not_collect_into_one_folder(tmp_path: Path) -> None:
    with hold(tmp_path / ".lock"), pytest.raises(StorageError, match="Another dlqkit"), hold(tmp_path / ".lock"):
        pass
    with hold(tmp_path / ".lock"):
        pass


def test_a_frame_comes_back_as_it_was(tmp_path: Path) -> None:
    """Every dtype of the records, absent values too; times stand in the file without a zone."""
    frame = records([dead(1, payload_snapshot='{"a": 1}'), good(2, attempts=None, trace_id=None)])

    write_frame(tmp_path / "records.parquet", frame)

    pd.testing.assert_frame_equal(read_frame(tmp_path / "records.parquet", RECORDS), frame, check_categorical=False)
    assert "tz=" not in str(pq.read_schema(tmp_path / "records.parquet").field("recorded_at").type)


def test_a_frame_that_was_cut_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "records.parquet"
    write_frame(path, records([dead(1)]))
    path.write_bytes(path.read_bytes()[:200])

    with pytest.raises(EvidenceError, match="cut or changed"):
        read_frame(path, RECORDS)


def test_a_page_comes_back_byte_for_byte(tmp_path: Path) -> None:
    body = b'{"a": "\xc3\xa4"}' * 1000
    write_raw(tmp_path / "page.zst", body)

    assert read_raw(tmp_path / "page.zst") == body
    assert (tmp_path / "page.zst").stat().st_size < len(body) / 10
    (tmp_path / "page.zst").write_bytes(b"xx")
    with pytest.raises(EvidenceError):
        read_raw(tmp_path / "page.zst")
