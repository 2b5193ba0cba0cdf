"""The dead letters that a plan may mean, and the order in which it takes them."""

from __future__ import annotations

import pandas as pd

__all__ = ["find_dead_letters", "in_order"]


def find_dead_letters(records: pd.DataFrame, classified: pd.DataFrame) -> pd.DataFrame:
    """Every dead letter with the class and signature of its event, the last one of an event last.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``, in any order.
    classified : DataFrame
        A row per event, from ``decision.overrides.apply_overrides``.

    Returns
    -------
    DataFrame
        ``frames.RECORDS`` and ``failure_class``, ``signature_id``, ``disputed``, ``republish_reason``; an event that
        is not classified is ``unknown``.
    """
    dead = records[records["queued_to_dlq"].fillna(False).astype(bool)]
    columns = ["failure_class", "signature_id", "disputed", "republish_reason"]
    own = classified.drop_duplicates("event_key").set_index("event_key")
    joined = dead.assign(**{name: dead["event_key"].map(own[name].astype("object")) for name in columns})
    joined["failure_class"] = joined["failure_class"].fillna("unknown").astype("str")
    joined["signature_id"] = joined["signature_id"].fillna("").astype("str")
    joined["disputed"] = joined["disputed"].fillna(False).astype(bool)
    return joined


def in_order(records: pd.DataFrame) -> pd.DataFrame:
    """The records, ``frames.RECORDS``, by time; ties are broken by what they hold, not by how they came."""
    ties = ["record_id", "event_key", "trace_id", "status", "queued_to_dlq", "attempts", "last_error",
            "payload_snapshot"]  # fmt: skip
    keyed = records.assign(**{f"_{name}": records[name].astype("str").fillna("") for name in ties})
    ordered = keyed.sort_values(["recorded_at", *(f"_{name}" for name in ties)], na_position="first", kind="stable")
    return records.loc[ordered.index].reset_index(drop=True)
