"""Whether an incident has come back since its ticket was closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pandas as pd

from dlqkit.closure.checklist import Item
from dlqkit.language import mark, say

__all__ = ["Return", "check_return"]


_NOTHING_NEW = mark("There is no evidence of after it yet; a new snapshot tells.")
_ONLY_COUNTED = mark("The dead-letter counter has grown since, and no record tells of what.")


@dataclass(frozen=True, slots=True)
class Return:
    """What came after the closing."""

    state: Literal["no", "same", "other", "unknown"]
    """``same``: events died of what others had died of before the closing; ``other``: of something else."""
    dead: int
    """Dead letters in the records since the evidence that it was closed by."""
    alike: int
    """Of these, those with the signature of one of before."""
    since: str
    newest_at: str | None = None
    why: str = ""
    """Why it is not known."""


def check_return(dead: pd.DataFrame, seen_to: datetime, as_of: datetime, *, gap: str, counter: Item) -> Return:
    """Whether events of the workflow have died since the evidence that the incident was closed by.

    Parameters
    ----------
    dead : DataFrame
        Dead letters of the workflow: ``recorded_at`` and ``signature_id``.
    seen_to : datetime
        The end of that evidence.
    as_of : datetime
        The end of what is looked at now.
    gap : str
        Why a dead letter of since then may be missing (``records.find_gap``); empty where none is.
    counter : Item
        The checklist's counter.
    """
    since = seen_to.isoformat()
    if as_of <= seen_to:
        return Return("unknown", 0, 0, since, why=say(_NOTHING_NEW))
    fresh = dead[dead["recorded_at"] > pd.Timestamp(seen_to)]
    if len(fresh):
        # Not those of the report's incident: a new one, worse than the old, would be compared with itself.
        before = set(dead.loc[dead["recorded_at"] <= pd.Timestamp(seen_to), "signature_id"])
        alike = int(fresh["signature_id"].isin(before).sum())
        newest = fresh["recorded_at"].max().isoformat()
        return Return("same" if alike else "other", len(fresh), alike, since, newest)
    if counter.newest_at is not None and datetime.fromisoformat(counter.newest_at) > seen_to:
        return Return("unknown", 0, 0, since, counter.newest_at, say(_ONLY_COUNTED))
    return Return("unknown", 0, 0, since, why=gap) if gap else Return("no", 0, 0, since)
