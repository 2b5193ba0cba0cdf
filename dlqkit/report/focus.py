"""Which workflow an incident is about, when the question names none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["find_focus"]


def find_focus(folder: IncidentFolder) -> str | None:
    """The ``workflow_id`` in the worst trouble, from the first evidence; None if none stands out."""
    from dlqkit.closure.word import read_word
    from dlqkit.report.facts import choose_workflow, find_signals

    asked = folder.incident.workflow_id or read_word(folder.path).workflow_id
    if asked:
        return asked
    return choose_workflow(find_signals(folder), None)
