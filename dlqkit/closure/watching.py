"""Looking again and again until what is measured holds, or events die anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dlqkit.closure.checklist import Closure, Item
from dlqkit.errors import SourceError

__all__ = ["LONGEST_INTERVAL_S", "SHORTEST_INTERVAL_S", "Watched", "watch"]

# A worker is scraped every 15 to 60 s, so nothing new is seen sooner; each look is a snapshot that asks every source.
SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 10.0, 3600.0
_MEASURED = ("metrics", "records", "republish")


@dataclass(frozen=True, slots=True)
class Watched:
    """The last look, and why it was the last."""

    closure: Closure
    ended: Literal["holds", "regression", "timeout"]
    looks: int
    failed: int
    """Looks that no source answered."""


def watch(
    look: Callable[[], Closure],
    *,
    interval_s: float,
    timeout_s: float,
    on_look: Callable[[Closure | SourceError], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Watched:
    """Look until what is measured holds, events die anew, or the time is up.

    Parameters
    ----------
    look : callable
        Takes new evidence and gives its checklist.
    interval_s, timeout_s : float
        Seconds between two looks, and in all.
    on_look : callable, optional
        Told of each look after which there is another: its checklist, or why it failed.
    clock, sleep : callable, optional
        For tests.

    Returns
    -------
    Watched
        What people have to say is not waited for: they do not watch a program.

    Raises
    ------
    SourceError
        If no look succeeded in all that time.
    """
    end, looks, failed = clock() + timeout_s, 0, 0
    before: Closure | None = None
    while True:
        failure: SourceError | None = None
        try:
            now = look()
        except SourceError as error:
            # A source that is down for a moment is no reason to stop watching what it will say afterwards.
            failure, failed = error, failed + 1
        else:
            looks += 1
            if all(_holds(item) for item in now.items if item.name in _MEASURED):
                return Watched(now, "holds", looks, failed)
            if before is not None and _is_worse(before, now):
                return Watched(now, "regression", looks, failed)
            before = now
        if clock() + interval_s > end:
            break
        on_look(failure if failure is not None else now)
        sleep(interval_s)
    if before is None:
        assert failure is not None
        raise failure
    return Watched(before, "timeout", looks, failed)


def _holds(item: Item) -> bool:
    return item.state == "yes" or item.accepted is not None


def _is_worse(before: Closure, now: Closure) -> bool:
    """Whether events died between two looks, in a time that had been quiet or since a fix that people named."""
    earlier = {item.name: item for item in before.items}
    for item in now.items:
        known = earlier.get(item.name)
        if item.name not in _MEASURED or item.state != "no" or known is None or item.accepted is not None:
            continue
        # While the incident goes on and no fix is named, the time that is looked at moves on with it.
        is_same_time = item.since == known.since
        if known.state != "no" or (is_same_time and (item.count > known.count or _is_later(item, known))):
            return True
    return False


def _is_later(item: Item, known: Item) -> bool:
    if item.newest_at is None or known.newest_at is None:
        return False
    return datetime.fromisoformat(item.newest_at) > datetime.fromisoformat(known.newest_at)
