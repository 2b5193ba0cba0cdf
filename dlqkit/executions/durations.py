"""How long the action takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.executions.duration_basis import CUT_FROM, LONGEST_MS, Basis, durations_per_attempt
from dlqkit.executions.event_history import record_outcomes
from dlqkit.executions.limits import check_limit
from dlqkit.frames import RECORDS, check_frame, empty_frame
from dlqkit.language import duration

__all__ = [
    "HISTOGRAM",
    "Proposal",
    "as_duration_outcomes",
    "duration_edges",
    "duration_histogram",
    "duration_words",
    "known_durations",
    "shape_histogram",
]

HISTOGRAM: Mapping[str, str] = {
    "low_ms": "Float64",
    "high_ms": "Float64",
    "outcome": "category",
    "records": "Int64",
    "censored": "boolean",
}

# Ten bins a decade tell 400 ms from 500 ms and still fit a page.
BINS_A_DECADE = 10
# What ends within one part in fifty above the timeout was cut by it: the cut itself takes a moment.
CUT_ABOVE = 1.02


@dataclass(frozen=True, slots=True)
class Proposal:
    """A number about the worker that nobody has set, taken from the records; None if they do not tell."""

    value: float | None
    basis: str
    share: float | None = None


def known_durations(records: pd.DataFrame) -> pd.DataFrame:
    """The records that tell how long their action took."""
    check_frame(records, RECORDS, ("action_duration_ms", "queued_to_dlq", "last_error", "status"))
    durations = records["action_duration_ms"].astype("Float64")
    return records[((durations > 0) & (durations <= LONGEST_MS)).fillna(False).astype(bool)]


def duration_words(value_ms: float) -> str:
    """``12 ms``, ``1.5 s``, ``30 s``, ``10 min``, ``6 h``."""
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")):
        # Seconds are said up to two minutes, as timeouts are set so.
        if value_ms >= size * (1 if unit in {"s", "d"} else 1 if value_ms % size == 0 and value_ms >= 120_000 else 2):
            count = value_ms / size
            return duration(f"{count:.3g}" if count < 1000 else f"{count:,.0f}", unit)
    return duration(f"{value_ms:.3g}", "ms")


def duration_histogram(
    records: pd.DataFrame, *, timeout_ms: float | None = None, basis: Basis | None = None
) -> pd.DataFrame:
    """Count records by how long their action took.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``; rows without a positive duration, or with one of years, are left out.
    timeout_ms : float, optional
        The action's timeout; an edge of the bins falls exactly on it, and what it cut is in rows of its own.
    basis : str, optional
        From ``duration_basis``: of a ``sum`` over attempts the mean of one is counted, else what the record says.

    Returns
    -------
    DataFrame
        A row per bin and outcome that has records, ascending.

        low_ms, high_ms : Float64, milliseconds, half-open; bins of equal width on a logarithmic scale
        outcome : category, ``succeeded``, ``failed`` or ``dead``
        records : Int64
        censored : boolean, True for what failed and ran into the timeout: its true duration is at least ``low_ms``.
            As in ``compare_durations``, an end a moment before the timeout is one of it: clocks are read early
    """
    check_limit(timeout_ms, "timeout_ms")
    known = known_durations(records)
    if known.empty:
        return empty_frame(HISTOGRAM)
    values = known["action_duration_ms"].to_numpy(dtype=np.float64)
    if basis == "sum":
        values = durations_per_attempt(known)
    cut = np.zeros(len(values), dtype=bool)
    if timeout_ms is not None:
        cut = (values >= timeout_ms * CUT_FROM) & (values <= timeout_ms * CUT_ABOVE)
    edges = duration_edges(values.min(), values.max(), timeout_ms)
    index = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    outcomes = _outcomes(known)
    # What succeeded was not cut, as long as it took.
    frame = pd.DataFrame({"bin": index, "outcome": outcomes, "censored": cut & np.asarray(outcomes != "succeeded")})
    counted = frame.groupby(["bin", "censored", "outcome"], observed=True).size().reset_index(name="records")
    return shape_histogram(counted, edges, timeout_ms)


def shape_histogram(counted: pd.DataFrame, edges: npt.NDArray[np.float64], timeout_ms: float | None) -> pd.DataFrame:
    """A histogram of durations from the ``records`` of each ``bin``, ``censored`` and ``outcome``.

    Columns of ``HISTOGRAM``; bins are numbered by their lower edge.
    """
    out = pd.DataFrame(
        {
            "low_ms": edges[counted["bin"]],
            "high_ms": edges[counted["bin"] + 1],
            "outcome": counted["outcome"],
            "records": counted["records"],
            "censored": counted["censored"],
        }
    )
    if timeout_ms is not None:
        out.loc[out["censored"], ["low_ms", "high_ms"]] = [timeout_ms, timeout_ms * CUT_ABOVE]
        out = out.groupby(["low_ms", "high_ms", "outcome", "censored"], observed=True, as_index=False)["records"].sum()
    out = out.sort_values(["low_ms", "censored", "outcome"], kind="stable").reset_index(drop=True)
    return out[list(HISTOGRAM)].astype(dict(HISTOGRAM))


def _outcomes(records: pd.DataFrame) -> pd.Categorical:
    return as_duration_outcomes(record_outcomes(records))


def as_duration_outcomes(outcomes: pd.Series) -> pd.Categorical:
    """Outcomes of records as a histogram has them: what is tried again has failed."""
    return pd.Categorical(outcomes.replace({"retrying": "failed"}), categories=["succeeded", "failed", "dead"])


def duration_edges(lowest: float, highest: float, timeout_ms: float | None) -> npt.NDArray[np.float64]:
    """The edges of bins of durations from the lowest to the highest, milliseconds."""
    # Shifted so that one edge is the timeout itself; without one, edges are at 1, 10, 100 … milliseconds.
    anchor = 0.0 if timeout_ms is None else float(np.log10(timeout_ms))
    low = np.floor((np.log10(lowest) - anchor) * BINS_A_DECADE)
    high = np.floor((np.log10(highest) - anchor) * BINS_A_DECADE) + 1
    edges = 10 ** (anchor + np.arange(low, high + 1) / BINS_A_DECADE)
    if timeout_ms is not None:
        edges[np.argmin(np.abs(edges - timeout_ms))] = timeout_ms
    return np.asarray(edges)
