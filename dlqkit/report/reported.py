"""Which workflows fail alike, and what became of the events that clients reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.report.coverage import time_text, value_or_none
from dlqkit.signals.groups import group_alike
from dlqkit.signals.support import match_reports

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["describe_findings", "describe_reports"]


def describe_findings(signals: pd.DataFrame, signed: pd.DataFrame) -> list[dict[str, Any]]:
    """Dead letters of several workflows at the same time as one finding each.

    Parameters
    ----------
    signals : DataFrame
        From ``find_signals``.
    signed : DataFrame
        Records by ``sign_dead_letters``.
    """
    dead = signed[signed["queued_to_dlq"].fillna(False).astype(bool)]
    leading = dead.groupby("workflow_id", sort=True)["signature"].agg(lambda texts: texts.mode().iloc[0])
    found = group_alike(signals, {str(key): str(text) for key, text in leading.items()})
    return [
        {
            "workflow_ids": [str(one) for one in row["workflow_ids"]],
            "signature": None if pd.isna(row["signature"]) else str(row["signature"]),
            "onset_at": time_text(row["onset_at"]),
            "end_at": time_text(row["end_at"]),
            "size": value_or_none(row["size"]),
            "sentence": str(row["sentence"]),
        }
        for row in found.to_dict("records")
    ]


def describe_reports(folder: IncidentFolder, records: pd.DataFrame, workflow_id: str | None) -> dict[str, Any]:
    """How many reported events succeeded, failed, are dead, or never arrived; and each that did not succeed."""
    reports = folder.support_reports().frame
    if reports.empty:
        return {"count": 0, "fates": {}, "rows": []}
    keys = folder.entity_key(workflow_id)
    matched = match_reports(reports, records, entity_key=keys or None)
    fates = matched["fate"].astype("str").value_counts().sort_index()
    rows = [
        {
            "reported_at": time_text(row["reported_at"]),
            "trace_id": None if pd.isna(row["trace_id"]) else str(row["trace_id"]),
            "fate": str(row["fate"]),
            "recorded_at": time_text(row["recorded_at"]),
        }
        for row in matched[matched["fate"] != "succeeded"].head(LISTED).to_dict("records")
    ]
    return {"count": len(matched), "fates": {str(name): int(count) for name, count in fates.items()}, "rows": rows}


LISTED = 100
