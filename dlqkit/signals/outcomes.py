"""What a record says of its event: one rule for every analysis."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["in_order", "record_outcomes"]

# `status` has no values that the runbook gives; these words are looked for in it, in this order.
# Whole words only: INCOMPLETE is not complete, BROKEN holds no "ok".
_SUCCESS = (
    r"(?:^|[^a-z])(?:success[a-z]*|succeed[a-z]*|completed?|done|ok|okay|finished|delivered|processed|acked)"
    r"(?:$|[^a-z])"
)
_DENIED = r"(?:^|[^a-z])(?:not|non|un)(?:$|[^a-z])|fail"
_RUNNING = r"(?:^|[^a-z])(?:retry[a-z]*|running|(?:in_?)?progress|pending|queued|start(?:ed|ing)?|new)(?:$|[^a-z])"
# Words of a failure, and a number that can only be an HTTP status of one.
_FAILURE = r"fail|err|dead|reject|timeout|^[45][0-9]{2}(?:\.0)?$"

_OUTCOMES = ("dead", "succeeded", "retrying", "failed")


def record_outcomes(records: pd.DataFrame) -> pd.Series:
    """``dead``, ``succeeded``, ``retrying`` or ``failed`` of every record.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``: ``status``, ``queued_to_dlq`` and, where there is one, ``last_error``.

    Notes
    -----
    Runbook §3. A word of success or of going on in ``status`` counts first. Without a word that tells, a record without
    an error is a success: a failure has a ``last_error``.
    """
    # A status is one of few words, so each word is read once.
    codes, values = pd.factorize(records["status"])
    status = pd.Series([*pd.Series(values).astype("str"), ""], dtype="str").str.strip().str.lower()
    is_success = status.str.contains(_SUCCESS) & ~status.str.contains(_DENIED)
    is_running = status.str.contains(_RUNNING) & ~is_success
    success, running, failure = (
        said.to_numpy(dtype=bool)[codes] for said in (is_success, is_running, status.str.contains(_FAILURE))
    )
    dead = records["queued_to_dlq"].fillna(False).to_numpy(dtype=bool)
    has_error = np.zeros(len(records), dtype=bool)
    if "last_error" in records.columns:
        has_error = (records["last_error"].notna() & (records["last_error"].astype("str") != "")).to_numpy(dtype=bool)
    success |= ~running & ~failure & ~has_error
    kinds = np.select([dead, success, running], [0, 1, 2], 3)
    return pd.Series(pd.array(_OUTCOMES, dtype="str").take(kinds), index=records.index)


def in_order(records: pd.DataFrame) -> pd.DataFrame:
    """Records by time, those without one first; of an event's records of one moment the same is last each time.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` with ``recorded_at``, in any order.

    Notes
    -----
    Some services give whole seconds. Then the attempt decides, and the id: not in which order the source answered.
    """
    keys = [name for name in ("attempts", "record_id", "last_error") if name in records.columns]
    if keys and "event_key" in records.columns:
        tied = records.duplicated(["event_key", "recorded_at"], keep=False)
        if tied.any():
            part = records[tied].sort_values(keys, kind="stable", na_position="first")
            records = pd.concat([records[~tied], part])
    return records.sort_values("recorded_at", kind="stable", na_position="first")
