"""The checklist of §7 for a folder, as the report shows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dlqkit.closure.checklist import Closure, Item
from dlqkit.closure.word import Acceptance
from dlqkit.report.facts import facts

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["check_closure", "to_closure"]


def check_closure(folder: IncidentFolder, *, as_of: datetime | None = None) -> Closure:
    """Whether the incident may be closed, by the folder's snapshot and its people's word.

    Parameters
    ----------
    folder : IncidentFolder
        Opened at a snapshot of after the fix.
    as_of : datetime, optional
        Aware; the last time in the evidence by default.

    Returns
    -------
    Closure
        The same as the report's.
    """
    return to_closure(facts(folder, as_of=as_of))


def to_closure(facts: Mapping[str, Any]) -> Closure:
    """The facts' checklist as ``Closure``."""
    items = [
        Item(**{**one, **{name: Acceptance(**one[name]) if one[name] else None for name in ("accepted", "lapsed")}})
        for one in facts["closure"]["items"]
    ]
    return Closure(facts["closure"]["verdict"], tuple(facts["closure"]["reasons"]), tuple(items))
