"""The classes of the events of an incident: those are judged together that are alike in all that a class rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dlqkit.decision.classes import CLASSIFIED, TIMEOUT_SHARE, judge_events
from dlqkit.decision.scale.classes import find_sums
from dlqkit.executions.duration_basis import ONE_TIMEOUT, SUM_SLACK
from dlqkit.report.class_facts import Limits
from dlqkit.report.scale.incident import IncidentEvents

__all__ = ["KIND_KEYS", "classify_kinds"]

# By these events are alike; a named one by its key, too.
KIND_KEYS = ("named_key", "workflow_id", "form", "retryable", "attempts", "is_sum", "is_late")

_KINDS: Mapping[str, str] = {
    "named_key": "str",
    "workflow_id": "str",
    "form": "Int64",
    "retryable": "boolean",
    "attempts": "Int64",
    "is_sum": "boolean",
    "is_late": "boolean",
    "events": "Int64",
    "action_duration_ms": "Float64",
    "longest_ms": "Float64",
}


def classify_kinds(
    incident: IncidentEvents, limits: Limits, named: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Kinds of events with their class by the fields, and how many events each stands for.

    Makes the view ``kinded``: the events of ``incident`` with ``KIND_KEYS``.

    Parameters
    ----------
    incident : IncidentEvents
        From ``find_events``.
    limits : Limits
        What the fields are held against.
    named : sequence of str
        Keys of events that are a kind of their own.

    Returns
    -------
    (DataFrame, DataFrame)
        Columns of ``CLASSIFIED`` and ``longest_ms``; and of the same rows ``KIND_KEYS`` and ``events``, the counts.
    """
    kinds = _count_kinds(incident, limits, named)
    forms = incident.own.tables.forms
    events = kinds.rename(columns={"named_key": "event_key"}).assign(
        signature_id=kinds["form"].map(forms["signature_id"]).astype("str"),
        max_attempts=pd.Series(
            pd.NA if limits.max_attempts is None else int(limits.max_attempts), kinds.index, "Int64"
        ),
        timeout_ms=pd.Series(pd.NA if limits.timeout_ms is None else limits.timeout_ms, kinds.index, "Float64"),
        **{
            name: kinds["form"].map(forms[name]).astype("str").fillna("")
            for name in ("error_type", "error_code", "last_error")
        },
    )
    tried = events["attempts"].fillna(1).astype("Float64")
    events["timeout_ms"] = events["timeout_ms"].mask(kinds["is_sum"].astype(bool), events["timeout_ms"] * tried)
    events["is_late"] = events["is_late"].astype(bool)
    judged = judge_events(events.drop(columns=["form", "is_sum", "events"]))
    counts = kinds[[*KIND_KEYS, "events"]].astype({"events": "int64"})
    return judged[[*CLASSIFIED, "longest_ms"]].astype(dict(CLASSIFIED)), counts


def _count_kinds(incident: IncidentEvents, limits: Limits, named: Sequence[str]) -> pd.DataFrame:
    tables, limit = incident.own.tables, limits.timeout_ms
    is_sum, duration, own_limit = "FALSE", "action_duration_ms", "$limit"
    source = "incident"
    values: dict[str, Any] = {"named": list(named)}
    if limit is not None:
        values["limit"] = limit
        sums = find_sums(_timed(incident, limit))
        if sums:
            values["sums"] = [name for name in sums if name is not None]
            is_sum = "coalesce(list_contains($sums, workflow_id), false)"
            is_sum = f"({is_sum} OR workflow_id IS NULL)" if None in sums else is_sum
            # The last attempt alone, where the record of the attempt before tells what those before it took.
            source = "(SELECT i.*, b.before_ms FROM incident i LEFT JOIN before b USING (event_key, attempts))"
            known = f"({is_sum} AND coalesce(attempts, 1) > 1 AND before_ms IS NOT NULL)"
            duration = f"CASE WHEN {known} THEN action_duration_ms - before_ms ELSE action_duration_ms END"
            own_limit = f"CASE WHEN {is_sum} AND NOT {known} THEN $limit * coalesce(attempts, 1) ELSE $limit END"
            _find_before(incident)
    late = f"coalesce({duration} >= {TIMEOUT_SHARE} * ({own_limit}), false)" if limit is not None else "FALSE"
    tables.make(
        "kinded",
        "SELECT event_key, CASE WHEN list_contains($named, event_key) THEN event_key END AS named_key, workflow_id, "
        f"form, retryable, attempts, {is_sum} AS is_sum, {late} AS is_late, action_duration_ms, recorded_at, pos "
        f"FROM {source}",
        values,
    )
    return tables.ask(
        f"SELECT {', '.join(KIND_KEYS)}, count(*) AS events, min(action_duration_ms) AS action_duration_ms, "
        f"max(action_duration_ms) AS longest_ms FROM kinded GROUP BY {', '.join(KIND_KEYS)}",
        _KINDS,
    )


def _timed(incident: IncidentEvents, limit: float) -> pd.DataFrame:
    """What tells whether durations add up an event's attempts, as ``decision.scale.dead_letters`` counts it."""
    return incident.own.tables.ask(
        "SELECT workflow_id, count(*) AS timed, "
        f"count(*) FILTER (action_duration_ms / $limit > {ONE_TIMEOUT}) AS beyond, "
        f"count(*) FILTER (action_duration_ms / $limit > {SUM_SLACK} * attempts) AS over FROM incident "
        "WHERE attempts >= 2 AND action_duration_ms IS NOT NULL GROUP BY workflow_id",
        {"workflow_id": "str", "timed": "Int64", "beyond": "Int64", "over": "Int64"}, {"limit": limit},
    )  # fmt: skip


def _find_before(incident: IncidentEvents) -> None:
    """The view ``before``: what the record of the attempt before the last says of each event's duration."""
    tables = incident.own.tables
    tables.make(
        "before",
        "SELECT i.event_key, i.attempts, max(r.action_duration_ms) AS before_ms FROM incident i JOIN "
        f"(SELECT * FROM records WHERE {incident.own.where}) r "
        "ON r.event_key = i.event_key AND r.attempts = i.attempts - 1 WHERE r.action_duration_ms IS NOT NULL "
        "AND (NOT coalesce(r.queued_to_dlq, false) OR (r.recorded_at >= $low AND r.recorded_at <= $high)) "
        "GROUP BY i.event_key, i.attempts",
        {**incident.own.values, **incident.values},
    )
