"""Go on with a journal that is a copy, was moved, or is an older one, by a person's word."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from dlqkit.errors import ParameterError
from dlqkit.evidence import audit_log
from dlqkit.republish.journal import Journal, opened_file
from dlqkit.republish.journal_file import journal_path
from dlqkit.republish.journal_place import bind_place, find_why_not, known_sequence
from dlqkit.republish.next_steps import is_reason
from dlqkit.republish.people import is_somebody
from dlqkit.republish.plan import FOLDER, read_plan
from dlqkit.republish.run_lock import hold_run_lock

__all__ = ["adopt"]


def _add_unknown(directory: Path, journal: Journal) -> None:
    """Write down the plans that were run after the file was written: all of theirs may have been sent."""
    names = {str(line.get("plan")) for line in audit_log.read(directory) if line.get("action") == "republish run"}
    for plan_id in sorted(names):
        if not journal.states(plan_id):
            journal.add_plan(read_plan(directory, plan_id))
            journal.begin_run(plan_id)


def adopt(directory: Path, *, by: str, reason: str) -> int:
    """Make this file the journal that is written from now on.

    Parameters
    ----------
    directory : Path
        The incident folder.
    by, reason : str
        Who says that no other copy of it is used, and why; both stand in ``audit.jsonl``.

    Returns
    -------
    int
        How many events are in doubt by it: those at intent; and, of an older file, also those at planned in a plan
        that was begun, since they may have been sent after it was written.

    Raises
    ------
    ParameterError
        If there is no journal, nothing to adopt, or no name or reason.
    EvidenceError
        If the file is damaged: what is in it cannot be trusted, whoever says so. If a plan that was run later cannot
        be read: then nobody knows what was sent.
    StorageError
        If another run has it, or it cannot be written.
    """
    directory = Path(directory)
    path = journal_path(directory)
    if not is_somebody(by) or not is_reason(reason):
        raise ParameterError("A journal is adopted by name and reason only.", "Give both: --by NAME --reason TEXT")
    if not path.is_file() or path.stat().st_size == 0:
        raise ParameterError(f"There is no journal in {directory.name}.", "Restore it from a copy first.")
    with hold_run_lock(directory / FOLDER / "journal.lock"), opened_file(directory) as (connection, head, mark):
        found = find_why_not(directory, path, head, mark)
        if found is None:
            raise ParameterError("The journal is the one that was written last.", "Use it; nothing need be adopted.")
        sentence, is_older = found
        newest = max(head.sequence, known_sequence(directory, head.journal_id), mark.read(head.journal_id))
        journal = Journal(directory, connection, head, mark, lambda: datetime.now(UTC))
        if is_older:
            _add_unknown(directory, journal)
        with journal.transaction() as write:
            doubted = journal.doubt_intents(write)
            if is_older:
                doubted += journal.doubt_planned(write, by=by, reason=reason)
            bind_place(write, path)
            journal.skip_to(newest)
        journal.audit("republish journal adopted", name=by, reason=reason, found=sentence, in_doubt=doubted)
    return doubted
