"""What became of each event, and all that is known of one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.frames import RECORDS, check_frame
from dlqkit.language import say
from dlqkit.signals.outcomes import in_order, record_outcomes

__all__ = ["EVENT_STATES", "event_history", "event_states", "record_outcomes", "records_of_event"]

TIME = "datetime64[us, UTC]"
EVENT_STATES: Mapping[str, str] = {
    "event_key": "str",
    "workflow_id": "str",
    "trace_id": "str",
    "state": "category",
    "first_dead_at": TIME,
    "last_dead_at": TIME,
    "last_at": TIME,
    "records": "Int64",
    "attempts": "Int64",
}
_ASKED = ("event_key", "workflow_id", "trace_id", "recorded_at", "record_id", "status", "queued_to_dlq", "attempts",
          "last_error")  # fmt: skip
STATES = ("open", "healed", "succeeded", "failed", "retrying")


def event_states(records: pd.DataFrame) -> pd.DataFrame:
    """What became of each event.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``, in any order.

    Returns
    -------
    DataFrame
        A row per event, columns of ``EVENT_STATES``, by ``event_key``.

        state : ``open`` (dead, and nothing newer), ``healed`` (dead, and a later success), ``succeeded`` (never dead),
            ``failed`` (a failure, not dead), ``retrying`` (something newer than a dead letter or failure is under way)
        first_dead_at, last_dead_at : NaT where it was never dead

    Notes
    -----
    Runbook §3. Where an event has a single record that is rewritten, its dead letter is gone after a republish
    and the event is ``succeeded``; an earlier snapshot that saw it dead keeps it ``healed`` (evidence folder).
    """
    check_frame(records, RECORDS, ("event_key", "workflow_id", "recorded_at", "queued_to_dlq"))
    if records.empty:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in EVENT_STATES.items()})
    # Of payloads and texts nothing is asked, and they are most of what would be sorted.
    needed = [name for name in _ASKED if name in records.columns]
    ordered = in_order(records[needed]).reset_index(drop=True)
    outcome, at = record_outcomes(ordered), ordered["recorded_at"]
    codes, keys = pd.factorize(ordered["event_key"], sort=True, use_na_sentinel=False)
    # Of an index that stands there several times, the last place is kept; rows are in order of time.
    rows, dead = np.arange(len(ordered)), (outcome == "dead").to_numpy(dtype=bool)
    last, first_dead, last_dead = (np.full(len(keys), -1) for _ in range(3))
    last[codes] = rows
    timed = rows[dead & at.notna().to_numpy() & ordered["event_key"].notna().to_numpy()]
    last_dead[codes[timed]] = timed
    first_dead[codes[timed[::-1]]] = timed[::-1]
    state = outcome.iloc[last].to_numpy()
    was_dead = np.bincount(codes[dead], minlength=len(keys)) > 0
    state = np.where((state == "dead") | ((state == "failed") & was_dead), "open", state)
    state = np.where((state == "succeeded") & was_dead, "healed", state)
    own = ordered.iloc[last]
    out = pd.DataFrame(
        {
            "event_key": pd.Series(keys).astype("str"),
            "workflow_id": own["workflow_id"].array,
            "trace_id": own["trace_id"].array,
            "state": pd.Categorical(state, categories=list(STATES)),
            "first_dead_at": at.array.take(first_dead, allow_fill=True),
            "last_dead_at": at.array.take(last_dead, allow_fill=True),
            "last_at": own["recorded_at"].array,
            "records": pd.Series(np.bincount(codes, minlength=len(keys)), dtype="Int64"),
            "attempts": own["attempts"].array if "attempts" in own.columns else pd.NA,
        }
    )
    # Records without a key are of nobody knows how many events.
    out["records"] = out["records"].mask(out["event_key"].isna())
    return out.astype(dict(EVENT_STATES))


def event_history(records: pd.DataFrame, event_id: str, *, worker_logs: pd.DataFrame | None = None) -> pd.DataFrame:
    """All that is known of one event, in order of time.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``.
    event_id : str
        Its ``event_key``, ``trace_id`` or a ``record_id``.
    worker_logs : DataFrame, optional
        ``frames.WORKER_LOGS``; lines of the same trace are put in between.

    Returns
    -------
    DataFrame
        at : UTC; kind : ``record`` or ``log``; state : the record's status or the line's level; attempts; text : the
        error or message; duration_ms; event_key; trace_id; workflow_id; payload_snapshot (records only)

    Raises
    ------
    ParameterError
        If nothing is known of it.
    """
    check_frame(records, RECORDS, ("event_key", "trace_id", "recorded_at"))
    own = records_of_event(records, event_id)
    traces = {event_id, *own["trace_id"].dropna().astype("str")}
    lines = None if worker_logs is None else worker_logs[worker_logs["trace_id"].isin(traces)]
    has_lines = lines is not None and len(lines) > 0
    if own.empty and not has_lines:
        raise ParameterError(
            f"Nothing is known of the event {event_id[:80]} in this snapshot.",
            "Give its event_key, trace_id or record_id as the records have it, or collect with --trace.",
        )
    parts = []
    if len(own):
        parts.append(_from_records(own))
    if lines is not None and has_lines:
        parts.append(_from_logs(lines))
    return pd.concat(parts, ignore_index=True).sort_values("at", kind="stable").reset_index(drop=True)


def records_of_event(records: pd.DataFrame, event_id: str) -> pd.DataFrame:
    """The records of one event by its ``event_key`` or a ``record_id``; where it is neither, of a trace."""
    named = records[(records["event_key"] == event_id) | (records["record_id"] == event_id)]
    if named.empty:
        return records[records["trace_id"] == event_id]
    return records[records["event_key"].isin(set(named["event_key"]))]


def _from_records(own: pd.DataFrame) -> pd.DataFrame:
    dead = own["queued_to_dlq"].fillna(False).astype(bool)
    text = own["last_error"].astype("str").fillna("")
    state = own["status"].astype("str").fillna("")
    unnamed = dead & ~state.str.contains("dead|dlq", case=False)
    return pd.DataFrame(
        {
            "at": own["recorded_at"],
            "kind": "record",
            "state": state.mask(unnamed, state + " " + say("(dead letter)")).str.strip(),
            "attempts": own["attempts"],
            "text": text,
            "duration_ms": own["action_duration_ms"],
            "event_key": own["event_key"],
            "trace_id": own["trace_id"],
            "workflow_id": own["workflow_id"],
            "payload_snapshot": own["payload_snapshot"],
        }
    )


def _from_logs(lines: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "at": lines["logged_at"],
            "kind": "log",
            "state": lines["level"].astype("str").fillna(""),
            "attempts": lines["attempts"],
            "text": lines["message"],
            "duration_ms": pd.Series(pd.NA, index=lines.index, dtype="Float64"),
            "event_key": pd.Series(pd.NA, index=lines.index, dtype="str"),
            "trace_id": lines["trace_id"],
            "workflow_id": lines["workflow_id"],
            "payload_snapshot": pd.Series(pd.NA, index=lines.index, dtype="str"),
        }
    )
