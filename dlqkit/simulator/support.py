"""What clients report to support: events that were done after all, that are dead letters, that never arrived."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlqkit.simulator.mixing import Array
from dlqkit.simulator.platform import Platform, iso

__all__ = ["report_events", "reports_csv"]

# Clients wait a little before they write, and write of the last hours.
PATIENCE_S, MEMORY_S = 180.0, 3 * 3600.0
OF_EACH = 4


def report_events(platform: Platform, moment: float) -> list[dict[str, Any]]:
    """A dozen reports, oldest first; every second by the business key, the others by the trace.

    Returns
    -------
    list of dict
        ``reported_at``, ``trace_id`` or ``business_key`` (the other is None), ``fate`` (``succeeded``, ``dead``,
        ``never arrived``) and the ``workflow_id``. An event that never arrived is one that its client made and no
        worker ever took: it is in no record, log or metric.
    """
    rows, busiest = platform.attempts, platform.fault.workflow
    last = np.flatnonzero((rows.ended <= moment - PATIENCE_S) & (rows.superseded > moment))
    last = last[rows.ended[last] >= moment - MEMORY_S]
    # Of two events of one trace nobody could tell which is meant.
    last = last[[not _is_shared(platform, int(event)) for event in rows.event[last]]]
    own = platform.workflow_of[rows.event[last]] == busiest
    chosen = [
        *(("dead", int(row)) for row in _spread(last[own & rows.dead[last]])),
        *(("succeeded", int(row)) for row in _spread(last[own & ~rows.failed[last]])),
        *(("succeeded", int(row)) for row in _spread(last[~own & ~rows.failed[last]], 2)),
    ]
    told = [(float(rows.ended[row]) + PATIENCE_S / 2, fate, int(rows.event[row])) for fate, row in chosen]
    told += [(moment - PATIENCE_S * (2 + number), "never arrived", -1 - number) for number in range(OF_EACH)]
    return [
        _report(platform, at, fate, event, by_key=number % 2 == 1)
        for number, (at, fate, event) in enumerate(sorted(told))
    ]


def _is_shared(platform: Platform, event: int) -> bool:
    other = event ^ 1
    return other < len(platform.arrived) and platform.trace_id(other) == platform.trace_id(event)


def _spread(rows: Array, count: int = OF_EACH) -> Array:
    """So many of them, evenly over time."""
    if not len(rows):
        return rows
    chosen: Array = rows[np.unique(np.linspace(0, len(rows) - 1, count).round().astype(int))]
    return chosen


def _report(platform: Platform, at: float, fate: str, event: int, *, by_key: bool) -> dict[str, Any]:
    if event >= 0:
        workflow = platform.workflows[int(platform.workflow_of[event])]
        key, trace = str(platform.payload_of(event)[workflow.shape.key]), platform.trace_id(event)
    else:
        # Its client numbered it, and nobody after it did.
        workflow = platform.workflows[platform.fault.workflow]
        lost = len(platform.arrived) - event
        key, trace = workflow.shape.key_of(lost), platform.trace_id(lost)
    return {
        "reported_at": iso(at),
        "trace_id": None if by_key else trace,
        "business_key": key if by_key else None,
        "fate": fate,
        "workflow_id": workflow.workflow_id,
    }


def reports_csv(reports: list[dict[str, Any]]) -> str:
    """The list as support hands it over: without what became of the events."""
    lines = [f"{row['reported_at']},{row['trace_id'] or ''},{row['business_key'] or ''}" for row in reports]
    return "\n".join(["reported_at,trace_id,business_key", *lines]) + "\n"
