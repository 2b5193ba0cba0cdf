"""What changed before the onset: restarts, versions, payloads, clients, volume, and what the analyst noted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd

from dlqkit.decision.payload_changes import Holds, payload_changes
from dlqkit.decision.volume_changes import volume_changes
from dlqkit.language import mark, say
from dlqkit.signals.counters import METRICS, increase
from dlqkit.signals.hand_made import as_samples
from dlqkit.signals.points import aware

__all__ = ["CHANGES", "find_changes"]

TIME = "datetime64[us, UTC]"
CHANGES: Mapping[str, str] = {
    "at": TIME,
    "kind": "str",
    "what": "str",
    "brief": "str",
    "workflow_id": "str",
    "evidence": "str",
    "before_s": "Float64",
}
VERSION_LABELS = ("version", "revision", "build", "commit", "image", "tag", "git_sha", "release")
START_TIME = "process_start_time_seconds"
# What is seen within this of another is one change: instances of a worker restart one after the other.
TOGETHER = pd.Timedelta(minutes=3)
# A scrape after the onset may be the first that shows what happened just before it.
LATE = pd.Timedelta(seconds=30)
# An event is recorded once its attempts are over, so the first record of a payload may be later than another's error.
LATE_RECORD = pd.Timedelta(minutes=2)
# A process that no label names.
_NAMELESS = mark("worker")
_LOG_WORDS = re.compile(
    r"\b(?:starting|started|start(?:ed)? up|shutting down|shutdown|restart\w*|deploy\w*|rollout|migrat\w+"
    r"|config\w* (?:re)?load\w*|new version|version [0-9v])",
    re.IGNORECASE,
)


def find_changes(
    samples: pd.DataFrame,
    onset_at: datetime,
    *,
    records: pd.DataFrame | None = None,
    worker_logs: pd.DataFrame | None = None,
    entity_key: Sequence[str] = (),
    metrics: Mapping[str, str] | None = None,
    workflow_id: str | None = None,
    notes: Iterable[tuple[datetime, str]] = (),
    window: timedelta = timedelta(minutes=30),
    holds: Holds | None = None,
) -> pd.DataFrame:
    """What changed in the time before the onset; it is not said to be the cause.

    Parameters
    ----------
    samples : DataFrame
        ``frames.SAMPLES`` with ``metric`` and labels as columns, or made by hand (``hand_made.as_samples``).
    onset_at : datetime
        Aware.
    records : DataFrame, optional
        ``frames.RECORDS``: their payloads tell of new fields and clients.
    worker_logs : DataFrame, optional
        ``frames.WORKER_LOGS``; lines that speak of a start, a deploy, a migration or a new version are read.
    entity_key : sequence of str, optional
        Payload fields that name a client (``payload.customer_id``), as in the settings; without them any field with few
        values that come often.
    metrics : mapping, optional
        Names that differ from the runbook's.
    workflow_id : str, optional
        Whose payloads and volume are looked at; those of all by default. A process serves all workflows, so its
        restarts and versions always count.
    notes : iterable of (datetime, str)
        The analyst's own.
    window : timedelta
        How long before the onset.
    holds : callable, optional
        Searches payloads of a workflow from before the window, where ``records`` has only the newest of them.

    Returns
    -------
    DataFrame
        Columns of ``CHANGES``, by time; candidates, not conclusions.

        at : when it was first seen; before_s : Float64, seconds before the onset (negative: seen just after it)
        kind : ``version``, ``restart``, ``payload``, ``client``, ``volume``, ``log`` or ``note``
        what : str, in words; brief : str, of a payload the same without its counts, else NA
        workflow_id : NA where it concerns all; evidence : str, the source

    Raises
    ------
    ParameterError
        If the onset, or the time of a note, has no time zone.

    Notes
    -----
    A restart is a new ``process_start_time_seconds``, else a counter that fell; a version is a label such as
    ``version`` or ``image`` of a metric whose name ends in ``info``. A payload's field is new where none of the records
    before the window has it, so nothing is said of records that begin within it.
    """
    samples = as_samples(samples)
    onset = aware(onset_at, "onset_at")
    begin, end = onset - pd.Timedelta(window), onset + LATE
    rows: list[dict[str, Any]] = []
    if len(samples) and "metric" in samples.columns:
        rows += _versions(samples) + _restarts(samples)
        rows += volume_changes(samples, begin, end, metrics=metrics, workflow_id=workflow_id)
    if records is not None and len(records) and "payload_snapshot" in records.columns:
        own = records if workflow_id is None else records[records["workflow_id"] == workflow_id]
        rows += payload_changes(own, begin, onset + LATE_RECORD, entity_key, holds=holds)
    rows += _from_logs(worker_logs, begin, end)
    rows += [
        {"at": aware(at, "A note"), "kind": "note", "what": text, "workflow_id": None, "evidence": "note"}
        for at, text in notes
    ]
    late = {"payload", "client"}
    near = [row for row in rows if begin <= row["at"] <= (onset + LATE_RECORD if row["kind"] in late else end)]
    told = [row["at"] for row in near if row["kind"] in {"restart", "version"}]
    # A log line that a process starts says once more what the metrics say.
    near = [row for row in near if row["kind"] != "log" or not _is_told(row, told)]
    # Not by the words, or the order would be another one in another language.
    inside = sorted(near, key=lambda row: (row["at"], row["kind"]))
    if not inside:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in CHANGES.items()})
    frame = pd.DataFrame(inside, columns=list(CHANGES))
    frame["at"] = pd.to_datetime(frame["at"], utc=True)
    frame["before_s"] = (onset - frame["at"]).dt.total_seconds()
    return frame.astype(dict(CHANGES))


def _is_told(row: dict[str, Any], told: list[pd.Timestamp]) -> bool:
    return "start" in row["what"].lower() and any(abs(row["at"] - at) <= TOGETHER for at in told)


def _who(frame: pd.DataFrame) -> pd.Series:
    """What names the process of a series: its instance or pod, else its job."""
    for name in ("instance", "pod", "job"):
        if name in frame.columns and frame[name].notna().any():
            return frame[name].astype("str").fillna(say(_NAMELESS))
    return pd.Series(say(_NAMELESS), index=frame.index, dtype="str")


def _versions(samples: pd.DataFrame) -> list[dict[str, Any]]:
    metric = samples["metric"].astype("str")
    own = samples[metric.str.endswith("info")]
    rows: list[dict[str, Any]] = []
    for label in VERSION_LABELS:
        if label not in own.columns or own.empty:
            continue
        known = own[own[label].notna() & (own["value"] > 0).fillna(False).astype(bool)]
        first = (
            known.assign(who=_who(known), version=known[label].astype("str"), name=known["metric"].astype("str"))
            .groupby(["name", "who", "version"], observed=True)["sampled_at"]
            .min()
            .reset_index()
            .sort_values("sampled_at", kind="stable")
        )
        changed: dict[tuple[str, str], list[tuple[pd.Timestamp, str]]] = {}
        for _, versions in first.groupby(["name", "who"], sort=True):
            pairs = list(zip(versions["version"], versions["sampled_at"], strict=True))
            for (old, _), (new, at) in pairwise(pairs):
                changed.setdefault((old, new), []).append((at, str(versions["who"].iloc[0])))
        for (old, new), places in changed.items():
            at = min(at for at, _ in places)
            processes = _names([who for _, who in places])
            # Other labels, such as "commit", are names of the worker's own.
            name = say("version") if label == "version" else label
            what = say("{label} {old} → {new} on {processes}", label=name, old=old, new=new, processes=processes)
            rows.append({"at": at, "kind": "version", "what": what, "workflow_id": None, "evidence": ""})
    return rows


def _restarts(samples: pd.DataFrame) -> list[dict[str, Any]]:
    metric = samples["metric"].astype("str")
    starts = samples[metric == START_TIME]
    found: list[tuple[pd.Timestamp, str]] = []
    if len(starts):
        starts = starts.assign(who=_who(starts)).dropna(subset=["value"])
        # The first start of each process that is seen happened before the evidence, so it is no change in it.
        for who, part in starts.groupby("who", sort=True):
            values = part.sort_values("sampled_at", kind="stable")["value"].drop_duplicates().iloc[1:]
            found += [(pd.Timestamp(float(value), unit="s", tz="UTC"), str(who)) for value in values]
    else:
        found += _resets(samples[metric.isin({METRICS[name] for name in ("dlq", "success", "failure")})])
    rows: list[dict[str, Any]] = []
    group: list[tuple[pd.Timestamp, str]] = []
    for at, who in sorted(found):
        if group and at - group[-1][0] > TOGETHER:
            rows.append(_restart_row(group))
            group = []
        group.append((at, who))
    return [*rows, *([_restart_row(group)] if group else [])]


def _resets(counters: pd.DataFrame) -> list[tuple[pd.Timestamp, str]]:
    """Restarts as counters show them: each fell somewhere between two of its own scrapes."""
    steps = increase(counters) if len(counters) else counters
    fallen = steps[steps["reset"].fillna(False).astype(bool)] if len(steps) else steps
    found: list[tuple[pd.Timestamp, str]] = []
    for who, part in fallen.groupby(_who(fallen), sort=True) if len(fallen) else []:
        last = None
        for at, before in zip(
            *(part.sort_values("sampled_at")[name] for name in ("sampled_at", "previous_at")), strict=True
        ):
            # A rare counter comes back only at its next event: the same restart, seen later.
            if last is None or before >= last:
                found.append((at, str(who)))
                last = at
    return found


def _restart_row(group: list[tuple[pd.Timestamp, str]]) -> dict[str, Any]:
    what = say("restart of {processes}", processes=_names([who for _, who in group]))
    return {"at": group[0][0], "kind": "restart", "what": what, "workflow_id": None, "evidence": ""}


def _names(who: list[str]) -> str:
    unique = list(dict.fromkeys(who))
    named, more = ", ".join(unique[:3]), len(unique) - 3
    return named if more < 1 else say("{names} and {count:d} more", names=named, count=more)


def _from_logs(logs: pd.DataFrame | None, begin: pd.Timestamp, end: pd.Timestamp) -> list[dict[str, Any]]:
    if logs is None or logs.empty:
        return []
    near = logs[(logs["logged_at"] >= begin) & (logs["logged_at"] <= end) & logs["trace_id"].isna()]
    rows: list[dict[str, Any]] = []
    for at, message in zip(near["logged_at"], near["message"].astype("str"), strict=True):
        if _LOG_WORDS.search(message):
            what = message[:2000]
            rows.append({"at": at, "kind": "log", "what": what, "workflow_id": None, "evidence": "worker logs"})
    return rows[-20:]
