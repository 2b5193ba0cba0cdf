"""One writer's journal: plans, runs, what is to be sent and what became of it."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from dlqkit.errors import EvidenceError, ParameterError, StorageError
from dlqkit.evidence import audit_log
from dlqkit.republish import journal_file as file
from dlqkit.republish.frozen import canonical_json
from dlqkit.republish.interrupts import holding_interrupts
from dlqkit.republish.journal_place import Mark
from dlqkit.republish.journal_plans import insert_plan, refuse_repeats, refuse_sent, to_frame
from dlqkit.republish.journal_rows import BOTH, Change, Rows, Written
from dlqkit.republish.journal_schema import add_digests, note_digest, plan_digest, writable
from dlqkit.republish.plan import Plan

__all__ = ["Journal"]


class Journal:
    """One writer's journal; made by ``open_journal``.

    Parameters
    ----------
    directory : Path
        The incident folder.
    connection : sqlite3.Connection
        Of the checked file.
    head : Head
        What the file says of itself.
    mark : Mark
        The file beside it.
    now : callable
        The clock of intents and results, UTC.
    """

    def __init__(
        self, directory: Path, connection: sqlite3.Connection, head: file.Head, mark: Mark, now: Callable[[], datetime]
    ) -> None:
        self.directory = directory
        self._connection = connection
        self._head = head
        self._mark = mark
        self._now = now
        self._total = head.total
        self._is_broken = False
        self._rows = Rows(connection)

    @property
    def sequence(self) -> int:
        """How often the journal was written."""
        return self._head.sequence

    @property
    def is_broken(self) -> bool:
        """Whether a write failed, after which nothing more is written."""
        return self._is_broken

    # --- plans and runs

    def add_plan(self, plan: Plan) -> None:
        """Write down every event of a plan as planned; a second time nothing.

        Raises
        ------
        EvidenceError
            If another plan of that name is there, or an event was sent, or is still to be sent, by another plan.
        StorageError
            If it cannot be written.
        """
        known = self._one("SELECT hash FROM plans WHERE plan_id = ?", (plan.plan_id,))
        if known is not None:
            if known[0] != plan.hash:
                raise EvidenceError(
                    f"{plan.plan_id} in the journal has another hash than this plan.",
                    "Restore the plan that was run, or make a new one.",
                )
            return
        refuse_sent(self._connection, plan)
        if plan.replaces is not None:
            self.withdraw(plan.replaces, by=plan.plan_id, reason=f"replaced by {plan.plan_id}")
        refuse_repeats(self._connection, plan)
        with self.transaction() as write:
            self.write_plan(write, plan)

    def write_plan(self, write: sqlite3.Cursor, plan: Plan, *, runs: int = 0) -> None:
        """Write down every event of a plan as planned, within a transaction; nothing is refused."""
        self._account(Written(insert_plan(write, self._head.journal_id, plan, runs=runs), ()))
        self._rows.forget()

    def begin_run(self, plan_id: str) -> str:
        """Begin a run of a plan: what an earlier one left at intent is in doubt from now on.

        Returns
        -------
        str
            The run's id.

        Raises
        ------
        ParameterError
            If the plan was not added.
        StorageError
            If it cannot be written.
        """
        known = self._one("SELECT plan_id, hash, events, runs, digest FROM plans WHERE plan_id = ?", (plan_id,))
        if known is None:
            raise ParameterError(f"The journal has no {plan_id}.", "Add the plan to the journal first.")
        run_id = f"run-{known[3] + 1:03d}-{secrets.token_hex(4)}"
        with self.transaction() as write:
            digest = plan_digest(self._head.journal_id, (*known[:3], known[3] + 1))
            write.execute("UPDATE plans SET runs = ?, digest = ? WHERE plan_id = ?", (known[3] + 1, digest, plan_id))
            self._account(Written([digest], [known[4]]))
            self.doubt_intents(write)
        self.audit("republish run begins", plan=plan_id, run=run_id)
        self._rows.of(plan_id)  # read once for the whole run
        return run_id

    def doubt_interrupted(self) -> int:
        """Put in doubt what a run that was killed has left at intent; how many events that were.

        Whoever has the journal open knows that no run goes on.
        """
        with self.transaction() as write:
            return self.doubt_intents(write)

    def doubt_intents(self, write: sqlite3.Cursor) -> int:
        """Put what is at intent, in every plan, in doubt; within a transaction. How many events that were."""
        return self._doubt(write, "state = 'intent'", "intent", code="INTERRUPTED")

    def doubt_planned(self, write: sqlite3.Cursor, begun: Iterable[str], *, by: str, reason: str) -> int:
        """Put what is at planned in doubt: in plans that were begun, by this file or by what else is known of them."""
        where = (
            "state = 'planned' AND (plan_id IN (SELECT plan_id FROM plans WHERE runs > 0)"
            " OR plan_id IN (SELECT value FROM json_each(?)))"
        )
        facts = {"code": "ADOPTED", "resolved_by": writable(by), "resolution": writable(reason)}
        return self._doubt(write, where, "planned", json.dumps(list(begun)), **facts)

    def _doubt(self, write: sqlite3.Cursor, where: str, expected: str, *values: str, **facts: str) -> int:
        left = write.execute(f"SELECT plan_id, item FROM {BOTH} WHERE {where}", values).fetchall()
        for own in sorted({plan_id for plan_id, _ in left}):
            changes = [Change(item, "in_doubt", **facts) for plan_id, item in left if plan_id == own]
            self.apply(write, own, changes, expected=expected)
        return len(left)

    def skip_to(self, sequence: int) -> None:
        """Count on from another number, within a transaction: of a newer file, so that it is the older one now."""
        self._head = replace(self._head, sequence=max(self._head.sequence, sequence))

    def withdraw(self, plan_id: str, *, by: str, reason: str) -> int:
        """Give up what a plan has not sent, so that it never is; how many events that were.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        items = self._items(plan_id, "planned")
        with self.transaction() as write:
            changes = [Change(item, "failed", None, "WITHDRAWN", writable(by), writable(reason)) for item in items]
            self.apply(write, plan_id, changes, expected="planned")
        return len(items)

    # --- sending

    def advance(
        self, plan_id: str, changes: Sequence[Change], intended: Sequence[int], *, run_id: str, step: int
    ) -> None:
        """One transaction: what became of one request's events, and the intent to send those of the next.

        Raises
        ------
        EvidenceError
            If an event is not in the state that it leaves: somebody else wrote the journal.
        StorageError
            If it cannot be written; then nothing may be sent.
        """
        with self.transaction() as write:
            self.apply(write, plan_id, changes, expected="intent")
            self._account(self._rows.intend(write, plan_id, intended, run_id=run_id, step=step, at=self._now()))

    def apply(self, write: sqlite3.Cursor, plan_id: str, changes: Sequence[Change], *, expected: str) -> None:
        """Change states within a transaction; the journal's own rules refuse what may not be.

        Raises
        ------
        EvidenceError
            If an event is not in the expected state.
        """
        self._account(self._rows.settle(write, plan_id, changes, expected=expected, at=self._now()))

    # --- what a run must know again

    def note(self, plan_id: str, kind: str, facts: Mapping[str, Any]) -> None:
        """Keep plain JSON values for the next run: a step that was judged, a stop with its reason.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        with self.transaction() as write:
            number = write.execute("SELECT coalesce(max(number), 0) + 1 FROM notes").fetchone()[0]
            row = (number, plan_id, kind, canonical_json(dict(facts)), self._now().isoformat())
            digest = note_digest(self._head.journal_id, row)
            write.execute("INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?)", (*row, digest))
            self._account(Written([digest], ()))

    def notes(self, plan_id: str) -> list[dict[str, Any]]:
        """The notes of a plan, oldest first: ``kind``, ``noted_at`` and the facts."""
        rows = self._connection.execute(
            "SELECT kind, noted_at, facts FROM notes WHERE plan_id = ? ORDER BY number", (plan_id,)
        )
        return [{**json.loads(facts), "kind": kind, "noted_at": at} for kind, at, facts in rows]

    def events(self, plan_id: str) -> pd.DataFrame:
        """A plan's events.

        Returns
        -------
        DataFrame
            ``JOURNAL``, by item.
        """
        rows = self._connection.execute(
            f"SELECT {', '.join(file.columns())} FROM {BOTH} WHERE plan_id = ? ORDER BY item", (plan_id,)
        ).fetchall()
        return to_frame(rows)

    def states(self, plan_id: str) -> dict[int, str]:
        """State of each item of a plan."""
        return {item: row.state for item, row in self._rows.of(plan_id).items()}

    def fixed(self, plan_id: str) -> dict[int, tuple[str, str, str]]:
        """Dedupe key, payload hash and address of each item of a plan."""
        return {item: row.own for item, row in self._rows.of(plan_id).items()}

    def audit(self, action: str, **facts: Any) -> None:
        """Add a line to ``audit.jsonl`` that says how far this journal is."""
        audit_log.append(
            self.directory, action, **facts, journal=self._head.journal_id, journal_sequence=self._head.sequence
        )

    # --- transactions

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Cursor]:
        """Changes that stand or fall together, on the disk when this ends.

        Raises
        ------
        StorageError
            If they could not be written; the journal writes nothing more until it is opened again.
        """
        if self._is_broken:
            raise StorageError("The journal could not be written before.", "Start again once the disk is mended.")
        before = self._total
        write = self._connection.cursor()
        # An interrupt between the commit and what is known of it would leave a journal that does not fit its own mark.
        with holding_interrupts(), file.writing():
            try:
                write.execute("BEGIN IMMEDIATE")
                yield write
                sequence = self._head.sequence + 1
                write.execute("UPDATE journal SET sequence = ?, total = ?", (sequence, self._total))
                write.execute("COMMIT")
            except BaseException as error:
                self._total = before
                self._rows.forget()
                # After a failed write nobody knows what the disk has; only a fresh look at the file tells.
                is_refused = isinstance(error, sqlite3.IntegrityError) or not isinstance(error, sqlite3.Error)
                self._is_broken = not is_refused or not self._connection.in_transaction
                if not self._is_broken:
                    write.execute("ROLLBACK")
                raise
            self._head = replace(self._head, sequence=sequence, total=self._total)
            self._mark.write(self._head)

    def _account(self, written: Written) -> None:
        self._total = add_digests(self._total, new=written.new, old=written.old)

    def _one(self, query: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._connection.execute(query, values).fetchone()
        return row

    def _items(self, plan_id: str, state: str) -> list[int]:
        rows = self._connection.execute(
            f"SELECT item FROM {BOTH} WHERE plan_id = ? AND state = ? ORDER BY item", (plan_id, state)
        )
        return [row[0] for row in rows]
