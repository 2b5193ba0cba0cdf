"""Small parts of the records for functions that look at each: what was reported, and what subscriptions hold."""

from __future__ import annotations

import pandas as pd

from dlqkit.frames import RECORDS
from dlqkit.report.scale.own import OwnRecords
from dlqkit.report.scale.tables import RecordTables
from dlqkit.signals.support import plain_keys

__all__ = ["read_held", "read_reported"]

# Of what clients report; more are the records again.
MOST_REPORTED = 100_000


def read_reported(tables: RecordTables, reports: pd.DataFrame) -> pd.DataFrame:
    """The records that may be of a reported event, ``frames.RECORDS``, in their order.

    Raises
    ------
    EngineError
        If there are more than a hundred thousand.
    """
    traces, keys = plain_keys(reports)
    if not traces and not keys:
        return tables.ask("SELECT * FROM records LIMIT 0", RECORDS)
    trace = r"regexp_replace(regexp_replace(trace_id, '^\s+|\s+$', '', 'g'), '^(-?[0-9]+)\.0+$', '\1')"
    where = f"list_contains($traces, {trace})"
    values = {"traces": sorted(traces)}
    if keys:
        values["keys"] = sorted(keys)
        # A payload that spells letters out is read to the end.
        where += (
            r" OR contains(payload_snapshot, '\') "
            "OR len(list_filter($keys, lambda one: contains(payload_snapshot, one))) > 0"
        )
    columns = {**RECORDS, "pos": "Int64"}
    found = tables.ask(f"SELECT * FROM records WHERE {where}", columns, values, at_most=MOST_REPORTED)
    return found.sort_values("pos", kind="stable").drop(columns="pos").reset_index(drop=True)


def read_held(own: OwnRecords, originals: pd.DataFrame) -> pd.DataFrame:
    """The dead letters that ``held.count_held`` holds against the messages of the dead-letter subscriptions."""
    traces = sorted(originals["trace_id"].dropna().unique())
    found = own.ask(
        f"SELECT DISTINCT trace_id FROM lost WHERE {own.where} "
        "AND (trace_id IS NULL OR list_contains($traces, trace_id))",
        {"trace_id": "str"}, traces=traces,
    )  # fmt: skip
    return found.assign(queued_to_dlq=pd.Series(True, index=found.index, dtype="boolean"))
