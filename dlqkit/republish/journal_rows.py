"""What the journal has of each event: read once, and written a request's worth at a time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.republish.journal_schema import digest_of_intent, state_digest

__all__ = ["BOTH", "Change", "Rows", "Written", "microseconds"]

BOTH = "events JOIN states ON event = number"
# An intent and a result are written for every event that is sent. One statement for many of them, rather than one
# for each, lets the threads of the requests work meanwhile: a JSON object of row number to digest and message id.
_INTEND = """
    UPDATE states SET state = 'intent', run_id = ?, step = ?, intent_at = ?, digest = new.value, message_id = NULL,
      code = NULL, settled_at = NULL, resolved_by = NULL, resolution = NULL
    FROM json_each(?) AS new WHERE event = CAST(new.key AS INTEGER) AND state = 'planned'"""
_SETTLE = """
    UPDATE states SET state = ?, code = ?, settled_at = ?, resolved_by = ?, resolution = ?,
      digest = substr(new.value, 1, 64), message_id = nullif(substr(new.value, 65), '')
    FROM json_each(?) AS new WHERE event = CAST(new.key AS INTEGER) AND state = ?"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SETTLED = frozenset({"acked", "failed", "in_doubt"})


class Change(NamedTuple):
    """What became of an event."""

    item: int
    state: str
    message_id: str | None = None
    code: str | None = None
    resolved_by: str | None = None
    resolution: str | None = None


class Row(NamedTuple):
    """What is known of an event; times in microseconds since 1970."""

    number: int
    identity: str
    digest: str
    run_id: str | None
    step: int | None
    intent_at: int | None
    state: str
    own: tuple[str, str, str]
    """Dedupe key, payload hash, address."""


class Written(NamedTuple):
    """Digests after and before a change, for the journal's sum."""

    new: Sequence[str]
    old: Sequence[str]


def microseconds(at: datetime) -> int:
    """As times stand in the file."""
    return (at - _EPOCH) // timedelta(microseconds=1)


@dataclass(slots=True)
class Rows:
    """The rows of one writer: nobody else changes them while they are held."""

    connection: sqlite3.Connection
    _held: dict[str, dict[int, Row]] = field(default_factory=dict)

    def of(self, plan_id: str) -> dict[int, Row]:
        """Each item of a plan."""
        if plan_id not in self._held:
            found = self.connection.execute(
                "SELECT item, number, identity, digest, run_id, step, intent_at, state, dedupe_key, payload_sha256,"
                f" address FROM {BOTH} WHERE plan_id = ?",
                (plan_id,),
            )
            self._held[plan_id] = {
                item: Row(number, identity, digest, run_id, step, at, state, (key, payload, address))
                for item, number, identity, digest, run_id, step, at, state, key, payload, address in found
            }
        return self._held[plan_id]

    def forget(self) -> None:
        """Read anew: a transaction was taken back, or rows were added."""
        self._held.clear()

    def intend(
        self, write: sqlite3.Cursor, plan_id: str, items: Collection[int], *, run_id: str, step: int, at: datetime
    ) -> Written:
        """From planned to intent.

        Raises
        ------
        EvidenceError
            If one is not planned.
        ParameterError
            If the plan has no such item.
        """
        known, when = self.of(plan_id), microseconds(at)
        digest_of = digest_of_intent(run_id, step, when)
        old, new = [], {}
        for item in items:
            row = _row(known, plan_id, item)
            digest = new[row.number] = digest_of(row.identity)
            old.append(row.digest)
            known[item] = Row(row.number, row.identity, digest, run_id, step, when, "intent", row.own)
        if new and write.execute(_INTEND, (run_id, step, when, json.dumps(new))).rowcount != len(items):
            raise _moved(plan_id, "planned")
        return Written(list(new.values()), old)

    def settle(
        self, write: sqlite3.Cursor, plan_id: str, changes: Sequence[Change], *, expected: str, at: datetime
    ) -> Written:
        """From the expected state to each change's own; the file's rules refuse what may not be.

        Raises
        ------
        EvidenceError
            If one is not in the expected state.
        ParameterError
            If the plan has no such item.
        """
        known, now = self.of(plan_id), microseconds(at)
        old, new = [], []
        alike: dict[tuple[str | int | None, ...], dict[int, str]] = {}
        for change in changes:
            item, state, message_id, code, resolved_by, resolution = change
            row = _row(known, plan_id, item)
            when = now if state in _SETTLED else None
            digest = state_digest(
                row.identity,
                (state, message_id, code, row.run_id, row.step, row.intent_at, when, resolved_by, resolution),
            )
            new.append(digest)
            old.append(row.digest)
            alike.setdefault((state, code, when, resolved_by, resolution), {})[row.number] = digest + (message_id or "")
            known[item] = Row(row.number, row.identity, digest, row.run_id, row.step, row.intent_at, state, row.own)
        count = sum(
            write.execute(_SETTLE, (*values, json.dumps(rows), expected)).rowcount for values, rows in alike.items()
        )
        if count != len(changes):
            raise _moved(plan_id, expected)
        return Written(new, old)


def _row(known: dict[int, Row], plan_id: str, item: int) -> Row:
    row = known.get(item)
    if row is None:
        raise ParameterError(f"{plan_id} has no item {item}.", "Look at the plan's status.")
    return row


def _moved(plan_id: str, expected: str) -> EvidenceError:
    return EvidenceError(f"An event of {plan_id} is not at {expected} any more.", "Look at the plan's status.")
