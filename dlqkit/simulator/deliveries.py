"""Messages that were published: each runs the action as a worker does, with retries, under the faults in force."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dlqkit.simulator.error_texts import BACKGROUND, BUSINESS, INFRASTRUCTURE, TIMEOUT
from dlqkit.simulator.mixing import mix
from dlqkit.simulator.workflows import event_number, wrong_field

if TYPE_CHECKING:
    from dlqkit.simulator.platform import Platform

__all__ = ["Delivery", "Outage", "read_delivery", "run_deliveries"]

# An attempt: event, number, begun, ended, milliseconds, failed, error, dead, delivery.
Row = tuple[int, int, float, float, float, bool, int, bool, int]
FIRST_BACKOFF_S = 1.5


@dataclass(frozen=True, slots=True)
class Outage:
    """A workflow's database is away, beside what the scenario does."""

    workflow: int
    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that a worker took: of which event, when, and what it held."""

    number: int
    """From 1; 0 is the event as it first came."""
    event: int
    at: float
    body: Any
    text: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def read_delivery(
    platform: Platform, number: int, topic: str, data: bytes, attributes: Mapping[str, str], at: float
) -> Delivery | None:
    """The delivery of a message; None where its topic or its event is none of the platform's."""
    workflow = next((n for n, one in enumerate(platform.workflows) if one.topic == topic), None)
    if workflow is None:
        return None
    try:
        text = data.decode()
        body = json.loads(text)
    except ValueError:
        return None
    event = event_number(body, platform.workflows[workflow].shape)
    if event is None or not 0 <= event < len(platform.arrived) or platform.workflow_of[event] != workflow:
        return None
    return Delivery(number, event, at, body, text, dict(attributes))


def run_deliveries(platform: Platform, deliveries: Sequence[Delivery], last_numbers: Mapping[int, int]) -> list[Row]:
    """Every attempt of every delivery; ``last_numbers`` are those of the events' attempts before."""
    numbers, rows = dict(last_numbers), []
    for one in deliveries:
        before = 0 if platform.republish.attempts_restart else numbers.get(one.event, 0)
        own = list(_attempts(platform, one, before))
        rows += own
        if own:
            numbers[one.event] = own[-1][1]
    return rows


def _attempts(platform: Platform, one: Delivery, before: int) -> Iterator[Row]:
    begun = one.at + 0.05
    if platform.scenario == "silence" and begun >= platform.fault.begins:
        # The worker takes nothing while it is silent.
        begun = max(begun, platform.fault.ends)
    for attempt in range(1, platform.max_attempts + 1):
        if not math.isfinite(begun):
            return
        error, took_s, is_final = _judge(platform, one, attempt, begun)
        ended = begun + took_s
        failed = error is not None
        dead = failed and (is_final or attempt == platform.max_attempts)
        yield (one.event, before + attempt, begun, ended, took_s * 1000, failed, error or 0, dead, one.number)
        if not failed or dead:
            return
        begun = ended + FIRST_BACKOFF_S * 2 ** (attempt - 1) * (0.8 + 0.4 * _unit(platform, one, attempt, 1))
    # Every path above ends with a success or a dead letter.


def _judge(platform: Platform, one: Delivery, attempt: int, begun: float) -> tuple[int | None, float, bool]:
    """Error or None, how long the attempt takes, and whether a failure is final."""
    number = int(platform.workflow_of[one.event])
    workflow, fault = platform.workflows[number], platform.fault
    usual_s = workflow.median_ms / 1000
    if wrong_field(one.body, workflow.shape) is not None:
        return BUSINESS, usual_s, True
    choose = int(_unit(platform, one, attempt, 2) * 4096)
    hit = number in fault.workflows and fault.begins <= begun < fault.ends
    if (hit and platform.has_outage(one.event)) or platform.is_out(number, begun):
        return INFRASTRUCTURE[choose % len(INFRASTRUCTURE)], 0.01, False
    if hit and platform.scenario == "timeout":
        return TIMEOUT, workflow.timeout_ms / 1000, False
    if attempt == 1 and _unit(platform, one, 0, 3) < platform.republish.transient_share:
        return BACKGROUND[choose % len(BACKGROUND)], usual_s, False
    return None, usual_s, False


def _unit(platform: Platform, one: Delivery, attempt: int, what: int) -> float:
    """A number in [0, 1), always the same for the same delivery and attempt."""
    return (mix(platform.salt ^ (one.number * 256 + attempt * 8 + what)) >> 11) / float(1 << 53)
