"""What is true of a lake, counted while it is written and never read back from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from dlqkit.simulator.error_texts import ERRORS
from dlqkit.simulator.lake.attempts import CLASS_NAMES, Attempts, Cause, Events
from dlqkit.simulator.lake.plan import LakePlan
from dlqkit.simulator.mixing import Array
from dlqkit.simulator.workflows import CLIENTS, describe_change

__all__ = ["Tally"]

_MINUTE_US = 60_000_000
_ATTEMPTS = 8


@dataclass(slots=True)
class Tally:
    """Counts of the files so far.

    Parameters
    ----------
    plan : LakePlan
        The lake's.
    """

    plan: LakePlan
    events: Array = field(init=False)
    records: Array = field(init=False)
    """By workflow."""
    dead: Array = field(init=False)
    """Dead letters by workflow, class and kind of error."""
    failed: Array = field(init=False)
    """Failed attempts, dead letters too, by kind of error."""
    by_attempt: Array = field(init=False)
    minutes: dict[int, int] = field(default_factory=dict)
    """Dead letters by the minute, counted from 1970."""
    dead_events: Array = field(init=False)
    """By the class of the event's last dead letter, and by workflow."""
    unmeasured: int = 0
    onset_us: int | None = None
    first_us: int | None = None
    last_us: int | None = None

    def __post_init__(self) -> None:
        count = len(self.plan.workflows)
        self.events, self.records = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        self.dead_events = np.zeros((count, len(CLASS_NAMES)), dtype=np.int64)
        self.dead = np.zeros((count, len(CLASS_NAMES), len(ERRORS)), dtype=np.int64)
        self.failed = np.zeros(len(ERRORS), dtype=np.int64)
        self.by_attempt = np.zeros(_ATTEMPTS, dtype=np.int64)

    def add(self, events: Events, attempts: Attempts) -> None:
        """Count one more file."""
        count, dead = len(self.plan.workflows), attempts.dead
        workflow = events.workflow[attempts.event]
        self.events += np.bincount(events.workflow, minlength=count)
        self.records += np.bincount(workflow, minlength=count)
        np.add.at(self.dead, (workflow[dead], attempts.failure_class[dead], attempts.error[dead]), 1)
        self.failed += np.bincount(attempts.error[attempts.error >= 0], minlength=len(ERRORS))
        self.by_attempt += np.bincount(attempts.number, minlength=_ATTEMPTS)
        last = np.flatnonzero(dead)[::-1]
        last = last[np.unique(attempts.event[last], return_index=True)[1]]
        np.add.at(self.dead_events, (workflow[last], attempts.failure_class[last]), 1)
        self.unmeasured += int(np.sum(~attempts.measured))
        for minute, number in zip(*np.unique(attempts.ended_us[dead] // _MINUTE_US, return_counts=True), strict=True):
            self.minutes[int(minute)] = self.minutes.get(int(minute), 0) + int(number)
        outage = attempts.ended_us[dead & (attempts.cause == Cause.OUTAGE)]
        self.onset_us = _least(self.onset_us, outage)
        self.first_us = _least(self.first_us, attempts.ended_us)
        end = int(attempts.ended_us[-1])
        self.last_us = end if self.last_us is None else max(self.last_us, end)

    def tell(self) -> dict[str, Any]:
        """The truth as JSON values; times in ISO 8601 UTC.

        Returns
        -------
        dict
            records, files, events, dead_letters, dead_events, successes, without_duration : counts
            start, end, cause_at : of the day, and when what is wrong began
            onset_at : the first dead letter of the outage; first_record_at, last_record_at : of all records
            workflows : of each its names, counts, ``timeout_ms`` and dead letters by class
            classes : dead letters by failure class, as the fields of the record say (runbook §4)
            event_classes : dead events by the class of their last dead letter
            signatures : of each kind of error its class by text, ``records`` with it, ``dead_letters`` by class
            attempts : how many records have each number of attempts
            dead_letters_per_minute : ``[minute, count]``, minutes without any left out
            payload_change : the ``field`` that came to be wrong, how, from which ``client``
        """
        plan = self.plan
        hit = plan.workflows[0]
        return {
            "seed": plan.seed,
            "records": int(self.records.sum()),
            "files": plan.files,
            "events": int(self.events.sum()),
            "dead_letters": int(self.dead.sum()),
            "dead_events": int(self.dead_events.sum()),
            "successes": int(self.records.sum() - self.failed.sum()),
            "without_duration": self.unmeasured,
            "start": _iso(round(plan.start_s * 1e6)),
            "end": _iso(round(plan.end_s * 1e6)),
            "cause_at": _iso(round(plan.cause_at_s * 1e6)),
            "onset_at": _iso(self.onset_us),
            "first_record_at": _iso(self.first_us),
            "last_record_at": _iso(self.last_us),
            "max_attempts": plan.max_attempts,
            "workflow_id": hit.workflow_id,
            "workflows": [self._workflow(number) for number in range(len(plan.workflows))],
            "classes": _by_class(self.dead.sum(axis=(0, 2))),
            "event_classes": _by_class(self.dead_events.sum(axis=0)),
            "signatures": [
                {
                    "kind": kind.kind,
                    "error_type": kind.error_type,
                    "records": int(self.failed[number]),
                    "dead_letters": int(self.dead[:, :, number].sum()),
                    "classes": _by_class(self.dead[:, :, number].sum(axis=0)),
                }
                for number, kind in enumerate(ERRORS)
                if self.failed[number]
            ],
            "attempts": {str(number): int(count) for number, count in enumerate(self.by_attempt) if count},
            "dead_letters_per_minute": [
                [_iso(minute * _MINUTE_US), count] for minute, count in sorted(self.minutes.items())
            ],
            "payload_change": {
                "change": plan.change,
                "client": CLIENTS[plan.broken_client],
                **describe_change(hit.shape, plan.change),
            },
        }

    def _workflow(self, number: int) -> dict[str, Any]:
        workflow = self.plan.workflows[number]
        return {
            "workflow_id": workflow.workflow_id,
            "name": workflow.name,
            "timeout_ms": workflow.timeout_ms,
            "events": int(self.events[number]),
            "records": int(self.records[number]),
            "dead_letters": int(self.dead[number].sum()),
            "dead_events": int(self.dead_events[number].sum()),
            "classes": _by_class(self.dead[number].sum(axis=1)),
        }


def _by_class(counts: Array) -> dict[str, int]:
    return {name: int(count) for name, count in zip(CLASS_NAMES, counts, strict=True) if count}


def _least(known: int | None, times: Array) -> int | None:
    found = [int(times.min())] if len(times) else []
    return min([*found, *([] if known is None else [known])], default=None)


def _iso(at_us: int | None) -> str | None:
    """Microseconds since 1970 as ISO 8601 UTC, exactly."""
    if at_us is None:
        return None
    seconds, micros = divmod(at_us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros).isoformat(timespec="microseconds")
