"""Moments as numbers, and the row that every signal is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.language import say

__all__ = ["Found", "Tally", "aware", "moment_s", "times_s"]

TIME = "datetime64[us, UTC]"
_WRITE_TIME = "Write it as 2026-03-02T14:00:00+00:00."


@dataclass(frozen=True, slots=True)
class Tally:
    """What a counter is held against: ``expected`` events by what is usual, and how unlikely the growth is by that."""

    expected: float
    is_share: bool
    """Whether the usual is a share of the events, else a rate."""
    likelihood: float
    needed: float

    def words(self, grown: float) -> str:
        """The growth beside the usual, in a sentence."""
        values = {"grown": grown, "expected": self.expected, "likelihood": self.likelihood, "needed": self.needed}
        if self.is_share:
            return say(
                "The dead-letter counter grew by {grown:,.0f} where its usual share of the events makes {expected:,.1f}"
                " (log-likelihood ratio {likelihood:,.0f}, {needed:.0f} needed).",
                **values,
            )
        return say(
            "The dead-letter counter grew by {grown:,.0f} where its usual rate makes {expected:,.1f}"
            " (log-likelihood ratio {likelihood:,.0f}, {needed:.0f} needed).",
            **values,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A signal of one workflow, or of all together; times in seconds since 1970."""

    workflow_id: str | None
    signal: str
    onset_s: float
    low_s: float
    high_s: float
    end_s: float | None
    resolution_s: float
    size: float
    baseline: float
    confidence: float
    evidence: str
    what: str | None = None
    """Of a silence: what is silent."""
    tally: Tally | None = None
    """Of a counter: its sentence goes before ``evidence`` once it is known from when to when it counts."""


def moment_s(moment: Any) -> float:
    """A moment as seconds since 1970."""
    return float(pd.Timestamp(moment).timestamp())


def aware(moment: Any, name: str) -> pd.Timestamp:
    """A moment that the analyst gave, in UTC; ``ParameterError`` where it is none, or has no time zone."""
    try:
        at = pd.Timestamp(moment)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name} is no time: {moment!r:.80}.", _WRITE_TIME) from error
    if pd.isna(at):
        raise ParameterError(f"{name} is empty.", _WRITE_TIME)
    if at.tzinfo is None:
        raise ParameterError(f"{name} has no time zone: {at}.", _WRITE_TIME)
    return at.tz_convert(UTC)


def times_s(times: pd.Series) -> npt.NDArray[np.float64]:
    """Times as seconds since 1970."""
    out: npt.NDArray[np.float64] = times.astype(TIME).astype("int64").to_numpy(dtype=np.float64) / 1e6
    return out
