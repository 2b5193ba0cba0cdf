"""Which workflows fail alike, and what became of the events that clients reported."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.report.coverage import coverage_rows, dead_letters_are_whole, time_text, value_or_none
from dlqkit.signals.groups import group_alike
from dlqkit.signals.support import match_reports

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["describe_findings", "describe_reports", "tell_findings"]

# Further reports are counted and not listed.
LISTED = 100
# A signature that holds a tenth of an incident is one of those that it is known by.
LEADING_SHARE = 0.1


def describe_findings(signals: pd.DataFrame, signed: pd.DataFrame) -> list[dict[str, Any]]:
    """Dead letters of several workflows at the same time as one finding each.

    Parameters
    ----------
    signals : DataFrame
        From ``find_signals``.
    signed : DataFrame
        Records by ``sign_dead_letters``.
    """
    asked = ["workflow_id", "recorded_at", "signature"]
    dead = signed.loc[signed["queued_to_dlq"].fillna(False).astype(bool), asked]

    def count(workflow_id: str, start: pd.Timestamp, end: pd.Timestamp | None) -> pd.Series:
        own = dead[(dead["workflow_id"] == workflow_id) & (dead["recorded_at"] >= start)]
        return (own if end is None else own[own["recorded_at"] <= end])["signature"].value_counts()

    return tell_findings(signals, count)


def tell_findings(
    signals: pd.DataFrame, count: Callable[[str, pd.Timestamp, pd.Timestamp | None], pd.Series]
) -> list[dict[str, Any]]:
    """The same, where ``count`` tells the dead letters of a workflow from a time to another by their signature."""
    found = group_alike(signals, _common_signatures(signals, count))
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


def _common_signatures(
    signals: pd.DataFrame, count: Callable[[str, pd.Timestamp, pd.Timestamp | None], pd.Series]
) -> dict[str, str]:
    """For each workflow the leading signature of its incident; one that it shares with another comes before its own."""
    leading: dict[str, pd.Series] = {}
    for row in signals[signals["signal"] == "dead_letters"].dropna(subset=["workflow_id"]).itertuples(index=False):
        counted = count(str(row.workflow_id), row.onset_at, None if pd.isna(row.end_at) else row.end_at)
        shares = counted / counted.sum()
        if len(shares):
            leading.setdefault(str(row.workflow_id), shares[shares >= LEADING_SHARE])
    # The same order for all: workflows with several errors in common are known by the same one of them.
    every = pd.concat(list(leading.values())) if leading else pd.Series(dtype="float64")
    weight = {str(name): (len(own), float(own.sum()), str(name)) for name, own in every.groupby(level=0, sort=True)}
    return {
        workflow_id: max((str(name) for name in shares.index), key=weight.__getitem__)
        for workflow_id, shares in leading.items() if len(shares)
    }  # fmt: skip


def _is_untold(matched: pd.DataFrame, folder: IncidentFolder) -> pd.Series:
    """Reports without a record where the records do not tell: the API was not asked for the trace, or gave up."""
    rows = coverage_rows(folder)
    absent = matched["fate"].astype("str") == "never arrived"
    if not any(row["kind"] == "records: dead letters" for row in rows):
        # An export is all that there is.
        return absent & (not dead_letters_are_whole(rows))
    asked = [row for row in rows if row["kind"] == "records: reported"]
    by_trace = bool(asked) and all(row["completeness"] == "complete" for row in asked)
    return absent & (matched["trace_id"].isna() | (not by_trace))


def describe_reports(folder: IncidentFolder, records: pd.DataFrame) -> dict[str, Any]:
    """How many reported events succeeded, failed, are dead, or never arrived; and each that did not succeed."""
    reports = folder.support_reports().frame
    if reports.empty:
        return {"count": 0, "fates": {}, "rows": []}
    matched = match_reports(reports, records)
    matched["fate"] = matched["fate"].astype("str").mask(_is_untold(matched, folder), "unknown")
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
