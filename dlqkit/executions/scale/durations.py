"""How long the actions of any number of records took, in the bins of ``duration_histogram``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import pandas as pd

from dlqkit.engines.contract import collect
from dlqkit.executions.duration_basis import CUT_FROM, LONGEST_MS, Basis
from dlqkit.executions.durations import CUT_ABOVE, HISTOGRAM, as_duration_outcomes, duration_edges, shape_histogram
from dlqkit.executions.limits import check_limit
from dlqkit.executions.scale.outcomes import OUTCOME_KEYS, name_outcomes, with_outcome_keys
from dlqkit.frames import empty_frame

__all__ = ["count_durations"]


def count_durations(
    records: nw.LazyFrame[Any], *, timeout_ms: float | None = None, basis: Basis | None = None
) -> pd.DataFrame:
    """Count records by how long their action took.

    Parameters
    ----------
    records : LazyFrame
        From ``scan_records``; rows without a positive duration, or with one of years, are left out.
    timeout_ms : float, optional
        The action's timeout; an edge of the bins falls exactly on it, and what it cut is in rows of its own.
    basis : str, optional
        As for ``duration_histogram``: of a ``sum`` over attempts the mean of one is counted.

    Returns
    -------
    DataFrame
        Columns of ``HISTOGRAM``, the same cells as those of ``duration_histogram``.
    """
    check_limit(timeout_ms, "timeout_ms")
    duration = nw.col("action_duration_ms")
    known = records.filter((duration > 0) & (duration <= LONGEST_MS))
    attempts = nw.when(nw.col("attempts") >= 1).then(nw.col("attempts")).otherwise(nw.lit(1)).cast(nw.Float64)
    value = nw.col("value_ms")
    known = known.with_columns(value_ms=duration / attempts if basis == "sum" else duration)
    bounds = collect(known.select(low=value.min(), high=value.max()), {"low": "Float64", "high": "Float64"}).iloc[0]
    if pd.isna(bounds["low"]):
        return empty_frame(HISTOGRAM)
    edges = duration_edges(float(bounds["low"]), float(bounds["high"]), timeout_ms)
    cut = nw.lit(False)
    if timeout_ms is not None:
        cut = (value >= timeout_ms * CUT_FROM) & (value <= timeout_ms * CUT_ABOVE)
    keyed = with_outcome_keys(known).with_columns(bin=_find_bin(value, edges.tolist(), 0, len(edges) - 2), censored=cut)
    columns = {"bin": "Int64", "censored": "boolean", **OUTCOME_KEYS}
    answer = keyed.group_by(list(columns)).agg(records=nw.len())
    counted = collect(answer, {**columns, "records": "Int64"})
    counted["outcome"] = as_duration_outcomes(name_outcomes(counted))
    counted["censored"] = counted["censored"].astype(bool) & (counted["outcome"] != "succeeded")
    counted["bin"] = counted["bin"].astype("int64")
    counted = counted.groupby(["bin", "censored", "outcome"], observed=True, as_index=False)["records"].sum()
    return shape_histogram(counted, edges, timeout_ms)


def _find_bin(value: nw.Expr, edges: Sequence[float], low: int, high: int) -> nw.Expr:
    """The number of a value's bin, of those from ``low`` to ``high``.

    By comparing, and not from the logarithm: at an edge each engine rounds that in its own way.
    """
    if low == high:
        return nw.lit(low)
    middle = (low + high + 1) // 2
    below = _find_bin(value, edges, low, middle - 1)
    return nw.when(value < edges[middle]).then(below).otherwise(_find_bin(value, edges, middle, high))
