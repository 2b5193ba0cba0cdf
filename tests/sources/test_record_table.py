"""A table of records in Parquet, or of Spark's: only what was asked for is read, and kept as an export is."""

from __future__ import annotations

import re
import socket
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlqkit.errors import ParameterError, SourceUnavailable, UnexpectedAnswer
from dlqkit.evidence.collect import collect
from dlqkit.incident import Incident
from dlqkit.settings import ExecutionLogsSettings, Settings
from dlqkit.sources.asked_records import Question
from dlqkit.sources.record_table import RecordTable, check_listens

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def write_lake(folder: Path, zone: str | None = "UTC", hours: int = 48) -> Path:
    """A record each hour of two workflows, in a folder for each; every tenth is a dead letter."""
    for name in ("orders", "mails"):
        place = folder / f"workflow_id={name}"
        place.mkdir(parents=True)
        times = [START + n * HOUR for n in range(hours)]
        table = pa.table(
            {
                "id": [f"{name}-{n}" for n in range(hours)],
                "trace_id": [f"t{n}" for n in range(hours)],
                "finished_at": pa.array(times, pa.timestamp("us", "UTC")).cast(pa.timestamp("us", zone)),
                "status": ["failed" if n % 10 == 0 else "ok" for n in range(hours)],
                "queued_to_dlq": [n % 10 == 0 for n in range(hours)],
                "last_error": ["refused" if n % 10 == 0 else None for n in range(hours)],
                "payload_snapshot": ['{"order":  1}'] * hours,
            }
        )
        pq.write_table(table, place / "part-0.parquet")
    return folder


def asked(**more: Any) -> Question:
    """Orders of six hours from the tenth on."""
    given = {"workflow_id": "orders", "trace_id": None, "start": START + 10 * HOUR, "end": START + 16 * HOUR, **more}
    return Question(queued_to_dlq=None, **given)


def table_of(path: Path | str, **more: Any) -> RecordTable:
    return RecordTable(settings=ExecutionLogsSettings(table=str(path), **more))


def read(table: RecordTable, question: Question) -> pd.DataFrame:
    frames: list[pd.DataFrame] = []
    table.stream_asked(question, frames.append)
    return pd.concat(frames, ignore_index=True)


def test_workflow_and_window_go_down_to_the_files(tmp_path: Path) -> None:
    """Of ninety-six records six are read: the plan names both filters where the files are scanned."""
    table = table_of(write_lake(tmp_path / "lake"))

    plan = re.sub(r"[\s│]+", " ", table.plan(asked()))

    scan = plan[plan.index("READ_PARQUET") :]
    assert "finished_at" in scan
    assert "2026-03-02 22:00:00" in scan
    assert "workflow_id" in scan
    assert read(table, asked())["record_id"].tolist() == [f"orders-{n}" for n in range(10, 16)]


@pytest.mark.parametrize("path", ["lake", "lake/*/*.parquet", "lake/workflow_id=orders/part-0.parquet"])
def test_a_table_is_a_folder_a_pattern_or_a_file(path: str, tmp_path: Path) -> None:
    """Times, texts and payloads are as an export has them."""
    write_lake(tmp_path / "lake")

    found = read(table_of(tmp_path / path), asked(workflow_id=None, trace_id="t10"))

    one = found[found["record_id"] == "orders-10"].iloc[0]
    assert (one["recorded_at"], one["last_error"], one["payload_snapshot"]) == (
        pd.Timestamp(START + 10 * HOUR), "refused", '{"order":  1}',
    )  # fmt: skip
    assert set(found["trace_id"]) == {"t10"}


def test_times_without_a_zone_are_read_in_the_zone_of_the_settings(tmp_path: Path) -> None:
    """12:00 in Berlin is 11:00 UTC; some of beside the window are read, as a local hour may come twice."""
    table = table_of(write_lake(tmp_path / "lake", zone=None), timezone="Europe/Berlin")

    found = read(table, asked())

    assert found["recorded_at"].min() == pd.Timestamp(START + 8 * HOUR)
    assert found["recorded_at"].max() == pd.Timestamp(START + 17 * HOUR)
    assert len(found) == 10


def test_without_a_zone_nothing_is_left_out_by_its_time(tmp_path: Path) -> None:
    """What a time means that has no zone is not guessed: all of the workflow is read, and has no time."""
    found = read(table_of(write_lake(tmp_path / "lake", zone=None)), asked())

    assert len(found) == 48
    assert found["recorded_at"].isna().all()


def test_collect_keeps_the_records_of_the_question_as_of_an_export(tmp_path: Path) -> None:
    """The window and as much before it; the table's name and how many came stand in the manifest."""
    write_lake(tmp_path / "lake")
    settings = Settings(execution_logs={"table": str(tmp_path / "lake")})

    folder = collect(Incident(START + 20 * HOUR, START + 24 * HOUR, workflow_id="orders"), settings, tmp_path / "inc")

    kept = folder.records().frame
    assert set(kept["workflow_id"]) == {"orders"}
    assert kept["recorded_at"].max() == pd.Timestamp(START + 23 * HOUR)
    assert kept["recorded_at"].min() <= pd.Timestamp(START + 16 * HOUR)
    source = folder.manifest["sources"][0]
    assert (source["kind"], source["query"], source["coverage"]["completeness"]) == (
        "records: export", "lake", "complete",
    )  # fmt: skip
    assert str(tmp_path) not in str(source)


def test_a_table_that_is_not_there_says_where_to_look(tmp_path: Path) -> None:
    """A path that was mistyped is an error of the settings, and none of the records."""
    with pytest.raises(ParameterError, match=r"no table records.*\n.*execution_logs\.table"):
        read(table_of(tmp_path / "records"), asked())


def test_a_file_of_the_table_that_was_cut_is_named(tmp_path: Path) -> None:
    """Half a Parquet file gives no records."""
    lake = write_lake(tmp_path / "lake")
    file = lake / "workflow_id=orders" / "part-0.parquet"
    file.write_bytes(file.read_bytes()[:-30])

    with pytest.raises(UnexpectedAnswer, match="lake cannot be read"):
        read(table_of(lake), asked())


def test_a_token_in_the_address_of_spark_is_refused() -> None:
    """It would stand in a file that others read."""
    with pytest.raises(ParameterError, match="SPARK_CONNECT_AUTHENTICATE_TOKEN"):
        table_of("/lake/records", spark="sc://host:15002/;token=abc")


def test_without_spark_a_table_of_its_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """PySpark is an extra."""
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)

    with pytest.raises(ParameterError, match=r"dlqkit\[spark\]"):
        read(table_of("lake.records", spark="sc://127.0.0.1:15002"), asked())


@pytest.mark.parametrize("address", ["sc://127.0.0.1:{}/;use_ssl=true", "spark://127.0.0.1:{},127.0.0.1:{}"])
def test_a_spark_that_is_not_there_is_told_at_once(address: str) -> None:
    """Its own client would try for more than six minutes, in the middle of an incident."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.monotonic()

    with pytest.raises(SourceUnavailable, match=rf"Nothing answers at 127\.0\.0\.1:{port}.*\n.*execution_logs\.spark"):
        check_listens(address.format(port, port))

    assert time.monotonic() - began < 10


@pytest.mark.parametrize("address", ["sc://127.0.0.1:{}", "spark://127.0.0.1:1,127.0.0.1:{}", "local[2]"])
def test_a_spark_whose_port_is_open_is_asked_by_its_own_client(address: str) -> None:
    """Of two masters one is enough, and one in this process has no port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_listens(address.format(server.getsockname()[1]))
