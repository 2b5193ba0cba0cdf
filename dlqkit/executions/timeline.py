"""What happened when: one frame of binned counts and single moments, in lanes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.frames import RECORDS, check_frame
from dlqkit.language import mark, say
from dlqkit.signals.outcomes import record_outcomes

__all__ = ["LANES", "TIMELINE", "counted_bins", "join_lanes", "timeline", "width_of"]

TIME = "datetime64[us, UTC]"
TIMELINE: Mapping[str, str] = {
    "at": TIME,
    "end_at": TIME,
    "lane": "category",
    "kind": "str",
    "text": "str",
    "workflow_id": "str",
    "count": "Int64",
    "evidence": "str",
}
LANES = ("incident", "dead letters", "failures", "successes", "worker logs", "changes", "notes")
_SIGNALS = {
    "dead_letters": mark("dead letters"),
    "failures": mark("failures"),
    "support": mark("support"),
    "duration": mark("duration"),
    "silence": mark("silence"),
}
# Widths that people read: 1 s to a day.
_WIDTHS_S = (1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)


def timeline(
    records: pd.DataFrame,
    *,
    worker_logs: pd.DataFrame | None = None,
    incidents: pd.DataFrame | None = None,
    changes: pd.DataFrame | None = None,
    notes: Iterable[tuple[datetime, str]] = (),
    bins: int = 60,
) -> pd.DataFrame:
    """What happened when, in lanes.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``.
    worker_logs : DataFrame, optional
        ``frames.WORKER_LOGS``; only lines at warning or above are counted.
    incidents, changes : DataFrame, optional
        From ``find_incidents`` and ``find_changes``.
    notes : iterable of (datetime, str)
        The analyst's own, such as a deploy.
    bins : int
        About how many bins of time; their width is a round one.

    Returns
    -------
    DataFrame
        Columns of ``TIMELINE``, by time: bins with a ``count`` (``at`` to ``end_at``; empty bins are absent), and
        moments whose ``count`` is NA.
    """
    check_frame(records, RECORDS, ("recorded_at", "queued_to_dlq", "status", "last_error"))
    width_s = _width(records, worker_logs, bins)
    outcome = record_outcomes(records)
    # What is under way has failed before, or has no outcome yet: then it is in no lane.
    failed = (outcome == "failed") | ((outcome == "retrying") & records["last_error"].fillna("").ne(""))
    parts = [
        _bins(records.loc[mask, "recorded_at"], lane, width_s)
        for lane, mask in (
            ("dead letters", outcome == "dead"),
            ("failures", failed),
            ("successes", outcome == "succeeded"),
        )
    ]
    if worker_logs is not None and len(worker_logs):
        level = worker_logs["level"].astype("str").str.lower().fillna("")
        loud = level.str.contains("warn|err|crit|fatal|alert|emerg")
        parts.append(_bins(worker_logs.loc[loud, "logged_at"], "worker logs", width_s))
    parts += [_from_incidents(incidents), _from_changes(changes), _from_notes(notes)]
    return join_lanes(parts)


def join_lanes(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Rows of several lanes as one frame, columns of ``TIMELINE``, by time."""
    full = [part for part in parts if len(part)]
    if not full:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in TIMELINE.items()})
    out = pd.concat(full, ignore_index=True)
    out["lane"] = pd.Categorical(out["lane"].astype("str"), categories=list(LANES))
    return out.sort_values(["at", "lane"], kind="stable").reset_index(drop=True).astype({"lane": "category"})


def _width(records: pd.DataFrame, logs: pd.DataFrame | None, bins: int) -> int:
    times = [records["recorded_at"].dropna()] + ([] if logs is None else [logs["logged_at"].dropna()])
    known = [column for column in times if len(column)]
    if not known:
        return _WIDTHS_S[0]
    span = (max(column.max() for column in known) - min(column.min() for column in known)).total_seconds()
    return width_of(span, bins)


def width_of(span_s: float, bins: int) -> int:
    """The width of a bin, seconds: a round one, of which about so many cover the span."""
    return next((width for width in _WIDTHS_S if width * bins >= span_s), _WIDTHS_S[-1])


def _frame(columns: Mapping[str, object], rows: int) -> pd.DataFrame:
    values = {name: columns.get(name, pd.Series([pd.NA] * rows)) for name in TIMELINE}
    return pd.DataFrame(values, index=range(rows)).astype({**TIMELINE, "lane": "str"})


def _bins(times: pd.Series, lane: str, width_s: int) -> pd.DataFrame:
    known = times.dropna()
    if known.empty:
        return pd.DataFrame()
    microseconds = known.astype(TIME).astype("int64").to_numpy()
    return counted_bins(*np.unique(microseconds // (width_s * 1_000_000), return_counts=True), lane, width_s)


def counted_bins(
    starts: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], lane: str, width_s: int
) -> pd.DataFrame:  # fmt: skip
    """Rows of one lane; the starts are numbers of bins since 1970, ascending."""
    if not len(starts):
        return pd.DataFrame()
    at = pd.Series(pd.to_datetime(starts * width_s * 1_000_000, unit="us", utc=True))
    return _frame(
        {
            "at": at,
            "end_at": at + pd.Timedelta(seconds=width_s),
            "lane": lane,
            "kind": "bin",
            "text": "",
            "count": pd.Series(counts),
            "evidence": "",
        },
        len(starts),
    )


def _from_incidents(incidents: pd.DataFrame | None) -> pd.DataFrame:
    if incidents is None or incidents.empty:
        return pd.DataFrame()
    rows = incidents.reset_index(drop=True)
    text = rows["signal"].astype("str").map(lambda signal: say(_SIGNALS[signal]) if signal in _SIGNALS else signal)
    return _frame(
        {
            "at": rows["onset_at"],
            "end_at": rows["end_at"],
            "lane": "incident",
            "kind": rows["signal"].astype("str"),
            "text": text,
            "workflow_id": rows["workflow_id"],
            "evidence": "",
        },
        len(rows),
    )


def _from_changes(changes: pd.DataFrame | None) -> pd.DataFrame:
    if changes is None or changes.empty:
        return pd.DataFrame()
    rows = changes.reset_index(drop=True)
    lane = rows["kind"].astype("str").map(lambda kind: "notes" if kind == "note" else "changes")
    return _frame(
        {"at": rows["at"], "lane": lane, "kind": rows["kind"].astype("str"), "text": rows["what"],
         "workflow_id": rows["workflow_id"], "evidence": rows["evidence"]},
        len(rows),
    )  # fmt: skip


def _from_notes(notes: Iterable[tuple[datetime, str]]) -> pd.DataFrame:
    known = list(notes)
    if not known:
        return pd.DataFrame()
    at = pd.Series(pd.to_datetime([at for at, _ in known], utc=True))
    return _frame({"at": at, "lane": "notes", "kind": "note", "text": pd.Series([text for _, text in known]),
                   "evidence": "note"}, len(known))  # fmt: skip
