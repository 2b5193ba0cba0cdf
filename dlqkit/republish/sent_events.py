"""What was sent of a plan: its events as the journal has them, and by what their records can be told."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from dlqkit.republish.payload_forms import hash_value
from dlqkit.republish.plan import Plan

__all__ = ["SENT", "sent_events"]

TIME = "datetime64[us, UTC]"
SENT: Mapping[str, str] = {
    "item": "Int64",
    "event_key": "str",
    "workflow_id": "str",
    "trace_id": "str",
    "dedupe_key": "str",
    "payload_sha256": "str",
    "value_sha256": "str",
    "inner_sha256": "str",
    "dead_at": TIME,
    "sent_at": TIME,
    "sent_again_at": TIME,
    "state": "str",
    "signature_id": "str",
}
# An event in doubt may have been stored, so its records are looked for as well.
PERHAPS_SENT = ("acked", "in_doubt", "intent")
# Of an event of which no time at all is known: no record is too old to be its own.
_BEGINNING = "1970-01-01T00:00:00Z"


def sent_events(plan: Plan, journal: pd.DataFrame, items: Collection[int] | None = None) -> pd.DataFrame:
    """The events of a plan that were, or may have been, sent.

    Parameters
    ----------
    plan : Plan
        Frozen.
    journal : DataFrame
        ``journal.JOURNAL``; of other plans only when they sent the same events after this one.
    items : collection of int, optional
        Only these; all by default.

    Returns
    -------
    DataFrame
        A row per event that is acked, in doubt or at intent, columns of ``SENT``, by item.

        value_sha256 : of what the payload says (``payload_forms.hash_value``); NA where it is no JSON
        inner_sha256 : of the bytes before an envelope was put around them; NA where there is none or it was edited
        dead_at : its last dead letter before the plan
        sent_at : when the intent was written: it cannot have been sent before. A journal that was adopted may know of
            none; then the event's last dead letter, else the plan's ``as_of``: it was sent after those at least
        sent_again_at : the next intent of the same event in another plan; NA where there is none
    """
    maybe = journal[journal["state"].astype("str").isin(PERHAPS_SENT)]
    own = maybe[maybe["plan_id"] == plan.plan_id]
    elsewhere = _intents_by_name(maybe[maybe["plan_id"] != plan.plan_id])
    if items is not None:
        own = own[own["item"].isin(set(items))]
    events = {event.item: event for event in plan.events}
    rows = []
    for item, sent_at, state in zip(own["item"], own["intent_at"], own["state"].astype("str"), strict=True):
        event = events.get(int(item))
        if event is None:
            continue
        names = (event.event_key, (event.workflow_id, event.trace_id, event.payload_sha256))
        later = [at for name in names for at in elsewhere.get(name, ()) if at > sent_at]
        is_wrapped = event.edited is None and event.original_sha256 != event.payload_sha256
        rows.append(
            {
                "item": event.item,
                "event_key": event.event_key,
                "workflow_id": event.workflow_id,
                "trace_id": event.trace_id,
                "dedupe_key": event.dedupe_key,
                "payload_sha256": event.payload_sha256,
                "value_sha256": hash_value(event.payload),
                "inner_sha256": event.original_sha256 if is_wrapped else None,
                "dead_at": event.dead_at,
                "sent_at": event.dead_at or plan.as_of or _BEGINNING if pd.isna(sent_at) else sent_at,
                "sent_again_at": min(later, default=None),
                "state": state,
                "signature_id": event.signature_id,
            }
        )
    frame = pd.DataFrame(rows, columns=list(SENT))
    for name in ("dead_at", "sent_at", "sent_again_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    return frame.astype(dict(SENT)).sort_values("item", kind="stable").reset_index(drop=True)


def _intents_by_name(journal: pd.DataFrame) -> dict[object, list[pd.Timestamp]]:
    """Times of intents by event key, and by what was sent: an edited event that died again has a key of its own."""
    found: dict[object, list[pd.Timestamp]] = {}
    known = journal[journal["intent_at"].notna()]
    columns = (known[name] for name in ("event_key", "workflow_id", "trace_id", "payload_sha256", "intent_at"))
    for key, workflow_id, trace_id, payload, at in zip(*columns, strict=True):
        found.setdefault(key, []).append(at)
        if pd.notna(trace_id):
            found.setdefault((workflow_id, trace_id, payload), []).append(at)
    return found
