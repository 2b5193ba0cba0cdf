"""What a driver asks a cluster in ``test_cluster.py``, as a process of its own: ``lake_job.py URL FOLDER PATIENCE``.

Prints JSON lines: ``{"half_way": …}`` once some tasks are done, then ``{"answer": …}`` or ``{"error": …}``.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from dlqkit.engines.standstill import run_watched
from dlqkit.errors import EngineError

PAUSE_S = 0.3
HALF_WAY = 5


def open_session(url: str) -> SparkSession:
    """A session in a zone that is far from UTC, whose driver listens on loopback alone."""
    # Workers take the python3 of their path otherwise, which has no Arrow.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    return (
        SparkSession.builder.master(url)
        .appName("lake-job")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.executor.memory", "512m")
        .config("spark.sql.session.timeZone", "America/New_York")
        .config("spark.sql.shuffle.partitions", "4")
        # Each small file is a task of its own.
        .config("spark.sql.files.openCostInBytes", str(64 << 20))
        .config("spark.sql.files.maxPartitionBytes", str(64 << 20))
        .getOrCreate()
    )


def take_time(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows, later: so long as there is time to end a worker."""
    for batch in batches:
        time.sleep(PAUSE_S)
        yield batch


def ask(records: DataFrame) -> list[dict[str, Any]]:
    """Records, dead letters, dead events and the first time of each workflow."""
    dead = F.col("queued_to_dlq")
    rows = records.groupBy("workflow_id").agg(
        F.count("*").alias("records"),
        F.sum(dead.cast("int")).alias("dead_letters"),
        F.countDistinct(F.when(dead, F.col("event_key"))).alias("dead_events"),
        F.date_format(F.min("recorded_at"), "yyyy-MM-dd'T'HH:mm:ss.SSSSSS").alias("first_at"),
    )
    return [row.asDict() for row in rows.collect()]


def tell_half_way(session: SparkSession, ended: threading.Event) -> None:
    """Print how many tasks are done, once they are enough."""
    tracker = session.sparkContext.statusTracker()
    while not ended.wait(0.05):
        stages = [tracker.getStageInfo(number) for number in tracker.getActiveStageIds()]
        done = sum(stage.numCompletedTasks for stage in stages if stage is not None)
        if done >= HALF_WAY:
            print(json.dumps({"half_way": done}), flush=True)  # noqa: T201
            return


def main(url: str, folder: str, patience_s: str) -> None:
    """Ask the cluster once, and wait so long for one that stands still."""
    session = open_session(url)
    records = session.read.parquet(folder).select("workflow_id", "event_key", "queued_to_dlq", "recorded_at")
    slow = records.mapInArrow(take_time, records.schema)
    ended = threading.Event()
    threading.Thread(target=tell_half_way, args=(session, ended), daemon=True).start()
    try:
        told = {"answer": run_watched(session, lambda: ask(slow), patience_s=float(patience_s))}
    except EngineError as error:
        told = {"error": str(error)}
    ended.set()
    print(json.dumps(told), flush=True)  # noqa: T201
    # A session whose cluster is gone would wait for it once more when it is stopped.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
