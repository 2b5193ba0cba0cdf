"""What became of events, and all that is known of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import pandas as pd

from dlqkit.engines.contract import collect
from dlqkit.executions.event_history import event_history
from dlqkit.executions.scale.outcomes import IN_ORDER, OUTCOME_KEYS, name_outcomes, with_outcome_keys
from dlqkit.frames import RECORDS

__all__ = ["STATES", "count_states", "load_event"]

STATES: Mapping[str, str] = {"workflow_id": "str", "state": "str", "events": "Int64"}
# Of one event: a worker that tries for ever writes thousands, and more than this is no event but a key that is wrong.
MOST_RECORDS = 10_000


def count_states(records: nw.LazyFrame[Any]) -> pd.DataFrame:
    """How many events of each workflow are open, healed, succeeded, failed or being tried again.

    Parameters
    ----------
    records : LazyFrame
        From ``scan_records``, in any order.

    Returns
    -------
    DataFrame
        Columns of ``STATES``, by ``workflow_id`` and ``state`` of ``event_states``: of an event's last record, and
        whether it was ever dead. An event is of the workflow of its last record.
    """
    keyed = with_outcome_keys(records).with_columns(deaths=nw.col("is_dead").cast(nw.Int64))
    # Not joined: what is null is equal to what is null here, and would not be there.
    last = keyed.with_columns(
        is_last=nw.col("event_key").is_last_distinct().over(order_by=list(IN_ORDER)),
        all_deaths=nw.col("deaths").sum().over("event_key"),
    ).filter(nw.col("is_last"))
    keys = ["workflow_id", *OUTCOME_KEYS, "was_dead"]
    answer = last.with_columns(was_dead=nw.col("all_deaths") > 0).group_by(keys).agg(events=nw.len())
    columns = {"workflow_id": "str", **OUTCOME_KEYS, "was_dead": "boolean", "events": "Int64"}
    counted = collect(answer, columns)
    outcome, was_dead = name_outcomes(counted), counted["was_dead"].astype(bool)
    state = outcome.replace({"dead": "open"})
    state = state.mask((state == "succeeded") & was_dead, "healed").mask((state == "failed") & was_dead, "open")
    counted["state"] = state.astype("str")
    out = counted.groupby(["workflow_id", "state"], dropna=False, as_index=False)["events"].sum()
    return out.sort_values(["workflow_id", "state"], kind="stable").reset_index(drop=True).astype(dict(STATES))


def load_event(records: nw.LazyFrame[Any], event_id: str) -> pd.DataFrame:
    """All that is known of one event, as ``event_history`` tells it of records that are in memory.

    Parameters
    ----------
    records : LazyFrame
        From ``scan_records``.
    event_id : str
        Its ``event_key``, ``trace_id`` or a ``record_id``.

    Raises
    ------
    ParameterError
        If nothing is known of it.
    EngineError
        If more than ten thousand records are of it.
    """
    named = (nw.col("event_key") == event_id) | (nw.col("record_id") == event_id)
    found = collect(records.filter(named), RECORDS, at_most=MOST_RECORDS)
    keys = sorted({str(key) for key in found["event_key"].dropna()} | {event_id})
    wanted = nw.col("trace_id") == event_id if found.empty else nw.col("event_key").is_in(keys) | named
    own = collect(records.filter(wanted).sort(*IN_ORDER), RECORDS, at_most=MOST_RECORDS)
    return event_history(own, event_id)
