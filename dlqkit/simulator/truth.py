"""What is true of a platform, for tests that hold against it what dlqkit says; dlqkit itself never sees it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from dlqkit.simulator.error_texts import BUSINESS, ERRORS, INFRASTRUCTURE, TIMEOUT
from dlqkit.simulator.execution_logs_api import error_of
from dlqkit.simulator.metrics import instance_name
from dlqkit.simulator.mixing import Array
from dlqkit.simulator.platform import Platform, iso
from dlqkit.simulator.support import report_events
from dlqkit.simulator.workflows import describe_change

__all__ = ["tell_truth"]

# A report ends some time after the truth was written, and looks back over its window and as long before it.
AHEAD_S, BEHIND_S = 3600.0, 9 * 3600.0
CLASSES = {"infrastructure": "infrastructure", "business": "business", "timeout": "timeout", "mixed": "mixed",
           "shared": "infrastructure"}  # fmt: skip


def tell_truth(platform: Platform, moment: float) -> dict[str, Any]:
    """Everything that a report may be held against, as of a moment and as it will be within the hour after it.

    Returns
    -------
    dict
        JSON values; times in ISO 8601 UTC.

        workflow_id, cause_at, onset_at, end_at, going_on, failure_class, affected_events, dead_letters : of the
            incident, and of the busiest workflow that it hits; ``also_hit`` are the others
        losses : every dead letter of every workflow: ``at``, ``event``, ``kind``, ``failure_class``, ``text`` as the
            API gives it, ``attempts``, ``duration_ms`` of the last of them and ``sum_ms``, ``client``, ``broken``
        tries : every attempt of that workflow, as lists of one length
        processes : of each worker, each restart, and the version since
        unseen_s : of a silence, when the events came that no attempt takes, seconds since 1970
        payload_change : the ``field`` that came to be wrong, how, from which ``client``
        reports : what clients say never reached the action, with the ``fate`` of each
        dialect : what the runbook leaves open
    """
    rows, fault = platform.attempts, platform.fault
    workflow = platform.workflows[fault.workflow]
    where = platform.incident_dead()
    where = where[platform.workflow_of[rows.event[where]] == fault.workflow]
    has_dead = len(where) > 0
    going_on = platform.scenario != "quiet" and (
        moment < fault.ends or (platform.scenario == "mixed" and platform.healed_at is None)
    )
    onset = float(rows.ended[where[0]]) if has_dead else None
    end = float(rows.ended[where[-1]]) if has_dead and not going_on else None
    if platform.scenario == "silence":
        onset = float(rows.ended[rows.ended <= min(moment, fault.ends)][-1])
    dead = np.flatnonzero(rows.dead & (platform.workflow_of[rows.event] == fault.workflow))
    if onset is not None:
        dead = dead[(rows.ended[dead] >= onset) & (rows.ended[dead] <= (np.inf if end is None else end))]
    now_dead = dead[rows.ended[dead] <= moment]
    return {
        "scenario": platform.scenario,
        "seed": platform.seed,
        "workflow_id": workflow.workflow_id if has_dead else None,
        "workflow_name": workflow.name if has_dead else None,
        "also_hit": [platform.workflows[number].workflow_id for number in fault.others],
        "busiest_workflow_id": workflow.workflow_id,
        "cause_at": None if platform.scenario == "quiet" else iso(fault.begins),
        "cause_ends_at": iso(fault.ends) if np.isfinite(fault.ends) else None,
        "onset_at": None if onset is None else iso(onset),
        "end_at": None if end is None else iso(end),
        "going_on": going_on,
        "failure_class": CLASSES.get(platform.scenario),
        "classes": _classes(platform),
        "affected_events": len(np.unique(rows.event[now_dead])) if has_dead else None,
        "dead_letters": [[iso(float(rows.ended[n])), int(rows.event[n])] for n in dead] if has_dead else [],
        "losses": _losses(platform, moment),
        "tries": _tries(platform, moment),
        "processes": _processes(platform),
        "max_attempts": platform.max_attempts,
        "timeouts_ms": {one.workflow_id: one.timeout_ms for one in platform.workflows},
        "change": {"at": iso(fault.begins - platform.change_lead), "what": "1.8.2 → 1.9.0"}
        if platform.change_before else None,
        "unseen_s": _unseen(platform, moment),
        "payload_change": _payload_change(platform),
        "reports": report_events(platform, moment),
        "scraping_stops": platform.stops_scraping,
        "pagination": platform.dialect.pagination,
        "dialect": asdict(platform.dialect),
        "republish": asdict(platform.republish),
    }  # fmt: skip


def _classes(platform: Platform) -> dict[str, str]:
    if platform.scenario != "mixed":
        return {}
    names = {ERRORS[number].kind: "infrastructure" for number in INFRASTRUCTURE}
    return {**names, ERRORS[BUSINESS].kind: "business"}


def _losses(platform: Platform, moment: float) -> list[dict[str, Any]]:
    rows, dialect = platform.attempts, platform.dialect
    near = (rows.ended >= moment - BEHIND_S) & (rows.ended <= moment + AHEAD_S)
    totals = _sums(rows.event, rows.duration_ms)
    out = []
    for row in np.flatnonzero(rows.dead & near):
        event, number = int(rows.event[row]), int(rows.error[row])
        text, error_type, code = error_of(platform, int(row))
        kind = ERRORS[number]
        retried = "timeout" if number == TIMEOUT else "infrastructure"
        out.append(
            {
                "at": iso(float(rows.ended[row])),
                "event": event,
                "workflow_id": platform.workflows[int(platform.workflow_of[event])].workflow_id,
                "trace_id": platform.trace_id(event, int(rows.delivery[row])),
                "kind": kind.kind,
                "retryable": kind.retryable,
                "failure_class": retried if kind.retryable else "business",
                "names_dependency": number in INFRASTRUCTURE,
                "text": text if dialect.error_is_object else f"{error_type}: {text}",
                "error_type": error_type,
                "error_code": code,
                "attempts": int(rows.number[row]),
                "duration_ms": float(rows.duration_ms[row]),
                "sum_ms": float(totals[event]),
                "client": platform.client(event),
                "broken": platform.is_broken(event),
                "worker": instance_name(int(rows.instance[row])),
            }
        )
    return out


def _sums(events: Array, values: Array) -> Array:
    """The sum of the values of each event, by its number."""
    sums: Array = np.bincount(events, weights=values)
    return sums


def _tries(platform: Platform, moment: float) -> dict[str, list[Any]]:
    rows = platform.attempts
    near = (rows.ended >= moment - BEHIND_S) & (rows.ended <= moment + AHEAD_S)
    own = np.flatnonzero(near & (platform.workflow_of[rows.event] == platform.fault.workflow))
    outcome = np.where(rows.dead[own], "dead", np.where(rows.failed[own], "failed", "succeeded"))
    return {
        "ended_s": np.round(rows.ended[own], 6).tolist(),
        "event": rows.event[own].tolist(),
        "number": rows.number[own].tolist(),
        "duration_ms": np.round(rows.duration_ms[own], 3).tolist(),
        "outcome": outcome.tolist(),
        "broken": [platform.is_broken(int(event)) for event in rows.event[own]],
    }


def _processes(platform: Platform) -> dict[str, list[dict[str, str]]]:
    return {
        instance_name(number): [
            {"stopped_at": iso(stopped), "started_at": iso(started), "version": version}
            for stopped, started, version in own
        ]
        for number, own in enumerate(platform.restarts)
    }


def _unseen(platform: Platform, moment: float) -> list[float]:
    if platform.scenario != "silence":
        return []
    came = platform.arrived
    times: list[float] = np.round(came[(came >= platform.fault.begins) & (came <= moment + AHEAD_S)], 3).tolist()
    return times


def _payload_change(platform: Platform) -> dict[str, Any] | None:
    if platform.scenario not in {"business", "mixed"}:
        return None
    fault = platform.fault
    told = describe_change(platform.workflows[fault.workflow].shape, fault.change)
    return {"change": fault.change, "client": platform.client_name(fault.client), "since": iso(fault.begins), **told}
