"""One subscription of the simulated Pub/Sub: leases, delivery attempts, the order of keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.pubsub_v1 import types

__all__ = ["MAXIMUM_MESSAGES", "Subscription", "Waiting"]

# What one answer to Pull holds at most, whatever was asked for.
MAXIMUM_MESSAGES, MAXIMUM_BYTES = 1000, 10_000_000
# How long the server waits for a first message before it answers with none.
PATIENCE_S = 5.0


@dataclass(slots=True)
class Waiting:
    """A message of a subscription, how often it was delivered, and until when somebody has it."""

    message: Any
    leased_until: float = 0.0
    attempts: int = 0


@dataclass(slots=True)
class Subscription:
    """A subscription as it was made, and what nobody has acknowledged yet, oldest first."""

    settings: Any
    waiting: dict[str, Waiting] = field(default_factory=dict)
    refill: Callable[[], Sequence[Any]] | None = None
    """Gives messages that have come since it was last called."""
    stinginess: float = 0.0
    """In this share of answers there are fewer messages than there could be, or none."""
    patience_s: float = PATIENCE_S

    @property
    def topic(self) -> str:
        """Full name of its topic."""
        return str(self.settings.topic)

    @property
    def _most_attempts(self) -> float:
        has_policy = self.settings.HasField("dead_letter_policy")
        return int(self.settings.dead_letter_policy.max_delivery_attempts) if has_policy else float("inf")

    def take(self, most: int) -> tuple[list[Any], list[tuple[Any, int]]]:
        """Lease what may be delivered now; and what was delivered so often that it leaves for the dead letters.

        Of a key, where order is kept, nothing is delivered while something earlier is not acknowledged.
        """
        for message in self.refill() if self.refill is not None else ():
            self.waiting.setdefault(message.message_id, Waiting(message))
        now, size = time.monotonic(), 0
        taken: list[Any] = []
        spent: list[tuple[Any, int]] = []
        blocked: set[str] = set()
        for message_id, waiting in list(self.waiting.items()):
            key = waiting.message.ordering_key if self.settings.enable_message_ordering else ""
            if waiting.leased_until > now or key in blocked:
                blocked |= {key} - {""}
                continue
            if waiting.attempts >= self._most_attempts:
                spent.append((waiting.message, waiting.attempts))
                del self.waiting[message_id]
                continue
            size += waiting.message.ByteSize()
            if len(taken) == most or (taken and size > MAXIMUM_BYTES):
                break
            taken.append(self._lease(message_id, waiting, now))
            blocked |= {key} - {""}
        return taken, spent

    def _lease(self, message_id: str, waiting: Waiting, now: float) -> Any:
        waiting.attempts += 1
        waiting.leased_until = now + self.settings.ack_deadline_seconds
        return types.ReceivedMessage.pb()(
            ack_id=f"{message_id}/{waiting.attempts}",
            message=waiting.message,
            # Counted for a subscription with a dead-letter policy alone, as the service does.
            delivery_attempt=waiting.attempts if self._most_attempts < float("inf") else 0,
        )

    def leased(self, ack_id: str) -> Waiting | None:
        """The message that this delivery leased, while the lease holds."""
        message_id, _, attempt = ack_id.rpartition("/")
        waiting = self.waiting.get(message_id)
        if waiting is None or str(waiting.attempts) != attempt or waiting.leased_until <= time.monotonic():
            return None
        return waiting

    def extend(self, ack_ids: Sequence[str], seconds: Sequence[int]) -> None:
        """Let leases run for so long from now; by 0 they end."""
        for ack_id, more in zip(ack_ids, seconds, strict=False):
            waiting = self.leased(ack_id)
            if waiting is not None:
                waiting.leased_until = time.monotonic() + more if more else 0.0

    def drop(self, ack_ids: Sequence[str]) -> None:
        """Forget what was acknowledged."""
        for ack_id in ack_ids:
            self.waiting.pop(ack_id.rpartition("/")[0], None)
