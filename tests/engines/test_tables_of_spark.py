"""A table of records that Spark reads: the question goes down to it, on a cluster and by Spark Connect."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dlqkit.errors import ParameterError
from dlqkit.evidence.store import write_frame
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.record_table import RecordTable
from tests.engines.cluster import NotInstalled, connect_server
from tests.frames import dead, good, records
from tests.sources.test_record_table import START, asked, read, write_lake

ROOT = Path(__file__).parents[2]
JOB = Path(__file__).with_name("connect_job.py")
# What the session of the tests is of; another one is not made beside it.
ADDRESS = os.environ.get("DLQKIT_SPARK_URL") or "local[2]"

pytestmark = pytest.mark.spark


def table_of(name: str | Path, address: str = ADDRESS) -> RecordTable:
    return RecordTable(settings=ExecutionLogsSettings(table=str(name), spark=address))


def test_workflow_and_window_go_down_to_what_spark_reads(spark: Any, tmp_path: Path) -> None:
    """The folder of the other workflow is not opened, and the files are asked for six hours of forty-eight."""
    table = table_of(write_lake(tmp_path / "lake"))

    plan = table.plan(asked())

    assert "PartitionFilters: [isnotnull(workflow_id" in plan
    pushed = plan[plan.index("PushedFilters") :]
    # In the zone of the session's Java, five hours behind UTC; Spark cuts what it says after a hundred letters.
    assert re.search(r"GreaterThanOrEqual\(finished_at,2026-03-02 (?:22|17):00:00", pushed)
    assert sorted(read(table, asked())["record_id"]) == [f"orders-{n}" for n in range(10, 16)]


def test_a_table_is_read_by_its_name(spark: Any, tmp_path: Path) -> None:
    """What the session knows as a table or a view, without a path."""
    spark.read.parquet(str(write_lake(tmp_path / "lake"))).createOrReplaceTempView("execution_records")

    found = read(table_of("execution_records"), asked())

    assert len(found) == 6
    assert found["recorded_at"].min() == pd.Timestamp(START + timedelta(hours=10))


def test_a_name_that_spark_does_not_know_says_where_to_look(spark: Any) -> None:
    """A table that was mistyped is an error of the settings."""
    with pytest.raises(ParameterError, match=r"no table nothing.*\n.*execution_logs\.table"):
        read(table_of("nothing"), asked())


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a driver of its own reads by a Spark Connect server."""
    folder = tmp_path_factory.mktemp("connect")
    lake = write_lake(folder / "lake")
    write_frame(folder / "records.parquet", records([dead(0), dead(10), good(20)]))
    try:
        with connect_server(folder / "server") as address:
            done = run_job(address, lake, folder / "records.parquet")
    except NotInstalled as error:
        if os.environ.get("DLQKIT_REQUIRE_REAL") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_job(address: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    # A master that the environment names is none of this session's.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "DLQKIT_"))}
    command = [sys.executable, str(JOB), address, *map(str, paths), START.replace(hour=22).isoformat()]
    environment |= {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def test_spark_connect_reads_what_was_asked_for(connected: dict[str, Any]) -> None:
    """By a URL alone: six records of ninety-six, found where the files are."""
    assert connected["ids"] == [f"orders-{n}" for n in range(10, 16)]
    assert "GreaterThanOrEqual(finished_at" in connected["plan"]


def test_spark_connect_counts_like_any_engine(connected: dict[str, Any]) -> None:
    """The answers of docs/scale.md run on its session."""
    assert connected["session"].startswith("pyspark.sql.connect")
    assert (connected["records"], connected["dead_letters"]) == (3, 2)
