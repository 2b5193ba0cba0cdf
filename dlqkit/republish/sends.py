"""What a colleague is told of sent events, so that he does not send them again by older evidence."""

from __future__ import annotations

import socket
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from dlqkit.errors import EvidenceError, ParameterError, PlanError
from dlqkit.frames import conform, empty_frame
from dlqkit.republish.event_names import names_of_planned, names_of_sent
from dlqkit.republish.journal import read_journal, refuse_lost
from dlqkit.republish.journal_schema import JOURNAL, writable
from dlqkit.republish.plan import Plan, PlannedEvent, read_plan, readable_plans
from dlqkit.republish.registry import Registry
from dlqkit.republish.sent_files import Send, find_sends, keep_sends, text_key

__all__ = ["refuse_sent_elsewhere", "release_events", "to_journal"]


def release_events(registry: Registry, plan: Plan, *, keep: Collection[str]) -> int:
    """Let other plans have the events of this one, once it is kept which of them were sent; how many.

    Parameters
    ----------
    registry, plan, keep
        As for ``Registry.release``.

    Raises
    ------
    EvidenceError
        If the journal is damaged, gone or an older one; then nothing is given up.
    StorageError
        If the registry cannot be written.
    """
    refuse_lost(registry.directory)
    journal = read_journal(registry.directory)
    keys = {writable(event.event_key): event.event_key for event in plan.events}
    # Another plan of this folder may have sent an event of this one, by an edit that came late.
    others = journal[(journal["plan_id"] != plan.plan_id) & journal["event_key"].isin(list(keys))]
    states = others["state"].astype("str")
    open_elsewhere = {keys[key] for key in others.loc[states.isin(["intent", "in_doubt"]), "event_key"]}
    if registry.is_shared:
        sends = _sends_of(registry, plan, journal)
        for plan_id, rows in others[states == "acked"].groupby("plan_id", observed=True):
            try:
                sends += _sends_of(registry, read_plan(registry.directory, str(plan_id)), journal)
            except (EvidenceError, ParameterError):  # its file is cut or gone; the journal knows what it has sent
                sends += [_of_row(registry, row, keys[row.event_key]) for row in rows.itertuples(index=False)]
        keep_sends(registry, sends)
    return registry.release(plan, keep={*keep, *open_elsewhere})


def _sends_of(registry: Registry, plan: Plan, journal: pd.DataFrame) -> list[Send]:
    own = journal[(journal["plan_id"] == plan.plan_id) & (journal["state"] == "acked")]
    events = {event.item: event for event in plan.events}
    return [
        replace(
            _of_row(registry, row, event.event_key), record_id=event.record_id, dead_at=event.dead_at,
            record_sha256=event.record_sha256, value_sha256=event.value_sha256, edited_sha256=event.edited_sha256,
            workflow_id=event.workflow_id, trace_id=event.trace_id, address=plan.target.address,
        )
        for row in own.itertuples(index=False)
        if (event := events.get(int(row.item))) is not None
    ]  # fmt: skip


def _of_row(registry: Registry, row: Any, event_key: str) -> Send:
    """What the journal alone says of a send."""
    at = row.settled_at if pd.isna(row.intent_at) else row.intent_at
    return Send(
        event_key, str(row.plan_id), registry.directory.resolve().name, socket.gethostname(), str(row.workflow_id),
        None if pd.isna(row.trace_id) else str(row.trace_id), str(row.address), str(row.dedupe_key),
        str(row.payload_sha256), None, None, None if pd.isna(at) else at.isoformat(),
    )  # fmt: skip


def refuse_sent_elsewhere(registry: Registry, plan: Plan) -> None:
    """Refuse a plan with an event that a colleague has sent since it was looked at.

    Parameters
    ----------
    registry : Registry
    plan : Plan
        Whose events are claimed: from then on nobody else sends them.

    Raises
    ------
    PlanError
        Naming the plan that has sent it.
    EvidenceError
        If the journal is damaged.
    """
    keys = {event.event_key: (event.event_key, *_texts_of(event), *names_of_planned(event)) for event in plan.events}
    kept = find_sends(registry, {key for own in keys.values() for key in own})
    if not kept:
        return
    journal = read_journal(registry.directory)
    journal = journal[journal["state"].astype("str") == "acked"]
    names = {(one.plan_id, event.item): names_of_sent(event) for one in readable_plans(registry.directory)
             for event in one.events}  # fmt: skip
    own_sends: dict[str, set[str]] = {}
    for row in journal[["plan_id", "item", "event_key", "dedupe_key"]].itertuples(index=False):
        for name in (row.event_key, *names.get((row.plan_id, int(row.item)), ())):
            own_sends.setdefault(name, set()).add(row.dedupe_key)
    for event in plan.events:
        sends = [send for key in keys[event.event_key] for send in kept.get(key, ())]
        own = (own_sends.get(name, set()) for name in (writable(event.event_key), *keys[event.event_key]))
        known = {send.dedupe_key for send in sends}.union(*own)
        # Planned once more on purpose, after it died again, it counts the earlier sends.
        if sends and len(known) >= event.generation:
            raise PlanError(
                f"The event {event.event_key[:100]} was sent by {sends[-1].plan} since {plan.plan_id} was looked at.",
                f"Make a new plan; if {plan.plan_id} is there already, cancel it first.",
            )


def _texts_of(event: PlannedEvent) -> tuple[str, ...]:
    # Of an edited event the plan has not the text that it was found by; without a trace a text may be another's too.
    if event.edited is not None or event.trace_id is None or not event.record_sha256:
        return ()
    return (text_key(event.workflow_id, event.trace_id, event.record_sha256),)


def to_journal(sends: Sequence[Send], own: pd.DataFrame | None) -> pd.DataFrame:
    """As ``JOURNAL``, without what the folder's own journal has sent itself."""
    # Acknowledged alone: what was planned here and given up may have been sent elsewhere, under the very same key.
    acked = empty_frame(JOURNAL) if own is None else own[own["state"].astype("str") == "acked"]
    known = set(zip(acked["dedupe_key"], acked["address"], strict=True))
    rows = [
        {
            "plan_id": one.plan, "item": number, "event_key": one.event_key, "workflow_id": one.workflow_id,
            "trace_id": one.trace_id, "address": one.address, "dedupe_key": one.dedupe_key,
            "payload_sha256": one.payload_sha256, "original_sha256": one.payload_sha256, "state": "acked",
            "intent_at": one.sent_at,
        }
        for number, one in enumerate(sends, start=1)
        if (one.dedupe_key, one.address) not in known
    ]  # fmt: skip
    if not rows:
        return empty_frame(JOURNAL)
    frame = pd.DataFrame(rows).reindex(columns=list(JOURNAL)).astype({"state": "category"})
    for name in ("intent_at", "settled_at"):
        frame[name] = pd.to_datetime(frame[name].astype("object"), utc=True, format="ISO8601")
    return conform(frame, JOURNAL)
