"""The dead letters of records of any number, and which of them is the last of its event."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from dlqkit.executions.scale.outcomes import IN_ORDER

__all__ = ["mark_last_dead"]


def mark_last_dead(records: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The dead letters with ``is_last``: true for one of each event, in the order of ``IN_ORDER``."""
    dead = records.filter(nw.col("queued_to_dlq").fill_null(False))
    return dead.with_columns(is_last=nw.col("event_key").is_last_distinct().over(order_by=list(IN_ORDER)))
