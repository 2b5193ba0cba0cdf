"""The original messages of the dead letters: every subscription is read at once, each is a source of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

from dlqkit.evidence.folder import ORIGINAL_MESSAGES
from dlqkit.evidence.part import Asking, Part
from dlqkit.frames import Loaded
from dlqkit.settings import Settings

if TYPE_CHECKING:
    from dlqkit.sources.message_decode import MessagePage

__all__ = ["ask_original_messages"]

_AT_ONCE = 8


class Ask(Protocol):
    """Loads, and keeps frames and coverage, of a source that failed too."""

    def __call__(
        self, asking: Asking, load: Callable[[], Mapping[str, Loaded]], *, asked_start: datetime | None
    ) -> None: ...


def ask_original_messages(part: Part, settings: Settings, workflow_id: str | None, ask: Ask) -> None:
    """Read the dead-letter subscriptions of the question into a part.

    Parameters
    ----------
    part : Part
        Keeps each subscription's pages, frame and coverage.
    settings : Settings
        Names the subscriptions; where it names none nothing is asked, and nothing is missing.
    workflow_id : str, optional
        Whose messages are wanted; a subscription of another workflow alone is not read.
    ask : callable
        ``collect``'s own.
    """
    names = settings.dead_letter_subscriptions(workflow_id)
    wanted = {name: owner for name, owner in names.items() if not part.has(ORIGINAL_MESSAGES, name)}
    if not wanted:
        return
    stop = threading.Event()
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="dead-letters") as threads:
        reading = {name: threads.submit(_read, settings, name, owner, stop) for name, owner in wanted.items()}
        try:
            for name, future in reading.items():
                asking = part.ask(ORIGINAL_MESSAGES, name)
                ask(asking, partial(_kept, asking, future), asked_start=None)
        finally:
            # Ctrl-C: what is held is let go before the threads end.
            stop.set()


def _read(settings: Settings, name: str, owner: str | None, stop: threading.Event) -> tuple[list[MessagePage], Loaded]:
    from dlqkit.sources.connect import connect_dead_letter_subscription

    # In memory, within the budget of bytes: a page is kept when its frame is, and a kill leaves neither.
    pages: list[MessagePage] = []
    return pages, connect_dead_letter_subscription(settings, name, owner).load(on_page=pages.append, stop=stop)


def _kept(asking: Asking, future: Future[tuple[list[MessagePage], Loaded]]) -> Mapping[str, Loaded]:
    pages, loaded = future.result()
    for page in pages:
        asking.keep(page.body, form="jsonl", masked=page.masked, original_sha256=page.original_sha256)
    return {"originals": loaded}
