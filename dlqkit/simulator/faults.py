"""Faults of publishing: what a service does to a request at its worst moments, in the order in which it is asked to."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc

__all__ = ["KINDS", "Fault", "PublishFaults"]

_BEFORE = {
    "unavailable": (grpc.StatusCode.UNAVAILABLE, "The service is unavailable."),
    "exhausted": (grpc.StatusCode.RESOURCE_EXHAUSTED, "Quota exceeded."),
    "internal": (grpc.StatusCode.INTERNAL, "An internal error occurred."),
    "topic_missing": (grpc.StatusCode.NOT_FOUND, "Resource not found."),
    "permission_denied": (grpc.StatusCode.PERMISSION_DENIED, "User not authorized to perform this action."),
    "unauthenticated": (grpc.StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials."),
}
KINDS = (*_BEFORE, "ack_lost", "slow", "slow_answer", "fewer_ids", "bad_message")
"""``ack_lost`` stores and then says unavailable; ``slow`` waits and then stores; ``slow_answer`` stores and then waits;
``bad_message`` refuses each request that has a message with the ``text`` in its data."""
_STEP_S = 0.02


@dataclass(slots=True)
class Fault:
    """One kind of fault, after ``skip`` requests, for so many ``times`` (0: from then on)."""

    kind: str
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    text: str = ""


class PublishFaults:
    """What is going to go wrong; empty until told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[Fault] = []
        self._draw: random.Random | None = None
        self._share = self._seconds = 0.0
        self._kinds: tuple[str, ...] = ()
        self.delay_s = 0.0
        """Every request takes so long, as a service far away does."""
        self.requests = 0
        """How many requests came, refused ones too."""

    def add(self, kind: str, *, times: int = 1, skip: int = 0, seconds: float = 0.0, text: str = "") -> None:
        """Let a fault happen.

        Raises
        ------
        ValueError
            If there is no such kind.
        """
        if kind not in KINDS:
            raise ValueError(f"there is no fault {kind!r}; there are {', '.join(KINDS)}")
        with self._lock:
            self._queue.append(Fault(kind, times, skip, seconds, text))

    def draw(self, kinds: Sequence[str], share: float, seed: int, *, seconds: float = 0.0) -> None:
        """Let a share of all requests meet one of the kinds, by a seed; a share of 0 ends it."""
        with self._lock:
            self._kinds, self._share, self._draw, self._seconds = tuple(kinds), share, random.Random(seed), seconds

    def clear(self) -> None:
        """Nothing goes wrong from now on."""
        with self._lock:
            self._queue.clear()
            self._share, self.delay_s = 0.0, 0.0

    def _take(self, request: Any) -> Fault | None:
        with self._lock:
            self.requests += 1
            found = None
            for fault in list(self._queue):
                if fault.kind == "bad_message":
                    if not any(fault.text.encode() in message.data for message in request.messages):
                        continue
                elif fault.skip:
                    fault.skip -= 1
                    continue
                found = found or fault
            if found is not None and found.times:
                found.times -= 1
                if not found.times:
                    self._queue.remove(found)
            if found is None and self._draw is not None and self._draw.random() < self._share:
                found = Fault(self._draw.choice(self._kinds), seconds=self._seconds)
            return found

    def before(self, request: Any, context: Any) -> Fault | None:
        """What befalls a request before anything is stored; the fault that is still to come after."""
        if self.delay_s:
            time.sleep(self.delay_s)
        fault = self._take(request)
        if fault is None:
            return None
        if fault.kind == "bad_message":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "A message of the request is not valid.")
        if fault.kind == "slow":
            _wait(fault.seconds, context)
        if fault.kind in _BEFORE:
            context.abort(*_BEFORE[fault.kind])
        return fault

    def after(self, fault: Fault | None, response: Any, context: Any) -> Any:
        """What befalls the answer of a request that was stored."""
        if fault is None:
            return response
        if fault.kind == "ack_lost":
            context.abort(grpc.StatusCode.UNAVAILABLE, "The service is unavailable.")
        if fault.kind == "slow_answer":
            _wait(fault.seconds, context)
        if fault.kind == "fewer_ids":
            del response.message_ids[-1:]
        return response


def _wait(seconds: float, context: Any) -> None:
    """As long as somebody waits for the answer."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and context.is_active():
        time.sleep(_STEP_S)
