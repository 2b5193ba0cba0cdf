"""Records counted by time where there are too many to look at each: a row then stands for several that are alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.signals.flow import points_of_times
from dlqkit.signals.growth import Steps
from dlqkit.signals.points import times_s

__all__ = ["GROUPED", "last_s", "points_of_records", "sizes"]

Floats = npt.NDArray[np.float64]

TIME = "datetime64[us, UTC]"
# Of one workflow, one signature and one short stretch of time, dead letters or others.
GROUPED: Mapping[str, str] = {
    "workflow_id": "str",
    "queued_to_dlq": "boolean",
    "signature_id": "str",
    "recorded_at": TIME,
    "until_at": TIME,
    "records": "Int64",
    "timed": "Int64",
    "log_ms": "Float64",
}


def sizes(records: pd.DataFrame) -> Floats:
    """How many records each row stands for: itself alone, unless the frame is one of ``GROUPED``."""
    if "records" not in records.columns:
        return np.ones(len(records))
    out: Floats = records["records"].to_numpy(dtype=np.float64)
    return out


def last_s(records: pd.DataFrame) -> Floats:
    """When the last record of each row came, in seconds since 1970."""
    return times_s(records["until_at" if "until_at" in records.columns else "recorded_at"])


def points_of_records(records: pd.DataFrame) -> Steps:
    """The records that tell their time as points in it."""
    known = records[records["recorded_at"].notna()]
    if "until_at" not in known.columns:
        return points_of_times(times_s(known["recorded_at"]))
    first = times_s(known["recorded_at"])
    order = np.argsort(first, kind="stable")
    # What is one row was seen all through it, so a pause begins at its end.
    return Steps(first[order], np.maximum.accumulate(last_s(known)[order]), sizes(known)[order])
