"""How many records, dead letters and events there are, since when, and in which workflows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import pandas as pd

from dlqkit.engines.contract import collect
from dlqkit.executions.scale.outcomes import OUTCOME_KEYS, name_outcomes, with_outcome_keys
from dlqkit.frames import conform

__all__ = ["COUNTS", "OUTCOMES", "WORKFLOWS", "count_outcomes", "count_records", "count_workflows"]

TIME = "datetime64[us, UTC]"
COUNTS: Mapping[str, str] = {
    "records": "Int64",
    "dead_letters": "Int64",
    "events": "Int64",
    "dead_events": "Int64",
    "first_at": TIME,
    "last_at": TIME,
    "first_dead_at": TIME,
    "last_dead_at": TIME,
    "bound": "str",
}
WORKFLOWS: Mapping[str, str] = {
    "workflow_id": "str",
    "records": "Int64",
    "dead_letters": "Int64",
    "dead_events": "Int64",
    "first_dead_at": TIME,
    "last_dead_at": TIME,
}
OUTCOMES: Mapping[str, str] = {"workflow_id": "str", "outcome": "str", "records": "Int64"}


def count_records(records: nw.LazyFrame[Any], *, is_whole: bool = True) -> pd.DataFrame:
    """How many records, dead letters and events, from when to when.

    Parameters
    ----------
    records : LazyFrame
        From ``scan_records``.
    is_whole : bool
        Whether nothing is missing of what was asked for; else every count is a lower bound.

    Returns
    -------
    DataFrame
        One row, columns of ``COUNTS``.

        events, dead_events : different ``event_key``, of all records and of dead letters; records without one are of
            no event that is counted
        first_dead_at, last_dead_at : NaT where nothing is dead
        bound : ``exact`` or ``at_least``, as in the facts
    """
    key, at, is_dead = nw.col("event_key"), nw.col("recorded_at"), nw.col("is_dead")
    keyed = with_outcome_keys(records).with_columns(
        dead_one=is_dead.cast(nw.Int64), dead_key=nw.when(is_dead).then(key), dead_at=nw.when(is_dead).then(at)
    )
    dead_key, dead_at = nw.col("dead_key"), nw.col("dead_at")
    answer = keyed.select(
        records=nw.len(), dead_letters=nw.col("dead_one").sum().cast(nw.Int64),
        events=key.n_unique(), dead_events=dead_key.n_unique(), keyed=key.count(), dead_keyed=dead_key.count(),
        first_at=at.min(), last_at=at.max(), first_dead_at=dead_at.min(), last_dead_at=dead_at.max(),
    )  # fmt: skip
    columns = {name: dtype for name, dtype in COUNTS.items() if name != "bound"}
    found = collect(answer, {**columns, "keyed": "Int64", "dead_keyed": "Int64"})
    # Of no rows DuckDB's sums and counts of keys are null.
    found = found.fillna(dict.fromkeys(("dead_letters", "events", "dead_events"), 0))
    # What is null is counted as one key more.
    for name, count in (("events", "keyed"), ("dead_events", "dead_keyed")):
        found[name] = (found[name] - (found[count] < found["records"]).astype("Int64")).clip(lower=0)
    return conform(found.assign(bound="exact" if is_whole else "at_least")[list(COUNTS)], COUNTS)


def count_workflows(records: nw.LazyFrame[Any]) -> pd.DataFrame:
    """The same of each workflow that has a dead letter, most dead events first.

    Returns
    -------
    DataFrame
        Columns of ``WORKFLOWS``; ``workflow_id`` is NA for the records that name none.
    """
    keyed = with_outcome_keys(records)
    dead = keyed.filter(nw.col("is_dead"))
    # A key that is null is no event, and a count of values leaves nulls out.
    by_event = dead.filter(~nw.col("event_key").is_null()).select("workflow_id", "event_key").unique()
    found = collect(
        dead.group_by("workflow_id").agg(
            dead_letters=nw.len(), first_dead_at=nw.col("recorded_at").min(), last_dead_at=nw.col("recorded_at").max()
        ),
        {name: WORKFLOWS[name] for name in ("workflow_id", "dead_letters", "first_dead_at", "last_dead_at")},
    )
    events = collect(
        by_event.group_by("workflow_id").agg(dead_events=nw.len()), {"workflow_id": "str", "dead_events": "Int64"}
    )
    every = collect(keyed.group_by("workflow_id").agg(records=nw.len()), {"workflow_id": "str", "records": "Int64"})
    out = found.merge(events, on="workflow_id", how="left").merge(every, on="workflow_id", how="left")
    out["dead_events"] = out["dead_events"].fillna(0)
    ordered = out.sort_values(["dead_events", "workflow_id"], ascending=[False, True], kind="stable")
    return ordered[list(WORKFLOWS)].reset_index(drop=True).astype(dict(WORKFLOWS))


def count_outcomes(records: nw.LazyFrame[Any]) -> pd.DataFrame:
    """How many records of each workflow are dead, failed, under way or succeeded.

    Returns
    -------
    DataFrame
        Columns of ``OUTCOMES``, by ``workflow_id`` and ``outcome`` of ``record_outcomes``.
    """
    keys = ["workflow_id", *OUTCOME_KEYS]
    counted = collect(
        with_outcome_keys(records).group_by(keys).agg(records=nw.len()),
        {"workflow_id": "str", **OUTCOME_KEYS, "records": "Int64"},
    )
    counted["outcome"] = name_outcomes(counted).astype("str")
    out = counted.groupby(["workflow_id", "outcome"], dropna=False, as_index=False)["records"].sum()
    return out.sort_values(["workflow_id", "outcome"], kind="stable").reset_index(drop=True).astype(dict(OUTCOMES))
