"""What is known beside the records, and decides with them which events are sent again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dlqkit.frames import Completeness
from dlqkit.republish.plan import Plan
from dlqkit.republish.sent_files import Send

__all__ = ["Known"]


@dataclass(frozen=True, slots=True)
class Known:
    """Where the evidence is from, what was sent before, and what other people hold."""

    incident: str = ""
    directory: Path = Path("DIR")
    """The incident folder, for the commands of next steps; nothing of a plan depends on it."""
    snapshot: str = ""
    as_of: str | None = None
    """The evidence's last time; the newest record's by default."""
    completeness: Completeness = "complete"
    whole_workflows: frozenset[str] | None = None
    """Of which not only the dead letters were asked for; None: of all."""
    unknowns: tuple[str, ...] = ()
    """Further sentences that the approval is to repeat, such as of a page that was mended when it was read."""
    journal: pd.DataFrame | None = None
    """``republish.journal.JOURNAL``."""
    earlier: tuple[Plan, ...] = ()
    worker_logs: pd.DataFrame | None = None
    """``frames.WORKER_LOGS``; where an event has one record only they show how long it was tried."""
    originals: pd.DataFrame | None = None
    """``frames.ORIGINALS``."""
    sent_elsewhere: tuple[Send, ...] = ()
    """What the shared registry keeps of plans of other folders."""
    claimed: Mapping[str, str] | None = None
    """By event key which other open plan has it."""
    schema: Mapping[str, Any] | None = None
    """The team's own; what it refuses is left out."""
    is_registry_shared: bool = False
    server: str | None = None
    """Host and port of the Pub/Sub that would be sent to."""
