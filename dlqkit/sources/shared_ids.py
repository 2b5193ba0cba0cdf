"""Records that are not told apart by their ids: how many there are, and what an analyst can do about it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from dlqkit.language import in_english, mark

__all__ = ["SharedIds"]

_WHAT = ["record_id", "event_key", "workflow_id", "trace_id", "payload_snapshot"]


@dataclass(slots=True)
class SharedIds:
    """A count that goes on from page to page, without keeping an id: of what stands on one page alone."""

    several: int = 0
    """Records under an id that records of other events have, too."""
    alike: int = 0
    """Records that have id and event key in common, and not their payload."""

    def add(self, frame: pd.DataFrame) -> None:
        """Count those of a page: ``frames.RECORDS``."""
        again = frame["record_id"].duplicated(keep=False) & frame["record_id"].notna()
        if not again.any():
            return
        own = frame.loc[again, _WHAT].drop_duplicates()
        by_id, by_key = own.groupby("record_id"), own.groupby(["record_id", "event_key"], dropna=False)
        self.several += int((by_id["event_key"].transform("nunique") > 1).sum())
        self.alike += int((by_key["payload_snapshot"].transform("nunique") > 1).sum())

    @property
    def findings(self) -> list[str]:
        """What is to be said of it."""
        out = []
        if self.several:
            text = mark("At least {count} records share their id with records of other events; each is kept.")
            out.append(in_english(text, count=self.several))
        if self.alike:
            text = mark(
                "At least {count} records share their id and differ in their payload, and nothing else tells their "
                "events apart: they count as one event, unless execution_logs.event_key names a field that does."
            )
            out.append(in_english(text, count=self.alike))
        return out
