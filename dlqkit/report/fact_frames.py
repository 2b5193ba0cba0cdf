"""The facts' rows as the frames that they came from, for the plots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

__all__ = ["changes_frame", "signals_frame"]


def signals_frame(facts: Mapping[str, Any]) -> pd.DataFrame:
    """The signals of the facts as ``find_incidents`` gave them, for the plots."""
    frame = pd.DataFrame(
        facts["signals"],
        columns=[
            "workflow_id",
            "signal",
            "onset_at",
            "onset_low_at",
            "onset_high_at",
            "end_at",
            "resolution_s",
            "size",
            "what",
        ],
    )
    for name in ("onset_at", "onset_low_at", "onset_high_at", "end_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601").astype("datetime64[us, UTC]")
    return frame


def changes_frame(facts: Mapping[str, Any]) -> pd.DataFrame:
    """The changes of the facts as ``find_changes`` gave them, for the plots."""
    frame = pd.DataFrame(facts["changes"]["rows"], columns=["at", "kind", "what", "workflow_id", "evidence"])
    frame["at"] = pd.to_datetime(frame["at"], utc=True, format="ISO8601").astype("datetime64[us, UTC]")
    return frame
