"""What the dead-letter subscriptions hold beyond the records: events that died and that no list shows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from dlqkit.language import say_count

__all__ = ["Listed", "add_held", "count_held", "judge_held", "select_held", "tell_held", "with_messages"]

_KIND = "dead-letter subscription"


@dataclass(frozen=True, slots=True)
class Listed:
    """What the dead letters of a workflow's records tell of traces."""

    has_any: bool
    """Whether there is a dead letter at all."""
    traces: Collection[str]
    """Those of the messages that a dead letter has."""
    has_one_each: bool
    """Whether each dead letter has a trace, and no event several."""


def select_held(originals: pd.DataFrame, own: pd.DataFrame, main: pd.Series | None, moment: pd.Timestamp) -> pd.Series:
    """Which messages are dead letters of the incident that have none in the records.

    Parameters
    ----------
    originals : DataFrame
        ``frames.ORIGINALS``.
    own : DataFrame
        ``frames.RECORDS`` of the workflow.
    main : Series or None
        The signal that the report is about.
    moment : Timestamp
        The end of what is looked at.

    Returns
    -------
    Series of bool
        By the index of ``originals``: of the workflow, dead-lettered from the incident's onset to its end, and of a
        trace without a dead letter in the records. None is where traces do not tell events apart: a dead letter has
        none, an event has several, or no message at all is of a trace that the records know.

    Notes
    -----
    A message that was acknowledged or has expired is in no subscription, so there may be more.
    """

    def look(traces: set[str]) -> Listed:
        dead = own[own["queued_to_dlq"].fillna(False).astype(bool)]
        several = dead.groupby("event_key")["trace_id"].nunique() > 1
        return Listed(
            len(dead) > 0,
            traces & set(dead["trace_id"].dropna()),
            not dead["trace_id"].isna().any() and not several.any(),
        )

    return judge_held(originals, main, moment, look)


def judge_held(
    originals: pd.DataFrame, main: pd.Series | None, moment: pd.Timestamp, look: Callable[[set[str]], Listed]
) -> pd.Series:  # fmt: skip
    """The same where ``look`` tells which of these traces the records list; it is asked where there are messages."""
    none = pd.Series(False, index=originals.index)
    if main is None or main["signal"] != "dead_letters" or pd.isna(main["workflow_id"]):
        return none
    low = main["onset_at"] if pd.isna(main["onset_low_at"]) else min(main["onset_low_at"], main["onset_at"])
    high = moment if pd.isna(main["end_at"]) else main["end_at"]
    mine = (originals["workflow_id"] == main["workflow_id"]).fillna(False).astype(bool)
    inside = mine & originals["published_at"].between(low, high) & originals["trace_id"].notna()
    if not inside.any():
        return none
    listed = look(set(originals.loc[mine, "trace_id"].dropna()))
    if listed.has_any and not (listed.traces and listed.has_one_each):
        return none
    return inside & ~originals["trace_id"].isin(list(listed.traces))


def count_held(originals: pd.DataFrame, own: pd.DataFrame, main: pd.Series | None, moment: pd.Timestamp) -> int:
    """How many events of the incident have a dead letter in the subscriptions and none in the records."""
    return int(originals.loc[select_held(originals, own, main, moment), "trace_id"].nunique())


def add_held(
    events: Mapping[str, Any], held: int, main: pd.Series | None, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """The events of the incident with those that the subscriptions alone tell of.

    Parameters
    ----------
    events : mapping
        From ``count_events`` or ``no_events``.
    held : int
        From ``count_held``.
    main : Series or None
        The signal that the report is about.
    rows : list of dict
        From ``coverage_rows``.

    Returns
    -------
    dict
        ``events`` with ``held`` (``value``, and ``evidence``: the subscriptions with a message since the onset) and
        ``total``: ``affected`` and ``held`` together, at least so many. Where the list of the dead letters is whole,
        ``held`` is 0: a message may be a moment ahead of its record.
    """
    affected = events["affected"]
    is_whole = affected["value"] is not None and affected["bound"] == "exact"
    if not held or is_whole or main is None:
        return {**events, "held": {"value": 0, "evidence": ""}, "total": affected}
    low = main["onset_at"] if pd.isna(main["onset_low_at"]) else min(main["onset_low_at"], main["onset_at"])
    since = [
        row["evidence_id"] for row in rows
        if row["kind"] == _KIND and row["got_end"] and pd.Timestamp(datetime.fromisoformat(row["got_end"])) >= low
    ]  # fmt: skip
    return {
        **events,
        "held": {"value": held, "evidence": " ".join(since)},
        "total": {"value": (affected["value"] or 0) + held, "bound": "at_least"},
    }


def tell_held(count: int) -> str:
    """That messages of these events are there, though no record is."""
    return say_count(
        "The dead-letter subscriptions hold {count} event of the incident that no record lists.",
        "The dead-letter subscriptions hold {count} events of the incident that no record lists.",
        count,
    )


def with_messages(state: dict[str, Any], originals: pd.DataFrame, start: datetime) -> dict[str, Any]:
    """The state, with what the messages of the dead-letter subscriptions are where no incident is seen.

    Parameters
    ----------
    state : dict
        From ``state.describe_state``; ``old_messages`` is added, how many are from before the window.
    originals : DataFrame
        ``frames.ORIGINALS``.
    start : datetime
        Of the window.
    """
    if state["value"] != "nothing" or originals.empty:
        return state
    old, count = int((originals["published_at"] < pd.Timestamp(start)).sum()), len(originals)
    text = say_count(
        "The dead-letter subscriptions hold {count} message, from before the window: {old}; it stays there until "
        "somebody takes it out.",
        "The dead-letter subscriptions hold {count} messages, from before the window: {old}; they stay there until "
        "somebody takes them out.",
        count, old=old,
    )  # fmt: skip
    return {**state, "reason": f"{state['reason']} {text}", "old_messages": old}
