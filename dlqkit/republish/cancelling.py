"""A plan is given up: it is never sent after that, and what it has not sent is free for others."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from dlqkit.errors import EvidenceError, ParameterError, PlanError
from dlqkit.evidence import audit_log
from dlqkit.evidence.store import remove_file
from dlqkit.republish.journal import open_journal, read_journal, refuse_lost
from dlqkit.republish.journal_schema import writable
from dlqkit.republish.next_steps import here, is_reason
from dlqkit.republish.people import is_somebody
from dlqkit.republish.plan import Plan, plan_path, read_plan
from dlqkit.republish.plan_decisions import Cancellation, read_cancellation, write_cancellation
from dlqkit.republish.registry import Registry
from dlqkit.republish.run_lock import is_running
from dlqkit.republish.sends import release_events

__all__ = [
    "HELD_STATES",
    "cancel_plan",
    "cancel_unreadable",
    "count_held",
    "is_claimed_elsewhere",
    "named",
    "note_cancellation",
    "now_text",
]

HELD_STATES = ("intent", "in_doubt", "acked")
"""What may have arrived, or is on its way, is nobody else's to send."""


def now_text() -> str:
    """This second, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def named(by: str, reason: str) -> tuple[str, str]:
    """Who, and why.

    Raises
    ------
    ParameterError
        If one of them says nothing.
    """
    if not is_somebody(by) or not is_reason(reason):
        raise ParameterError("A name or a reason is missing.", "Give --by and --reason.")
    return by.strip(), reason.strip()


def cancel_plan(registry: Registry, plan: Plan, *, by: str, reason: str) -> int | None:
    """Give a plan up: it is never sent after that, and other plans may have its events.

    Parameters
    ----------
    registry : Registry
    plan : Plan
    by, reason : str

    Returns
    -------
    int or None
        How many events are free again: those that the journal does not have as sent or in doubt. None while a run of
        this folder is still going: it ends what is in flight, and a second ``cancel_plan`` frees the rest.

    Raises
    ------
    ParameterError
        If a name or a reason is missing.
    EvidenceError
        If the journal is damaged, gone or an older one; then nothing is freed.
    """
    by, reason = named(by, reason)
    directory = registry.directory
    refuse_lost(directory)
    note_cancellation(directory, plan, by=by, reason=reason)
    if is_running(directory):
        return None
    held = set(_withdraw(directory, plan.plan_id, by, reason)["item"])
    return release_events(registry, plan, keep={one.event_key for one in plan.events if one.item in held})


def cancel_unreadable(registry: Registry, plan_id: str, *, by: str, reason: str) -> int | None:
    """Give up a plan whose file is missing or was changed, by what the registry and the journal have of it.

    Parameters
    ----------
    registry : Registry
    plan_id, by, reason : str

    Returns
    -------
    int or None
        As of ``cancel_plan``.

    Raises
    ------
    ParameterError
        If a name or a reason is missing, or nothing is known of such a plan.
    EvidenceError
        If the journal is damaged, gone or an older one; then nothing is freed.
    """
    by, reason = named(by, reason)
    directory = registry.directory
    refuse_lost(directory)
    claims = registry.claims_of(plan_id)
    is_there = any(plan_path(directory, plan_id, kind).exists() for kind in ("", "approval", "cancelled"))
    if not is_there and not claims and plan_id not in set(read_journal(directory)["plan_id"]):
        step = here("See what there is: dlqkit republish status DIR", directory)
        raise ParameterError(f"Nothing is known of {plan_id}.", step)
    _note(directory, plan_id, next((claim.hash for claim in claims.values()), ""), by, reason)
    if is_running(directory):
        return None
    known = plan_id in set(read_journal(directory)["plan_id"])
    _withdraw(directory, plan_id, by, reason)
    # Only what the journal names: a key that no file can hold is spelled out there, and stays taken.
    own = read_journal(directory)
    own = own[(own["plan_id"] == plan_id) & ~own["state"].astype("str").isin(HELD_STATES)]
    names = {registry.name_of(str(key)) for key in own["event_key"]}
    free = [path for path in claims if not known or path.stem in names]
    for path in free:
        remove_file(path)
    return len(free)


def count_held(registry: Registry, plan_id: str) -> tuple[int, int]:
    """Of what a plan has sent, or may have: how many stay claimed, and how many a proof let go of.

    Parameters
    ----------
    registry : Registry
    plan_id : str
        Cancelled.

    Returns
    -------
    (int, int)
        A proof lets go of those of which it knows the end.
    """
    journal = read_journal(registry.directory)
    is_sent = (journal["plan_id"] == plan_id) & journal["state"].astype("str").isin(HELD_STATES)
    # A key that no file can hold is spelled out in the journal, and the claim has the key itself.
    keys: dict[str, str] = {}
    with contextlib.suppress(EvidenceError, ParameterError):
        keys = {writable(one.event_key): one.event_key for one in read_plan(registry.directory, plan_id).events}
    sent = journal.loc[is_sent, "event_key"].astype("str")
    owner = registry.owner if registry.is_shared else None
    held = sum(_is_held(registry, plan_id, owner, keys.get(key, key)) for key in sent)
    return held, len(sent) - held


def is_claimed_elsewhere(registry: Registry, plan_id: str) -> bool:
    """Whether a plan was made with a shared registry and this is not one, or the other way round: its claims are there.

    As the audit log has it; an older one does not tell.
    """
    for line in reversed(audit_log.read(registry.directory)):
        if line.get("action") == "republish plan" and line.get("plan_id") == plan_id:
            return bool(line.get("is_registry_shared", registry.is_shared)) != registry.is_shared
    return False


def _is_held(registry: Registry, plan_id: str, owner: str | None, event_key: str) -> bool:
    try:
        claim = registry.holder(event_key)
    except PlanError:
        return True  # what cannot be read is not free
    return claim is not None and claim.plan_id == plan_id and owner in {None, claim.owner}


def note_cancellation(directory: Path, plan: Plan, *, by: str, reason: str) -> None:
    """Keep beside a plan, and in the audit log, that it was given up; from then on no run of it begins."""
    _note(directory, plan.plan_id, plan.hash, by, reason)


def _note(directory: Path, plan_id: str, plan_hash: str, by: str, reason: str) -> None:
    if not _is_kept(directory, plan_id):
        write_cancellation(directory, Cancellation(plan_id, plan_hash, by, reason, now_text()))


def _is_kept(directory: Path, plan_id: str) -> bool:
    """Whether it can be read who gave the plan up; what was damaged is written anew."""
    try:
        return read_cancellation(directory, plan_id) is not None
    except EvidenceError:
        return False


def _withdraw(directory: Path, plan_id: str, by: str, reason: str) -> pd.DataFrame:
    """Have the journal give up what was not sent; the events that were, or may have been."""
    journal = read_journal(directory)
    if plan_id not in set(journal["plan_id"]):
        return journal.iloc[:0]
    with open_journal(directory) as journal:
        journal.withdraw(plan_id, by=by, reason=reason)
        events = journal.events(plan_id)
    return events[events["state"].astype("str").isin(HELD_STATES)]
