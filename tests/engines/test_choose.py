"""Which engine the records fit."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlqkit.engines.choose import COPIES, choose_engine, free_memory_bytes, measure_records
from dlqkit.errors import EvidenceError, ParameterError

MEMINFO = "MemTotal:       16000000 kB\nMemFree:          100000 kB\nMemAvailable:    2000000 kB\n"


def write_rows(path: Path, rows: int) -> Path:
    table = pa.table({"number": pa.array(range(rows), type=pa.int64())})
    pq.write_table(table, path, use_dictionary=False, compression="none")
    return path


def test_size_is_that_of_all_files(tmp_path: Path) -> None:
    """Two files of one column of numbers: eight bytes in Parquet for each, and eight for the value itself."""
    files = [write_rows(tmp_path / "a.parquet", 10_000), write_rows(tmp_path / "b.parquet", 20_000)]

    size = measure_records(files)

    assert size.rows == 30_000
    assert size.width_bytes == pytest.approx(16, rel=0.05)
    assert size.in_memory_bytes == pytest.approx(480_000, rel=0.05)


def test_nothing_has_no_size() -> None:
    """No file is no records."""
    assert measure_records([]).in_memory_bytes == 0


def test_a_cut_file_is_named(tmp_path: Path) -> None:
    """A file that was cut is said by its name, with what to do."""
    whole = write_rows(tmp_path / "records.parquet", 1_000)
    whole.write_bytes(whole.read_bytes()[:-20])

    with pytest.raises(EvidenceError, match=r"records\.parquet is not readable Parquet"):
        measure_records([whole])


def test_auto_is_pandas_while_the_copies_fit_and_duckdb_from_then_on(tmp_path: Path) -> None:
    """An analysis on pandas needs its columns three times; one byte less of memory, and it is DuckDB's."""
    files = [write_rows(tmp_path / "a.parquet", 10_000)]
    needed = int(COPIES * measure_records(files).in_memory_bytes)

    assert choose_engine("auto", files, free_bytes=needed) == "pandas"
    assert choose_engine("auto", files, free_bytes=needed - 1) == "duckdb"


@pytest.mark.parametrize("engine", ["pandas", "duckdb", "spark"])
def test_what_was_asked_for_is_taken(engine: str, tmp_path: Path) -> None:
    """A named engine is not second-guessed, however small the memory."""
    assert choose_engine(engine, [tmp_path / "absent.parquet"], free_bytes=0) == engine


def test_unknown_engine_is_refused() -> None:
    """A typing error names the engines there are."""
    with pytest.raises(ParameterError, match=r"no engine 'polars'") as raised:
        choose_engine("polars", [])
    assert raised.value.next_step == "Use one of: auto, pandas, duckdb, spark."


@pytest.mark.parametrize(
    ("limit", "used", "free"),
    [
        ("1000000000", "400000000", 600_000_000),
        ("max", "400000000", 2_048_000_000),
        ("9223372036854771712", "400000000", 2_048_000_000),
        ("1000", "4000", 0),
        ("1000000000", "not a number", 2_048_000_000),
    ],
)
def test_free_memory_is_the_lesser_of_machine_and_container(tmp_path: Path, limit: str, used: str, free: int) -> None:
    """In a container the machine's memory is not there to be taken."""
    (tmp_path / "meminfo").write_text(MEMINFO)
    (tmp_path / "max").write_text(limit + "\n")
    (tmp_path / "current").write_text(used + "\n")

    assert free_memory_bytes(tmp_path / "meminfo", [(tmp_path / "max", tmp_path / "current")]) == free


def test_free_memory_is_unknown_where_nothing_tells(tmp_path: Path) -> None:
    """A system without these files does not tell, and pandas is kept to a gigabyte."""
    assert free_memory_bytes(tmp_path / "meminfo", []) is None
