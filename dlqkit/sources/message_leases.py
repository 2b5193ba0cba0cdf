"""Messages that are held while they are read, and let go when the reading ends, however it does."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from dlqkit.errors import SourceError, SourceUnavailable
from dlqkit.language import in_english, mark
from dlqkit.sources.message_decode import MessagePage, MessageReader
from dlqkit.sources.subscription_client import IDS_PER_REQUEST, SubscriptionClient

__all__ = ["LEASE_S", "QUIET_PULLS", "Reading"]

T = TypeVar("T")
# How long others wait for a message if this process is killed; extended long before it runs out.
LEASE_S, EXTEND_EVERY_S = 30, 8.0
# Pub/Sub has no end mark, and may answer with few messages or none although there are more.
QUIET_PULLS = 3
FAILURES_IN_A_ROW = 3
FIRST_PAUSE_S = 0.2
PLACES = 3


@dataclass(slots=True)
class Reading:
    """One reading under way: what came, and under which ids it is held."""

    reader: MessageReader
    on_page: Callable[[MessagePage], None] | None
    stop: threading.Event
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    ack_ids: dict[str, str] = field(default_factory=dict)
    """The newest of each message."""
    begun: float = field(default_factory=time.monotonic)
    ended: float | None = None
    extended: float = field(default_factory=time.monotonic)
    size: int = 0
    masked: int = 0
    requests: int = 0
    failed: int = 0
    answered: int = 0
    """Pulls that brought an answer, an empty one too."""
    uncertain: int = 0
    """Pulls that failed, and may have leased messages that nobody saw."""
    not_let_go: int = 0
    missing: list[str] = field(default_factory=list)

    @property
    def elapsed_s(self) -> float:
        """Since the reading began, until messages were let go."""
        return (self.ended or time.monotonic()) - self.begun

    def tried(self, request: Callable[[], T]) -> T:
        """The request's answer; what may pass is tried again a few times, and counted."""
        for failure in range(1, FAILURES_IN_A_ROW + 1):
            self.requests += 1
            try:
                return request()
            except SourceUnavailable:
                self.failed += 1
                if failure == FAILURES_IN_A_ROW or self.stop.wait(FIRST_PAUSE_S * 2 ** (failure - 1)):
                    raise
        raise AssertionError

    def take(self, client: SubscriptionClient, received: Sequence[Any]) -> int:
        """Hold what came, keep what is new of it; how many are new."""
        # An answer may hold a message twice, as a subscription delivers at least once.
        new = {one.message.message_id: one for one in received if one.message.message_id not in self.ack_ids}
        fresh = list(new.values())
        self.ack_ids |= {one.message.message_id: one.ack_id for one in received}
        self._hold(client, [one.ack_id for one in received])
        if time.monotonic() - self.extended >= EXTEND_EVERY_S:
            self.extended = time.monotonic()
            self._hold(client, list(self.ack_ids.values()))
        if fresh:
            page = self.reader.read(fresh)
            self.rows += page.rows
            self.size += len(page.body)
            self.masked += page.masked
            if self.on_page is not None:
                self.on_page(page)
        return len(fresh)

    def _hold(self, client: SubscriptionClient, ack_ids: list[str]) -> None:
        try:
            if ack_ids:
                self.requests += 1
                self.failed += client.set_deadline(ack_ids, LEASE_S)
        except SourceUnavailable:
            # Leases that run out bring the messages back, here or elsewhere; nothing is lost by it.
            self.failed += 1

    @contextmanager
    def held_until_the_end(self, client: SubscriptionClient) -> Iterator[None]:
        """Let everything go when the block ends, however it does."""
        try:
            yield
        finally:
            left = list(self.ack_ids.values())
            while left:
                some, left = left[:IDS_PER_REQUEST], left[IDS_PER_REQUEST:]
                try:
                    self.failed += self.tried(partial(client.set_deadline, some, 0))
                except SourceError:
                    # A service that is away now would let each of them wait for it.
                    self.not_let_go = len(some) + len(left)
                    break
            self.ended = time.monotonic()

    def findings(self) -> Iterator[str]:
        """One sentence for each thing that was found out about the reading."""
        for name in ("trace_id", "workflow_id"):
            yield from self._places(name)
        if self.rows:
            text = (
                mark(
                    "{count} message was held for {seconds:.1f} s and let go, none acknowledged; each has one more "
                    "delivery."
                )
                if len(self.rows) == 1
                else mark(
                    "{count} messages were held for {seconds:.1f} s and let go, none acknowledged; each has one more "
                    "delivery."
                )
            )
            yield in_english(text, count=len(self.rows), seconds=self.elapsed_s)
        if self.not_let_go:
            text = mark("{count} could not be let go; they are free when their leases run out, in {seconds:d} s.")
            yield in_english(text, count=self.not_let_go, seconds=LEASE_S)
        if self.failed:
            text = mark("{count} of {requests} requests failed; those that may pass were made again.")
            yield in_english(text, count=self.failed, requests=self.requests)
        if not self.missing:
            text = mark(
                "Pub/Sub has no end mark: {pulls:d} requests in a row brought nothing new; what others hold is not "
                "seen, nor for {seconds:d} s what a killed reading held."
            )
            yield in_english(text, pulls=QUIET_PULLS, seconds=LEASE_S)

    def _places(self, name: str) -> Iterator[str]:
        """Where an id was found, the usual places first."""
        own = Counter({place: count for (known, place), count in self.reader.found.items() if known == name})
        for place, count in own.most_common(PLACES):
            text = (
                mark("{name} is read from {place} of {count} message.")
                if count == 1
                else mark("{name} is read from {place} of {count} messages.")
            )
            yield in_english(text, name=name, place=place, count=count)
        # A client may write a name in as many ways as there are messages.
        if len(own) > PLACES:
            text = mark("{name} is read from {count} further places.")
            yield in_english(text, name=name, count=len(own) - PLACES)
