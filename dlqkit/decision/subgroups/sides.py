"""The two sides of a comparison: which records failed, which succeeded, and which of them are read."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.errors import FrameError
from dlqkit.executions.masks import read_mask
from dlqkit.frames import WRITE_TIMES, to_times
from dlqkit.signals.outcomes import record_outcomes

__all__ = ["SEED", "compared", "draw", "sides", "times"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# The same records are drawn each time.
SEED = 0


def sides(records: pd.DataFrame, failing: pd.Series | npt.ArrayLike | str) -> tuple[pd.DataFrame, Bools]:
    """The records that failed or succeeded, each event once, and which of them failed."""
    if isinstance(failing, str):
        if failing not in records.columns:
            raise FrameError(f"The frame has no column {failing}.", "Name a column of truth values, or give a mask.")
        failing = records[failing]
    mask, known = read_mask(records, failing)
    keep = known & (mask | _succeeded(records))
    if "event_key" in records.columns:
        # An event that was tried five times is one event that failed; its last failing record speaks for it.
        key = records["event_key"].astype("str").where(records["event_key"].notna())
        order = np.lexsort((np.arange(len(mask)), keep, mask))
        later = pd.Series(key.to_numpy()[order]).duplicated(keep="last") & key.notna().to_numpy()[order]
        keep[order[later.to_numpy()]] = False
    # A million records are not copied for nothing.
    kept = records if keep.all() else records.iloc[np.flatnonzero(keep)]
    return kept.reset_index(drop=True), mask[keep]


def _succeeded(records: pd.DataFrame) -> Bools:
    """All records but those that failed too, as far as the columns tell: other dead letters, attempts to come."""
    out = np.ones(len(records), dtype=bool)
    if "queued_to_dlq" in records.columns and pd.api.types.is_bool_dtype(records["queued_to_dlq"].dtype):
        out &= ~records["queued_to_dlq"].fillna(False).to_numpy(dtype=bool)
    if {"queued_to_dlq", "last_error", "status"} <= set(records.columns):
        out &= ~record_outcomes(records).isin(["failed", "dead"]).to_numpy(dtype=bool)
    return out


def times(records: pd.DataFrame, name: str) -> pd.Series | None:
    """When each record was: the named column, else the first column of times; None where there is none."""
    if name in records.columns and not pd.api.types.is_numeric_dtype(records[name].dtype):
        try:
            return to_times(records[name])
        except (TypeError, ValueError) as error:
            raise FrameError(f"The column {name} holds what is no time.", WRITE_TIMES) from error
    for column in records.columns:
        if pd.api.types.is_datetime64_any_dtype(records[column].dtype):
            return pd.to_datetime(records[column], utc=True)
    return None


def compared(mask: Bools, stratum: Ints) -> Ints:
    """Records of the stretches in which some failed and some succeeded."""
    total, failed = np.bincount(stratum), np.bincount(stratum[mask], minlength=int(stratum.max(initial=0)) + 1)
    out: Ints = np.flatnonzero(((failed > 0) & (failed < total))[stratum])
    return out


def draw(rows: Ints, mask: Bools, sample: int) -> Ints:
    """Some of these rows: up to half of them failing ones, the rest healthy, by chance but always the same."""
    if len(rows) <= sample:
        return rows
    rng = np.random.default_rng(SEED)
    failing, healthy = rows[mask[rows]], rows[~mask[rows]]
    most_failing = min(len(failing), max(sample // 2, sample - len(healthy)))
    drawn = [rng.choice(failing, most_failing, replace=False),
             rng.choice(healthy, min(len(healthy), sample - most_failing), replace=False)]  # fmt: skip
    return np.sort(np.concatenate(drawn))
