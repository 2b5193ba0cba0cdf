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
        ``journal.JOURNAL``; rows of other plans are passed over.
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
    """
    own = journal[(journal["plan_id"] == plan.plan_id) & journal["state"].astype("str").isin(PERHAPS_SENT)]
    if items is not None:
        own = own[own["item"].isin(set(items))]
    events = {event.item: event for event in plan.events}
    rows = []
    for item, sent_at, state in zip(own["item"], own["intent_at"], own["state"].astype("str"), strict=True):
        event = events.get(int(item))
        if event is None:
            continue
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
                "state": state,
                "signature_id": event.signature_id,
            }
        )
    frame = pd.DataFrame(rows, columns=list(SENT))
    for name in ("dead_at", "sent_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    return frame.astype(dict(SENT)).sort_values("item", kind="stable").reset_index(drop=True)
