"""The five signals of §1, for all workflows at once, worst first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from dlqkit.frames import RECORDS, SAMPLES, check_frame
from dlqkit.signals.counters import increase, metric_samples
from dlqkit.signals.dead_letters import find_dead_letters
from dlqkit.signals.points import Found, moment_s
from dlqkit.signals.pressure import find_failures, find_reports, find_spikes
from dlqkit.signals.silence import find_silences

__all__ = ["INCIDENTS", "SIGNALS", "find_incidents"]

SIGNALS = ("dead_letters", "silence", "failures", "duration", "support")
TIME = "datetime64[us, UTC]"
INCIDENTS: Mapping[str, str] = {
    "workflow_id": "str",
    "signal": "category",
    "onset_at": TIME,
    "onset_low_at": TIME,
    "onset_high_at": TIME,
    "end_at": TIME,
    "resolution_s": "Float64",
    "size": "Float64",
    "baseline": "Float64",
    "confidence": "Float64",
    "evidence": "str",
}


def find_incidents(
    samples: pd.DataFrame,
    *,
    records: pd.DataFrame | None = None,
    worker_logs: pd.DataFrame | None = None,
    support_reports: pd.DataFrame | None = None,
    metrics: Mapping[str, str] | None = None,
    records_complete_from: datetime | None = None,
    now: datetime | None = None,
) -> pd.DataFrame:
    """Which workflows are in trouble, since when, by which of the five signals.

    Parameters
    ----------
    samples : DataFrame
        ``frames.SAMPLES`` with ``metric`` and labels as columns (``frames.with_labels``).
    records : DataFrame, optional
        ``frames.RECORDS``; a column ``signature_id`` is used to keep a chance neighbour out of an incident.
    worker_logs, support_reports : DataFrame, optional
        ``frames.WORKER_LOGS`` and ``frames.SUPPORT_REPORTS``.
    metrics : mapping, optional
        Names that differ from the runbook's (``counters.METRICS``).
    records_complete_from : datetime, optional
        From when on no dead letter is missing from the records; their first one by default.
    now : datetime, optional
        The end of what is looked at; the last time in the frames by default.

    Returns
    -------
    DataFrame
        A row per incident and signal, worst first; none if nothing is wrong.

        workflow_id : str, NA for all workflows together
        signal : category, ``dead_letters``, ``silence``, ``failures``, ``duration`` or ``support``
        onset_at, onset_low_at, onset_high_at : when it began, and between which times that is sure
        end_at : NaT while it goes on
        resolution_s : Float64, how exact the onset is
        size : Float64, events (for duration: the factor over the usual)
        baseline : Float64, events an hour outside the incident (for duration: the usual milliseconds)
        confidence : Float64, 0 to 1
        evidence : str, one sentence

    Notes
    -----
    Runbook §1. Onsets by ``onset.find_elevated``; a silence by ``onset.find_gap``.
    """
    check_frame(samples, SAMPLES, ("series_id", "sampled_at", "value"))
    if records is not None:
        check_frame(records, RECORDS, ("workflow_id", "recorded_at", "queued_to_dlq"))
    end = _end(samples, records, worker_logs, now)
    if end is None:
        return _as_frame([])
    samples = samples[~(samples["sampled_at"] > end)]
    records = None if records is None else records[~(records["recorded_at"] > end)]
    worker_logs = None if worker_logs is None else worker_logs[~(worker_logs["logged_at"] > end)]
    seen_from = samples["sampled_at"].min() if len(samples) else None
    steps = {
        name: increase(metric_samples(samples, name, metrics), seen_from=seen_from)
        for name in ("dlq", "failure", "success")
    }
    end_s = moment_s(end)
    found = [
        *find_dead_letters(steps, records, records_complete_from, end_s),
        *find_silences(steps, samples, records, worker_logs, end_s),
        *find_failures(steps, end_s),
        *find_spikes(samples, records, metrics, end_s),
        *find_reports(support_reports),
    ]
    return _as_frame(found)


def _end(
    samples: pd.DataFrame, records: pd.DataFrame | None, logs: pd.DataFrame | None, now: datetime | None
) -> pd.Timestamp | None:
    if now is not None:
        return pd.Timestamp(now).tz_convert(UTC)
    columns = [samples["sampled_at"]]
    columns += [] if records is None else [records["recorded_at"]]
    columns += [] if logs is None else [logs["logged_at"]]
    known = [column.max() for column in columns if column.notna().any()]
    return max(known) if known else None


def _as_frame(found: list[Found]) -> pd.DataFrame:
    order = sorted(found, key=lambda one: (_urgency(one), -one.size, one.workflow_id or ""))
    times: dict[str, list[float | None]] = {
        "onset_at": [one.onset_s for one in order],
        "onset_low_at": [one.low_s for one in order],
        "onset_high_at": [one.high_s for one in order],
        "end_at": [one.end_s for one in order],
    }
    values: dict[str, Any] = {name: _times(column) for name, column in times.items()}
    values["signal"] = pd.Categorical([one.signal for one in order], categories=list(SIGNALS))
    for name in ("workflow_id", "resolution_s", "size", "baseline", "confidence", "evidence"):
        values[name] = [getattr(one, name) for one in order]
    frame = pd.DataFrame({name: pd.Series(values[name]).astype(dtype) for name, dtype in INCIDENTS.items()})
    return frame


def _urgency(one: Found) -> float:
    # A silence that goes on comes before dead letters that have ended, and after those that come in.
    ended = one.end_s is not None
    return SIGNALS.index(one.signal) + (1.5 if ended and one.signal == "dead_letters" else 0.5 if ended else 0.0)


def _times(seconds: list[float | None]) -> pd.Series:
    micros = [None if value is None or np.isnan(value) else round(value * 1e6) for value in seconds]
    return pd.to_datetime(pd.Series(micros, dtype="Int64"), unit="us", utc=True)
