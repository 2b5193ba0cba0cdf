"""The live world as a run sees it: a clock, execution records and counters; nothing in it writes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from dlqkit.frames import Loaded

__all__ = ["World"]


class World(Protocol):
    """A reader that is handed to ``run_republish``; a source that fails is said in the coverage, not raised."""

    def now(self) -> datetime:
        """The time, aware."""
        ...

    def wait(self, seconds: float) -> None:
        """Let so much time pass; may return earlier where the run is to stop."""
        ...

    def records(self, workflow_id: str, since: datetime, traces: Collection[str] = ()) -> Loaded:
        """``frames.RECORDS`` of a workflow from ``since`` on; where that list is cut, those of these traces as well."""
        ...

    def samples(self, workflow_id: str, since: datetime) -> Loaded | None:
        """``frames.SAMPLES`` with ``metric`` and labels, of the runbook's counters of every workflow from ``since`` on.

        None where no metrics are configured: then a run is judged by outcomes alone.
        """
        ...
