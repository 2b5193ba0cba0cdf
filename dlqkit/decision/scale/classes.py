"""The failure classes of dead events of any number: what the fields say is counted in the engine, judged here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import pandas as pd

from dlqkit.decision.classes import TIMEOUT_SHARE, classify_failures
from dlqkit.decision.scale.dead_letters import FIELDS, Limit, count_alike, mark_last_dead, with_fields
from dlqkit.executions.duration_basis import BEYOND_SHARE
from dlqkit.executions.limits import check_limit
from dlqkit.frames import RECORDS, conform, empty_frame

__all__ = ["CLASS_COUNTS", "class_alike", "count_classes", "find_sums"]

CLASS_COUNTS: Mapping[str, str] = {"workflow_id": "str", "failure_class": "str", "rule": "str", "events": "Int64"}


def count_classes(
    records: nw.LazyFrame[Any],
    *,
    max_attempts: int | Mapping[str, int | None] | None = None,
    timeout_ms: Limit = None,
) -> pd.DataFrame:
    """How many dead events there are of each failure class, by their last dead letters.

    Parameters
    ----------
    records : LazyFrame
        From ``scan_records``; only dead letters are classified.
    max_attempts, timeout_ms : number or mapping, optional
        As for ``classify_failures``: of all workflows, or by ``workflow_id``.

    Returns
    -------
    DataFrame
        Columns of ``CLASS_COUNTS``: a row per workflow, class and rule of ``classify_failures``, most events first.

    Notes
    -----
    Runbook §4. Of the fields alone; what the error texts say is read from the examples of ``count_signatures``.
    """
    check_limit(max_attempts, "max_attempts", whole=True)
    check_limit(timeout_ms, "timeout_ms")
    last = mark_last_dead(records).filter(nw.col("is_last"))
    alike = count_alike(with_fields(last, timeout_ms), FIELDS)
    sums = find_sums(alike)
    if sums:
        alike = count_alike(_without_earlier(with_fields(last, timeout_ms), records, sums), FIELDS)
    return class_alike(alike, max_attempts=max_attempts, timeout_ms=timeout_ms)


def class_alike(
    alike: pd.DataFrame, *, max_attempts: int | Mapping[str, int | None] | None, timeout_ms: Limit
) -> pd.DataFrame:  # fmt: skip
    """The classes of dead letters that are counted by the columns of ``FIELDS``, or these and more."""
    fields = alike.groupby(list(FIELDS), dropna=False, as_index=False)["events"].sum()
    fields = fields[fields["events"] > 0].reset_index(drop=True)
    if fields.empty:
        return empty_frame(CLASS_COUNTS)
    judged = classify_failures(_stand_ins(fields, timeout_ms), max_attempts=max_attempts, timeout_ms=timeout_ms)
    # A row for each, under its number.
    judged = judged.set_index(judged["event_key"].astype(int)).sort_index()
    fields["failure_class"], fields["rule"] = judged["failure_class"].astype("str"), judged["rule"].astype("str")
    out = fields.groupby(["workflow_id", "failure_class", "rule"], dropna=False, as_index=False)["events"].sum()
    order = ["events", "workflow_id", "failure_class", "rule"]
    out = out.sort_values(order, ascending=[False, True, True, True], kind="stable")
    return out[list(CLASS_COUNTS)].reset_index(drop=True).astype(dict(CLASS_COUNTS))


def find_sums(alike: pd.DataFrame) -> list[str | None]:
    """The workflows whose durations add up an event's attempts."""
    counted = alike.groupby("workflow_id", dropna=False)[["timed", "beyond", "over"]].sum().astype("int64")
    counted = counted[counted["timed"] > 0]
    names = counted.index[(counted["beyond"] / counted["timed"] >= BEYOND_SHARE) & (counted["over"] == 0)]
    return [None if pd.isna(name) else str(name) for name in names]


def _stand_ins(fields: pd.DataFrame, timeout_ms: Limit) -> pd.DataFrame:
    """A dead letter of each kind, with a duration that is late where theirs are."""
    timeouts = fields["workflow_id"].map(_by_workflow(timeout_ms)) if isinstance(timeout_ms, Mapping) else timeout_ms
    late = pd.Series(timeouts, index=fields.index, dtype="Float64")
    frame = pd.DataFrame(
        {
            "record_id": fields.index.astype("str"),
            "event_key": fields.index.astype("str"),
            "workflow_id": fields["workflow_id"],
            "retryable": fields["retryable"],
            "attempts": fields["attempts"],
            "queued_to_dlq": True,
            "action_duration_ms": late.where(fields["is_late"].astype(bool)),
        }
    )
    return conform(frame, RECORDS)


def _by_workflow(limits: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float(one) for name, one in limits.items() if one is not None}


def _without_earlier(
    dead: nw.LazyFrame[Any], records: nw.LazyFrame[Any], workflows: list[str | None]
) -> nw.LazyFrame[Any]:  # fmt: skip
    """With another ``is_late`` where durations are sums: what the attempts before took is taken off where it is known.

    Where it is not, the sum is held against as many timeouts.
    """
    duration, limit = nw.col("action_duration_ms"), nw.col("limit_ms")
    known = records.filter(~nw.col("event_key").is_null() & ~nw.col("attempts").is_null() & ~duration.is_null())
    # An attempt is joined to the one after it.
    before = (
        known.with_columns(next_attempt=nw.col("attempts") + 1)
        .group_by("event_key", "next_attempt")
        .agg(before_ms=duration.max())
    )
    joined = dead.join(before, left_on=["event_key", "attempts"], right_on=["event_key", "next_attempt"], how="left")
    named = nw.col("workflow_id").is_in([name for name in workflows if name is not None]).fill_null(False)
    is_sum = named | nw.col("workflow_id").is_null() if None in workflows else named
    tried = nw.col("attempts").fill_null(1)
    own = duration - nw.col("before_ms")
    is_known = (tried > 1) & ~own.is_null()
    several = duration >= TIMEOUT_SHARE * (limit * tried.cast(nw.Float64))
    summed = nw.when(is_known).then(own >= TIMEOUT_SHARE * limit).otherwise(several)
    return joined.with_columns(is_late=nw.when(is_sum).then(summed).otherwise(nw.col("is_late")).fill_null(False))
