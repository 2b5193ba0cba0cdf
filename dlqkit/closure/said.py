"""The items of §7 that people say, and the one that a republish adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dlqkit.closure.checklist import Item
from dlqkit.closure.word import Closing, Confirmation

__all__ = ["check_confirmation", "check_republish", "check_ticket"]

_CONFIRMATION = "The client or owner has confirmed."
_TICKET = "The post-mortem is in the ticket, so that it can be closed."
_REPUBLISH = "What was sent again has passed."


def check_confirmation(confirmed: Confirmation | None, last_dead_at: datetime | None) -> Item:
    """Whether somebody has confirmed that it works, after the last dead letter.

    Parameters
    ----------
    confirmed : Confirmation or None
    last_dead_at : datetime or None
        The newest dead letter of the workflow.
    """
    if confirmed is None:
        step = 'Ask the owner of the workflow, then: dlqkit closure DIR --confirmed-by NAME --how "by phone"'
        return Item("confirmation", _CONFIRMATION, "person", f"Nobody has. {step}")
    said = f"{confirmed.by}, {confirmed.at}: {confirmed.how}."
    if last_dead_at is not None and datetime.fromisoformat(confirmed.at) < last_dead_at:
        return Item("confirmation", _CONFIRMATION, "person", f"{said} But events have died since; ask again.")
    return Item("confirmation", _CONFIRMATION, "yes", said)


def check_ticket(attached: Sequence[Mapping[str, Any]], closed: Closing | None) -> Item:
    """Whether the post-mortem is attached; that the ticket was closed is recorded after.

    Parameters
    ----------
    attached : sequence of mapping
        Lines of the audit log, ``ticket`` and ``at``, oldest first.
    closed : Closing or None
    """
    if closed is not None:
        return Item("ticket", _TICKET, "yes", f"{closed.ticket} was closed by {closed.by}, {closed.at}.")
    if attached:
        newest = attached[-1]
        return Item("ticket", _TICKET, "yes", f"It is attached to {newest['ticket']}, {newest['at']}.")
    return Item(
        "ticket", _TICKET, "person", "Nobody has attached it. Attach it by: dlqkit postmortem DIR --attach TICKET"
    )


def check_republish(republish: Mapping[str, Any]) -> Item | None:
    """Whether every event of every plan that was run has passed; None where none was run.

    Parameters
    ----------
    republish : mapping
        From ``report.republished.describe_republish``.
    """
    run = [plan for plan in republish["plans"] if plan["totals"]]
    if not run:
        return None
    parts, state = [], "yes"
    for plan in run:
        totals = {name: count for name, count in plan["totals"].items() if count}
        words = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in totals.items())
        parts.append(f"{plan['plan_id']}: {words}")
        if (
            not plan["balances"]
            or totals.get("failed_same")
            or totals.get("failed_new")
            or totals.get("failed_to_send")
        ):
            state = "no"
        elif state == "yes" and set(totals) - {"passed"}:
            state = "unknown"
    return Item("republish", _REPUBLISH, state, "; ".join(parts) + ".")  # type: ignore[arg-type]
