"""What is asked of execution records, and what of it came: the question's own filters, counts and times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from dlqkit.errors import ParameterError

__all__ = ["Extent", "Question", "inside"]


@dataclass(frozen=True, slots=True)
class Question:
    """Which records are asked for."""

    workflow_id: str | None
    trace_id: str | None
    queued_to_dlq: bool | None
    start: datetime | None
    end: datetime | None

    def __post_init__(self) -> None:
        for moment in (self.start, self.end):
            if moment is not None and moment.tzinfo is None:
                raise ParameterError("The window has no time zone.", "Give start and end as aware times.")

    def matches(self, frame: pd.DataFrame) -> Any:
        """For each record whether it was asked for; one that does not tell is taken."""
        keep = pd.Series(True, index=frame.index)
        for name, value in (("workflow_id", self.workflow_id), ("trace_id", self.trace_id)):
            if value is not None:
                keep &= frame[name].isna() | (frame[name] == value)
        if self.queued_to_dlq is not None:
            keep &= frame["queued_to_dlq"].fillna(self.queued_to_dlq).astype(bool) == self.queued_to_dlq
        return keep.to_numpy(bool)


@dataclass(frozen=True, slots=True)
class Extent:
    """How many records, of which times."""

    rows: int = 0
    undated: int = 0
    first: datetime | None = None
    last: datetime | None = None

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Extent:
        """That of a frame of records."""
        times = frame["recorded_at"]
        return cls(len(frame), int(times.isna().sum()), _moment(times.min()), _moment(times.max()))

    def and_of(self, frame: pd.DataFrame) -> Extent:
        """That of these records and of a frame of others."""
        more = Extent.of(frame)
        return Extent(
            self.rows + more.rows,
            self.undated + more.undated,
            min((one for one in (self.first, more.first) if one is not None), default=None),
            max((one for one in (self.last, more.last) if one is not None), default=None),
        )


def inside(frame: pd.DataFrame, start: datetime | None, end: datetime | None) -> pd.DataFrame:
    """The records of the window, and those without a known time."""
    times = frame["recorded_at"]
    keep = pd.Series(True, index=frame.index)
    if start is not None:
        keep &= times.isna() | (times >= pd.Timestamp(start))
    if end is not None:
        keep &= times.isna() | (times < pd.Timestamp(end))
    return frame[keep]


def _moment(value: Any) -> datetime | None:
    return None if pd.isna(value) else value.to_pydatetime()
