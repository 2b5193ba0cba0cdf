"""The failure classes of dead events of any number: what the fields say is counted in the engine, judged here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import pandas as pd

from dlqkit.decision.classes import TIMEOUT_SHARE, classify_failures
from dlqkit.decision.scale.last_dead import mark_last_dead
from dlqkit.engines.contract import collect
from dlqkit.executions.duration_basis import BEYOND_SHARE, ONE_TIMEOUT, SUM_SLACK
from dlqkit.executions.limits import check_limit
from dlqkit.frames import RECORDS, conform, empty_frame

__all__ = ["CLASS_COUNTS", "count_classes"]

CLASS_COUNTS: Mapping[str, str] = {"workflow_id": "str", "failure_class": "str", "rule": "str", "events": "Int64"}
Limit = float | Mapping[str, float | None] | None
_FIELDS: Mapping[str, str] = {
    "workflow_id": "str",
    "retryable": "boolean",
    "attempts": "Int64",
    "is_late": "boolean",
    "events": "Int64",
}


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
    limit = _limit(timeout_ms)
    if limit is not None:
        last = last.with_columns(one_limit_ms=limit)
        last = _with_sums(last, records, _find_sums(last))
        is_late = (nw.col("own_ms") >= TIMEOUT_SHARE * nw.col("limit_ms")).fill_null(False)
    else:
        is_late = nw.lit(False)
    keyed = last.with_columns(is_late=is_late)
    keys = ["workflow_id", "retryable", "attempts", "is_late"]
    fields = collect(keyed.group_by(keys).agg(events=nw.len()), _FIELDS)
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


def _limit(timeout_ms: Limit) -> nw.Expr | None:
    """The timeout of each record's workflow, null where there is none; None where there is none at all."""
    if not isinstance(timeout_ms, Mapping):
        return None if timeout_ms is None else nw.lit(float(timeout_ms))
    out = nw.lit(None).cast(nw.Float64)
    known = _by_workflow(timeout_ms)
    for name, one in known.items():
        out = nw.when(nw.col("workflow_id") == name).then(nw.lit(one)).otherwise(out)
    return out if known else None


def _find_sums(last: nw.LazyFrame[Any]) -> list[str | None]:
    """The workflows whose durations add up an event's attempts."""
    ratio, attempts = nw.col("action_duration_ms") / nw.col("one_limit_ms"), nw.col("attempts").cast(nw.Float64)
    known = last.filter(~nw.col("action_duration_ms").is_null() & (nw.col("attempts") >= 2))
    known = known.filter(~nw.col("one_limit_ms").is_null()).with_columns(
        is_beyond=(ratio > ONE_TIMEOUT).cast(nw.Int64), is_over=(ratio > SUM_SLACK * attempts).cast(nw.Int64)
    )
    answer = known.group_by("workflow_id").agg(
        records=nw.len(), beyond=nw.col("is_beyond").sum(), over=nw.col("is_over").sum()
    )
    whole = [nw.col(name).cast(nw.Int64) for name in ("records", "beyond", "over")]
    columns = {"workflow_id": "str", "records": "Int64", "beyond": "Int64", "over": "Int64"}
    found = collect(answer.with_columns(*whole), columns)
    share = found["beyond"].astype("float64") / found["records"].astype("float64")
    names = found.loc[(share >= BEYOND_SHARE) & (found["over"] == 0), "workflow_id"]
    return [None if pd.isna(name) else str(name) for name in names]


def _with_sums(
    last: nw.LazyFrame[Any], records: nw.LazyFrame[Any], workflows: list[str | None]
) -> nw.LazyFrame[Any]:  # fmt: skip
    """With ``own_ms`` and ``limit_ms``: where durations are sums, what the attempts before took is taken off."""
    duration, one = nw.col("action_duration_ms"), nw.col("one_limit_ms")
    if not workflows:
        return last.with_columns(own_ms=duration, limit_ms=one)
    known = records.filter(~nw.col("event_key").is_null() & ~nw.col("attempts").is_null() & ~duration.is_null())
    # An attempt is joined to the one after it.
    before = known.with_columns(next_attempt=nw.col("attempts") + 1).group_by("event_key", "next_attempt").agg(
        before_ms=duration.max()
    )  # fmt: skip
    joined = last.join(before, left_on=["event_key", "attempts"], right_on=["event_key", "next_attempt"], how="left")
    named = nw.col("workflow_id").is_in([name for name in workflows if name is not None]).fill_null(False)
    is_sum = named | nw.col("workflow_id").is_null() if None in workflows else named
    tried = nw.col("attempts").fill_null(1)
    own = duration - nw.col("before_ms")
    split = is_sum & (tried > 1) & ~own.is_null()
    whole = nw.when(is_sum).then(one * tried.cast(nw.Float64)).otherwise(one)
    return joined.with_columns(
        own_ms=nw.when(split).then(own).otherwise(duration), limit_ms=nw.when(split).then(one).otherwise(whole)
    )
