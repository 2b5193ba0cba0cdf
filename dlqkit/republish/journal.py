"""The journal of an incident folder's republishes: what was intended, durable before it is done, and what is known."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from dlqkit.errors import EvidenceError, ParameterError, StorageError
from dlqkit.evidence import audit_log
from dlqkit.frames import conform, empty_frame
from dlqkit.republish import journal_file as file
from dlqkit.republish.journal_place import Mark, check_not_lost, check_place, known_sequence
from dlqkit.republish.journal_schema import (
    CHANGING,
    FIXED,
    JOURNAL,
    add_digests,
    identity_of,
    note_digest,
    plan_digest,
    state_digest,
    writable,
)
from dlqkit.republish.plan import FOLDER, Plan, PlannedEvent, canonical_json
from dlqkit.republish.run_lock import hold_run_lock

__all__ = ["JOURNAL", "Change", "Journal", "open_journal", "read_journal"]

_CHANGED = ", ".join(f"{name} = ?" for name in (*CHANGING, "digest"))
_BOTH = "events JOIN states ON event = number"
_PLANNED = ("planned", *([None] * (len(CHANGING) - 1)))
# Far below what SQLite takes as parameters of one statement.
_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an event, or what is to become of it."""

    item: int
    state: str
    message_id: str | None = None
    code: str | None = None
    resolved_by: str | None = None
    resolution: str | None = None


def _utc_now() -> datetime:
    return datetime.now(UTC)


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
                    "Restore the plan that was run, or make a new one by: dlqkit republish plan",
                )
            return
        if plan.replaces is not None:
            self.withdraw(plan.replaces, by=plan.plan_id, reason=f"replaced by {plan.plan_id}")
        self._refuse_repeats(plan)
        with self.transaction() as write:
            digest = plan_digest(self._head.journal_id, (plan.plan_id, plan.hash, len(plan.events), 0))
            write.execute(
                "INSERT INTO plans VALUES (?, ?, ?, 0, ?)", (plan.plan_id, plan.hash, len(plan.events), digest)
            )
            last = write.execute("SELECT coalesce(max(number), 0) FROM events").fetchone()[0]
            rows = [(last + number, *self._fixed(plan, event)) for number, event in enumerate(plan.events, start=1)]
            marks = ", ".join("?" * (len(FIXED) + 2))
            write.executemany(f"INSERT INTO events (number, {', '.join(FIXED)}, identity) VALUES ({marks})", rows)
            states = [(row[0], "planned", state_digest(row[-1], _PLANNED)) for row in rows]
            write.executemany("INSERT INTO states (event, state, digest) VALUES (?, ?, ?)", states)
            self._account(new=[digest, *(row[-1] for row in states)])

    def _fixed(self, plan: Plan, event: PlannedEvent) -> tuple[Any, ...]:
        fixed = (
            plan.plan_id, event.item, writable(event.event_key), writable(event.workflow_id),
            None if event.trace_id is None else writable(event.trace_id), writable(plan.target.address),
            event.dedupe_key, event.payload_sha256, event.original_sha256,
        )  # fmt: skip
        return (*fixed, identity_of(self._head.journal_id, fixed))

    def _refuse_repeats(self, plan: Plan) -> None:
        keys = [event.dedupe_key for event in plan.events]
        if len(set(keys)) != len(keys):
            raise EvidenceError(f"{plan.plan_id} has an event twice.", "Make a new plan by: dlqkit republish plan")
        for begin in range(0, len(keys), _AT_ONCE):
            some = keys[begin : begin + _AT_ONCE]
            found = self._one(
                "SELECT plan_id, item, state FROM claims JOIN events ON number = claims.event"
                f" JOIN states ON states.event = number WHERE claims.dedupe_key IN ({', '.join('?' * len(some))})"
                " AND claims.address = ? LIMIT 1",
                (*some, writable(plan.target.address)),
            )
            if found is not None:
                raise EvidenceError(
                    f"{plan.plan_id} has an event that is item {found[1]} of {found[0]}, there at {found[2]}.",
                    f"Make a new plan, or cancel {found[0]} first.",
                )

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
            self._account(new=[digest], old=[known[4]])
            self.doubt_intents(write)
        self.audit("republish run begins", plan=plan_id, run=run_id)
        return run_id

    def doubt_intents(self, write: sqlite3.Cursor) -> int:
        """Put what is at intent, in every plan, in doubt; within a transaction. How many events that were."""
        return self._doubt(write, "state = 'intent'", "intent", code="INTERRUPTED")

    def doubt_planned(self, write: sqlite3.Cursor, *, by: str, reason: str) -> int:
        """Put what is at planned, in plans that were begun, in doubt: a newer file may know that it was sent."""
        where = "state = 'planned' AND plan_id IN (SELECT plan_id FROM plans WHERE runs > 0)"
        return self._doubt(
            write, where, "planned", code="ADOPTED", resolved_by=writable(by), resolution=writable(reason)
        )

    def _doubt(self, write: sqlite3.Cursor, where: str, expected: str, **facts: str) -> int:
        left = write.execute(f"SELECT plan_id, item FROM {_BOTH} WHERE {where}").fetchall()
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
            starts = [Change(item, "intent") for item in intended]
            self.apply(write, plan_id, starts, expected="planned", run_id=run_id, step=step)

    def apply(
        self,
        write: sqlite3.Cursor,
        plan_id: str,
        changes: Sequence[Change],
        *,
        expected: str,
        run_id: str | None = None,
        step: int | None = None,
    ) -> None:
        """Change states within a transaction; the journal's own rules refuse what may not be."""
        if not changes:
            return
        at = self._now().isoformat()
        known = self._rows(plan_id, [change.item for change in changes])
        new, rows = [], []
        for change in changes:
            number, identity, _, last_run, last_step, intent_at = known[change.item]
            begins = change.state == "intent"
            fields = (
                change.state, change.message_id, change.code, run_id if begins else last_run,
                step if begins else last_step, at if begins else intent_at,
                at if change.state in {"acked", "failed", "in_doubt"} else None, change.resolved_by, change.resolution,
            )  # fmt: skip
            digest = state_digest(identity, fields)
            new.append(digest)
            rows.append((*fields, digest, number, expected))
        write.executemany(f"UPDATE states SET {_CHANGED} WHERE event = ? AND state = ?", rows)
        if write.rowcount != len(rows):
            raise EvidenceError(
                f"An event of {plan_id} is not at {expected} any more.", "See what there is: dlqkit republish status"
            )
        self._account(new=new, old=[known[change.item][2] for change in changes])

    def _rows(self, plan_id: str, items: Sequence[int]) -> dict[int, tuple[Any, ...]]:
        out: dict[int, tuple[Any, ...]] = {}
        for begin in range(0, len(items), _AT_ONCE):
            some = items[begin : begin + _AT_ONCE]
            for item, *rest in self._connection.execute(
                f"SELECT item, number, identity, digest, run_id, step, intent_at FROM {_BOTH}"
                f" WHERE plan_id = ? AND item IN ({', '.join('?' * len(some))})",
                (plan_id, *some),
            ):
                out[item] = tuple(rest)
        missing = set(items) - set(out)
        if missing:
            raise ParameterError(f"{plan_id} has no item {min(missing)}.", "See what there is: dlqkit republish status")
        return out

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
            self._account(new=[digest])

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
            f"SELECT {', '.join(file.columns())} FROM {_BOTH} WHERE plan_id = ? ORDER BY item", (plan_id,)
        ).fetchall()
        return _frame(rows)

    def states(self, plan_id: str) -> dict[int, str]:
        """State of each item of a plan."""
        return dict(self._connection.execute(f"SELECT item, state FROM {_BOTH} WHERE plan_id = ?", (plan_id,)))

    def audit(self, action: str, **facts: Any) -> None:
        """Add a line to ``audit.jsonl`` that says how far this journal is."""
        audit_log.append(
            self.directory, action, **facts, journal=self._head.journal_id, journal_sequence=self._head.sequence
        )

    def fixed(self, plan_id: str) -> dict[int, tuple[str, str, str]]:
        """Dedupe key, payload hash and address of each item of a plan."""
        rows = self._connection.execute(
            "SELECT item, dedupe_key, payload_sha256, address FROM events WHERE plan_id = ?", (plan_id,)
        )
        return {item: (key, payload, address) for item, key, payload, address in rows}

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
        with file.writing():
            try:
                write.execute("BEGIN IMMEDIATE")
                yield write
                sequence = self._head.sequence + 1
                write.execute("UPDATE journal SET sequence = ?, total = ?", (sequence, self._total))
                write.execute("COMMIT")
            except BaseException as error:
                self._total = before
                # After a failed write nobody knows what the disk has; only a fresh look at the file tells.
                self._is_broken = isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError)
                if self._connection.in_transaction and not self._is_broken:
                    write.execute("ROLLBACK")
                raise
        self._head = replace(self._head, sequence=sequence, total=self._total)
        self._mark.write(self._head)

    def _account(self, *, new: Sequence[bytes], old: Sequence[bytes] = ()) -> None:
        self._total = add_digests(self._total, new=new, old=old)

    def _one(self, query: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._connection.execute(query, values).fetchone()
        return row

    def _items(self, plan_id: str, state: str) -> list[int]:
        rows = self._connection.execute(
            f"SELECT item FROM {_BOTH} WHERE plan_id = ? AND state = ? ORDER BY item", (plan_id, state)
        )
        return [row[0] for row in rows]


@contextmanager
def open_journal(directory: Path, *, now: Callable[[], datetime] = _utc_now) -> Iterator[Journal]:
    """The journal of an incident folder, for one writer; made where there is none.

    Parameters
    ----------
    directory : Path
        The incident folder.
    now : callable
        The clock of intents and results, UTC.

    Raises
    ------
    StorageError
        If another run has it, which is named, or it cannot be written.
    EvidenceError
        If it is damaged, missing, a copy, or older than what is known of it: events might be sent again.
    """
    directory = Path(directory)
    path = file.journal_path(directory)
    with hold_run_lock(directory / FOLDER / "journal.lock"), opened_file(directory) as (connection, head, mark):
        check_place(directory, path, head, mark)
        journal = Journal(directory, connection, head, mark, now)
        if known_sequence(directory, head.journal_id) < 0:
            journal.audit("republish journal begins")
        yield journal
        if journal.sequence > head.sequence:
            journal.audit("republish journal closed")


@contextmanager
def opened_file(directory: Path) -> Iterator[tuple[sqlite3.Connection, file.Head, Mark]]:
    """The journal's file, whole by its digests, whatever place it is in; the lock is held by the caller."""
    path = file.journal_path(directory)
    if not path.exists() or path.stat().st_size == 0:
        check_not_lost(directory)
    connection = file.connect_to_write(path)
    mark = Mark(path.with_name("journal.mark"))
    try:
        with file.writing():
            if file.is_new(connection):
                check_not_lost(directory)
                file.make_tables(connection, path, secrets.token_hex(16))
            head = file.read_head(connection)
            file.check_contents(connection, head)
        yield connection, head, mark
    finally:
        mark.close()
        connection.close()


def read_journal(directory: Path) -> pd.DataFrame:
    """What the journal of an incident folder says, also while a run writes it.

    Returns
    -------
    DataFrame
        ``JOURNAL``, by plan and item; empty where there is no journal.

    Raises
    ------
    EvidenceError
        If it is damaged.
    StorageError
        If it cannot be read.
    """
    path = file.journal_path(directory)
    if not path.exists() or path.stat().st_size == 0:
        return empty_frame(JOURNAL)
    return _frame(file.read_contents(path))


def _frame(rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    if not rows:
        return empty_frame(JOURNAL)
    return conform(pd.DataFrame(rows, columns=list(file.columns())).astype({"state": "category"}), JOURNAL)
