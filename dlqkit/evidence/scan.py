"""The records of a folder's snapshots as one lazy frame: each once for each state, of the event that it first named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import narwhals as nw

from dlqkit.engines.choose import Engine
from dlqkit.engines.contract import collect
from dlqkit.engines.scan import ROW, connect, scan_files, scan_frame
from dlqkit.evidence.looks import FATE
from dlqkit.frames import RECORD_CONTENT, RECORDS, empty_frame

__all__ = ["scan_snapshots"]


def scan_snapshots(
    files: Sequence[Path], version: Sequence[str], engine: Engine, *, spark: Any = None, connection: Any = None
) -> nw.LazyFrame[Any]:
    """The records of snapshots as ``IncidentFolder.records`` has them.

    Parameters
    ----------
    files : sequence of Path
        Records of each snapshot that has some, oldest first.
    version : sequence of str
        The columns in which two looks at one record differ if its fate has changed.
    engine : str
        ``duckdb`` or ``spark``, or ``pandas``, which reads them now.
    spark : SparkSession, optional
        For ``spark``.
    connection : DuckDBPyConnection, optional
        For ``duckdb``, where more is to be asked on it; by default one of its own.
    """
    if not files:
        return scan_frame(empty_frame(RECORDS))
    if connection is None and engine == "duckdb":
        connection = connect()
    parts = [scan_files([file], engine, spark=spark, connection=connection) for file in files]
    order = ["snapshot", ROW]
    rows = nw.concat([part.with_columns(snapshot=nw.lit(number)) for number, part in enumerate(parts)])
    # A snapshot holds each state once, since it was written so.
    merged = _each_once(rows, list(version), order) if len(files) > 1 else rows
    record = nw.col("record_id")
    # Different ids are found as groups, which DuckDB can put on the disk; a count of different ones it cannot.
    every, ids = (
        collect(found.select(rows=nw.len()), {"rows": "Int64"})["rows"].iloc[0]
        for found in (merged, merged.select("record_id").unique())
    )
    if every == ids:
        return merged
    # A record that was rewritten is still of its event, even if its payload was corrected.
    first = merged.filter(~record.is_null()).with_columns(is_first=record.is_first_distinct().over(order_by=order))
    keys = first.filter(nw.col("is_first")).select(nw.col("record_id"), first_key=nw.col("event_key"))
    # One id of several events, as ``looks.merge_looks`` tells them: their keys are their own.
    keys = keys.join(_shared_ids(rows), on="record_id", how="anti")
    joined = merged.join(keys, on="record_id", how="left")
    return joined.with_columns(
        event_key=nw.when(nw.col("first_key").is_null()).then(nw.col("event_key")).otherwise(nw.col("first_key"))
    )


def _each_once(rows: nw.LazyFrame[Any], version: list[str], order: list[str]) -> nw.LazyFrame[Any]:
    """As ``seen_states.keep_each_once``; a snapshot holds each state once, but may hold some side by side."""
    beside = rows.group_by("snapshot", *version).agg(count=nw.len()).filter(nw.col("count") > 1)
    if not collect(beside.select(rows=nw.len()), {"rows": "Int64"})["rows"].iloc[0]:
        return rows.unique(version, keep="last", order_by=order)
    counted = rows.with_columns(count=nw.col("snapshot").count().over("snapshot", *version))
    marked = counted.with_columns(most=nw.col("count").max().over(*version))
    alone = marked.filter(nw.col("most") == 1).unique(version, keep="last", order_by=order)
    several = marked.filter(nw.col("most") > 1).unique([*version, *RECORD_CONTENT], keep="last", order_by=order)
    return nw.concat([alone, several]).drop("count", "most")


def _shared_ids(rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The ids under which one snapshot shows records of several events."""
    found = []
    for columns, more in (([*FATE], ["event_key"]), (["record_id"], ["workflow_id", "trace_id"])):
        different = rows.filter(~nw.col("record_id").is_null(), ~nw.col(more[-1]).is_null())
        different = different.select("snapshot", *columns, *more).unique()
        counts = different.group_by("snapshot", *columns).agg(count=nw.len())
        found.append(counts.filter(nw.col("count") > 1).select("record_id"))
    return nw.concat(found).unique()
