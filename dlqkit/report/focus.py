"""Which workflow an incident is about, when the question names none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["find_focus"]


def find_focus(folder: IncidentFolder) -> str | None:
    """The ``workflow_id`` in the worst trouble, from the first evidence; None if none stands out."""
    from dlqkit.report.facts import choose_workflow, find_signals

    if folder.incident.workflow_id:
        return folder.incident.workflow_id
    return choose_workflow(find_signals(folder), None)
