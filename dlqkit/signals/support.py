"""What clients report: how many, since when, and what became of each reported event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from dlqkit.frames import RECORDS, SUPPORT_REPORTS, check_frame
from dlqkit.signals.points import Found, times_s

__all__ = ["FATES", "REPORTED", "find_reports", "match_reports"]

TIME = "datetime64[us, UTC]"
FATES = ("never arrived", "dead", "failed", "succeeded", "unknown")
REPORTED: Mapping[str, str] = {
    "reported_at": TIME,
    "trace_id": "str",
    "business_key": "str",
    "fate": "category",
    "records": "Int64",
    "workflow_id": "str",
    "event_key": "str",
    "recorded_at": TIME,
    "note": "str",
}
_SUCCESS = ("success", "succeeded", "ok", "completed", "done")
# Reports that make it sure that something is wrong, as 1 − 1/e.
REPORTS = 3.0


def match_reports(
    support_reports: pd.DataFrame, records: pd.DataFrame, *, entity_key: Sequence[str] | None = None
) -> pd.DataFrame:
    """What became of each reported event, by the records.

    Parameters
    ----------
    support_reports : DataFrame
        ``frames.SUPPORT_REPORTS``: by ``trace_id``, or by ``business_key``.
    records : DataFrame
        ``frames.RECORDS``.
    entity_key : sequence of str, optional
        Where a record holds its business key, such as ``payload.customer_id``; without it a business key is looked
        for among all texts and numbers of the payload.

    Returns
    -------
    DataFrame
        A row per report, in their order.

        reported_at, trace_id, business_key, note : as reported
        fate : category, ``succeeded``, ``failed``, ``dead``, ``never arrived`` (no record has it), or ``unknown``
            (the report names no event)
        records : Int64, how many records were found
        workflow_id, event_key, recorded_at : of the last of them; NA where there is none

    Notes
    -----
    Runbook §1. The last record counts: an event that was dead and then succeeded has succeeded. "Never arrived" says
    only that these records do not have it: look at what they cover.
    """
    check_frame(support_reports, SUPPORT_REPORTS, ("reported_at",))
    check_frame(records, RECORDS, ("trace_id", "recorded_at", "queued_to_dlq", "status"))
    ordered = records.sort_values("recorded_at", kind="stable", na_position="first").reset_index(drop=True)
    by_trace = _positions(ordered["trace_id"])
    wanted = {str(key) for key in _column(support_reports, "business_key").dropna()}
    by_key = _business_positions(ordered, wanted, entity_key) if wanted else {}
    rows: list[dict[str, Any]] = []
    for at, trace, key, note in zip(
        support_reports["reported_at"],
        *(_column(support_reports, name) for name in ("trace_id", "business_key", "note")),
        strict=True,
    ):
        said = not pd.isna(trace) or not pd.isna(key)
        found = by_trace.get(str(trace), []) if not pd.isna(trace) else []
        if not found and not pd.isna(key):
            found = by_key.get(str(key), [])
        rows.append(
            {"reported_at": at, "trace_id": trace, "business_key": key, "note": note, "records": len(found),
             **_fate(ordered, found, said)}
        )  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(REPORTED))
    frame["fate"] = pd.Categorical(frame["fate"], categories=list(FATES))
    for name in ("reported_at", "recorded_at"):
        # Where no report has a record, a column of nothing but NaT has no zone.
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame.astype({name: dtype for name, dtype in REPORTED.items() if dtype != "category"})


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name] if name in frame.columns else pd.Series(pd.NA, index=frame.index, dtype="str")


def _positions(values: pd.Series) -> dict[str, list[int]]:
    out: dict[str, list[int]] = {}
    for place, value in enumerate(values):
        if not pd.isna(value):
            out.setdefault(str(value), []).append(place)
    return out


def _fate(records: pd.DataFrame, found: list[int], said: bool) -> dict[str, Any]:
    if not found:
        absent = {"workflow_id": pd.NA, "event_key": pd.NA, "recorded_at": pd.NaT}
        return {"fate": "never arrived" if said else "unknown", **absent}
    last = records.iloc[found[-1]]
    is_dead = not pd.isna(last["queued_to_dlq"]) and bool(last["queued_to_dlq"])
    succeeded = str(last["status"]).lower() in _SUCCESS
    fate = "dead" if is_dead else "succeeded" if succeeded else "failed"
    own = {name: last[name] if name in records.columns else pd.NA for name in ("workflow_id", "event_key")}
    return {"fate": fate, "recorded_at": last["recorded_at"], **own}


def _business_positions(
    records: pd.DataFrame, wanted: set[str], entity_key: Sequence[str] | None
) -> dict[str, list[int]]:
    out: dict[str, list[int]] = {}
    if "payload_snapshot" not in records.columns:
        return out
    for place, text in enumerate(records["payload_snapshot"]):
        # Most payloads hold none of the keys: the text is searched before it is read.
        if pd.isna(text) or not any(key in text for key in wanted):
            continue
        try:
            payload = msgspec.json.decode(text)
        except msgspec.DecodeError:
            continue
        values = {_at(payload, path) for path in entity_key} if entity_key else set(_leaves(payload))
        for key in wanted & values:
            out.setdefault(key, []).append(place)
    return out


def _at(payload: Any, path: str) -> str:
    for part in path.removeprefix("payload.").split("."):
        payload = payload.get(part) if isinstance(payload, dict) else None
    return "" if payload is None else str(payload)


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for own in value.values() for leaf in _leaves(own)]
    if isinstance(value, list):
        return [leaf for own in value for leaf in _leaves(own)]
    return [str(value)]


def find_reports(reports: pd.DataFrame | None, records: pd.DataFrame | None) -> list[Found]:
    """What clients say never arrived; from the first report on, with the fate of the reported events."""
    if reports is None or reports.empty:
        return []
    at = times_s(reports["reported_at"].dropna())
    if len(at) == 0:
        return []
    text = f"{len(reports):,} reports from outside"
    needed = {"trace_id", "recorded_at", "queued_to_dlq", "status"}
    if records is not None and needed <= set(records.columns):
        fates = match_reports(reports, records)["fate"].value_counts()
        text += ": " + ", ".join(f"{fates[fate]:,} {fate}" for fate in FATES if fates.get(fate, 0))
    sure = float(1 - np.exp(-len(reports) / REPORTS))
    first = float(at.min())
    return [Found(None, "support", first, np.nan, first, None, np.nan, float(len(reports)), np.nan, sure, text + ".")]
