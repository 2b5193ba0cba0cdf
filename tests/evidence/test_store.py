from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from dlqkit.errors import EvidenceError, StorageError
from dlqkit.evidence import store
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


def declared(size: int, pieces: int) -> bytes:
    packer = zstandard.ZstdCompressor().compressobj(size=size)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(pieces)), packer.flush()])


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(lambda: declared(300 << 20, 300), id="that says so"),
        pytest.param(lambda: declared(-1, 300), id="that does not say so"),
        pytest.param(lambda: zstandard.compress(b"{}") + declared(300 << 20, 300), id="behind a page"),
    ],
)
def test_a_page_that_expands_without_an_end_is_refused_and_takes_no_memory(
    packed: Callable[[], bytes], tmp_path: Path
) -> None:
    """The size that it declares was made room for, whatever bound was given."""
    page, bomb = tmp_path / "page.zst", tmp_path / "bomb.zst"
    write_raw(page, b"{}")
    bomb.write_bytes(packed())
    assert bomb.stat().st_size < 100_000

    problem, grown = read_apart("read_raw(Path({path!r}))", page, bomb)

    assert problem.startswith("The page bomb.zst ")
    assert grown < 200


MEASURE = """
from pathlib import Path
from dlqkit.errors import EvidenceError
from dlqkit.evidence.store import read_frame, read_raw
def peak():
    said = Path("/proc/self/status").read_text().split()
    return int(said[said.index("VmHWM:") + 1]) / 1024
FIRST
before = peak()
try:
    SECOND
except EvidenceError as error:
    print(error.problem)
    print(peak() - before)
"""


def read_apart(call: str, usual: Path, hostile: Path) -> tuple[str, float]:
    """What is said of a hostile file, and the megabytes that it took, in a process of its own."""
    text = MEASURE.replace("FIRST", call.format(path=str(usual))).replace("SECOND", call.format(path=str(hostile)))
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, timeout=60)
    problem, grown = done.stdout.splitlines()
    return problem, float(grown)


def same_rows() -> pa.Table:
    column = pa.array(["x" * 50]).take(pa.array([0] * 3_000_000))
    return pa.table([column, column], ["record_id", "workflow_id"])


@pytest.mark.parametrize(
    ("make", "options"),
    [
        pytest.param(same_rows, {}, id="rows that are alike"),
        pytest.param(lambda: pa.table({"record_id": ["x" * 900_000] * 300}), {}, id="a long text again and again"),
        pytest.param(
            lambda: pa.table({"record_id": ["x" * 900_000] * 300}), {"use_dictionary": False}, id="long texts"
        ),
        pytest.param(lambda: pa.table({"attempts": pa.nulls(20_000_000, pa.int64())}), {}, id="nothing"),
    ],
)
def test_a_frame_that_expands_to_far_more_than_its_size_is_refused_and_takes_little_memory(
    make: Callable[[], pa.Table], options: dict[str, Any], tmp_path: Path
) -> None:
    """A file of some kilobytes in a folder of somebody else's."""
    few, bomb = tmp_path / "few.parquet", tmp_path / "bomb.parquet"
    write_frame(few, records([dead(1)]))
    pq.write_table(make(), bomb, compression="zstd", **options)
    assert bomb.stat().st_size < 150_000

    problem, grown = read_apart("read_frame(Path({path!r}), {{}})", few, bomb)

    assert "/bomb.parquet expands to more than " in problem
    assert grown < 200


def test_texts_that_tell_of_those_before_them_are_not_read(tmp_path: Path) -> None:
    """dlqkit writes none; a few bytes of them come to any length."""
    path = tmp_path / "records.parquet"
    table = pa.table({"record_id": ["x" * 1_000 + str(n) for n in range(100)]})
    pq.write_table(table, path, use_dictionary=False, column_encoding={"record_id": "DELTA_BYTE_ARRAY"})

    with pytest.raises(EvidenceError, match="not readable Parquet"):
        read_frame(path, RECORDS)


def test_records_that_are_alike_but_for_their_ids_are_no_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kilobytes of the same error in each, as an outage leaves it; whatever is free."""
    monkeypatch.setattr(store, "_FREE_FRAME_BYTES", 0)
    rows = 20_000
    frame = records([dead(1)] * rows)
    frame["record_id"] = [f"r{n}" for n in range(rows)]
    frame["last_error"] = "e" * 2_000

    write_frame(tmp_path / "records.parquet", frame)

    assert len(read_frame(tmp_path / "records.parquet", RECORDS)) == rows
