"""Small parts of the records for functions that look at each: what was reported, and what subscriptions hold."""

from __future__ import annotations

import pandas as pd

from dlqkit.frames import RECORDS
from dlqkit.report.held import Listed
from dlqkit.report.scale.own import OwnRecords
from dlqkit.report.scale.tables import RecordTables
from dlqkit.signals.support import plain_keys

__all__ = ["read_listed", "read_reported"]

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


def read_listed(own: OwnRecords, traces: set[str]) -> Listed:
    """What dead letters tell of the traces of messages, as ``held.select_held`` reads it."""
    lost = f"SELECT event_key, trace_id FROM lost WHERE {own.where}"
    met = own.ask(
        f"SELECT DISTINCT trace_id FROM ({lost}) WHERE trace_id IN (SELECT unnest($traces))",
        {"trace_id": "str"}, traces=sorted(traces),
    )  # fmt: skip
    unknown = own.number(f"SELECT count(*) FROM ({lost}) WHERE trace_id IS NULL")
    several = own.number(
        f"SELECT count(*) FROM (SELECT event_key FROM ({lost}) WHERE event_key IS NOT NULL GROUP BY event_key "
        "HAVING min(trace_id) <> max(trace_id))"
    )
    count = own.number(f"SELECT count(*) FROM ({lost})")
    return Listed(count > 0, set(met["trace_id"]), not unknown and not several)
