"""The journal's tables: what may be written into them, and the digest by which a changed row is seen."""

from __future__ import annotations

import functools
import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

from dlqkit.frames import TIME

__all__ = [
    "CHANGING",
    "FIXED",
    "FORMAT",
    "JOURNAL",
    "SCHEMA",
    "add_digests",
    "digest_of",
    "digest_of_intent",
    "has_own_rules",
    "identity_of",
    "note_digest",
    "plan_digest",
    "state_digest",
    "statements",
    "writable",
]

JOURNAL: Mapping[str, str] = {
    "plan_id": "str",
    "item": "Int64",
    "event_key": "str",
    "workflow_id": "str",
    "trace_id": "str",
    "address": "str",
    "dedupe_key": "str",
    "payload_sha256": "str",
    "original_sha256": "str",
    "state": "category",
    "message_id": "str",
    "code": "str",
    "run_id": "str",
    "step": "Int64",
    "intent_at": TIME,
    "settled_at": TIME,
    "resolved_by": "str",
    "resolution": "str",
}
FORMAT = 1
"""Whoever changes ``SCHEMA`` raises it: a journal with other rules of the same format counts as damaged."""
FIXED = ("plan_id", "item", "event_key", "workflow_id", "trace_id", "address", "dedupe_key", "payload_sha256",
         "original_sha256")  # fmt: skip
CHANGING = ("state", "message_id", "code", "run_id", "step", "intent_at", "settled_at", "resolved_by", "resolution")

# An event that is at `intent` may have been sent, one at `in_doubt` may have been sent and nobody knows. So the ways
# back to `planned` are two: the run that wrote the intent knows that it made no request (NOT_SENT), or a person said
# so. The ways out of `in_doubt` all need a name. A plan that is given up is `failed` with WITHDRAWN: it cannot be
# sent, and another plan may have its events. After an older file was adopted, what it calls `planned` is in doubt.
_LEGAL = """
    (OLD.state = 'planned' AND NEW.state = 'intent' AND NEW.run_id IS NOT NULL AND NEW.intent_at IS NOT NULL)
 OR (OLD.state = 'planned' AND NEW.state = 'failed' AND NEW.code = 'WITHDRAWN' AND NEW.resolved_by IS NOT NULL)
 OR (OLD.state = 'planned' AND NEW.state = 'in_doubt' AND NEW.code = 'ADOPTED' AND NEW.resolved_by IS NOT NULL)
 OR (OLD.state = 'intent' AND NEW.state = 'acked' AND NEW.message_id IS NOT NULL)
 OR (OLD.state = 'intent' AND NEW.state IN ('failed', 'in_doubt') AND NEW.code IS NOT NULL)
 OR (OLD.state = 'intent' AND NEW.state = 'planned' AND NEW.code = 'NOT_SENT')
 OR (OLD.state = 'in_doubt' AND NEW.state IN ('acked', 'failed', 'planned')
     AND NEW.resolved_by IS NOT NULL AND NEW.resolution IS NOT NULL)
"""

SCHEMA = f"""
CREATE TABLE journal (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  format INTEGER NOT NULL, journal_id TEXT NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL,
  sequence INTEGER NOT NULL, total TEXT NOT NULL
);
CREATE TABLE plans (
  plan_id TEXT PRIMARY KEY, hash TEXT NOT NULL, events INTEGER NOT NULL, runs INTEGER NOT NULL, digest TEXT NOT NULL
);
CREATE TABLE events (
  number INTEGER PRIMARY KEY, plan_id TEXT NOT NULL REFERENCES plans, item INTEGER NOT NULL, event_key TEXT NOT NULL,
  workflow_id TEXT NOT NULL, trace_id TEXT, address TEXT NOT NULL, dedupe_key TEXT NOT NULL,
  payload_sha256 TEXT NOT NULL, original_sha256 TEXT NOT NULL, identity TEXT NOT NULL,
  UNIQUE (plan_id, item)
);
CREATE TABLE states (
  event INTEGER PRIMARY KEY REFERENCES events,
  state TEXT NOT NULL CHECK (state IN ('planned', 'intent', 'acked', 'failed', 'in_doubt')),
  message_id TEXT, code TEXT, run_id TEXT, step INTEGER, intent_at INTEGER, settled_at INTEGER, resolved_by TEXT,
  resolution TEXT, digest TEXT NOT NULL
);
-- An event is sent by one plan alone. What failed for certain was not sent, so that another plan may send it.
CREATE TABLE claims (
  dedupe_key TEXT NOT NULL, address TEXT NOT NULL, event INTEGER NOT NULL, PRIMARY KEY (dedupe_key, address)
) WITHOUT ROWID;
CREATE TABLE notes (
  number INTEGER PRIMARY KEY, plan_id TEXT NOT NULL, kind TEXT NOT NULL, facts TEXT NOT NULL, noted_at TEXT NOT NULL,
  digest TEXT NOT NULL
);
CREATE TRIGGER claimed AFTER INSERT ON events
BEGIN INSERT INTO claims VALUES (NEW.dedupe_key, NEW.address, NEW.number); END;
CREATE TRIGGER freed AFTER UPDATE OF state ON states WHEN NEW.state = 'failed'
BEGIN DELETE FROM claims WHERE event = NEW.event AND (dedupe_key, address) =
  (SELECT dedupe_key, address FROM events WHERE number = NEW.event); END;
CREATE TRIGGER legal BEFORE UPDATE OF state ON states WHEN NOT ({_LEGAL})
BEGIN SELECT RAISE(ABORT, 'this change of state is not allowed'); END;
CREATE TRIGGER begins BEFORE INSERT ON states WHEN NEW.state <> 'planned'
BEGIN SELECT RAISE(ABORT, 'an event begins as planned'); END;
CREATE TRIGGER fixed BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'what an event is does not change'); END;
CREATE TRIGGER kept BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'nothing is deleted'); END;
CREATE TRIGGER known BEFORE DELETE ON states BEGIN SELECT RAISE(ABORT, 'nothing is deleted'); END;
"""


def statements() -> list[str]:
    """The statements that make the tables, one by one: run as a script they would be no transaction."""
    out, held = [], ""
    for line in SCHEMA.splitlines(keepends=True):
        held += line
        if sqlite3.complete_statement(held):
            out.append(held)
            held = ""
    return out


def has_own_rules(connection: sqlite3.Connection) -> bool:
    """Whether the file's tables and triggers are those that were made, to the letter: no row's digest covers them."""
    return _rules_of(connection) == _rules_as_made()


def _rules_of(connection: sqlite3.Connection) -> frozenset[tuple[Any, ...]]:
    return frozenset(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))


@functools.cache
def _rules_as_made() -> frozenset[tuple[Any, ...]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in statements():
            connection.execute(statement)
        return _rules_of(connection)


def digest_of(fields: Iterable[object]) -> str:
    """SHA-256 of fields, each with its length before it, so that no two lists of fields have the same text."""
    text = "".join(["-;" if field is None else f"{len(str(field))};{field}" for field in fields])
    return hashlib.sha256(text.encode()).hexdigest()


def identity_of(journal_id: str, fixed: Sequence[object]) -> str:
    """Of what never changes of an event, bound to its journal, so that no row of another journal fits."""
    return digest_of((journal_id, *fixed))


def state_digest(identity: str, changing: Sequence[object]) -> str:
    """Of what is known of an event, bound to which one it is."""
    # As `digest_of`, unrolled: it runs twice for every event that is sent.
    state, message_id, code, run_id, step, intent_at, settled_at, resolved_by, resolution = changing
    free = "" if resolved_by is None and resolution is None else digest_of((resolved_by, resolution))
    named = "-" if message_id is None else f"{len(str(message_id))};{message_id}"
    text = f"{identity};{state};{named};{code};{run_id};{step};{intent_at};{settled_at};{free}"
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_intent(run_id: str, step: int, intent_at: int) -> Callable[[str], str]:
    """The ``state_digest`` of events that one request is to send: they differ in their identity alone."""
    rest = f";intent;-;None;{run_id};{step};{intent_at};None;".encode()
    return lambda identity: hashlib.sha256(identity.encode() + rest).hexdigest()


def add_digests(total: str, *, new: Iterable[str], old: Iterable[str] = ()) -> str:
    """The sum over all rows after a change: a row that is missing, or an older one, gives another sum."""
    value = int(total, 16) + sum(map(_number, new)) - sum(map(_number, old))
    return f"{value % (1 << 256):064x}"


def _number(digest: str) -> int:
    return int(digest, 16)


def note_digest(journal_id: str, note: Sequence[Any]) -> str:
    """Of a note."""
    return digest_of((journal_id, "note", *note))


def plan_digest(journal_id: str, plan: Sequence[Any]) -> str:
    """Of what the journal knows of a plan as a whole."""
    return digest_of((journal_id, "plan", *plan))


def writable(text: str) -> str:
    """Text as SQLite can hold it: a lone surrogate of a JSON escape is spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()
