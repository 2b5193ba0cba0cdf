"""The platform's dead letters as messages: what their client sent, with attributes that no record shows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf import timestamp_pb2
from google.pubsub_v1 import types

from dlqkit.simulator.mixing import mix
from dlqkit.simulator.platform import SCENARIOS, Platform
from dlqkit.simulator.subscription_settings import source_attributes
from dlqkit.simulator.workflows import Workflow

__all__ = ["DeadLetters", "Style", "draw_style"]

# Apart from the platform's own draws, so that a seed keeps the platform it always had.
_STREAM = 5
# From the end of the last attempt until the message is in the dead-letter topic.
FORWARDING_S = 0.2


@dataclass(frozen=True, slots=True)
class Style:
    """What this platform's publishers put beside the payload."""

    trace_attribute: str
    """Its name, or empty: only the payload tells the events apart."""
    workflow_attribute: str
    ordered: bool
    """Whether messages carry their customer as ordering key."""
    forwarded: bool
    """Whether Pub/Sub made the dead letter, which tells its source, or the worker itself, which does not."""
    spaced: bool
    """Whether the payload is written with spaces, as the records show it."""


def draw_style(seed: int, scenario: str) -> Style:
    """One style, of many, always the same for a seed and scenario."""
    rng = np.random.default_rng([seed, SCENARIOS.index(scenario), _STREAM])

    def draw(*choices: Any) -> Any:
        return choices[int(rng.integers(len(choices)))]

    return Style(
        trace_attribute=draw("trace_id", "traceId", "x-trace-id", "traceparent", ""),
        workflow_attribute=draw("workflow_id", "workflowId", ""),
        ordered=draw(True, False),
        forwarded=draw(True, True, False),
        spaced=draw(True, False),
    )


class DeadLetters:
    """The dead-letter topic of one workflow, as messages that appear when the platform's clock reaches them.

    Parameters
    ----------
    platform : Platform
        Whose dead letters they are.
    number : int
        Of the workflow.
    """

    def __init__(self, platform: Platform, number: int) -> None:
        self._platform, self._number = platform, number
        self._style = draw_style(platform.seed, platform.scenario)
        self._told_to = -np.inf

    @property
    def _workflow(self) -> Workflow:
        return self._platform.workflows[self._number]

    @property
    def topic(self) -> str:
        """Full name of the dead-letter topic."""
        return f"{self._workflow.topic}-dead-letters"

    @property
    def subscription(self) -> str:
        """Full name of the topic's subscription."""
        return self.topic.replace("/topics/", "/subscriptions/")

    def new_messages(self) -> list[Any]:
        """The dead letters since the last call, oldest first; at the first one those of the whole day."""
        platform = self._platform
        with platform.lock:
            rows, moment = platform.attempts, platform.clock() - FORWARDING_S
            since, self._told_to = self._told_to, moment
            own = np.flatnonzero(rows.dead & (platform.workflow_of[rows.event] == self._number))
            new = own[(rows.ended[own] > since) & (rows.ended[own] <= moment)]
            return [self._message(int(row)) for row in new]

    def _message(self, row: int) -> Any:
        platform, rows = self._platform, self._platform.attempts
        event, ended = int(rows.event[row]), float(rows.ended[row])
        # What died again is what was sent again.
        body = platform.payload_of(event, delivery=int(rows.delivery[row]))
        spaces = (", ", ": ") if self._style.spaced else (",", ":")
        attributes = self._attributes(event)
        if self._style.forwarded:
            attributes |= source_attributes(
                f"{self._workflow.topic.replace('/topics/', '/subscriptions/')}-worker",
                int(rows.number[row]),
                _stamp(float(platform.arrived[event])).ToJsonString(),
            )
        return types.PubsubMessage.pb()(
            data=json.dumps(body, ensure_ascii=False, separators=spaces).encode(),
            attributes=attributes,
            message_id=str(mix(platform.salt ^ event ^ mix(round(ended * 1e6))) % 10**16),
            publish_time=_stamp(ended + FORWARDING_S),
            ordering_key=str(body.get("customer_id") or "") if self._style.ordered else "",
        )

    def _attributes(self, event: int) -> dict[str, str]:
        platform, trace_id = self._platform, self._platform.trace_id(event)
        out = {"content-type": "application/json", "tenant": platform.client(event), "schema": "2"}
        if self._style.workflow_attribute:
            out[self._style.workflow_attribute] = self._workflow.workflow_id
        if self._style.trace_attribute:
            is_w3c = self._style.trace_attribute == "traceparent"
            out[self._style.trace_attribute] = f"00-{trace_id}-{mix(event):016x}-01" if is_w3c else trace_id
        return out


def _stamp(at_s: float) -> Any:
    out = timestamp_pb2.Timestamp()
    out.FromMicroseconds(round(at_s * 1e6))
    return out
