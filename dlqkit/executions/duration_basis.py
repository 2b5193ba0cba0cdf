"""Whether ``action_duration_ms`` is of the last attempt or the sum of all: the runbook leaves it open."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.executions.event_history import record_outcomes
from dlqkit.membership import is_one_of

__all__ = ["CUT_FROM", "LONGEST_MS", "Basis", "duration_basis", "durations_per_attempt"]

Basis = Literal["attempt", "sum", "unknown"]
# A timer may fire, and a clock be read, a moment early: 29.9 s of 30 s is cut.
CUT_FROM = 0.98
# What a timeout ended lies within this above it; a sum of two attempts, one of them cut, lies beyond.
ONE_TIMEOUT = 1.1
# A sum of cut attempts exceeds that many timeouts by what each cut takes.
SUM_SLACK = 1.05
# Ten years: a start that was never set gives the time since 1970, and no action lasts so long.
LONGEST_MS = 3.2e11
ENOUGH = 5
# Single slow cuts lie beyond one timeout too; of sums it is a good part of them.
BEYOND_SHARE = 0.1
PAIRS = 20
# A clock that is set back may make a sum fall; more than this is no accident.
FALLS = 0.01


def duration_basis(records: pd.DataFrame, timeout_ms: float | None = None) -> Basis:
    """``attempt``, ``sum`` or ``unknown``, as the records tell it.

    Two things tell: events with several records (a sum never falls from one attempt to the next), and the timeout
    (an attempt ends at it, a sum of several may lie beyond). Where nobody tried twice both readings are the same,
    and the answer is ``attempt``.
    """
    duration = records["action_duration_ms"].to_numpy(dtype=np.float64, na_value=np.nan)
    attempts = _attempts(records)
    known = (duration > 0) & (duration <= LONGEST_MS)
    if not (known & (attempts > 1)).any():
        return "attempt"
    by_events = _by_events(records, duration, attempts, known)
    if by_events != "unknown" or timeout_ms is None:
        return by_events
    failed = record_outcomes(records).isin(["dead", "failed"]).to_numpy()
    several = known & failed & (attempts > 1)
    ratio = duration[several] / timeout_ms
    beyond = ratio > ONE_TIMEOUT
    if beyond.sum() >= max(ENOUGH, BEYOND_SHARE * several.sum()) and (ratio <= SUM_SLACK * attempts[several]).all():
        return "sum"
    piled = (ratio >= CUT_FROM) & (ratio <= ONE_TIMEOUT)
    if piled.sum() >= ENOUGH and not beyond.any():
        return "attempt"
    return "unknown"


def _attempts(records: pd.DataFrame) -> npt.NDArray[np.float64]:
    if "attempts" not in records.columns:
        return np.ones(len(records))
    attempts = records["attempts"].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(attempts >= 1, attempts, 1.0)


def _by_events(
    records: pd.DataFrame, duration: npt.NDArray[np.float64], attempts: npt.NDArray[np.float64],
    known: npt.NDArray[np.bool_],
) -> Basis:  # fmt: skip
    if "event_key" not in records.columns:
        return "unknown"
    # Only events of which a later attempt is known have two records to compare, and mostly those are few.
    later = records.loc[known & (attempts > 1), "event_key"].dropna()
    rows = np.flatnonzero(known & is_one_of(records["event_key"], later).to_numpy())
    event, _ = pd.factorize(records["event_key"].iloc[rows])
    order = np.lexsort((attempts[rows], event))
    rows, event = rows[order], event[order]
    grown = (np.diff(event) == 0) & (attempts[rows][1:] == attempts[rows][:-1] + 1)
    if int(grown.sum()) < PAIRS:
        return "unknown"
    falls = float((np.diff(duration[rows])[grown] < 0).mean())
    return "attempt" if falls > FALLS else "sum"


def durations_per_attempt(records: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The durations as if they were sums: the mean of an attempt, milliseconds."""
    duration: npt.NDArray[np.float64] = records["action_duration_ms"].to_numpy(dtype=np.float64, na_value=np.nan)
    return duration / _attempts(records)
