"""A plan as JSON lines, for a script of the team's own."""

from __future__ import annotations

from dlqkit.republish.frozen import canonical_json
from dlqkit.republish.plan import Plan

__all__ = ["export_lines"]


def export_lines(plan: Plan) -> list[str]:
    """A JSON object for each planned event, in the order of sending.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    list of str
        ``item``, ``plan_id``, ``plan_hash``, ``address``, ``event_key``, ``trace_id``, ``data`` (its UTF-8 bytes are to
        be sent), ``payload_sha256``, ``attributes`` (the dedupe attribute included), ``ordering_key`` (empty: none, or
        not known), ``dedupe_key``. ASCII.
    """
    lines = []
    for event in plan.events:
        attributes = dict(event.attributes or {})
        if plan.target.kind == "pubsub" and plan.target.dedupe_attribute is not None:
            attributes[plan.target.dedupe_attribute] = event.dedupe_key
        lines.append(
            canonical_json(
                {
                    "item": event.item,
                    "plan_id": plan.plan_id,
                    "plan_hash": plan.hash,
                    "address": plan.target.address,
                    "event_key": event.event_key,
                    "trace_id": event.trace_id,
                    "data": event.payload,
                    "payload_sha256": event.payload_sha256,
                    "attributes": attributes,
                    "ordering_key": event.ordering_key or "",
                    "dedupe_key": event.dedupe_key,
                }
            )
        )
    return lines
