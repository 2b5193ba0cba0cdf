"""What became of records: the words of their statuses are few, so they are judged here and not in the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import pandas as pd

from dlqkit.signals.outcomes import record_outcomes

__all__ = ["IN_ORDER", "OUTCOME_KEYS", "name_outcomes", "with_outcome_keys"]

# Of these three ``record_outcomes`` makes its answer; records that are alike in them have one outcome.
OUTCOME_KEYS: Mapping[str, str] = {"status": "str", "is_dead": "boolean", "has_error": "boolean"}
# As ``signals.outcomes.in_order``; the engines put what is null first.
IN_ORDER = ("recorded_at", "attempts", "record_id", "last_error")


def with_outcome_keys(records: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The records with ``is_dead`` and ``has_error``, neither of them ever null."""
    return records.with_columns(
        nw.col("queued_to_dlq").fill_null(False).alias("is_dead"),
        (nw.col("last_error").fill_null("") != "").alias("has_error"),
    )


def name_outcomes(counted: pd.DataFrame) -> pd.Series:
    """``dead``, ``succeeded``, ``retrying`` or ``failed`` of each row that has the columns of ``OUTCOME_KEYS``."""
    said = pd.Series("said", index=counted.index, dtype="str").where(counted["has_error"].astype(bool))
    frame = pd.DataFrame({"status": counted["status"], "queued_to_dlq": counted["is_dead"], "last_error": said})
    return record_outcomes(frame)
