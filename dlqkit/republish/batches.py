"""Which events go into the next request: in the plan's order, and never past an earlier one of the same key."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping

from dlqkit.republish.limits import MAX_REQUEST_BYTES
from dlqkit.republish.plan import Plan, PlannedEvent
from dlqkit.republish.sink import Message, message_of

__all__ = ["Queue"]

# Half of what a request may have: fewer bytes are in doubt when its answer is lost.
_BATCH_BYTES = MAX_REQUEST_BYTES // 2


def _bytes_at_most(message: Message) -> int:
    """A bound that is quick to tell; ``limits.message_bytes`` is closer."""
    attributes = message.attributes
    letters = len(message.ordering_key) + sum(map(len, attributes)) + sum(map(len, attributes.values()))
    # A letter has four bytes at most; tags and lengths of a field, sixteen.
    return len(message.data) + 4 * letters + 16 * (len(attributes) + 2)


class Queue:
    """Events of one call that wait to be sent.

    Parameters
    ----------
    plan : Plan
        Whose events they are.
    items : collection of int
        Those that are to be sent now.
    states : mapping
        What the journal says of every item of the plan.

    Notes
    -----
    All messages of a request must have one ordering key (cloud.google.com/pubsub/docs/ordering), so events without a
    key go together and those of a key among themselves. An event is held while an earlier one of its key in the plan
    is neither acknowledged nor sent before it by this call: if that one is sent later, it would be overtaken.
    """

    def __init__(self, plan: Plan, items: Collection[int], states: Mapping[int, str]) -> None:
        wanted = {item for item in items if states.get(item) == "planned"}
        self._held: set[int] = set()
        self._plan = plan
        self._lines: dict[str, list[PlannedEvent]] = {}
        blocked: set[str] = set()
        for event in plan.events:
            key = event.ordering_key or ""
            if event.item in wanted:
                if key and key in blocked:
                    self._held.add(event.item)
                else:
                    self._lines.setdefault(key, []).append(event)
            elif key and states.get(event.item) != "acked":
                blocked.add(key)
        for line in self._lines.values():
            line.reverse()  # taken from the end
        self._heads = [(line[-1].item, key) for key, line in self._lines.items()]
        heapq.heapify(self._heads)

    @property
    def held(self) -> int:
        """How many wait for an earlier one of their key."""
        return len(self._held)

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def next_batch(self, most: int, busy: Collection[str]) -> list[Message]:
        """The next request's messages, at most so many; none of a key that has a request under way."""
        line = self._next_line(busy) if most > 0 else None
        if line is None:
            return []
        out: list[Message] = []
        size = 0
        while line and len(out) < most:
            message = message_of(self._plan, line[-1])
            size += _bytes_at_most(message)
            if out and size > _BATCH_BYTES:
                break
            line.pop()
            out.append(message)
        if line:
            heapq.heappush(self._heads, (line[-1].item, line[-1].ordering_key or ""))
        return out

    def _next_line(self, busy: Collection[str]) -> list[PlannedEvent] | None:
        """Where the earliest event waits whose key is free."""
        passed, found = [], None
        while self._heads and found is None:
            head = heapq.heappop(self._heads)
            line = self._lines.get(head[1])
            if not line or line[-1].item != head[0]:
                continue  # held or put back since
            if head[1] in busy:
                passed.append(head)
            else:
                found = line
        for head in passed:
            heapq.heappush(self._heads, head)
        return found

    def put_back(self, messages: Collection[Message]) -> None:
        """What was surely not sent is first of its key again."""
        items = {message.item for message in messages}
        for event in reversed(self._plan.events if items else ()):
            if event.item in items:
                key = event.ordering_key or ""
                self._lines.setdefault(key, []).append(event)
                heapq.heappush(self._heads, (event.item, key))

    def hold(self, key: str) -> None:
        """Keep back the rest of a key whose event failed or is in doubt; events without a key have no order."""
        if key:
            self._held |= {event.item for event in self._lines.pop(key, [])}
