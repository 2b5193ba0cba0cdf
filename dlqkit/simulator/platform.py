"""The platform: events, attempts, faults. All of a day and of the next one is computed; time makes it visible."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from dlqkit.simulator.deliveries import Delivery, Outage, read_delivery, run_deliveries
from dlqkit.simulator.dialect import Dialect, RepublishDialect, draw_dialect
from dlqkit.simulator.error_texts import BACKGROUND, BUSINESS, INFRASTRUCTURE, REFUSED, TIMEOUT
from dlqkit.simulator.mixing import Array, mix, mix_array
from dlqkit.simulator.traffic import DAY_S, arrivals, mean_rate
from dlqkit.simulator.workflows import (
    CLIENTS,
    Workflow,
    break_payload,
    draw_workflows,
    payload,
)

__all__ = ["SCENARIOS", "Attempts", "Fault", "Platform", "iso"]

SCENARIOS = ("infrastructure", "business", "timeout", "mixed", "silence", "quiet", "shared")
# In these a database is away: that of one workflow, of one beside a client's error, or of several at once.
OUTAGES = frozenset({"infrastructure", "mixed", "shared"})
PROJECT = "simulated-project"
OUTAGE_S = 40 * 60.0
# About when an incident begins: by night it could have too few events to be one.
BUSIEST_BEFORE_S = 2 * 3600.0
# Events per second of a worker that comes back and finds what the subscription has kept.
CATCHES_UP = 20.0
REFUSED_SHARE = 0.001
TRANSIENT_SHARE = 0.008
# The part of a mixed incident's events that meets the unavailable database; the client's own come on top.
MIXED_SHARE = 0.6
# A slow action seldom still makes it.
STILL_IN_TIME = 0.06


def iso(at_s: float) -> str:
    """Seconds since 1970 as ISO 8601 UTC."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, with which workflow, from when to when (infinite while it goes on)."""

    scenario: str
    workflow: int
    client: int
    begins: float
    ends: float
    change: str
    """How the client's payload is broken."""
    others: tuple[int, ...] = ()
    """Further workflows that it hits."""

    @property
    def workflows(self) -> tuple[int, ...]:
        """Every workflow that it hits, the busiest first."""
        return (self.workflow, *self.others)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Every attempt, by its end: arrays of one length."""

    event: Array
    number: Array
    begun: Array
    ended: Array
    duration_ms: Array
    failed: Array
    error: Array
    dead: Array
    superseded: Array
    """When the event's next attempt ends; infinite for its last."""
    instance: Array
    delivery: Array
    """0 for the event as it first came, else the number of the message that brought it again."""
    replaced: Array
    """When the record that shows it is written over, where an event has one record; infinite for its last state."""

    def __len__(self) -> int:
        return len(self.event)


@dataclass
class Platform:
    """A worker platform with one scenario.

    Parameters
    ----------
    seed, scenario
        Same seed and scenario, same platform; the clock apart.
    events : int
        Events of the day before ``now``.
    pagination : str
        ``auto`` draws it.
    now : float
        Seconds since 1970; its clock begins there, and goes on.
    republish : RepublishDialect
        How an event that is published again is treated and shown.
    busiest : float, optional
        When most events of each day arrive, in seconds since 1970; by default two hours before ``now``, so that a
        platform is the same at any hour.
    """

    seed: int = 7
    scenario: str = "infrastructure"
    events: int = 20_000
    pagination: str = "auto"
    now: float = field(default_factory=time.time)
    republish: RepublishDialect = field(default_factory=RepublishDialect)
    busiest: float | None = None

    def __post_init__(self) -> None:
        self._ahead_s = self.now - time.time()
        rng = np.random.default_rng([self.seed, SCENARIOS.index(self.scenario)])
        self.lock = threading.RLock()
        self.salt = int(rng.integers(1 << 62))
        self.dialect: Dialect = draw_dialect(rng, self.pagination)
        self.workflows: tuple[Workflow, ...] = draw_workflows(rng, PROJECT)
        self.max_attempts = int(rng.integers(3, 7))
        self.start, self.horizon = self.now - DAY_S, self.now + DAY_S
        self.instances = int(rng.integers(1, 4))
        self.client_shares = np.sort(rng.dirichlet(np.full(len(CLIENTS), 2.0)))[::-1]
        self._draw_events(rng)
        self.fault = self._draw_fault(rng)
        self.stops_scraping = self.scenario == "silence" and bool(rng.random() < 0.5)
        self._draw_restarts(rng)
        self.deliveries: list[Delivery] = []
        self.outages: list[Outage] = []
        self.unscraped: list[tuple[float, float]] = []
        self.version = 0
        self._first: tuple[Array, ...] | None = None
        self._attempts: Attempts | None = None

    def clock(self) -> float:
        """What time it is on the platform, in seconds since 1970."""
        return time.time() + self._ahead_s

    # --- drawn once

    def _draw_events(self, rng: np.random.Generator) -> None:
        busiest = self.now - BUSIEST_BEFORE_S if self.busiest is None else self.busiest
        past = arrivals(rng, self.start, self.now, events=self.events, busiest=busiest)
        rate = mean_rate(self.start, self.now, self.events, busiest)
        future = arrivals(rng, self.now, self.horizon, rate=rate, busiest=busiest)
        self.arrived = np.concatenate([past, future])
        count = len(self.arrived)
        shares = np.array([workflow.share for workflow in self.workflows])
        self.workflow_of = rng.choice(len(shares), size=count, p=shares / shares.sum())
        self.client_of = rng.choice(len(CLIENTS), size=count, p=self.client_shares)
        self.bits = mix_array(np.arange(count, dtype=np.uint64) ^ np.uint64(self.salt))
        self._unit = [self._units(number) for number in range(8)]

    def _units(self, number: int) -> Array:
        """A number in [0, 1) of every event, always the same; another one for each ``number``."""
        mixed = mix_array(self.bits ^ np.uint64(mix(self.salt + number)))
        units: Array = (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)
        return units

    def _draw_fault(self, rng: np.random.Generator) -> Fault:
        # The busiest workflow, so that an incident has enough events to be one.
        workflow, client = 0, int(rng.integers(0, 2))
        change = str(rng.choice(["number_as_text", "field_renamed", "field_empty"]))
        minutes = rng.uniform(65, 150)
        if self.scenario == "infrastructure" and rng.random() < 1 / 3:
            minutes = rng.uniform(18, 34)
        if self.scenario == "silence":
            minutes = rng.uniform(35, 120)
        begins = self.now - 60 * float(minutes)
        ends = begins + OUTAGE_S if self.scenario in OUTAGES else np.inf
        self.change_before = bool(rng.random() < 0.5) and self.scenario not in {"quiet", "silence"}
        self.change_lead = float(rng.uniform(240, 900))
        # The next busiest, and one that is left alone at least.
        others = tuple(range(1, min(3, len(self.workflows) - 1))) if self.scenario == "shared" else ()
        return Fault(self.scenario, workflow, client, begins, float(ends), change, others)

    def _draw_restarts(self, rng: np.random.Generator) -> None:
        """When each instance restarts (a pause, then a new process), and which version it then runs."""
        self.restarts: list[list[tuple[float, float, str]]] = []
        for _ in range(self.instances):
            times = sorted(float(t) for t in rng.uniform(self.start, self.now - 4 * 3600, int(rng.integers(0, 3))))
            # Each restart: when the old process ends, when the new one has started, its version.
            self.restarts.append([(at, at + float(rng.uniform(5, 40)), "1.8.2") for at in times])
        if self.change_before:
            at = self.fault.begins - self.change_lead
            for number, own in enumerate(self.restarts):
                own.append((at + 20 * number, at + 20 * number + float(rng.uniform(5, 15)), "1.9.0"))
        self.first_start = [self.start - float(rng.uniform(3600, 90_000)) for _ in range(self.instances)]

    # --- attempts

    @property
    def attempts(self) -> Attempts:
        """Every attempt up to the horizon, under the faults as they are known now."""
        with self.lock:
            if self._attempts is None:
                if self._first is None:
                    self._first = self._run()
                self._attempts = self._sorted(self._first)
            return self._attempts

    def _changed(self, *, faults: bool = True) -> None:
        if faults:
            self._first = None
        self._attempts = None
        self.version += 1

    def _run(self) -> tuple[Array, ...]:
        """Every attempt of the events as they first came."""
        count = len(self.arrived)
        fault, workflow = self.fault, self.workflow_of
        medians = np.array([one.median_ms for one in self.workflows])[workflow]
        spreads = np.array([one.spread for one in self.workflows])[workflow]
        limits = np.array([one.timeout_ms for one in self.workflows], dtype=np.float64)[workflow]
        hit = workflow == fault.workflow
        broken = hit & (self.client_of == fault.client) & (self.scenario in {"business", "mixed"})
        refused = self._unit[0] < REFUSED_SHARE
        transient = np.where(self._unit[1] < TRANSIENT_SHARE, 1 + (self._unit[2] < 0.2), 0)
        at = self.arrived + 0.05 + 0.4 * self._unit[3]
        active = np.ones(count, dtype=bool)
        if self.scenario == "silence":
            # The subscription keeps what comes meanwhile; a worker that is back takes it in its order.
            waiting = (at >= fault.begins) & (at < fault.ends)
            active &= ~waiting | np.isfinite(fault.ends)
            at[waiting] = fault.ends + np.arange(int(waiting.sum())) / CATCHES_UP
        parts: list[tuple[Array, ...]] = []
        for number in range(1, self.max_attempts + 1):
            index = np.flatnonzero(active)
            if not len(index):
                break
            begun = at[index]
            units = self._attempt_units(index, number)
            duration = medians[index] * np.exp(spreads[index] * _normal(units[0], units[1]))
            duration = np.minimum(duration, 0.9 * limits[index])
            failed, error, final = self._judge(index, number, begun, broken, refused, transient, units[2])
            slow = (self.scenario == "timeout") & hit[index] & (begun >= fault.begins) & (begun < fault.ends)
            cut = slow & (units[2] >= STILL_IN_TIME) & ~refused[index]
            duration = np.where(slow & ~cut, limits[index] * (0.6 + 0.3 * units[3]), duration)
            duration = np.where(cut, limits[index] * (1 + 0.008 * units[3]), duration)
            failed, error = failed | cut, np.where(cut, TIMEOUT, error)
            down = failed & np.isin(error, INFRASTRUCTURE)
            duration = np.where(down, 3 + 2500 * units[3] ** 2, duration)
            ended = begun + duration / 1000
            dead = failed & (final | (number == self.max_attempts))
            parts.append((index, np.full(len(index), number), begun, ended, duration, failed, error, dead))
            again = failed & ~dead
            active[:] = False
            active[index[again]] = True
            at[index] = ended + 1.5 * 2 ** (number - 1) * (0.8 + 0.4 * units[1])
        return tuple(np.concatenate([part[number] for part in parts]) for number in range(8))

    def _attempt_units(self, index: Array, number: int) -> list[Array]:
        mixed = mix_array(self.bits[index] ^ np.uint64(mix(self.salt + 1000 + number)))
        return [((mixed >> np.uint64(8 + 12 * part)) & np.uint64(0xFFF)).astype(np.float64) / 4096 for part in range(4)]

    def _judge(
        self, index: Array, number: int, begun: Array, broken: Array, refused: Array, transient: Array, unit: Array
    ) -> tuple[Array, Array, Array]:
        """Failed, error and whether the failure is final, of attempts that begin at these times."""
        fault = self.fault
        during = (begun >= fault.begins) & (begun < fault.ends)
        choose = (unit * 4096).astype(np.int64)
        failed = transient[index] >= number
        error = np.array(BACKGROUND)[choose % len(BACKGROUND)]
        final = np.zeros(len(index), dtype=bool)
        if self.scenario in OUTAGES:
            down = during & np.isin(self.workflow_of[index], fault.workflows)
            if self.scenario == "mixed":
                down &= self._unit[4][index] < MIXED_SHARE
            error = np.where(down, np.array(INFRASTRUCTURE)[choose % len(INFRASTRUCTURE)], error)
            failed = failed | down
        for outage in self.outages:
            down = (self.workflow_of[index] == outage.workflow) & (begun >= outage.begins) & (begun < outage.ends)
            error = np.where(down, np.array(INFRASTRUCTURE)[choose % len(INFRASTRUCTURE)], error)
            failed = failed | down
        # A client's change is of the payload, so it is decided when the event is made.
        wrong = broken[index] & (self.arrived[index] >= fault.begins) & (self.arrived[index] < self._client_mended())
        for mask, kind in ((wrong, BUSINESS), (refused[index], None)):
            error = np.where(mask, np.array(REFUSED)[choose % len(REFUSED)] if kind is None else kind, error)
            failed, final = failed | mask, final | mask
        return failed, error, final

    def _client_mended(self) -> float:
        # In a mixed incident the database comes back by itself; the client goes on until it is healed.
        return self.healed_at if self.healed_at is not None else np.inf

    healed_at: float | None = None

    def _sorted(self, first: tuple[Array, ...]) -> Attempts:
        """Every attempt by its end, those of messages too."""
        columns = [*first, np.zeros(len(first[0]), dtype=np.int64)]
        if self.deliveries:
            again = np.isin(first[0], [one.event for one in self.deliveries])
            numbers: dict[int, int] = {}
            for event, number in zip(first[0][again].tolist(), first[1][again].tolist(), strict=True):
                numbers[event] = max(number, numbers.get(event, 0))
            rows = run_deliveries(self, self.deliveries, numbers)
            more = zip(*rows, strict=True) if rows else ()
            columns = [np.concatenate([old, np.array(new, dtype=old.dtype)])
                       for old, new in zip(columns, more, strict=True)] if rows else columns  # fmt: skip
        order = np.argsort(columns[3], kind="stable")
        columns = [column[order] for column in columns]
        event, ended, delivery = columns[0], columns[3], columns[8]
        superseded = _next_of_same(event, ended)
        apart = self.republish.record_is_new and bool(self.deliveries)
        replaced = _next_of_same(event * (len(self.deliveries) + 1) + delivery, ended) if apart else superseded
        instance = (self.bits[event] >> np.uint64(5)).astype(np.int64) % self.instances
        number, begun, _, duration, failed, error, dead, _ = columns[1:]
        return Attempts(event, number, begun, ended, duration, failed, error, dead, superseded, instance, delivery,
                        replaced)  # fmt: skip

    # --- what a person or a message does

    def heal(self, at: float | None = None) -> None:
        """Remove what is wrong, now: the fault ends, the client mends its payload, its workflows' outages end too."""
        with self.lock:
            moment = self.clock() if at is None else at
            self.fault = replace(self.fault, ends=min(self.fault.ends, moment))
            self.outages = [
                replace(one, ends=min(one.ends, moment)) if one.workflow in self.fault.workflows else one
                for one in self.outages
            ]
            self.healed_at = moment
            self._changed()

    def begin_outage(self, workflow: int, *, begins: float | None = None, ends: float = np.inf) -> None:
        """Take a workflow's database away, for its own reasons or because the fix was none."""
        with self.lock:
            self.outages.append(Outage(workflow, self.clock() if begins is None else begins, ends))
            self._changed()

    def lose_scrapes(self, begins: float, ends: float) -> None:
        """Let no worker be scraped for a while; its counters go on."""
        with self.lock:
            self.unscraped.append((begins, ends))
            self._changed(faults=False)

    def delay_records(self, seconds: float) -> None:
        """Let the API show each record so long after its time."""
        with self.lock:
            self.republish = replace(self.republish, late_s=seconds)
            self._changed(faults=False)

    def has_outage(self, event: int) -> bool:
        """Whether the scenario takes the database away from this event, while it lasts."""
        return self.scenario in OUTAGES and (self.scenario != "mixed" or bool(self._unit[4][event] < MIXED_SHARE))

    def is_out(self, workflow: int, at: float) -> bool:
        """Whether the workflow's database is away at this time, beside what the scenario does."""
        return any(one.workflow == workflow and one.begins <= at < one.ends for one in self.outages)

    def consume(self, topic: str, data: bytes, at: float | None = None) -> None:
        """A message on a workflow's topic: its worker takes it and runs the action."""
        self.consume_many(topic, [(data, {})], at)

    def consume_many(
        self, topic: str, messages: Sequence[tuple[bytes, Mapping[str, str]]], at: float | None = None
    ) -> None:
        """Several messages with their attributes, as ``consume``."""
        with self.lock:
            moment = self.clock() if at is None else at
            for data, attributes in messages:
                one = read_delivery(self, len(self.deliveries) + 1, topic, data, attributes, moment)
                if one is not None:
                    self.deliveries.append(one)
            self._changed(faults=False)

    def republish_affected(self) -> int:
        """Send every dead event of the incident to its topic again, a client's payloads corrected; how many."""
        truth = self.dead_events()
        for event in truth:
            topic = self.workflows[int(self.workflow_of[event])].topic
            self.consume(topic, json.dumps(self.payload_of(event, corrected=True)).encode())
        return len(truth)

    # --- what is known of an event

    def client(self, event: int) -> str:
        """The client that sent an event."""
        return self.client_name(int(self.client_of[event]))

    def client_name(self, number: int) -> str:
        """The name that a client's payloads carry."""
        return CLIENTS[number]

    def trace_id(self, event: int, delivery: int = 0) -> str:
        """32 hex digits; in some dialects two events of a trace share them, or one that comes again has others."""
        if delivery and not self.republish.trace_survives:
            return f"{mix(self.salt ^ (delivery * 2 + 1)):016x}{mix(~self.salt & (1 << 63) ^ delivery):016x}"
        own = event
        if self.dialect.trace_is_shared and mix(self.salt + event // 2) % 10 == 0:
            own = event // 2 * 2
        return f"{mix(self.salt ^ (own * 2 + 1)):016x}{mix(self.salt + own * 2):016x}"

    def is_broken(self, event: int) -> bool:
        """Whether the event's payload came wrong from its client."""
        fault = self.fault
        return (
            self.scenario in {"business", "mixed"}
            and int(self.workflow_of[event]) == fault.workflow
            and int(self.client_of[event]) == fault.client
            and fault.begins <= float(self.arrived[event]) < self._client_mended()
        )

    def payload_of(self, event: int, *, delivery: int = 0, corrected: bool = False) -> dict[str, Any]:
        """The event's payload as its client sent it, or as a later message brought it."""
        if delivery:
            body: dict[str, Any] = self.deliveries[delivery - 1].body
            return body
        workflow = self.workflows[int(self.workflow_of[event])]
        whole = payload(workflow.shape, event, self.client(event), iso(float(self.arrived[event])), self.salt)
        if not corrected and self.is_broken(event):
            return break_payload(whole, workflow.shape, self.fault.change)
        return whole

    # --- the truth

    def incident_dead(self) -> Array:
        """Positions of the attempts that ended as dead letters of the incident, of every workflow that it hits."""
        rows, fault = self.attempts, self.fault
        kinds = {"infrastructure": INFRASTRUCTURE, "business": (BUSINESS,), "timeout": (TIMEOUT,),
                 "mixed": (*INFRASTRUCTURE, BUSINESS), "shared": INFRASTRUCTURE}.get(self.scenario, ())  # fmt: skip
        own = rows.dead & np.isin(self.workflow_of[rows.event], fault.workflows) & np.isin(rows.error, kinds)
        return np.flatnonzero(own & (rows.ended >= fault.begins))

    def dead_events(self) -> list[int]:
        """Events of the incident that are dead letters now."""
        rows = self.attempts
        where = self.incident_dead()
        moment = self.clock()
        where = where[rows.ended[where] <= moment]
        current = rows.superseded[where] > moment
        return sorted({int(event) for event in rows.event[where[current]]})

    def truth(self) -> dict[str, Any]:
        """What is true; dlqkit never sees it."""
        from dlqkit.simulator.truth import tell_truth

        with self.lock:
            return tell_truth(self, self.clock())


def _next_of_same(who: Array, ended: Array) -> Array:
    """For each attempt, by its end, when the next one of the same ends; infinite for the last."""
    out = np.full(len(who), np.inf)
    order = np.lexsort((ended, who))
    same = who[order][1:] == who[order][:-1]
    out[order[:-1][same]] = ended[order[1:][same]]
    return out


def _normal(first: Array, second: Array) -> Array:
    """Standard normal numbers of two uniform ones (Box and Muller)."""
    out: Array = np.sqrt(-2 * np.log(np.maximum(first, 1e-4))) * np.cos(2 * np.pi * second)
    return out
