"""The items of §7 that people say, and the one that a republish adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dlqkit.closure.checklist import Item, State
from dlqkit.closure.sentences import clock
from dlqkit.closure.word import Closing, Confirmation
from dlqkit.decision.balance import lacks_records
from dlqkit.language import listing, mark, say, say_count
from dlqkit.republish.words import counts_of

__all__ = ["FAILED", "check_confirmation", "check_republish", "check_ticket"]

FAILED = ("failed_same", "failed_new", "failed_to_send")
"""Fates of the proof that say no; every other but ``passed`` is not known yet."""
_CONFIRMATION = mark("The client or owner has confirmed.")
_TICKET = mark("The post-mortem is in the ticket, so that it can be closed.")
_REPUBLISH = mark("What was sent again has passed, and no event of this workflow's incident was forgotten.")
_ASK = mark('Ask the owner of the workflow, then: dlqkit closure DIR --confirmed-by NAME --how "by phone"')
_ATTACH = mark(
    "Attach it by: dlqkit postmortem DIR --attach TICKET; or by hand, then: dlqkit closure DIR --attached TICKET"
)


def check_confirmation(
    confirmed: Confirmation | None, last_dead_at: datetime | None, since: datetime | None = None
) -> Item:
    """Whether somebody has confirmed that it works, after the fix and after the last dead letter.

    Parameters
    ----------
    confirmed : Confirmation or None
    last_dead_at : datetime or None
        The newest dead letter of the workflow.
    since : datetime, optional
        The fix, or the incident's end.
    """

    def item(state: State, *sentences: str) -> Item:
        return Item("confirmation", say(_CONFIRMATION), state, " ".join(sentences))

    if confirmed is None:
        return item("person", say("Nobody has."), say(_ASK))
    at = datetime.fromisoformat(confirmed.at)
    said = f"{confirmed.by}, {clock(at)}: {confirmed.how}."
    if last_dead_at is not None and at < last_dead_at:
        return item("person", said, say("But events have died since; ask again."))
    if since is not None and at < since:
        return item("person", said, say("But that was before the fix; ask again."))
    return item("yes", said)


def check_ticket(
    attached: Sequence[Mapping[str, Any]],
    closed: Closing | None,
    since: datetime | None = None,
    missing: Sequence[str] = (),
) -> Item:
    """Whether the post-mortem is attached, whole and of after the fix; that the ticket was closed is recorded after.

    Parameters
    ----------
    attached : sequence of mapping
        Where and when it was attached, ``ticket`` and ``at``; ``lacked``, what of the judgement was to be written then,
        and ``complete``, whether the report was, where that is known.
    closed : Closing or None
    since : datetime, optional
        The fix, or the incident's end: a post-mortem of before it cannot tell how it ended.
    missing : sequence of str
        What of the judgement is still to be written, so that the report is a draft.
    """

    def item(state: State, *sentences: str) -> Item:
        return Item("ticket", say(_TICKET), state, " ".join(sentences))

    if not attached:
        return item("person", _unattached(closed), say(_ATTACH))
    newest = max(attached, key=lambda one: datetime.fromisoformat(one["at"]))
    at = datetime.fromisoformat(newest["at"])
    said = say("It is attached to {ticket}, {at}.", ticket=newest["ticket"], at=clock(at))
    if since is not None and at < since:
        return item("person", said, say("But that was before the fix; attach the present one."), say(_ATTACH))
    if not newest.get("complete", True):
        return item("person", said, say("But that report was not whole. Make it again."), say(_ATTACH))
    if not missing and newest.get("lacked"):
        draft = say("But that was a draft, without {lacked}; attach the present one.",
                    lacked=", ".join(map(str, newest["lacked"])))  # fmt: skip
        return item("person", said, draft, say(_ATTACH))
    if missing:
        draft = say("But it is a draft: judgement.yaml lacks {missing}. Complete it, and attach it anew.",
                    missing=", ".join(missing))  # fmt: skip
        return item("person", said, draft)
    if closed is not None:
        at = datetime.fromisoformat(closed.at)
        return item("yes", said, say("The ticket was closed by {by}, {at}.", by=closed.by, at=clock(at)))
    return item("yes", said)


def _unattached(closed: Closing | None) -> str:
    if closed is None:
        return say("Nobody has attached it.")
    return say("{ticket} was closed by {by}, {at}, without it.",
               ticket=closed.ticket, by=closed.by, at=clock(datetime.fromisoformat(closed.at)))  # fmt: skip


def check_republish(
    republish: Mapping[str, Any], counts: Mapping[str, Any] | None = None, others: Sequence[str] = ()
) -> Item | None:
    """Whether every event of every plan that was run has passed, and none is in no plan; None where none was run.

    Parameters
    ----------
    republish : mapping
        From ``report.republished.describe_republish``.
    counts : mapping, optional
        The same loss three ways: ``recorded``, events of the incident by the records, ``counted``, dead letters by the
        counter from onset to end, ``open``, events still open; each None where it is not known.
    others : sequence of str
        Other workflows that failed alike, by name: what was sent of them stands in no plan of this folder.

    Returns
    -------
    Item or None
        No where an event failed or the totals do not add up; unknown where one is not seen, or where the three counts
        leave room for events that no plan knows.
    """
    run = [plan for plan in republish["plans"] if plan["totals"]]
    if not run:
        return None
    parts, state, failed = [], "yes", 0
    for plan in run:
        totals = {name: count for name, count in plan["totals"].items() if count}
        parts.append(f"{plan['plan_id']}: {counts_of(totals)}.")
        failed += sum(totals.get(name, 0) for name in FAILED)
        if not plan["balances"] or failed:
            state = "no"
        elif state == "yes" and set(totals) - {"passed"}:
            state = "unknown"
        if not plan["balances"]:
            parts.append(say("These do not add up to what was planned."))
    doubt = _forgotten(run, counts or {})
    if doubt:
        parts.append(doubt)
    if others:
        parts.append(say("Not looked at here: {workflows}, where the same failed.", workflows=listing(others)))
    known: State = "no" if state == "no" else "unknown" if doubt or state == "unknown" else "yes"
    return Item("republish", say(_REPUBLISH), known, " ".join(parts), count=float(failed))


def _forgotten(run: Sequence[Mapping[str, Any]], counts: Mapping[str, Any]) -> str:
    """Why there may be events that no plan knows, in a sentence; empty where the three counts agree."""
    recorded, counted, still_open = (counts.get(name) for name in ("recorded", "counted", "open"))
    if counted is not None and recorded is not None and lacks_records(counted, recorded):
        return say(
            "The counter saw {counted:,.0f} dead letters and the records hold {recorded}: the others are in no plan.",
            counted=counted, recorded=recorded,
        )  # fmt: skip
    planned = sum(sum(plan["totals"].values()) - plan["totals"].get("passed", 0) for plan in run)
    known = planned + sum(sum(plan["left_out"].values()) for plan in run)
    if still_open is not None and still_open > known:
        return say_count("{count} open event is in no plan: neither sent again nor left out on purpose.",
                         "{count} open events are in no plan: neither sent again nor left out on purpose.",
                         still_open - known)  # fmt: skip
    return ""
