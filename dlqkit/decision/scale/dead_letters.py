"""Dead letters of any number by what makes them alike: the one question that signatures and classes ask an engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import pandas as pd

from dlqkit.decision.classes import TIMEOUT_SHARE
from dlqkit.decision.scale.folding import choose_way, fold_texts
from dlqkit.engines.contract import MOST_ROWS, collect
from dlqkit.executions.duration_basis import ONE_TIMEOUT, SUM_SLACK
from dlqkit.executions.scale.outcomes import IN_ORDER

__all__ = ["FIELDS", "TEXTS", "Limit", "count_alike", "limit_of", "mark_last_dead", "with_fields", "with_texts"]

TIME = "datetime64[us, UTC]"
Limit = float | Mapping[str, float | None] | None
# What a class rests on.
FIELDS: Mapping[str, str] = {"workflow_id": "str", "retryable": "boolean", "attempts": "Int64", "is_late": "boolean"}
# What a signature rests on.
TEXTS: Mapping[str, str] = {
    "workflow_id": "str",
    "error_type": "str",
    "error_code": "str",
    "way": "str",
    "fold": "str",
}
_COUNTS: Mapping[str, str] = {"records": "Int64", "events": "Int64", "first_at": TIME, "last_at": TIME}
# Of events: tried more than once with a known duration; more than one timeout long; more than all their timeouts long.
_SUMS: Mapping[str, str] = {"timed": "Int64", "beyond": "Int64", "over": "Int64"}


def mark_last_dead(records: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The dead letters with ``is_last``: true for one of each event, in the order of ``IN_ORDER``."""
    dead = records.filter(nw.col("queued_to_dlq").fill_null(False))
    return dead.with_columns(is_last=nw.col("event_key").is_last_distinct().over(order_by=list(IN_ORDER)))


def with_texts(dead: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """With ``way`` and ``fold`` of the error text."""
    chosen = dead.with_columns(text=nw.col("last_error").fill_null(""))
    chosen = chosen.with_columns(way=choose_way(nw.col("text")))
    return chosen.with_columns(fold=fold_texts(nw.col("text"), nw.col("way")))


def with_fields(dead: nw.LazyFrame[Any], timeout_ms: Limit) -> nw.LazyFrame[Any]:
    """With ``limit_ms``, ``is_late``, and what tells whether durations add up the attempts (``_SUMS``)."""
    limit = limit_of(timeout_ms)
    if limit is None:
        return dead.with_columns(is_late=nw.lit(False), **{name: nw.lit(0) for name in _SUMS})
    limited = dead.with_columns(limit_ms=limit)
    duration, attempts = nw.col("action_duration_ms"), nw.col("attempts").cast(nw.Float64)
    ratio = duration / nw.col("limit_ms")
    is_timed = nw.col("is_last") & (nw.col("attempts") >= 2) & ~ratio.is_null()
    flags = {"timed": is_timed, "beyond": is_timed & (ratio > ONE_TIMEOUT),
             "over": is_timed & (ratio > SUM_SLACK * attempts)}  # fmt: skip
    return limited.with_columns(
        (duration >= TIMEOUT_SHARE * nw.col("limit_ms")).fill_null(False).alias("is_late"),
        *(flag.fill_null(False).cast(nw.Int64).alias(name) for name, flag in flags.items()),
    )


def limit_of(timeout_ms: Limit) -> nw.Expr | None:
    """The timeout of each record's workflow, null where there is none; None where there is none at all."""
    if timeout_ms is None or not isinstance(timeout_ms, Mapping):
        return None if timeout_ms is None else nw.lit(float(timeout_ms))
    known = {name: float(one) for name, one in timeout_ms.items() if one is not None}
    out = nw.lit(None).cast(nw.Float64)
    for name, one in known.items():
        out = nw.when(nw.col("workflow_id") == name).then(nw.lit(one)).otherwise(out)
    return out if known else None


def count_alike(
    dead: nw.LazyFrame[Any], keys: Mapping[str, str], *, at_most: int = MOST_ROWS
) -> pd.DataFrame:  # fmt: skip
    """Dead letters by their ``keys``.

    Parameters
    ----------
    dead : LazyFrame
        From ``mark_last_dead``, with the columns of ``with_texts`` or ``with_fields`` that the keys name.
    keys : mapping
        Columns and their dtypes: ``FIELDS``, ``TEXTS``, or both.
    at_most : int
        Of rows.

    Returns
    -------
    DataFrame
        The keys; records; events, those whose last dead letter it is; first_at, last_at; with the keys of ``TEXTS``
        last_error, the least of them; with those of ``FIELDS`` timed, beyond and over, of events.

    Raises
    ------
    EngineError
        If there are more rows.
    """
    at = nw.col("recorded_at")
    counts = {"records": nw.len(), "events": nw.col("one_event").sum(), "first_at": at.min(), "last_at": at.max()}
    columns = {**keys, **_COUNTS}
    if "fold" in keys:
        counts["last_error"], columns["last_error"] = nw.col("last_error").min(), "str"
    if "is_late" in keys:
        counts |= {name: nw.col(name).sum() for name in _SUMS}
        columns |= _SUMS
    answer = dead.with_columns(one_event=nw.col("is_last").cast(nw.Int64)).group_by(list(keys)).agg(**counts)
    # DuckDB adds whole numbers up to wider ones.
    whole = [nw.col(name).cast(nw.Int64) for name, dtype in columns.items() if dtype == "Int64" and name != "attempts"]
    return collect(answer.with_columns(*whole), columns, at_most=at_most)
