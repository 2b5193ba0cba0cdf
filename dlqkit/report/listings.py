"""Tables of single records, log lines and events, as the notebooks list them: without payloads, bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.language import date_and_time, say
from dlqkit.report.candidates import find_candidates
from dlqkit.report.diagnosis import sign_dead_letters
from dlqkit.report.event_view import show_event  # under this name in notebooks that were laid before
from dlqkit.report.redact import mask_credentials
from dlqkit.report.tables import Table
from dlqkit.report.terms import term
from dlqkit.report.wording import moment_text

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = [
    "choose_event",
    "show_candidates",
    "show_event",
    "show_log_lines",
    "show_newest_dead_letters",
    "show_outcomes",
    "show_worker_pages",
]

Facts = Mapping[str, Any]
_TIMES = ("recorded_at", "logged_at", "sampled_at")


def _as_table(title: str, frame: pd.DataFrame, empty: str) -> Table:
    """The frame's cells as text; what is missing is empty."""
    shown = pd.DataFrame(
        {
            name: column.map(date_and_time, na_action="ignore").astype("str")
            if name in _TIMES
            else column.astype("str")
            for name, column in frame.items()
        }
    )
    rows = tuple(shown.fillna("").itertuples(index=False, name=None))
    return Table(title, tuple(str(name) for name in frame.columns), rows, empty)


def _dead(incident: IncidentFolder, facts: Facts) -> pd.DataFrame:
    """Dead letters of the report's workflow, oldest first, errors without values of their payloads."""
    records = incident.records().frame
    dead = records[records["queued_to_dlq"].fillna(False).astype(bool)]
    workflow_id = facts["workflow"]["id"]
    own = dead[dead["workflow_id"] == workflow_id] if workflow_id else dead
    return sign_dead_letters(own).sort_values("recorded_at", kind="stable")


def show_outcomes(incident: IncidentFolder, limit: int = 30) -> Table:
    """How many records have which status and flags, by workflow."""
    records = incident.records().frame
    names = ["workflow_id", "status", "queued_to_dlq", "retryable"]
    counts = records.groupby(names, observed=True, dropna=False).size().reset_index(name="records")
    ordered = counts.sort_values("records", ascending=False, kind="stable").head(limit)
    return _as_table(say("Records by what became of them"), ordered, say("no records"))


def show_newest_dead_letters(incident: IncidentFolder, facts: Facts, limit: int = 20) -> Table:
    """The newest dead letters of the workflow, each with the fixed part of its error."""
    columns = ["recorded_at", "trace_id", "attempts", "retryable", "action_duration_ms", "signature"]
    return _as_table(say("Newest dead letters"), _dead(incident, facts).tail(limit)[columns], say("no dead letters"))


def choose_event(incident: IncidentFolder, facts: Facts, wanted: str = "") -> str:
    """The event to tell of: the one that is wanted, else the question's trace, else the newest dead letter."""
    newest = _dead(incident, facts)["event_key"].dropna().tail(1)
    return wanted or facts["incident"]["trace_id"] or "".join(newest)


def show_log_lines(incident: IncidentFolder, facts: Facts, event_id: str = "", limit: int = 200) -> Table:
    """The worker's log lines of one event's trace, in order, without credentials."""
    chosen = choose_event(incident, facts, event_id)
    records = incident.records().frame
    traces = {chosen, *records.loc[records["event_key"] == chosen, "trace_id"].dropna()}
    logs = incident.worker_logs().frame
    own = logs[logs["trace_id"].isin(traces)].sort_values("logged_at", kind="stable").head(limit)
    lines = own.assign(message=own["message"].astype("str").fillna("").map(mask_credentials).astype("str"))
    return _as_table(
        say("Log lines"), lines[["logged_at", "level", "attempts", "message"]], say("no log line of this event")
    )


def show_worker_pages(incident: IncidentFolder) -> Table:
    """The dead-letter counter on the workers' own pages, newer than any scrape."""
    from dlqkit.signals.counters import metric_samples

    page = metric_samples(incident.metrics_pages().frame, "dlq", incident.metric_names)
    columns = ["sampled_at", "workflow_id", "value"]
    own = page.reindex(columns=columns) if len(page) else pd.DataFrame(columns=columns).astype({"sampled_at": "M8[us]"})
    return _as_table(say("Dead-letter counter on the worker's page"), own, say("no page of a worker was asked"))


def show_candidates(incident: IncidentFolder, facts: Facts, limit: int = 50) -> Table:
    """§5, read-only: open events whose class allows to run them again as they are, oldest first, without payloads."""
    found = find_candidates(incident, facts)
    rows = tuple(
        (row.trace_id, moment_text(row.dead_at), term(row.failure_class), row.signature, row.verdict)
        for row in found[:limit]
    )
    title = say(
        "Candidates for a republish ({shown} of {total} open events); nothing is sent from here",
        shown=len(rows), total=len(found),
    )  # fmt: skip
    columns = ("trace_id", say("dead-lettered"), say("class"), say("signature"), say("run again as it is?"))
    return Table(title, columns, rows, say("no open events"))
