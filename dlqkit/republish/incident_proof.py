"""The proof of a plan by an incident folder's own evidence, offline."""

from __future__ import annotations

from datetime import datetime

from dlqkit.evidence.folder import IncidentFolder, open_incident
from dlqkit.republish.journal import journal_until, read_journal, refuse_lost
from dlqkit.republish.plan import Plan
from dlqkit.republish.proof import Proof, prove_republish

__all__ = ["prove_incident"]


def prove_incident(folder: IncidentFolder, plan: Plan, *, until: datetime | None = None) -> Proof:
    """What became of a plan's events, as of when the folder's snapshot was taken.

    Parameters
    ----------
    folder : IncidentFolder
        Opened at the snapshot that is to prove it.
    plan : Plan
        As ``read_plan`` gives it.
    until : datetime, optional
        What was sent after it is not known yet.

    Returns
    -------
    Proof
        What the plan's own snapshot showed is no outcome.

    Raises
    ------
    EvidenceError
        If the journal or the evidence was changed, or the journal is gone or an older one.
    """
    refuse_lost(folder.path)
    records = folder.records()
    known = open_incident(folder.path, snapshot=plan.snapshot).records().frame
    return prove_republish(
        plan, journal_until(read_journal(folder.path), until), records.frame,
        as_of=folder.collected_at, coverage=records.coverage, known=known,
    )  # fmt: skip
