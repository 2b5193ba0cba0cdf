"""Which selected events are left out of a republish, and the reason of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.executions.event_history import record_outcomes
from dlqkit.incident import parse_duration
from dlqkit.language import date_and_time, mark, say
from dlqkit.republish.event_names import names_of, names_of_row, names_of_sent, value_of
from dlqkit.republish.journal_schema import writable
from dlqkit.republish.plan import Plan, safe_hash
from dlqkit.republish.selection import values_of
from dlqkit.republish.sends import to_journal
from dlqkit.republish.sent_files import Send

if TYPE_CHECKING:
    from dlqkit.settings import WorkflowSettings

__all__ = [
    "ACCEPTABLE",
    "REASONS",
    "Sent",
    "find_duplicates",
    "find_entities",
    "find_sent",
    "find_succeeded",
    "find_superseded",
    "find_too_old",
    "reason_name",
]

# In the order in which they are looked at; the first one that holds is the one that is said.
# Of a send: the record that it was for, when that died, the hash of its payload, and by what else it is known.
_NOT_KNOWN: tuple[Any, ...] = (None, None, "", ())
REASONS: Mapping[str, str] = {
    mark("succeeded later"): mark("a record shows that it succeeded after its dead letter"),
    mark("still being tried"): mark("a record newer than its dead letter shows that it is under way"),
    mark("in doubt"): mark("an earlier send of it may or may not have arrived; resolve it first"),
    mark("already republished"): mark("it was sent, and no newer dead letter of it is known"),
    mark("in another open plan"): mark("it would be sent twice"),
    mark("duplicate dead letter"): mark("the same payload of the same trace is planned once already"),
    mark("payload missing"): mark("there is nothing to send"),
    mark("payload truncated"): mark("what was cut cannot be sent"),
    mark("payload redacted"): mark("masks would be sent in place of values"),
    mark("payload not JSON"): mark("nobody can tell whether it is whole"),
    mark("edit does not fit"): mark("the patch of all events cannot be applied to its payload"),
    mark("disputed class"): mark("its fields and its text contradict each other; decide in judgement.yaml"),
    mark("business error"): mark("the same payload would fail again; edit it first"),
    mark("refused by the schema"): mark("the team's schema does not let it pass"),
    mark("poison"): mark("it died again after as many replays as are allowed"),
    mark("superseded"): mark("a newer event of the same entity has succeeded"),
    mark("too old"): mark("its dead letter is older than the workflow's max_age"),
    mark("attribute missing"): mark(
        "a field that an attribute or the ordering key is taken from is not in its payload"
    ),
    mark("over a limit"): mark("Pub/Sub would refuse the message"),
}
# What a person may answer for; the others would send the wrong thing, or the right one twice.
ACCEPTABLE = ("payload truncated", "payload redacted", "payload not JSON", "poison", "superseded", "too old")


def reason_name(reason: str) -> str:
    """A reason in the reader's language; the plan keeps it in English, and it is compared so."""
    return say(reason) if reason in REASONS else reason


@dataclass(frozen=True, slots=True)
class Sent:
    """What the journal knows of an event's earlier sends."""

    replays: int
    """How often it was sent and acknowledged."""
    is_in_doubt: bool
    is_waiting: bool
    """Sent, and no dead letter newer than that is known."""
    plans: tuple[str, ...]


def find_succeeded(records: pd.DataFrame, last: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Events that succeeded, or are being tried, after their last dead letter.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of all events.
    last : DataFrame
        The last dead letter of each event.

    Returns
    -------
    dict
        By event key the reason and when. A success at the same moment, or at a time that is not known, counts as later.
    """
    dead_at = last.set_index("event_key")["recorded_at"]
    own = records[records["event_key"].isin(set(dead_at.index))]
    if own.empty:
        return {}
    outcome = record_outcomes(own)
    since = own["event_key"].map(dead_at)
    after = ~(own["recorded_at"] < since)  # also where one of the two is not known
    found: dict[str, tuple[str, str]] = {}
    for state, reason, mask in (
        ("succeeded", "succeeded later", after),
        ("retrying", "still being tried", own["recorded_at"] > since),
    ):
        for key, at in own.loc[(outcome == state) & mask, ["event_key", "recorded_at"]].itertuples(index=False):
            found.setdefault(str(key), (reason, say("at an unknown time") if pd.isna(at) else date_and_time(at)))
    return found


def find_sent(
    last: pd.DataFrame,
    journal: pd.DataFrame | None,
    earlier: Iterable[Plan] = (),
    elsewhere: Sequence[Send] = (),
) -> dict[str, Sent]:
    """What is known of earlier sends of each event.

    Parameters
    ----------
    last : DataFrame
        The last dead letter of each event: ``event_key``, ``workflow_id``, ``trace_id``, ``record_id``,
        ``recorded_at``, ``payload_snapshot``.
    journal : DataFrame or None
        ``republish.journal.JOURNAL``.
    earlier : iterable of Plan
        The incident's plans. Where one was made of the dead letter that is the last one still, or of a later one, the
        event did not die again, whatever the clocks of worker and analyst say.
    elsewhere : sequence of Send
        What the registry keeps of plans of other folders.

    Returns
    -------
    dict
        By event key; events that were never sent are not in it. An edited event that came back is found by its trace
        and the payload that was sent, as bytes and by what it says.
    """
    others = to_journal(elsewhere, journal)
    rows_of = [frame for frame in (journal, others) if frame is not None and len(frame)]
    if not rows_of:
        return {}
    known: dict[tuple[str, str], tuple[Any, ...]] = {
        (one.plan, writable(one.event_key)): (one.record_id, one.dead_at, one.record_sha256, one.names)
        for one in elsewhere
    }
    known |= {
        (plan.plan_id, writable(event.event_key)): (
            event.record_id,
            event.dead_at,
            event.record_sha256,
            names_of_sent(event),
        )
        for plan in earlier
        for event in plan.events
    }
    by_name: dict[str, list[Any]] = {}
    by_text: dict[tuple[str, str, str], list[Any]] = {}
    for row in (row for frame in rows_of for row in frame.itertuples(index=False)):
        _, _, record_hash, names = known.get(_place(row), _NOT_KNOWN)
        for name in (str(row.event_key), *names):
            by_name.setdefault(name, []).append(row)
        hashes = {str(row.payload_sha256), record_hash}
        for digest in hashes - {""}:
            by_text.setdefault((str(row.workflow_id), str(row.trace_id), digest), []).append(row)
    found = {}
    for event in last.itertuples(index=False):
        text = event.payload_snapshot if isinstance(event.payload_snapshot, str) else ""
        place = (str(event.workflow_id), str(event.trace_id), safe_hash(text))
        names = (writable(str(event.event_key)), *names_of_row(event))
        named = [row for name in names for row in by_name.get(name, [])]
        rows = {(row.plan_id, row.item): row for row in [*named, *by_text.get(place, [])]}
        acked = [row for row in rows.values() if row.state == "acked"]
        doubt = [row for row in rows.values() if row.state in {"intent", "in_doubt"}]
        if acked or doubt:
            waiting = any(_is_same_death(event, row, known) for row in acked)
            plans = tuple(sorted({str(row.plan_id) for row in [*acked, *doubt]}))
            found[str(event.event_key)] = Sent(len({row.dedupe_key for row in acked}), bool(doubt), waiting, plans)
    return found


def _place(row: Any) -> tuple[str, str]:
    return str(row.plan_id), writable(str(row.event_key))


def _is_same_death(event: Any, row: Any, known: Mapping[tuple[str, str], tuple[Any, ...]]) -> bool:
    """Whether the event's last dead letter is not one that came after this send."""
    record_id, dead_at, _, _ = known.get(_place(row), _NOT_KNOWN)
    # Its time may be read otherwise than then, say by another time zone; it is the same record.
    if record_id is not None and str(event.record_id) == record_id:
        return True
    # Held against the death that it was sent for: both times are of the worker's clock, which may be ahead of ours.
    if pd.isna(event.recorded_at) or (dead_at is not None and event.recorded_at <= pd.Timestamp(dead_at)):
        return True
    sent_at = row.intent_at if not pd.isna(row.intent_at) else row.settled_at
    return pd.isna(sent_at) or bool(event.recorded_at <= sent_at)


def find_duplicates(events: pd.DataFrame) -> dict[str, str]:
    """Events that repeat one before them: the same workflow, trace and payload under another key.

    Parameters
    ----------
    events : DataFrame
        A row per event, in the order of sending.

    Returns
    -------
    dict
        By event key the key of the first one. Events without a trace count as the same where all of their text is.
    """
    first: dict[object, str] = {}
    found = {}
    for event in events.itertuples(index=False):
        if isinstance(event.payload_snapshot, str):
            names = names_of(event.workflow_id, event.trace_id, None, value_of(event.payload_snapshot))
            place = names or (str(event.workflow_id), str(event.trace_id), event.payload_snapshot)
            before = first.setdefault(place, str(event.event_key))
            if before != event.event_key:
                found[str(event.event_key)] = before
    return found


def find_superseded(
    records: pd.DataFrame, events: pd.DataFrame, entity_key: Collection[str]
) -> tuple[dict[str, str], set[str]]:
    """Events of whose entity a newer event has succeeded.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of the workflow.
    events : DataFrame
        A row per event, with ``first_at``, when its first record is from.
    entity_key : collection of str
        Paths such as ``payload.customer_id``; empty: nothing is known.

    Returns
    -------
    (dict, set)
        By event key what is newer and when it succeeded; and the events whose entity is not known.
    """
    if not entity_key:
        return {}, set()
    first_at = records.groupby("event_key")["recorded_at"].min()
    good = records[(record_outcomes(records) == "succeeded").to_numpy(dtype=bool)].copy()
    good["begun_at"] = good["event_key"].map(first_at)
    newest: dict[tuple[Any, ...], list[tuple[Any, Any, str]]] = {}
    for entity, begun, at, key in zip(
        find_entities(good, entity_key), good["begun_at"], good["recorded_at"], good["event_key"], strict=True
    ):
        if entity is not None and not pd.isna(begun):
            newest.setdefault(entity, []).append((begun, at, str(key)))
    found, unknown = {}, set()
    for entity, event in zip(find_entities(events, entity_key), events.itertuples(index=False), strict=True):
        if entity is None or pd.isna(event.first_at):
            unknown.add(str(event.event_key))
            continue
        newer = [one for one in newest.get(entity, []) if one[0] > event.first_at and one[2] != event.event_key]
        if newer:
            _, at, key = max(newer)
            found[str(event.event_key)] = say("event {key} succeeded at {at}", key=key, at=date_and_time(at))
    return found, unknown


def find_entities(records: pd.DataFrame, entity_key: Collection[str]) -> list[tuple[str, ...] | None]:
    """What each record, ``frames.RECORDS``, is about by these paths; None where a part is absent or not one."""
    columns = [values_of(records, path) for path in entity_key]
    return [
        tuple(str(values[0]) for values in row) if all(len(values) == 1 for values in row) else None
        for row in zip(*columns, strict=True)
    ]


def find_too_old(events: pd.DataFrame, own: WorkflowSettings, as_of: pd.Timestamp) -> dict[str, str]:
    """Events whose dead letter is older than the workflow's ``max_age`` at the evidence's last time.

    Returns
    -------
    dict
        By event key how old it is. Without ``max_age`` none; a dead letter without a time is none.
    """
    if own.max_age is None:
        return {}
    limit = pd.Timedelta(parse_duration(own.max_age))
    ages = as_of - events["recorded_at"]
    return {
        str(key): say("{age} old; the limit is {limit}", age=_age(age), limit=own.max_age)
        for key, age in zip(events["event_key"], ages, strict=True)
        if not pd.isna(age) and age > limit
    }


def _age(age: pd.Timedelta) -> str:
    minutes = age / pd.Timedelta(minutes=1)
    return f"{minutes:,.0f} min" if minutes < 120 else f"{minutes / 60:,.1f} h"
