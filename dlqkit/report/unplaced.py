"""Dead letters without an onset: a source that was cut, one trace, a loss that was there from the first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from dlqkit.executions.event_history import event_states
from dlqkit.language import date_and_time, say
from dlqkit.signals.signals import INCIDENTS

__all__ = ["LOST", "count_lost", "find_unplaced", "judge_lost"]

TIME = "datetime64[us, UTC]"
LOST: Mapping[str, str] = {
    "workflow_id": "str",
    "dead_letters": "Int64",
    "first_at": TIME,
    "last_at": TIME,
    "records": "Int64",
}

# Fewer may be there by chance at any time (signals.onset.MINIMUM_EVENTS).
FEW = 3
# A loss all through the window needs more to be told from single poison events, and this share of the events.
STEADY_EVENTS = 10
STEADY_SHARE = 0.02
# As in signals: quiet for five minutes and for seven of its own mean spacings is an end.
QUIET_S, QUIET_SPACINGS = 300.0, 7.0


def find_unplaced(
    signals: pd.DataFrame,
    records: pd.DataFrame,
    now: datetime,
    *,
    known_to: datetime,
    is_whole: bool,
    is_trace: bool,
    counted: set[str],
) -> pd.DataFrame:
    """Dead letters that ``find_incidents`` cannot place in time, and that are no reason to say "nothing is wrong".

    Parameters
    ----------
    signals : DataFrame
        From ``find_incidents``; workflows with dead letters in it are left to it.
    records : DataFrame
        ``frames.RECORDS``.
    now : datetime
        The end of what is looked at.
    known_to : datetime
        Until when the records tell of dead letters; what they do not reach to has not ended.
    is_whole : bool
        Whether no dead letter is missing from the records.
    is_trace : bool
        Whether the question is one trace: then each of its dead letters counts.
    counted : set of str
        Workflows whose dead-letter counter was seen; a steady loss is then judged by the counters.

    Returns
    -------
    DataFrame
        Columns of ``signals.INCIDENTS``, signal ``dead_letters``, most first. ``onset_low_at`` is NaT: it began at
        ``onset_at`` or before.
    """

    def share_of(workflow_id: str) -> float:
        states = event_states(records[records["workflow_id"] == workflow_id])
        return float(states["first_dead_at"].notna().mean())

    return judge_lost(
        signals, count_lost(records, now), share_of, known_to=known_to, is_whole=is_whole, is_trace=is_trace,
        counted=counted,
    )  # fmt: skip


def count_lost(records: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """The dead letters of each workflow up to ``now``, since when and until when, and all records of it: ``LOST``."""
    dead = records[records["queued_to_dlq"].fillna(False).astype(bool) & (records["recorded_at"] <= now)]
    own = dead.groupby("workflow_id", sort=True)["recorded_at"]
    out = pd.DataFrame({"dead_letters": own.size(), "first_at": own.min(), "last_at": own.max()})
    out["records"] = records.groupby("workflow_id", sort=True).size().reindex(out.index)
    return out.reset_index()[list(LOST)].astype(dict(LOST))


def judge_lost(
    signals: pd.DataFrame,
    lost: pd.DataFrame,
    share_of: Callable[[str], float],
    *,
    known_to: datetime,
    is_whole: bool,
    is_trace: bool,
    counted: set[str],
) -> pd.DataFrame:
    """The same of dead letters that are counted: columns of ``LOST``, ``share_of`` the events of a workflow is lost."""
    placed = set() if is_trace else set(signals.loc[signals["signal"] == "dead_letters", "workflow_id"].dropna())
    rows = []
    for own in lost.itertuples(index=False):
        if own.workflow_id in placed:
            continue
        text = _reason(own, share_of, is_whole=is_whole, is_trace=is_trace, counted=counted)
        if text:
            rows.append(_row(own, pd.Timestamp(known_to), text))
    frame = pd.DataFrame(rows, columns=list(INCIDENTS)).sort_values("size", ascending=False, kind="stable")
    for name in ("onset_at", "onset_low_at", "onset_high_at", "end_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame.reset_index(drop=True).astype({**INCIDENTS, "signal": signals["signal"].dtype})


def _reason(own: Any, share_of: Callable[[str], float], *, is_whole: bool, is_trace: bool, counted: set[str]) -> str:
    workflow_id, count, since = str(own.workflow_id), int(own.dead_letters), date_and_time(own.first_at)
    if is_trace:
        return say("{count} dead letters of this trace in the execution records.", count=count)
    if workflow_id in counted or count < FEW:
        return ""
    if not is_whole:
        return say(
            "The {count} dead letters that the source gave begin at {since}; it was cut, so there may be earlier.",
            count=count, since=since,
        )  # fmt: skip
    if count < STEADY_EVENTS:
        return ""
    if own.records == count:
        return say(
            "{count} dead letters come steadily since {since}; nothing tells whether that is usual.",
            count=count, since=since,
        )  # fmt: skip
    share = share_of(workflow_id)
    if share < STEADY_SHARE:
        return ""
    return say(
        "{share:.0%} of its events are lost all through the window, so it began before the evidence does.", share=share
    )


def _row(own: Any, known_to: pd.Timestamp, text: str) -> dict[str, object]:
    first, last, count = own.first_at, own.last_at, int(own.dead_letters)
    spacing_s = (last - first).total_seconds() / max(count - 1, 1)
    ended = (known_to - last).total_seconds() > max(QUIET_S, QUIET_SPACINGS * spacing_s)
    return {
        "workflow_id": str(own.workflow_id),
        "signal": "dead_letters",
        "onset_at": first,
        "onset_low_at": pd.NaT,
        "onset_high_at": first,
        "end_at": last if ended else pd.NaT,
        "resolution_s": np.nan,
        "size": float(count),
        "baseline": np.nan,
        "confidence": 0.5,
        "evidence": text,
        "what": None,
    }
