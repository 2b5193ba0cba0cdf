"""Payloads and error messages in the platform's own words: a pool of each, with places for what differs by event."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dlqkit.simulator.error_texts import BUSINESS, ERRORS, TIMEOUT, Facts
from dlqkit.simulator.lake.attempts import Attempts, Events
from dlqkit.simulator.lake.plan import LakePlan
from dlqkit.simulator.lake.texts import Digits, Words, clock_digits, decimal_digits, render, table_digits
from dlqkit.simulator.mixing import Array, mix, mix_array
from dlqkit.simulator.workflows import CLIENTS, Workflow, break_payload, describe_change, payload

__all__ = ["Wording", "draw_wording", "error_texts", "key_digits", "payload_texts"]

# Texts that differ in more than the event's key, time and trace; so many of each kind.
VARIANTS = 512
_CREATED = "0001-01-01T00:00:00.000000+00:00"
_KEY, _TRACE = "{key}", "{trace}"


@dataclass(frozen=True, slots=True)
class _Pool:
    """Texts in parts: what stands before, between and after the places."""

    parts: tuple[tuple[str, ...], ...]

    def words(self, part: int, codes: Array) -> Words:
        """That part of the texts with these positions."""
        return Words(self.parts[part], codes)


@dataclass(frozen=True, slots=True)
class Wording:
    """What a lake's payloads and error messages are made of."""

    payloads: _Pool
    """Before the key, between key and time, after the time: by workflow, client and variant, then the broken ones."""
    errors: _Pool
    """Before and after the place: by kind and variant."""
    places: tuple[str, ...]
    """What stands in the place of each kind of error: the event's key, the trace, or nothing."""


def draw_wording(plan: LakePlan) -> Wording:
    """The pools of a lake, from the functions that the platform answers with."""
    usual = [
        _payload_parts(workflow, client, _variant(plan, number, variant), "")
        for number, workflow in enumerate(plan.workflows)
        for client in CLIENTS
        for variant in range(VARIANTS)
    ]
    hit, client = plan.workflows[0], CLIENTS[plan.broken_client]
    broken = [_payload_parts(hit, client, _variant(plan, 0, variant), plan.change) for variant in range(VARIANTS)]
    errors = [_error_text(plan, kind, variant) for kind in range(len(ERRORS)) for variant in range(VARIANTS)]
    places = tuple(_place_of(errors[kind * VARIANTS]) for kind in range(len(ERRORS)))
    halves = [text.partition(places[number // VARIANTS] or _KEY) for number, text in enumerate(errors)]
    return Wording(
        _Pool(_columns([*usual, *broken])), _Pool(_columns((head, tail) for head, _, tail in halves)), places
    )


def _columns(rows: Iterable[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(zip(*rows, strict=True))


def _variant(plan: LakePlan, workflow: int, variant: int) -> int:
    return mix(plan.salt ^ (workflow * VARIANTS + variant))


def _payload_parts(workflow: Workflow, client: str, salt: int, change: str) -> tuple[str, str, str]:
    body = payload(workflow.shape, 0, client, _CREATED, salt)
    text = json.dumps(break_payload(body, workflow.shape, change) if change else body, ensure_ascii=False)
    before, _, rest = text.partition(workflow.shape.key_of(0))
    between, _, after = rest.partition(_CREATED)
    return before, between, after


def _error_text(plan: LakePlan, kind: int, variant: int) -> str:
    workflow = plan.workflows[1 if kind == TIMEOUT else 0]
    field = value = ""
    if kind == BUSINESS:
        # The same variant is the event's payload, so that the message quotes what the payload holds.
        body = payload(workflow.shape, 0, CLIENTS[plan.broken_client], _CREATED, _variant(plan, 0, variant))
        field = describe_change(workflow.shape, plan.change)["field"] or ""
        value = json.dumps(break_payload(body, workflow.shape, plan.change).get(field), ensure_ascii=False)
    facts = Facts(_KEY, _TRACE, workflow.name, workflow.timeout_ms, field, value, _variant(plan, ~kind, variant))
    return ERRORS[kind].text(facts)


def _place_of(text: str) -> str:
    return next((place for place in (_KEY, _TRACE) if place in text), "")


def key_digits(plan: LakePlan, events: Events) -> Digits:
    """The business key of each event."""
    prefixes = table_digits([f"{workflow.shape.prefix}-" for workflow in plan.workflows], events.workflow)
    first = plan.workflows[0].shape.key_of(0).partition("-")[2]
    return np.hstack([prefixes, decimal_digits(events.number + int(first), len(first) + 1)])


def payload_texts(plan: LakePlan, wording: Wording, events: Events, keys: Digits) -> pa.Array:
    """The payload of each event as JSON text."""
    group = events.workflow * len(CLIENTS) + events.client
    group = np.where(events.broken, len(plan.workflows) * len(CLIENTS), group)
    codes = group * VARIANTS + _variant_of(plan, events)
    created = clock_digits(np.round(events.arrived_s * 1e6).astype(np.int64))
    pool = wording.payloads
    return render([pool.words(0, codes), keys, pool.words(1, codes), created, pool.words(2, codes)], len(events))


def error_texts(
    plan: LakePlan, wording: Wording, events: Events, attempts: Attempts, keys: Digits, traces: Digits
) -> pa.Array:
    """The message of each failed attempt; null of a success."""
    bits = mix_array(events.number[attempts.event] * 64 + attempts.run * 32 + attempts.number)
    variant = np.where(attempts.error == BUSINESS, _variant_of(plan, events)[attempts.event],
                       (bits % np.uint64(VARIANTS)).astype(np.int64))  # fmt: skip
    codes = attempts.error * VARIANTS + variant
    filled = {_KEY: keys, _TRACE: traces[:, :8]}
    parts, where = [], np.full(len(attempts), -1)
    made = 0
    for place in (_KEY, _TRACE, ""):
        kinds = [kind for kind, other in enumerate(wording.places) if other == place]
        rows = np.flatnonzero(np.isin(attempts.error, kinds))
        middle = [filled[place][attempts.event[rows]]] if place else []
        pool = wording.errors
        parts.append(render([pool.words(0, codes[rows]), *middle, pool.words(1, codes[rows])], len(rows)))
        where[rows] = made + np.arange(len(rows))
        made += len(rows)
    return pa.concat_arrays(parts).take(pa.array(where, mask=where < 0))


def _variant_of(plan: LakePlan, events: Events) -> Array:
    bits = mix_array(events.number.astype(np.uint64) ^ np.uint64(plan.salt))
    return (bits >> np.uint64(20)).astype(np.int64) % VARIANTS
