"""What happened: events of one file, the runs of each through its worker, the attempts of each run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from dlqkit.simulator.error_texts import BACKGROUND, BUSINESS, ERRORS, INFRASTRUCTURE, REFUSED, TIMEOUT
from dlqkit.simulator.lake.plan import BACKGROUND_SHARE, OUTAGE_SHARE, REFUSED_SHARE, SLOW_SHARE, LakePlan
from dlqkit.simulator.mixing import Array

__all__ = ["CLASS_NAMES", "Attempts", "Cause", "Events", "draw_attempts"]

CLASS_NAMES = ("business", "infrastructure", "timeout", "unknown")
# Of dead events of the outage, how many are published again, and how many of these then succeed.
AGAIN_SHARE, AGAIN_SUCCEEDS = 0.03, 2 / 3
# Of the outage's runs, how many come from a worker that does not write `retryable`.
UNSAID_SHARE = 0.01
# Of successes, how many have no duration.
UNMEASURED_SHARE = 0.005
# More candidates than records, so that the last few can be chosen among those with a single record.
_SPARE = 200


class Cause(IntEnum):
    """Why a run goes as it goes."""

    NONE = 0
    PASSING = 1
    OUTAGE = 2
    CHANGED_PAYLOAD = 3
    REFUSED = 4
    TIMED_OUT = 5
    SLOW = 6


@dataclass(frozen=True, slots=True)
class Events:
    """The events of a file: arrays of one length."""

    number: Array
    workflow: Array
    client: Array
    arrived_s: Array
    broken: Array
    """Whether the payload came wrong from its client."""

    def __len__(self) -> int:
        return len(self.number)


@dataclass(frozen=True, slots=True)
class Attempts:
    """The attempts of a file by their end, a record each: arrays of one length."""

    event: Array
    """Position in ``Events``."""
    run: Array
    """0, or 1 where the event was published again."""
    number: Array
    ended_us: Array
    duration_ms: Array
    measured: Array
    error: Array
    """Position in ``ERRORS``; -1 of a success."""
    cause: Array
    retryable: Array
    """1 or 0; -1 where the record does not say."""
    dead: Array
    failure_class: Array
    """Position in ``CLASS_NAMES``; -1 of what is no dead letter."""

    def __len__(self) -> int:
        return len(self.event)


@dataclass(frozen=True, slots=True)
class _Runs:
    """Each time that an event goes through its worker."""

    event: Array
    again: Array
    begun_s: Array
    attempts: Array
    cause: Array
    unsaid: Array


def draw_attempts(plan: LakePlan, file: int) -> tuple[Events, Attempts]:
    """Everything that happened to the events of one file, exactly as many attempts as it has rows.

    Parameters
    ----------
    plan : LakePlan
        The lake's.
    file : int
        From 0; each file is drawn by itself, so a lake is as large as the disk, not as the memory.
    """
    rng = np.random.default_rng([plan.seed, 1, file])
    events, causes, attempts = _draw_candidates(plan, file, rng)
    runs = _draw_runs(plan, rng, events, causes, attempts)
    events, runs = _take_rows(events, runs, plan.rows_of(file))
    return events, _draw_rows(plan, rng, events, runs)


def _draw_candidates(plan: LakePlan, file: int, rng: np.random.Generator) -> tuple[Events, Array, Array]:
    """Events in no order, why each goes as it goes, and how many attempts it has."""
    count = plan.rows_of(file) + _SPARE
    shares = np.cumsum([workflow.share for workflow in plan.workflows])
    workflow = np.minimum(np.searchsorted(shares, rng.random(count), side="right"), len(shares) - 1)
    client_shares = np.cumsum(plan.client_shares)
    client = np.minimum(np.searchsorted(client_shares, rng.random(count), side="right"), len(client_shares) - 1)
    arrived = plan.arrivals(file, rng.random(count))
    after, unit, other = arrived >= plan.cause_at_s, rng.random(count), rng.random(count)
    causes = np.where(other < BACKGROUND_SHARE, Cause.PASSING, Cause.NONE)
    slow = after & (workflow == 1)
    causes = np.where(slow, np.where(unit < SLOW_SHARE, Cause.TIMED_OUT, Cause.SLOW), causes)
    causes = np.where(after & (workflow == 0) & (unit < OUTAGE_SHARE), Cause.OUTAGE, causes)
    broken = after & (workflow == 0) & (client == plan.broken_client)
    causes = np.where(broken, Cause.CHANGED_PAYLOAD, causes)
    refused = rng.random(count) < REFUSED_SHARE
    causes = np.where(refused, Cause.REFUSED, causes).astype(np.int8)
    attempts = np.ones(count, dtype=np.int64)
    attempts[causes == Cause.PASSING] = 2 + (unit[causes == Cause.PASSING] < 0.2)
    attempts[np.isin(causes, (Cause.OUTAGE, Cause.TIMED_OUT))] = plan.max_attempts
    number = plan.first_event_of(file) + np.arange(count)
    return Events(number, workflow, client, arrived, broken), causes, attempts


def _draw_runs(plan: LakePlan, rng: np.random.Generator, events: Events, causes: Array, attempts: Array) -> _Runs:
    count = len(events)
    begun = events.arrived_s + 0.05 + 0.4 * rng.random(count)
    again = np.flatnonzero((causes == Cause.OUTAGE) & (rng.random(count) < AGAIN_SHARE))
    succeeds = rng.random(len(again)) < AGAIN_SUCCEEDS
    late = begun[again] + rng.uniform(600, 2400, len(again))
    unsaid = (causes == Cause.OUTAGE) & (rng.random(count) < UNSAID_SHARE)
    return _Runs(
        event=np.concatenate([np.arange(count), again]),
        again=np.repeat([False, True], [count, len(again)]),
        begun_s=np.concatenate([begun, late]),
        attempts=np.concatenate([attempts, np.where(succeeds, 1, plan.max_attempts)]),
        cause=np.concatenate([causes, np.where(succeeds, Cause.NONE, Cause.OUTAGE).astype(np.int8)]),
        unsaid=np.concatenate([unsaid, np.zeros(len(again), dtype=bool)]),
    )


def _take_rows(events: Events, runs: _Runs, rows: int) -> tuple[Events, _Runs]:
    """As many events, each with all of its attempts, as have exactly so many records together."""
    records = np.bincount(runs.event, weights=runs.attempts).astype(np.int64)
    whole = int(np.searchsorted(np.cumsum(records), rows, side="right"))
    missing = rows - int(records[:whole].sum())
    single = whole + np.flatnonzero(records[whole:] == 1)[:missing]
    # Candidates come in no order, so those that are left out are missed nowhere in particular.
    kept = np.concatenate([np.arange(whole), single])
    place = np.full(len(events), -1)
    place[kept] = np.arange(len(kept))
    own = place[runs.event] >= 0
    # Numbers follow those of the candidates that were kept, so that they stay below the next file's first.
    chosen = Events(events.number[: len(kept)], *(column[kept] for column in
                    (events.workflow, events.client, events.arrived_s, events.broken)))  # fmt: skip
    return chosen, _Runs(place[runs.event[own]], *(column[own] for column in
                         (runs.again, runs.begun_s, runs.attempts, runs.cause, runs.unsaid)))  # fmt: skip


def _draw_rows(plan: LakePlan, rng: np.random.Generator, events: Events, runs: _Runs) -> Attempts:
    run = np.repeat(np.arange(len(runs.event)), runs.attempts)
    first = np.cumsum(runs.attempts) - runs.attempts
    number = np.arange(len(run)) - first[run] + 1
    cause, event = runs.cause[run], runs.event[run]
    last = number == runs.attempts[run]
    failed = ~last | ~np.isin(cause, (Cause.NONE, Cause.PASSING, Cause.SLOW))
    duration = np.round(_durations(plan, rng, events.workflow[event], cause), 1)
    wait = 1.5 * 2.0 ** (number - 1) * (0.8 + 0.4 * rng.random(len(run)))
    passed = np.cumsum(duration / 1000 + wait)
    before = np.concatenate([[0.0], passed])[first[run]]
    ended = runs.begun_s[run] + (passed - before) - wait
    error = np.where(failed, _errors(rng, cause), -1)
    retryable = np.array([kind.retryable for kind in ERRORS], dtype=np.int8)[error]
    retryable = np.where(failed & ~runs.unsaid[run], retryable, np.int8(-1))
    dead = failed & last
    measured = failed | (rng.random(len(run)) >= UNMEASURED_SHARE)
    order = np.argsort(ended, kind="stable")
    columns = (event, runs.again[run].astype(np.int64), number, np.round(ended * 1e6).astype(np.int64), duration,
               measured, error, cause, retryable, dead, _classes(dead, retryable, cause))  # fmt: skip
    return Attempts(*(column[order] for column in columns))


def _durations(plan: LakePlan, rng: np.random.Generator, workflow: Array, cause: Array) -> Array:
    medians, spreads, limits = (
        np.array([getattr(one, name) for one in plan.workflows], dtype=np.float64)[workflow]
        for name in ("median_ms", "spread", "timeout_ms")
    )
    unit = rng.random(len(workflow))
    usual = np.minimum(medians * np.exp(spreads * rng.standard_normal(len(workflow))), 0.9 * limits)
    usual = np.where(cause == Cause.OUTAGE, 3 + 2500 * unit**2, usual)
    usual = np.where(cause == Cause.SLOW, limits * (0.6 + 0.3 * unit), usual)
    cut: Array = np.where(cause == Cause.TIMED_OUT, limits * (1 + 0.008 * unit), usual)
    return cut


def _errors(rng: np.random.Generator, cause: Array) -> Array:
    draw = rng.integers(0, 1 << 30, len(cause))
    out = np.full(len(cause), -1)
    for what, kinds in (
        (Cause.PASSING, BACKGROUND),
        (Cause.OUTAGE, INFRASTRUCTURE),
        (Cause.CHANGED_PAYLOAD, (BUSINESS,)),
        (Cause.REFUSED, REFUSED),
        (Cause.TIMED_OUT, (TIMEOUT,)),
    ):
        out = np.where(cause == what, np.array(kinds)[draw % len(kinds)], out)
    return out


def _classes(dead: Array, retryable: Array, cause: Array) -> Array:
    """What a dead letter is by the fields of its record (runbook §4)."""
    retried = np.where(cause == Cause.TIMED_OUT, CLASS_NAMES.index("timeout"), CLASS_NAMES.index("infrastructure"))
    said = np.where(retryable == 0, CLASS_NAMES.index("business"), retried)
    classes: Array = np.where(dead, np.where(retryable < 0, CLASS_NAMES.index("unknown"), said), -1)
    return classes
