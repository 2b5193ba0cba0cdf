"""The five signals of §1, for all workflows at once, worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.frames import RECORDS, check_frame
from dlqkit.signals.columns import times_us
from dlqkit.signals.counters import metric_names
from dlqkit.signals.dead_letters import find_counted
from dlqkit.signals.durations import durations_by_workflow, native_durations, recorded_durations
from dlqkit.signals.failures import find_failures
from dlqkit.signals.growth import falls, growth, old_ones
from dlqkit.signals.points import Found, aware, moment_s
from dlqkit.signals.recorded import find_recorded, join_sources
from dlqkit.signals.scrapes import read_scrapes
from dlqkit.signals.silence import find_silences
from dlqkit.signals.spikes import find_spikes
from dlqkit.signals.support import find_reports

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
    "what": "str",
}
_SIGNAL_TYPE = pd.CategoricalDtype(list(SIGNALS))
_SECONDS = {"onset_at": "onset_s", "onset_low_at": "low_s", "onset_high_at": "high_s", "end_at": "end_s"}


def find_incidents(
    samples: pd.DataFrame,
    *,
    records: pd.DataFrame | None = None,
    worker_logs: pd.DataFrame | None = None,
    support_reports: pd.DataFrame | None = None,
    histograms: pd.DataFrame | None = None,
    metrics: Mapping[str, str] | None = None,
    records_complete_from: datetime | None = None,
    now: datetime | None = None,
) -> pd.DataFrame:
    """Which workflows are in trouble, since when, by which of the five signals.

    Parameters
    ----------
    samples : DataFrame
        ``frames.SAMPLES`` with ``metric`` and labels as columns (``frames.with_labels``); see ``read_scrapes``.
    records : DataFrame, optional
        ``frames.RECORDS``; a column ``signature_id`` is used to keep a chance neighbour out of an incident.
    worker_logs, support_reports : DataFrame, optional
        ``frames.WORKER_LOGS`` and ``frames.SUPPORT_REPORTS``.
    histograms : DataFrame, optional
        ``frames.HISTOGRAMS`` with ``metric`` and labels as columns: native histograms of the duration.
    metrics : mapping, optional
        Names that differ from the runbook's (``counters.METRICS``).
    records_complete_from : datetime, optional
        From when on no dead letter is missing from the records; by default since the workflow's first record of any
        fate, else since its first dead letter.
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
        evidence : str, one sentence: how it was found
        what : str, of a silence: ``events``, or only the ``scrapes``, ``records`` or ``log lines``; else NA

    Raises
    ------
    FrameError
        If a column that is needed is missing or cannot be read.
    ParameterError
        If a time has no zone, or ``metrics`` is no mapping.

    Notes
    -----
    Runbook §1; docs/signals.md says how each is found, and how sure it is.
    """
    if records_complete_from is not None:
        records_complete_from = aware(records_complete_from, "records_complete_from")
    if records is not None:
        check_frame(records, RECORDS, ("workflow_id", "recorded_at", "queued_to_dlq"))
    scrapes = read_scrapes(samples)
    end = _end(scrapes.at_s, now, (records, "recorded_at"), (worker_logs, "logged_at"),
               (support_reports, "reported_at"), (histograms, "sampled_at"))  # fmt: skip
    if end is None:
        return _as_frame([])
    end_s = moment_s(end)
    if len(scrapes.at_s) and scrapes.at_s.max() > end_s:
        scrapes = read_scrapes(samples[times_us(samples["sampled_at"]) <= round(end_s * 1e6)])
    records, worker_logs = _until(end, records, "recorded_at"), _until(end, worker_logs, "logged_at")
    support_reports = _until(end, support_reports, "reported_at")
    histograms = _until(end, histograms, "sampled_at")
    names = metric_names(metrics)
    # OpenMetrics names a counter's family without _total, and some servers keep that name.
    counters = {
        name: scrapes.of({names[name], names[name].removesuffix("_total")}) for name in ("dlq", "failure", "success")
    }
    actions = scrapes.of({names["duration"] + "_count"})
    success, attempts = growth(counters["success"]), growth(actions)
    others = ((counters["success"], success), (actions, attempts))
    restarts, old = [falls(*one) for one in others], [old_ones(*one) for one in others]
    dead, failure = (growth(counters[name], restarts, old) for name in ("dlq", "failure"))
    counted = find_counted(dead, success, attempts, failure, scrapes, end_s)
    recorded = find_recorded(records, records_complete_from, end_s)
    durations = {
        **recorded_durations(records),
        **durations_by_workflow(scrapes, names["duration"]),
        **native_durations(histograms, names["duration"]),
    }
    found = [
        *join_sources(counted, recorded, records_complete_from, scrapes.spacing_s, dead),
        *find_silences([success, attempts], [failure, dead], scrapes, records, worker_logs, end_s),
        *find_failures(failure, success, scrapes, end_s),
        *find_spikes(durations, end_s),
        *find_reports(support_reports, records),
    ]
    return _as_frame(found)


def _end(
    at_s: npt.NDArray[np.float64], now: datetime | None, *others: tuple[pd.DataFrame | None, str]
) -> pd.Timestamp | None:
    if now is not None:
        return aware(now, "now")
    known = [pd.Timestamp(float(at_s.max()), unit="s", tz="UTC")] if len(at_s) else []
    columns = [frame[name] for frame, name in others if frame is not None and name in frame.columns]
    known += [column.max() for column in columns if column.notna().any()]
    return max(known) if known else None


def _until(end: pd.Timestamp, frame: pd.DataFrame | None, name: str) -> pd.DataFrame | None:
    """What came up to the end of what is looked at, and what has no time."""
    return frame if frame is None or name not in frame.columns else frame[~(frame[name] > end)]


def _as_frame(found: Sequence[Found]) -> pd.DataFrame:
    order = sorted(found, key=lambda one: (_urgency(one), -one.size, one.workflow_id or ""))
    values: dict[str, Any] = {}
    for name, dtype in INCIDENTS.items():
        if name == "signal":
            codes = [SIGNALS.index(one.signal) for one in order]
            values[name] = pd.Categorical.from_codes(codes, categories=_SIGNAL_TYPE.categories)
        elif dtype == TIME:
            values[name] = _times([getattr(one, _SECONDS[name]) for one in order])
        elif dtype == "Float64":
            numbers = np.array([getattr(one, name) for one in order], dtype=np.float64)
            values[name] = pd.arrays.FloatingArray(numbers, np.isnan(numbers))
        else:
            values[name] = pd.array([getattr(one, name) for one in order], dtype="str")
    return pd.DataFrame(values, copy=False)


def _urgency(one: Found) -> float:
    # A silence that goes on comes before dead letters that have ended, and after those that come in; where only a
    # source is silent, and not the worker, it comes last.
    if one.what in {"scrapes", "records", "log lines"}:
        return len(SIGNALS) + 1.0
    ended = one.end_s is not None
    return SIGNALS.index(one.signal) + (1.5 if ended and one.signal == "dead_letters" else 0.5 if ended else 0.0)


def _times(seconds: list[float | None]) -> Any:
    known = np.array([np.nan if value is None else value for value in seconds], dtype=np.float64)
    absent = np.isnan(known)
    micros = np.rint(np.where(absent, 0.0, known) * 1e6).astype(np.int64)
    micros[absent] = np.iinfo(np.int64).min
    return pd.DatetimeIndex(micros.view("datetime64[us]")).tz_localize("UTC")
