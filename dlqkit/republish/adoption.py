"""Go on with a journal that is a copy, was moved, or is an older one, by a person's word."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence import audit_log
from dlqkit.republish.journal import Change, Journal, opened_file
from dlqkit.republish.journal_file import journal_path
from dlqkit.republish.journal_place import bind_place, find_why_not, known_sequence
from dlqkit.republish.journal_schema import writable
from dlqkit.republish.next_steps import is_reason
from dlqkit.republish.people import is_somebody
from dlqkit.republish.plan import Plan, read_plan
from dlqkit.republish.run_lock import hold_run_lock, lock_path

__all__ = ["adopt"]


# Either is written before the first request of a run.
_BEGUN = {"republish run", "republish run begins"}


def _find_begun(directory: Path) -> tuple[str, ...]:
    """Plans that were run, by the audit log, in the order in which they first were."""
    lines = audit_log.read(directory)
    return tuple(dict.fromkeys(str(line.get("plan")) for line in lines if line.get("action") in _BEGUN))


def _add_unknown(write: sqlite3.Cursor, directory: Path, journal: Journal, begun: Iterable[str], by: str) -> None:
    """Write down the plans that were run after the file was written: all of theirs may have been sent."""
    for plan_id in begun:
        if not journal.states(plan_id):
            plan = read_plan(directory, plan_id)
            _give_up(write, journal, plan, by)
            journal.write_plan(write, plan, runs=1)


def _give_up(write: sqlite3.Cursor, journal: Journal, plan: Plan, by: str) -> None:
    """Take a plan's events from earlier ones: they had failed or were given up, or it could not have been begun."""
    keys = json.dumps([event.dedupe_key for event in plan.events])
    found = write.execute(
        "SELECT plan_id, state, item FROM claims JOIN events ON number = claims.event"
        " JOIN states ON states.event = number WHERE claims.address = ?"
        " AND claims.dedupe_key IN (SELECT value FROM json_each(?)) ORDER BY plan_id, state",
        (writable(plan.target.address), keys),
    ).fetchall()
    for (other, state), rows in itertools.groupby(found, key=lambda row: (row[0], row[1])):
        if state == "acked":
            raise EvidenceError(
                f"The journal says that {other} has sent an event of {plan.plan_id}, which was run after it.",
                "Find the file that was written last: this one is not an older state of it.",
            )
        changes = [
            Change(item, "failed", None, "WITHDRAWN", writable(by), f"{plan.plan_id} was run with it since")
            for _, _, item in rows
        ]
        journal.apply(write, other, changes, expected=state)


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
    with hold_run_lock(lock_path(directory)), opened_file(directory) as (connection, head, mark):
        found = find_why_not(directory, path, head, mark)
        if found is None:
            raise ParameterError("The journal is the one that was written last.", "Use it; nothing need be adopted.")
        sentence, is_older = found
        newest = max(head.sequence, known_sequence(directory, head.journal_id), mark.read(head.journal_id))
        journal = Journal(directory, connection, head, mark, lambda: datetime.now(UTC))
        # All of it or nothing: half an adoption would be taken for a whole one, and have events sent again.
        with journal.transaction() as write:
            begun = _find_begun(directory) if is_older else ()
            _add_unknown(write, directory, journal, begun, by)
            doubted = journal.doubt_intents(write)
            if is_older:
                doubted += journal.doubt_planned(write, begun, by=by, reason=reason)
            bind_place(write, path)
            journal.skip_to(newest)
            # Before it is done: an adoption that the log does not tell of would be worse than one told twice.
            journal.audit("republish journal adopted", name=by, reason=reason, found=sentence, in_doubt=doubted)
    return doubted
