"""A driver of its own: reads a table by a Spark Connect server, and counts it there; prints JSON.

In a process of its own, as a session of Spark Connect and one of Spark itself do not go together in one.
"""

from __future__ import annotations

import json
import sys
import warnings
from datetime import datetime, timedelta

import pandas as pd

from dlqkit.engines.scan import scan_records
from dlqkit.executions.scale.counts import count_records
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.asked_records import Question
from dlqkit.sources.record_table import RecordTable


def main(address: str, folder: str, contract: str, start: str) -> None:
    """The ids of the question, the plan, and how many records the engine counts."""
    warnings.filterwarnings("ignore", message=".*pandas.*")
    table = RecordTable(settings=ExecutionLogsSettings(table=folder, spark=address))
    begin = datetime.fromisoformat(start)
    asked = Question("orders", None, None, begin, begin + timedelta(hours=6))
    frames: list[pd.DataFrame] = []
    table.stream_asked(asked, frames.append)

    from pyspark.sql import SparkSession

    session = SparkSession.builder.remote(address).getOrCreate()
    counted = count_records(scan_records(contract, "spark", spark=session)).iloc[0]
    found = {
        "ids": sorted(pd.concat(frames)["record_id"]),
        "plan": table.plan(asked),
        "records": int(counted["records"]),
        "dead_letters": int(counted["dead_letters"]),
        "session": type(session).__module__,
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
