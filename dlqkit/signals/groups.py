"""Workflows that fail alike at the same time, as one finding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dlqkit.errors import FrameError
from dlqkit.language import say, say_count

__all__ = ["FINDINGS", "group_alike"]

TIME = "datetime64[us, UTC]"
FINDINGS: Mapping[str, str] = {
    "finding_id": "Int64",
    "workflow_ids": "object",
    "workflows": "Int64",
    "signal": "str",
    "signature": "str",
    "onset_at": TIME,
    "onset_high_at": TIME,
    "end_at": TIME,
    "size": "Float64",
    "confidence": "Float64",
    "sentence": "str",
}
# One cause reaches its workflows within this, beyond what each onset leaves open: retries take their time.
TOGETHER = pd.Timedelta(minutes=2)
_NEEDED = ("workflow_id", "signal", "onset_at", "onset_low_at", "onset_high_at", "end_at", "size", "confidence")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def group_alike(
    incidents: pd.DataFrame,
    signatures: Mapping[str, str] | pd.Series | None = None,
    *,
    together: pd.Timedelta = TOGETHER,
) -> pd.DataFrame:
    """Incidents that began together and, where it is known, with the same error, as one finding each.

    Parameters
    ----------
    incidents : DataFrame
        From ``find_incidents``. Its rows of ``dead_letters`` are joined; other signals are left out.
    signatures : mapping or Series, optional
        The leading signature of each workflow's incident, by ``workflow_id``. Workflows of different signatures are
        never one finding; one whose signature is not known joins by time alone.
    together : Timedelta
        How far apart the onsets of one finding may be, beyond the intervals in which each is sure.

    Returns
    -------
    DataFrame
        A row per finding, the one with the most workflows first; columns of ``FINDINGS``.

        finding_id : Int64, from 1
        workflow_ids : tuple of str, the largest incident first
        workflows : Int64, how many
        signature : str, NA where it is not known
        onset_at : the earliest; onset_high_at : the latest time at which one of them can have begun
        end_at : NaT while one of them goes on
        size : Float64, events of all; confidence : Float64, of the surest
        sentence : str, such as "Eight workflows, the same signature."

    Raises
    ------
    FrameError
        If a column of ``find_incidents`` is missing.

    Notes
    -----
    Runbook §1. That they began together does not say that one is the cause of the other.
    """
    absent = [column for column in _NEEDED if column not in incidents.columns]
    if absent:
        raise FrameError(f"The frame of incidents has no column {absent[0]}.", "Give all that find_incidents returned.")
    own = incidents[(incidents["signal"].astype("str") == "dead_letters") & incidents["onset_at"].notna()]
    known = dict(signatures) if signatures is not None else {}
    open_groups: list[dict[str, Any]] = []
    for row in own.sort_values("onset_at", kind="stable").itertuples(index=False):
        name = None if pd.isna(row.workflow_id) else str(row.workflow_id)
        low = row.onset_at if pd.isna(row.onset_low_at) else min(row.onset_low_at, row.onset_at)
        high = row.onset_at if pd.isna(row.onset_high_at) else max(row.onset_high_at, row.onset_at)
        signature = known.get(name) if name is not None else None
        group = _fitting(open_groups, name, signature, low, high, together)
        if group is None:
            group = {"rows": [], "names": [], "signature": signature, "low": low, "high": high}
            open_groups.append(group)
        group["rows"].append(row)
        group["names"].append(name)
        # Onsets in a chain would join what is hours apart, so all of a group must agree with each other.
        group["low"], group["high"] = max(group["low"], low), min(group["high"], high)
        group["signature"] = group["signature"] or signature
    rows = [_finding(group, bool(known)) for group in open_groups]
    rows.sort(key=lambda row: (-row["workflows"], -row["size"], row["onset_at"]))
    frame = pd.DataFrame([{"finding_id": number, **row} for number, row in enumerate(rows, 1)], columns=list(FINDINGS))
    for name in ("onset_at", "onset_high_at", "end_at"):
        # None of them may have ended, and a column of nothing but NaT has no zone.
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame.astype(dict(FINDINGS))


def _fitting(
    groups: list[dict[str, Any]], name: str | None, signature: str | None, low: Any, high: Any, together: pd.Timedelta
) -> dict[str, Any] | None:
    for group in groups:
        other = group["signature"]
        agrees = signature is None or other is None or signature == other
        if (
            agrees
            and name not in group["names"]
            and low <= group["high"] + together
            and group["low"] <= high + together
        ):
            return group
    return None


def _finding(group: dict[str, Any], by_signature: bool) -> dict[str, Any]:
    rows = sorted(group["rows"], key=lambda row: -float(row.size if not pd.isna(row.size) else 0))
    names = tuple("" if pd.isna(row.workflow_id) else str(row.workflow_id) for row in rows)
    ends = [row.end_at for row in rows]
    signature = group["signature"]
    count = len(rows)
    return {
        "workflow_ids": names,
        "workflows": count,
        "signal": "dead_letters",
        "signature": signature if signature is not None else pd.NA,
        "onset_at": min(row.onset_at for row in rows),
        "onset_high_at": max(row.onset_at if pd.isna(row.onset_high_at) else row.onset_high_at for row in rows),
        "end_at": pd.NaT if any(pd.isna(end) for end in ends) else max(ends),
        "size": float(sum(row.size for row in rows if not pd.isna(row.size))),
        "confidence": float(max((row.confidence for row in rows if not pd.isna(row.confidence)), default=float("nan"))),
        "sentence": _sentence(count, by_signature, signature is not None),
    }


def _sentence(count: int, by_signature: bool, is_same: bool) -> str:
    # English writes small numbers as words; a translation uses {count}.
    amount = (_NUMBERS[count] if count < len(_NUMBERS) else f"{count:,}").capitalize()
    if count == 1:
        return say("One workflow, alone.") if by_signature else say("One workflow, alone at this time.")
    if is_same:
        return say_count(
            "{amount} workflow, the same signature.", "{amount} workflows, the same signature.", count, amount=amount
        )
    return say_count(
        "{amount} workflow, at the same time; whether with the same error is not known.",
        "{amount} workflows, at the same time; whether with the same error is not known.",
        count, amount=amount,
    )  # fmt: skip
