"""Dead letters, failures and successes over time, for the lanes of the timeline."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import pandas as pd

from dlqkit.engines.contract import collect
from dlqkit.executions.scale.outcomes import OUTCOME_KEYS, name_outcomes, with_outcome_keys
from dlqkit.executions.timeline import counted_bins, join_lanes, width_of

__all__ = ["count_timeline"]

TIME = "datetime64[us, UTC]"
# Every width is a whole number of the next smaller of these, which all engines cut at alike: Spark knows no "5m".
_UNITS = ((86_400, "1d"), (3_600, "1h"), (60, "1m"), (1, "1s"))


def count_timeline(records: nw.LazyFrame[Any], *, bins: int = 60) -> pd.DataFrame:
    """How many records were dead, failed and succeeded, over time.

    Parameters
    ----------
    records : LazyFrame
        From ``scan_records``.
    bins : int
        About how many bins of time; their width is a round one.

    Returns
    -------
    DataFrame
        Columns of ``TIMELINE``; the lanes of ``executions.timeline.timeline`` that rest on records.
    """
    at = nw.col("recorded_at")
    bounds = collect(records.select(low=at.min(), high=at.max()), {"low": TIME, "high": TIME}).iloc[0]
    if pd.isna(bounds["low"]):
        return join_lanes([])
    width_s = width_of((bounds["high"] - bounds["low"]).total_seconds(), bins)
    unit = next(name for seconds, name in _UNITS if width_s % seconds == 0)
    keyed = with_outcome_keys(records.filter(~at.is_null())).with_columns(cut_at=at.dt.truncate(unit))
    answer = keyed.group_by("cut_at", *OUTCOME_KEYS).agg(records=nw.len())
    counted = collect(answer, {"cut_at": TIME, **OUTCOME_KEYS, "records": "Int64"})
    outcome = name_outcomes(counted)
    failed = (outcome == "failed") | ((outcome == "retrying") & counted["has_error"].astype(bool))
    lanes = (("dead letters", outcome == "dead"), ("failures", failed), ("successes", outcome == "succeeded"))
    return join_lanes([_lane(counted[mask], lane, width_s) for lane, mask in lanes])


def _lane(counted: pd.DataFrame, lane: str, width_s: int) -> pd.DataFrame:
    starts = counted["cut_at"].astype("int64") // (width_s * 1_000_000)
    each = counted["records"].groupby(starts.to_numpy()).sum().sort_index()
    return counted_bins(each.index.to_numpy(), each.to_numpy(), lane, width_s)
