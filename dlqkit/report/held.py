"""What the dead-letter subscriptions hold beyond the records: events that died and that no list shows."""

from __future__ import annotations

import pandas as pd

from dlqkit.language import say_count

__all__ = ["count_held", "tell_held"]


def count_held(originals: pd.DataFrame, own: pd.DataFrame, main: pd.Series | None, moment: pd.Timestamp) -> int:
    """How many events of the incident have a dead letter in the subscriptions and none in the records.

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
    int
        Distinct traces among the messages that were dead-lettered from the incident's onset to its end; 0 where no
        message of the workflow was read, or a dead letter has no trace by which to know it again.

    Notes
    -----
    A message that was acknowledged or has expired is in no subscription, so there may be more.
    """
    if main is None or main["signal"] != "dead_letters" or pd.isna(main["workflow_id"]):
        return 0
    messages = originals[originals["workflow_id"] == main["workflow_id"]]
    dead = own[own["queued_to_dlq"].fillna(False).astype(bool)]
    if messages.empty or dead["trace_id"].isna().any():
        return 0
    low = main["onset_at"] if pd.isna(main["onset_low_at"]) else min(main["onset_low_at"], main["onset_at"])
    high = moment if pd.isna(main["end_at"]) else main["end_at"]
    inside = messages["published_at"].between(low, high)
    return len(set(messages.loc[inside, "trace_id"].dropna()) - set(dead["trace_id"]))


def tell_held(count: int) -> str:
    """That messages of these events are there, though no record is."""
    return say_count(
        "The dead-letter subscriptions hold {count} event of the incident that no record lists.",
        "The dead-letter subscriptions hold {count} events of the incident that no record lists.",
        count,
    )
