"""A plan's events as the journal holds them, and as a frame."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from dlqkit.errors import EvidenceError
from dlqkit.frames import conform, empty_frame
from dlqkit.republish import journal_file as file
from dlqkit.republish.event_names import names_of_planned, names_of_sent
from dlqkit.republish.journal_schema import CHANGING, FIXED, JOURNAL, identity_of, plan_digest, state_digest, writable
from dlqkit.republish.plan import Plan, PlannedEvent

__all__ = ["PLANNED", "fixed_fields", "insert_plan", "refuse_repeats", "refuse_sent", "refuse_sent_since", "to_frame"]

PLANNED = ("planned", *([None] * (len(CHANGING) - 1)))
"""What is known of an event before its first intent, in the order of ``CHANGING``."""
# Far below what SQLite takes as parameters of one statement.
_AT_ONCE = 5000


def fixed_fields(journal_id: str, plan: Plan, event: PlannedEvent) -> tuple[Any, ...]:
    """What never changes of an event, in the order of ``FIXED``, and its identity."""
    fixed = (
        plan.plan_id, event.item, writable(event.event_key), writable(event.workflow_id),
        None if event.trace_id is None else writable(event.trace_id), writable(plan.target.address),
        event.dedupe_key, event.payload_sha256, event.original_sha256,
    )  # fmt: skip
    return (*fixed, identity_of(journal_id, fixed))


def insert_plan(write: sqlite3.Cursor, journal_id: str, plan: Plan, *, runs: int = 0) -> list[str]:
    """Write down a plan and its events as planned, within a transaction; the new rows' digests."""
    digest = plan_digest(journal_id, (plan.plan_id, plan.hash, len(plan.events), runs))
    write.execute(
        "INSERT INTO plans VALUES (?, ?, ?, ?, ?)", (plan.plan_id, plan.hash, len(plan.events), runs, digest)
    )  # fmt: skip
    last = write.execute("SELECT coalesce(max(number), 0) FROM events").fetchone()[0]
    rows = [
        (last + number, *fixed_fields(journal_id, plan, event)) for number, event in enumerate(plan.events, start=1)
    ]
    marks = ", ".join("?" * (len(FIXED) + 2))
    write.executemany(f"INSERT INTO events (number, {', '.join(FIXED)}, identity) VALUES ({marks})", rows)
    states = [(row[0], "planned", state_digest(row[-1], PLANNED)) for row in rows]
    write.executemany("INSERT INTO states (event, state, digest) VALUES (?, ?, ?)", states)
    return [digest, *(row[-1] for row in states)]


def refuse_repeats(connection: sqlite3.Connection, plan: Plan) -> None:
    """Refuse a plan with an event that it has twice, or that another plan has sent or is to send.

    Raises
    ------
    EvidenceError
        Naming the other plan.
    """
    keys = [event.dedupe_key for event in plan.events]
    if len(set(keys)) != len(keys):
        raise EvidenceError(f"{plan.plan_id} has an event twice.", "Make a new plan.")
    for begin in range(0, len(keys), _AT_ONCE):
        some = keys[begin : begin + _AT_ONCE]
        found = connection.execute(
            "SELECT plan_id, item, state FROM claims JOIN events ON number = claims.event"
            f" JOIN states ON states.event = number WHERE claims.dedupe_key IN ({', '.join('?' * len(some))})"
            " AND claims.address = ? LIMIT 1",
            (*some, writable(plan.target.address)),
        ).fetchone()
        if found is not None:
            raise EvidenceError(
                f"{plan.plan_id} has an event that is item {found[1]} of {found[0]}, there at {found[2]}.",
                f"Make a new plan, or cancel {found[0]} first.",
            )


def refuse_sent(connection: sqlite3.Connection, plan: Plan) -> None:
    """Refuse a plan with an event that was sent, or may have been, since the plan was made.

    An edit gives an event another dedupe key, so that the keys alone do not tell.

    Raises
    ------
    EvidenceError
        Naming the plan that has sent it.
    """
    generations = {writable(event.event_key): event.generation for event in plan.events}
    keys = list(generations)
    for begin in range(0, len(keys), _AT_ONCE):
        some = keys[begin : begin + _AT_ONCE]
        rows = connection.execute(
            "SELECT event_key, plan_id, item, state FROM events JOIN states ON event = number"
            f" WHERE event_key IN ({', '.join('?' * len(some))}) AND plan_id <> ?"
            " AND state IN ('intent', 'in_doubt', 'acked') ORDER BY number",
            (*some, plan.plan_id),
        ).fetchall()
        _refuse_rows(plan, generations, rows)


def refuse_sent_since(journal: pd.DataFrame, plan: Plan, others: Iterable[Plan] = ()) -> None:
    """As ``refuse_sent``, by the journal as a frame, and by all names of an event.

    Parameters
    ----------
    journal : DataFrame
        ``JOURNAL``.
    plan : Plan
    others : iterable of Plan
        The folder's plans: they tell the names by which an event is known whose key was another one then.

    Raises
    ------
    EvidenceError
        Naming the plan that has sent it.
    """
    generations = {writable(event.event_key): event.generation for event in plan.events}
    known_as: dict[str, list[str]] = {}
    for event in plan.events:
        for name in (writable(event.event_key), *names_of_planned(event)):
            known_as.setdefault(name, []).append(writable(event.event_key))
    states = journal["state"].astype("str")
    held = journal[(journal["plan_id"] != plan.plan_id) & states.isin(["intent", "in_doubt", "acked"])]
    names_of: dict[tuple[str, int], tuple[str, ...]] = {}
    if not held.empty:
        names_of = {(one.plan_id, event.item): names_of_sent(event) for one in others for event in one.events}
    rows = []
    for row in held[["event_key", "plan_id", "item", "state"]].itertuples(index=False):
        own = (row.event_key, *names_of.get((row.plan_id, int(row.item)), ()))
        keys = {key for name in own for key in known_as.get(name, ())}
        rows += [(key, row.plan_id, row.item, str(row.state)) for key in sorted(keys)]
    _refuse_rows(plan, generations, rows)


def _refuse_rows(plan: Plan, generations: Mapping[str, int], rows: Sequence[tuple[Any, ...]]) -> None:
    acked = Counter(key for key, _, _, state in rows if state == "acked")
    for key, plan_id, item, state in rows:
        # Planned once more on purpose, after it died again, it counts the earlier sends.
        if state != "acked" or plan_id == plan.replaces or acked[key] >= generations[key]:
            raise EvidenceError(
                f"{plan.plan_id} has an event that is item {item} of {plan_id}, there at {state}.",
                f"Cancel {plan.plan_id} and make a new plan: it would be sent again.",
            )


def to_frame(rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """Rows in the order of the file's columns as ``JOURNAL``."""
    if not rows:
        return empty_frame(JOURNAL)
    frame = pd.DataFrame(rows, columns=list(file.columns())).astype({"state": "category"})
    for name in ("intent_at", "settled_at"):
        frame[name] = pd.to_datetime(frame[name].astype("Int64"), unit="us", utc=True)
    return conform(frame, JOURNAL)
