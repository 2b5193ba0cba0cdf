"""Settle events that are in doubt: by the records, by a verification subscription, or by the analyst's word."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.republish.journal import Change, Journal
from dlqkit.republish.journal_schema import writable
from dlqkit.republish.matching import is_payload_alone
from dlqkit.republish.next_steps import here, is_reason
from dlqkit.republish.people import is_somebody
from dlqkit.republish.plan_decisions import read_cancellation

__all__ = ["resolve_by_records", "resolve_by_subscription", "resolve_by_word"]

NOT_SEEN = "not_seen"


def resolve_by_records(journal: Journal, plan_id: str, outcomes: pd.DataFrame, *, by: str) -> int:
    """Count as sent what an execution record shows to have arrived.

    Parameters
    ----------
    journal : Journal
        Open.
    plan_id : str
        Whose events.
    outcomes : DataFrame
        ``OUTCOMES``, as ``find_outcomes`` gives it: ``item``, ``outcome``, ``matched_by``, ``record_id``.
    by : str
        Who asked.

    Returns
    -------
    int
        How many were settled. What was not seen stays in doubt: a record may be late, cut off or lost. What was
        recognised by its payload alone stays in doubt too: another event may have brought that payload.

    Raises
    ------
    ParameterError
        If there is no name.
    StorageError
        If the journal cannot be written.
    """
    is_own = (outcomes["outcome"].astype("str") != NOT_SEEN) & ~is_payload_alone(outcomes["matched_by"])
    seen = outcomes[is_own]
    found = {
        int(row["item"]): f"record {row['record_id']} by {row['matched_by']}" for row in seen.to_dict(orient="records")
    }
    return _settle(journal, plan_id, {item: ("acked", None, text) for item, text in found.items()}, by, "BY_RECORD")


def resolve_by_subscription(journal: Journal, plan_id: str, seen: Mapping[str, str], *, by: str) -> int:
    """Count as sent what the verification subscription holds.

    Parameters
    ----------
    journal : Journal
        Open.
    plan_id : str
        Whose events.
    seen : mapping
        Message id by dedupe key, as ``verification.load_seen`` gives it.
    by : str
        Who asked.

    Returns
    -------
    int
        How many were settled. What was not seen stays in doubt: an empty pull proves nothing.

    Raises
    ------
    ParameterError
        If there is no name.
    StorageError
        If the journal cannot be written.
    """
    found = {
        item: ("acked", seen[key], "seen in the verification subscription")
        for item, (key, _, _) in journal.fixed(plan_id).items()
        if key in seen
    }
    return _settle(journal, plan_id, found, by, "BY_SUBSCRIPTION")


def resolve_by_word(
    journal: Journal,
    plan_id: str,
    items: Collection[int],
    *,
    was_sent: bool,
    by: str,
    reason: str,
    send_again: bool = False,
) -> int:
    """Settle events as the analyst says.

    Parameters
    ----------
    journal : Journal
        Open.
    plan_id : str
        Whose events.
    items : collection of int
        Those that are settled; each must be in doubt.
    was_sent : bool
        Whether the analyst knows that they arrived, or that they did not.
    by, reason : str
        Who says so, and how they know.
    send_again : bool
        Plan those that did not arrive once more; without it they have failed for good.

    Returns
    -------
    int
        How many were settled.

    Raises
    ------
    ParameterError
        If an item is not in doubt, there is no name or reason, or what was sent is to be sent again.
    StorageError
        If the journal cannot be written.
    """
    if was_sent and send_again:
        raise ParameterError("What was sent is not sent again.", "Say --not-sent with --send-again, or --sent alone.")
    if not is_reason(reason):
        raise ParameterError("An event is settled by word with a reason only.", "Give it: --reason TEXT")
    if send_again and read_cancellation(journal.directory, plan_id) is not None:
        raise ParameterError(
            f"{plan_id} was cancelled, so nothing of it is sent again.",
            "Say --not-sent alone; then another plan may have the event.",
        )
    states = journal.states(plan_id)
    wrong = sorted(item for item in items if states.get(item) != "in_doubt")
    if wrong:
        raise ParameterError(
            f"Item {wrong[0]} of {plan_id} is not in doubt, but {states.get(wrong[0], 'not there')}.",
            here("See which are: dlqkit republish status DIR PLAN", journal.directory, plan_id),
        )
    state = "acked" if was_sent else "planned" if send_again else "failed"
    return _settle(journal, plan_id, dict.fromkeys(items, (state, None, reason)), by, "BY_WORD")


def _settle(
    journal: Journal, plan_id: str, found: Mapping[int, tuple[str, str | None, str]], by: str, code: str
) -> int:
    if not is_somebody(by):
        raise ParameterError("An event is settled by name only.", "Give it: --by NAME")
    states = journal.states(plan_id)
    changes = [
        Change(item, state, message_id, code, writable(by), writable(text))
        for item, (state, message_id, text) in sorted(found.items())
        if states.get(item) == "in_doubt"
    ]
    if changes:
        with journal.transaction() as write:
            journal.apply(write, plan_id, changes, expected="in_doubt")
        journal.audit(
            "republish events settled", plan=plan_id, name=by, code=code,
            items={state: [one.item for one in changes if one.state == state] for state in {c.state for c in changes}},
            reason=changes[0].resolution if code == "BY_WORD" else None,
        )  # fmt: skip
    return len(changes)
