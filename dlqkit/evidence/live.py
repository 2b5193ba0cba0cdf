"""The live world as a republish reads it: records and counters of the configured sources, and the time."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from dlqkit.errors import ParameterError, SourceError
from dlqkit.frames import RECORD_CONTENT, RECORD_STATE, RECORDS, SAMPLES, Coverage, Loaded, empty_frame
from dlqkit.settings import Settings
from dlqkit.sources.connect import connect_execution_logs, connect_prometheus
from dlqkit.sources.execution_logs import ExecutionLogs
from dlqkit.sources.prometheus import Prometheus
from dlqkit.sources.seen_states import keep_each_once
from dlqkit.untrusted import for_promql_regex

__all__ = ["LiveWorld", "connect_world"]

# The runbook's counters of §1; a server that calls one otherwise is told by prometheus.metrics.
COUNTERS = {"dlq": "worker_dlq_total", "failure": "worker_failure_total", "success": "worker_success_total"}
# The server's newest sample may bear a time that is a little ahead of ours.
AHEAD = timedelta(minutes=1)
# Where the list of a workflow is cut, so many traces are asked for one by one: a request each, every few seconds.
MOST_TRACES = 20


class LiveWorld:
    """Reads the configured sources; nothing in it writes.

    Parameters
    ----------
    logs : ExecutionLogs
        The Execution Logs API.
    prometheus : Prometheus, optional
        None where none is configured.
    metrics : mapping, optional
        Names of metrics that differ from the runbook's.
    stopped : Event, optional
        Ends a wait early.
    """

    def __init__(
        self,
        logs: ExecutionLogs,
        prometheus: Prometheus | None,
        *,
        metrics: dict[str, str] | None = None,
        stopped: threading.Event | None = None,
    ) -> None:
        self._logs, self._prometheus = logs, prometheus
        names = {**COUNTERS, **{name: own for name, own in (metrics or {}).items() if name in COUNTERS}}
        # OpenMetrics names a counter's family without _total, and some servers keep that name.
        every = [name for own in names.values() for name in (own, own.removesuffix("_total"))]
        self._selector = '{__name__=~"' + "|".join(for_promql_regex(name) for name in every) + '"}'
        self._stopped = stopped or threading.Event()

    def now(self) -> datetime:
        """The time of this machine."""
        return datetime.now(UTC)

    def wait(self, seconds: float) -> None:
        """Let so much time pass, or less once the run is to stop."""
        self._stopped.wait(seconds)

    def records(self, workflow_id: str, since: datetime, traces: Collection[str] = ()) -> Loaded:
        """``frames.RECORDS`` of a workflow; where the API fails none, as ``partial``, and why.

        Where the API cannot be read back to ``since`` (a busy workflow, and 100 records are all it gives), the first 20
        of the traces are asked for as well, whatever it does with two filters at once.
        """
        try:
            loaded = self._logs.load(workflow_id=workflow_id, start=since)
            if loaded.coverage.completeness == "complete":
                return loaded
            parts = [self._logs.load(trace_id=trace, start=since).frame for trace in list(traces)[:MOST_TRACES]]
        except SourceError as error:
            return _nothing(empty_frame(RECORDS), error)
        own = [part[part["workflow_id"] == workflow_id] for part in parts]
        full = [part for part in (loaded.frame, *own) if len(part)]
        if not full:
            return loaded
        frame = pd.concat(full, ignore_index=True).astype({"status": "category"})
        looks = np.repeat(np.arange(len(full)), [len(part) for part in full])
        return replace(loaded, frame=keep_each_once(frame, looks, RECORD_STATE, RECORD_CONTENT))

    def samples(self, workflow_id: str, since: datetime) -> Loaded | None:
        """The counters of every workflow; where Prometheus fails none, as ``partial``, and why; None without one.

        Those of all workflows, since a scrape that shows another one's counters shows that this one's are not lost.
        """
        if self._prometheus is None:
            return None
        try:
            return self._prometheus.samples(self._selector, since, self.now() + AHEAD)
        except SourceError as error:
            return _nothing(empty_frame({**SAMPLES, "metric": "category"}), error)


def connect_world(settings: Settings, *, stopped: threading.Event | None = None) -> LiveWorld:
    """The live world of the settings, secrets resolved.

    Parameters
    ----------
    settings : Settings
        An Execution Logs API must be there: only it shows what became of an event. Prometheus may be.
    stopped : Event, optional
        Ends waits early.

    Raises
    ------
    ParameterError
        If there is no Execution Logs API, or a secret cannot be had.
    """
    if settings.execution_logs.url is None:
        raise ParameterError(
            "No Execution Logs API is configured, and only it shows what became of an event that is sent again.",
            "Set execution_logs.url in dlqkit.toml, or DLQKIT_EXECUTION_LOGS__URL.",
        )
    prometheus = connect_prometheus(settings) if settings.prometheus.url is not None else None
    return LiveWorld(connect_execution_logs(settings), prometheus, metrics=dict(settings.prometheus.metrics),
                     stopped=stopped)  # fmt: skip


def _nothing(frame: pd.DataFrame, error: SourceError) -> Loaded:
    return Loaded(frame, Coverage(completeness="partial", missing=(error.problem,)), "")
