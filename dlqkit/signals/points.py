"""Points in time: counters that grew, and the row that every signal is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["Found", "by_workflow", "grown_points", "moment_s", "times_s", "usual_spacing_s"]

TIME = "datetime64[us, UTC]"


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


def moment_s(moment: Any) -> float:
    """A moment as seconds since 1970."""
    return float(pd.Timestamp(moment).timestamp())


def times_s(times: pd.Series) -> npt.NDArray[np.float64]:
    """Times as seconds since 1970."""
    out: npt.NDArray[np.float64] = times.astype(TIME).astype("int64").to_numpy(dtype=np.float64) / 1e6
    return out


def by_workflow(steps: pd.DataFrame) -> dict[str | None, pd.DataFrame]:
    """The rows of each workflow; all of them under None where no label tells."""
    if steps.empty:
        return {}
    if "workflow_id" not in steps.columns:
        return {None: steps}
    known = steps[steps["workflow_id"].notna() & (steps["workflow_id"].astype("str") != "")]
    return {str(name): part for name, part in known.groupby(known["workflow_id"].astype("str"), sort=True)}


def grown_points(steps: pd.DataFrame) -> pd.DataFrame:
    """Grown counters as points: ``at_s``, ``previous_s``, ``weight``, summed over series that are scraped together."""
    grown = steps[(steps["increase"] > 0).fillna(False).astype(bool)]
    points = pd.DataFrame(
        {
            "at_s": times_s(grown["sampled_at"]),
            "previous_s": times_s(grown["previous_at"]),
            "weight": grown["increase"].to_numpy(dtype=np.float64),
        }
    )
    summed = points.groupby("at_s", sort=True).agg(previous_s=("previous_s", "min"), weight=("weight", "sum"))
    return summed.reset_index()


def usual_spacing_s(steps: pd.DataFrame) -> float:
    """The usual time between two scrapes, seconds."""
    gaps = steps["gap_s"].dropna()
    return float(gaps.median()) if len(gaps) else 60.0
