"""What clients report: how many, since when, and what became of each reported event."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from dlqkit.frames import RECORDS, SUPPORT_REPORTS, check_frame
from dlqkit.language import mark, say, say_count
from dlqkit.signals.outcomes import in_order, record_outcomes
from dlqkit.signals.points import Found, times_s

__all__ = ["FATES", "REPORTED", "find_reports", "match_reports", "plain_keys"]

TIME = "datetime64[us, UTC]"
FATES = ("never arrived", "dead", "failed", "under way", "succeeded", "unknown")
# A count of reported events and what became of them.
_FATE_TEXTS = {
    "never arrived": mark("{count} never arrived"),
    "dead": mark("{count} dead"),
    "failed": mark("{count} failed"),
    "under way": mark("{count} under way"),
    "succeeded": mark("{count} succeeded"),
    "unknown": mark("{count} unknown"),
}
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
_FATE_OF = {"dead": "dead", "failed": "failed", "succeeded": "succeeded", "retrying": "under way"}
# A key that was a number in a table comes as 17.0, and is 17 in the payload.
_WHOLE = re.compile(r"(-?[0-9]+)\.0+")
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
        fate : category, ``succeeded``, ``failed``, ``dead``, ``under way`` (the last record is of an attempt that goes
            on), ``never arrived`` (no record has it), or ``unknown`` (the report names no event)
        records : Int64, how many records were found
        workflow_id, event_key, recorded_at : of the last of them; NA where there is none

    Notes
    -----
    Runbook §1. The last record counts: an event that was dead and then succeeded has succeeded. "Never arrived" says
    only that these records do not have it: look at what they cover.
    """
    check_frame(support_reports, SUPPORT_REPORTS, ("reported_at",))
    check_frame(records, RECORDS, ("trace_id", "recorded_at", "queued_to_dlq", "status"))
    ordered = in_order(records).reset_index(drop=True)
    ordered["outcome"] = record_outcomes(ordered)
    by_trace = _positions(ordered["trace_id"])
    traces, keys = (_column(support_reports, name).map(_plain) for name in ("trace_id", "business_key"))
    wanted = plain_keys(support_reports)[1]
    by_key = _business_positions(ordered, wanted, entity_key) if wanted else {}
    rows: list[dict[str, Any]] = []
    reported = (_column(support_reports, name) for name in ("reported_at", "trace_id", "business_key", "note"))
    for at, trace_id, business_key, note, trace, key in zip(*reported, traces, keys, strict=True):
        found = by_trace.get(trace, []) or by_key.get(key, [])
        rows.append(
            {"reported_at": at, "trace_id": trace_id, "business_key": business_key, "note": note, "records": len(found),
             **_fate(ordered, found, bool(trace or key))}
        )  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(REPORTED))
    frame["fate"] = pd.Categorical(frame["fate"], categories=list(FATES))
    for name in ("reported_at", "recorded_at"):
        # Where no report has a record, a column of nothing but NaT has no zone.
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame.astype({name: dtype for name, dtype in REPORTED.items() if dtype != "category"})


def plain_keys(reports: pd.DataFrame) -> tuple[set[str], set[str]]:
    """The traces and the business keys that reports name, as they are compared."""
    traces, keys = ({_plain(one) for one in _column(reports, name)} - {""} for name in ("trace_id", "business_key"))
    return traces, keys


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name] if name in frame.columns else pd.Series(pd.NA, index=frame.index, dtype="str")


def _plain(value: Any) -> str:
    """A key or trace as it is compared: without blanks around it, and a whole number without its fraction."""
    text = "" if pd.isna(value) else str(value).strip()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _positions(values: pd.Series) -> dict[str, list[int]]:
    out: dict[str, list[int]] = {}
    for place, value in enumerate(values.map(_plain)):
        if value:
            out.setdefault(value, []).append(place)
    return out


def _fate(records: pd.DataFrame, found: list[int], said: bool) -> dict[str, Any]:
    if not found:
        absent = {"workflow_id": pd.NA, "event_key": pd.NA, "recorded_at": pd.NaT}
        return {"fate": "never arrived" if said else "unknown", **absent}
    last = records.iloc[found[-1]]
    own = {name: last[name] if name in records.columns else pd.NA for name in ("workflow_id", "event_key")}
    return {"fate": _FATE_OF[last["outcome"]], "recorded_at": last["recorded_at"], **own}


def _business_positions(
    records: pd.DataFrame, wanted: set[str], entity_key: Sequence[str] | None
) -> dict[str, list[int]]:
    out: dict[str, list[int]] = {}
    if "payload_snapshot" not in records.columns:
        return out
    for place, text in enumerate(records["payload_snapshot"]):
        # Most payloads hold none of the keys: the text is searched before it is read, unless it spells letters out.
        if pd.isna(text) or not ("\\" in text or any(key in text for key in wanted)):
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
    return "" if payload is None else _plain_leaf(payload)


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for own in value.values() for leaf in _leaves(own)]
    if isinstance(value, list):
        return [leaf for own in value for leaf in _leaves(own)]
    return [_plain_leaf(value)]


def _plain_leaf(value: Any) -> str:
    return str(value).strip() if isinstance(value, list | dict) else _plain(value)


def fate_text(fate: str, count: int) -> str:
    """``12 never arrived``."""
    return say(_FATE_TEXTS[fate], count=count)


def find_reports(reports: pd.DataFrame | None, records: pd.DataFrame | None) -> list[Found]:
    """What clients say never arrived; from the first report on, with the fate of the reported events."""
    if reports is None or reports.empty:
        return []
    at = times_s(reports["reported_at"].dropna())
    if len(at) == 0:
        return []
    text = say_count("{count} report from outside", "{count} reports from outside", len(reports))
    needed = {"trace_id", "recorded_at", "queued_to_dlq", "status"}
    if records is not None and needed <= set(records.columns):
        fates = match_reports(reports, records)["fate"].value_counts()
        text += ": " + ", ".join(fate_text(fate, int(fates[fate])) for fate in FATES if fates.get(fate, 0))
    sure = float(1 - np.exp(-len(reports) / REPORTS))
    first = float(at.min())
    return [Found(None, "support", first, np.nan, first, None, np.nan, float(len(reports)), np.nan, sure, text + ".")]
