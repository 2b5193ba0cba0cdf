"""Records in Parquet as one lazy frame."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from dlqkit.engines import scan
from dlqkit.engines.contract import as_records, collect
from dlqkit.engines.scan import find_files, scan_frame, scan_records
from dlqkit.errors import EngineError, EvidenceError, FrameError, ParameterError
from dlqkit.evidence.store import write_frame
from dlqkit.frames import RECORDS
from tests.engines.conftest import OnEngine
from tests.engines.traps import make_traps
from tests.frames import dead, good, records

LOCAL = pytest.mark.parametrize("engine", ["pandas", "duckdb"])
MINIMUM = {
    "event_key": pa.array(["e1"]),
    "workflow_id": pa.array(["wf"]),
    "recorded_at": pa.array([1_772_452_800_000_000], type=pa.timestamp("us")),
    "status": pa.array(["failed"]),
    "queued_to_dlq": pa.array([True]),
    "last_error": pa.array(["refused"]),
}


def write(path: Path, **columns: pa.Array) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({**MINIMUM, **columns}), path)
    return path


def test_what_was_written_comes_back(on_engine: OnEngine) -> None:
    """Every cell of a record is the same after Parquet and an engine, times and nulls included."""
    frame = make_traps(60)

    found = collect(on_engine(frame).sort("row_in_file"), RECORDS)

    assert_frame_equal(found.astype({"status": "str"}), frame.astype({"status": "str"}))


def test_records_in_memory_are_scanned_alike() -> None:
    """A frame that is loaded already gives the same lazy frame."""
    frame = make_traps(60)

    assert_frame_equal(collect(scan_frame(frame), RECORDS).astype({"status": "str"}), frame.astype({"status": "str"}))


@LOCAL
def test_partitions_are_columns_of_text(engine: str, tmp_path: Path) -> None:
    """A workflow that is called 007 in the path of a file stays 007."""
    for name in ("007", "10"):
        table = pa.table({key: column for key, column in MINIMUM.items() if key != "workflow_id"})
        place = tmp_path / f"workflow_id={name}"
        place.mkdir()
        pq.write_table(table, place / "part-0.parquet")

    found = collect(scan_records(tmp_path, engine), RECORDS)

    assert sorted(found["workflow_id"]) == ["007", "10"]


@LOCAL
def test_a_path_is_no_pattern(engine: str, tmp_path: Path) -> None:
    """A folder may be called as it likes, stars and brackets too."""
    path = write(tmp_path / "a[1]*" / "records.parquet")
    write(tmp_path / "a1x" / "records.parquet")

    assert len(collect(scan_records(path.parent, engine), RECORDS)) == 1


@LOCAL
def test_columns_that_are_absent_are_null(engine: str, tmp_path: Path) -> None:
    """An export without durations has unknown durations, not zero."""
    found = collect(scan_records(write(tmp_path / "a.parquet"), engine), RECORDS)

    assert found["action_duration_ms"].isna().all()
    assert found["attempts"].isna().all()


@LOCAL
def test_a_file_may_lack_what_another_has(engine: str, tmp_path: Path) -> None:
    """An export whose later files have one column more."""
    write(tmp_path / "a.parquet")
    write(tmp_path / "b.parquet", attempts=pa.array([3], type=pa.int64()))

    found = collect(scan_records(tmp_path, engine), RECORDS)

    assert sorted(found["attempts"].fillna(-1)) == [-1, 3]


@LOCAL
def test_smaller_numbers_are_taken_and_larger_guesses_are_not(engine: str, tmp_path: Path) -> None:
    """Whole numbers of fewer bits are whole numbers; attempts of 2.7 are neither two nor three."""
    small = write(tmp_path / "a.parquet", attempts=pa.array([3], type=pa.int8()),
                  action_duration_ms=pa.array([5], type=pa.int32()))  # fmt: skip
    found = collect(scan_records(small, engine), RECORDS)
    assert (found["attempts"].iloc[0], found["action_duration_ms"].iloc[0]) == (3, 5.0)

    broken = write(tmp_path / "b.parquet", attempts=pa.array([2.7]))
    with pytest.raises(FrameError, match="attempts of the records is Float64, not Int64"):
        scan_records(broken, engine)


@LOCAL
def test_a_missing_column_is_named(engine: str, tmp_path: Path) -> None:
    """Without an event's key nothing can be said of events."""
    table = pa.table({key: column for key, column in MINIMUM.items() if key != "event_key"})
    pq.write_table(table, tmp_path / "a.parquet")

    with pytest.raises(FrameError, match="no column event_key"):
        scan_records(tmp_path / "a.parquet", engine)


def test_minutes_are_those_of_utc_wherever_the_machine_stands(tmp_path: Path) -> None:
    """Times with a zone are cut at the hours of UTC, also in Kathmandu, 5 h 45 min ahead."""
    at = pa.array([1_772_453_400_000_000], type=pa.timestamp("us", tz="Asia/Kathmandu"))
    path = write(tmp_path / "a.parquet", recorded_at=at)
    code = (
        "import sys, narwhals as nw; from dlqkit.engines.scan import scan_records\n"
        "for engine in ('pandas', 'duckdb'):\n"
        "    hours = scan_records(sys.argv[1], engine).select(nw.col('recorded_at').dt.truncate('1h'))\n"
        "    print(hours.collect('pandas').to_native().iloc[0, 0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={"TZ": "Asia/Kathmandu"},
    )

    assert done.stdout.split("\n")[:2] == ["2026-03-02 12:00:00"] * 2


@LOCAL
def test_an_answer_that_is_the_records_again_is_not_collected(engine: str, tmp_path: Path) -> None:
    """More rows than an answer may have raise; they are not brought into memory."""
    write_frame(tmp_path / "a.parquet", records([dead(number) for number in range(20)]))
    scanned = scan_records(tmp_path / "a.parquet", engine)

    assert len(collect(scanned, RECORDS, at_most=20)) == 20
    with pytest.raises(EngineError, match="more than 19 rows"):
        collect(scanned, RECORDS, at_most=19)


def test_an_engine_that_fails_says_so(tmp_path: Path) -> None:
    """What DuckDB cannot compute is said with what to do, and no other engine takes over in silence."""
    write_frame(tmp_path / "a.parquet", records([good(0)]))
    scanned = scan_records(tmp_path / "a.parquet", "duckdb")
    broken = scanned.with_columns(nw.col("status").cast(nw.Int64).alias("number"))

    with pytest.raises(EngineError, match="could not compute the answer: ConversionException"):
        collect(broken, {"number": "Int64"})


def test_what_duckdb_writes_to_disk_is_the_owners_and_goes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Error texts do not lie about in the working directory when an answer outgrows the memory."""
    monkeypatch.setattr(scan, "free_memory_bytes", lambda: 1_000 << 20)
    connection = scan.connect()
    place, limit = connection.sql(
        "SELECT current_setting('temp_directory'), current_setting('memory_limit')"
    ).fetchall()[0]

    assert Path(place).stat().st_mode & 0o777 == 0o700
    assert limit == "800.0 MiB"
    connection.execute("SET memory_limit = '300 MiB'")
    # Forty million numbers take 320 MB.
    connection.execute("CREATE TEMP TABLE numbers AS SELECT random() AS one FROM range(40_000_000)")
    assert list(Path(place).iterdir())
    del connection
    gc.collect()
    assert not Path(place).exists()


def test_duckdb_takes_no_more_than_it_is_given_though_more_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triage gives it a gigabyte; without a word it takes four fifths of what is free."""
    monkeypatch.setattr(scan, "free_memory_bytes", lambda: 64 << 30)

    limits = [
        connection.sql("SELECT current_setting('memory_limit')").fetchall()[0][0]
        for connection in (scan.connect(most_mb=scan.MOST_MB), scan.connect())
    ]

    assert limits == ["1.0 GiB", "51.1 GiB"]


@LOCAL
def test_a_cut_file_is_no_evidence(engine: str, tmp_path: Path) -> None:
    """A file that was cut raises rather than giving half of it."""
    path = write(tmp_path / "a.parquet")
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(EvidenceError, match="cannot be read as Parquet"):
        scan_records(path, engine)


def test_what_a_writer_left_behind_is_no_records(tmp_path: Path) -> None:
    """Names that begin with a line or a dot are of the writer, as on a lake."""
    kept = write(tmp_path / "b.parquet")
    for name in ("_temporary/a.parquet", ".b.parquet", "_metadata.parquet"):
        write(tmp_path / name)

    assert find_files(tmp_path) == [kept]


def test_a_path_without_parquet_is_refused(tmp_path: Path) -> None:
    """Nothing to read is the analyst's mistake, not an incident without records."""
    with pytest.raises(ParameterError, match="no Parquet file"):
        scan_records(tmp_path, "duckdb")


def test_spark_needs_a_session(tmp_path: Path) -> None:
    """No session is started behind the analyst's back."""
    with pytest.raises(ParameterError, match="needs a session"):
        scan_records(write(tmp_path / "a.parquet"), "spark")


@pytest.mark.spark
def test_a_session_in_another_zone_is_refused(spark: object, tmp_path: Path) -> None:
    """Spark cuts times in its session's zone, so another one than UTC gives other minutes."""
    path = write(tmp_path / "a.parquet")
    spark.conf.set("spark.sql.session.timeZone", "Asia/Kathmandu")  # type: ignore[attr-defined]
    try:
        with pytest.raises(EngineError, match="time zone is Asia/Kathmandu"):
            scan_records(path, "spark", spark=spark)
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")  # type: ignore[attr-defined]


@pytest.mark.spark
def test_spark_says_what_it_cannot_read(spark: object, tmp_path: Path) -> None:
    """A path without files is an error of two sentences, not a trace of Java."""
    with pytest.raises(EvidenceError, match="cannot be read as Parquet"):
        scan_records(tmp_path / "absent", "spark", spark=spark)


def test_another_engine_is_refused() -> None:
    """What no answer is tested on raises, before anything is collected."""
    table = pa.table(MINIMUM)
    with pytest.raises(EngineError, match="on which no answer is tested"):
        as_records(nw.from_native(table).lazy())


def test_times_come_out_in_utc(on_engine: OnEngine) -> None:
    """An answer's times are aware, as in every frame of dlqkit."""
    found = collect(on_engine(records([good(0)])), {"recorded_at": RECORDS["recorded_at"]})

    assert found["recorded_at"].tolist() == [pd.Timestamp("2026-03-02T12:00:00Z")]
