"""What became of each event, and all that is known of one."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.frames import RECORDS, check_frame
from dlqkit.language import say
from dlqkit.signals.outcomes import in_order, record_outcomes

__all__ = ["EVENT_STATES", "event_history", "event_states", "record_outcomes"]

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
    ordered = in_order(records).reset_index(drop=True)
    ordered["outcome"] = record_outcomes(ordered)
    groups = ordered.groupby("event_key", sort=True)
    last = ordered.drop_duplicates("event_key", keep="last").set_index("event_key").sort_index()
    dead = ordered[ordered["outcome"] == "dead"].groupby("event_key")["recorded_at"]
    was_dead = last.index.isin(set(ordered.loc[ordered["outcome"] == "dead", "event_key"]))
    state = last["outcome"].replace({"dead": "open"})
    state = state.mask((state == "succeeded") & was_dead, "healed").mask((state == "failed") & was_dead, "open")
    out = pd.DataFrame(
        {
            "event_key": last.index.astype("str"),
            "workflow_id": last["workflow_id"].to_numpy(),
            "trace_id": last["trace_id"].to_numpy(),
            "state": pd.Categorical(state, categories=list(STATES)),
            "first_dead_at": dead.min().reindex(last.index).to_numpy(),
            "last_dead_at": dead.max().reindex(last.index).to_numpy(),
            "last_at": last["recorded_at"].to_numpy(),
            "records": groups.size().reindex(last.index).to_numpy(),
            "attempts": last["attempts"].to_numpy() if "attempts" in last.columns else pd.NA,
        }
    )
    for name in ("first_dead_at", "last_dead_at", "last_at"):
        out[name] = pd.to_datetime(out[name], utc=True)
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
    own = records[(records["event_key"] == event_id) | (records["record_id"] == event_id)]
    if own.empty:
        own = records[records["trace_id"] == event_id]
    else:
        own = records[records["event_key"].isin(set(own["event_key"]))]
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
