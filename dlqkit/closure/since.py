"""From when on quiet is asked for: the fix, as people say; else the incident's end, as it was measured."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dlqkit.closure.sentences import clock
from dlqkit.language import say

__all__ = ["QUIET", "Since", "find_since"]

QUIET = timedelta(minutes=15)
"""Shorter quiet is not looked at; some sixty scrapes at the usual 15 seconds."""
# How a note in incident.toml begins that tells of the fix: "fix: pool restarted", "Fixed by a rollback".
_FIX_NOTE = re.compile(r"\s*(?:fix|fixed|исправлено|исправление)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Since:
    """From when on quiet is asked for, and why from then."""

    at: datetime
    basis: str
    is_fix: bool = False
    """Whether people named it, so that it stays where it is while the incident goes on."""


def find_since(
    fixed_at: datetime | None, end_at: datetime | None, as_of: datetime,
    notes: Iterable[tuple[datetime, str]] = (),
) -> Since:  # fmt: skip
    """The fix of ``judgement.yaml``, else of a note; else the incident's end; else the last quarter of an hour.

    Parameters
    ----------
    fixed_at : datetime or None
        ``closure.fixed_at`` of ``judgement.yaml``.
    end_at : datetime or None
        The measured end; None while it goes on, or where there was no incident.
    as_of : datetime
        The end of what is looked at; a fix of after it has not been seen to help.
    notes : iterable of (datetime, str)
        Of ``incident.toml``; the last one that begins with "fix" counts.
    """
    if fixed_at is not None and fixed_at <= as_of:
        return Since(fixed_at, say("the fix, by judgement.yaml"), is_fix=True)
    told = [at for at, text in notes if _FIX_NOTE.match(text) and at <= as_of]
    if told and fixed_at is None:
        return Since(max(told), say("the fix, by a note in incident.toml"), is_fix=True)
    if end_at is not None and end_at <= as_of:
        return Since(end_at, _from_end(fixed_at))
    return Since(as_of - QUIET, _from_quiet(fixed_at))


def _from_end(fixed_at: datetime | None) -> str:
    if fixed_at is None:
        return say("the last dead letter of the incident; no fix is named in judgement.yaml")
    return say(
        "the last dead letter of the incident; the fix of judgement.yaml, {fixed_at}, is after the evidence",
        fixed_at=clock(fixed_at),
    )


def _from_quiet(fixed_at: datetime | None) -> str:
    if fixed_at is None:
        return say(
            "the last 15 minutes of the evidence; no end of an incident is known, and no fix is named in judgement.yaml"
        )
    return say(
        "the last 15 minutes of the evidence; no end of an incident is known, and the fix of judgement.yaml,"
        " {fixed_at}, is after the evidence",
        fixed_at=clock(fixed_at),
    )
