"""How long to wait for what became of a sent event: as the evidence shows how long events were tried."""

from __future__ import annotations

import pandas as pd

from dlqkit.executions.event_history import record_outcomes

__all__ = ["find_outcome_deadline"]

# Issue of the ramp: half as long again as the longest time from first to last attempt.
MARGIN = 1.5


def find_outcome_deadline(records: pd.DataFrame, worker_logs: pd.DataFrame | None = None) -> float | None:
    """Seconds after which an event that was sent should have shown what became of it.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of the workflow.
    worker_logs : DataFrame, optional
        ``frames.WORKER_LOGS``; where an event has one record only, its attempts are in the logs.

    Returns
    -------
    float or None
        1.5 × the longest time from the start of an event's first attempt to the end of its last. None where neither
        source shows two attempts of one event: then nobody knows, and a setting or the approval must say it.

    Notes
    -----
    Attempts that do not rise from one to the next are two executions, and their distance says nothing.
    """
    spans = [_longest(_from_records(records))]
    if worker_logs is not None and len(worker_logs):
        spans.append(_longest(_from_logs(worker_logs)))
    known = [span for span in spans if span is not None]
    return MARGIN * max(known) if known else None


def _from_records(records: pd.DataFrame) -> pd.DataFrame:
    done = record_outcomes(records).isin(["dead", "succeeded"])
    took = pd.to_timedelta(records["action_duration_ms"].astype("float64").fillna(0.0), unit="ms")
    return pd.DataFrame({"who": records["event_key"], "at": records["recorded_at"], "attempts": records["attempts"],
                         "begun": records["recorded_at"] - took, "done": done})  # fmt: skip


def _from_logs(lines: pd.DataFrame) -> pd.DataFrame:
    known = lines[lines["trace_id"].notna()]
    who = known["trace_id"].astype("str") + "." + known["workflow_id"].astype("str").fillna("")
    return pd.DataFrame({"who": who, "at": known["logged_at"], "attempts": known["attempts"],
                         "begun": known["logged_at"], "done": False})  # fmt: skip


def _longest(attempts: pd.DataFrame) -> float | None:
    """Seconds of the longest run of rising attempts, two at least."""
    known = attempts.dropna(subset=["who", "at", "attempts"]).drop_duplicates(["who", "at", "attempts"])
    known = known.sort_values(["who", "at", "attempts"], kind="stable").reset_index(drop=True)
    if known.empty:
        return None
    follows = (
        (known["who"] == known["who"].shift())
        & (known["attempts"] > known["attempts"].shift())
        & ~known["done"].shift(fill_value=False)
    )
    runs = known.groupby((~follows.fillna(False).astype(bool)).cumsum())
    tried = runs["at"].agg("max") - runs["begun"].agg("min")
    several = runs.size() > 1
    return float(tried[several].max().total_seconds()) if bool(several.any()) else None
