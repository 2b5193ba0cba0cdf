"""Every number of an incident, computed once: a pure function of folder, judgement and ``as_of``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit import __version__
from dlqkit.decision.advice import advise
from dlqkit.decision.changes import find_changes
from dlqkit.decision.classes import classify_failures, propose_max_attempts
from dlqkit.decision.signatures import group_errors, sign_errors
from dlqkit.errors import ParameterError
from dlqkit.executions.durations import propose_timeout
from dlqkit.executions.event_history import event_states
from dlqkit.frames import Coverage, with_labels
from dlqkit.report.checks import check_two_items
from dlqkit.report.communication import write_communication
from dlqkit.signals.counters import increase, metric_samples
from dlqkit.signals.signals import find_incidents

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = [
    "changes_frame",
    "choose_workflow",
    "coverage_rows",
    "facts",
    "facts_json",
    "find_candidates",
    "find_signals",
    "load_facts",
    "signals_frame",
]

SCHEMA = 1
CLASSES = ("business", "infrastructure", "timeout", "unknown")
# One class speaks for the incident when it holds nearly all of its events; background failures make up the rest.
LEADING_SHARE = 0.9
BEFORE_ONSET = timedelta(minutes=30)
# A counter and its records differ by what happens between two looks; by more than this, records are missing.
UNSEEN_SHARE, UNSEEN_EVENTS = 1.05, 3
UNSEEN_BEFORE = timedelta(minutes=5)
# What a person may write into judgement.yaml; other keys are left alone.
JUDGEMENT_KEYS = ("severity", "cause", "done", "owner", "prevention")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An open event and whether its class allows to run it again as it is."""

    trace_id: str
    event_key: str
    dead_at: str | None
    failure_class: str
    signature: str
    verdict: str


def _iso(value: Any) -> str | None:
    return None if value is None or pd.isna(value) else pd.Timestamp(value).tz_convert(UTC).isoformat()


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def coverage_rows(folder: IncidentFolder) -> list[dict[str, Any]]:
    """A row for each source that was asked, as the manifest has it."""
    rows = []
    for source in folder.manifest["sources"]:
        coverage = Coverage.from_json(source["coverage"])
        rows.append(
            {
                "evidence_id": source["evidence_id"],
                "kind": source["kind"],
                "source": source["source"],
                "query": source["query"],
                "asked_start": _iso(coverage.asked_start),
                "asked_end": _iso(coverage.asked_end),
                "received": coverage.rows,
                "completeness": coverage.completeness,
                "missing": list(coverage.missing),
                "findings": list(coverage.findings),
                "quarantined": coverage.quarantined,
            }
        )
    return rows


def _evidence_of(rows: list[dict[str, Any]], *kinds: str) -> str:
    return " ".join(row["evidence_id"] for row in rows if any(row["kind"].startswith(kind) for kind in kinds))


def _as_of(folder: IncidentFolder) -> datetime:
    """The last time in the evidence: the end of the window asked, or when it was asked if that came first."""
    return min(folder.window.end, folder.collected_at).astimezone(UTC)


def _records_complete_from(folder: IncidentFolder, rows: list[dict[str, Any]]) -> datetime | None:
    """From when on no dead letter can be missing from the records; None if the records never tell."""
    records = folder.records()
    frame = records.frame
    sources = [row for row in rows if row["kind"].startswith("records")]
    if not sources or frame.empty:
        return folder.window.start if sources else None
    asked = [row for row in sources if row["kind"] == "records: dead letters"]
    whole = [row for row in asked if row["completeness"] == "complete" and row["asked_start"]]
    if not asked:
        # A file holds what somebody put into it: it tells of nothing before its own first record.
        first = frame["recorded_at"].min()
        return None if pd.isna(first) else first.to_pydatetime()
    if whole:
        return min(datetime.fromisoformat(row["asked_start"]) for row in whole)
    oldest = frame.loc[frame["queued_to_dlq"].fillna(False).astype(bool), "recorded_at"].min()
    return None if pd.isna(oldest) else oldest.to_pydatetime()


def sign_dead_letters(records: pd.DataFrame) -> pd.DataFrame:
    """The records, their dead letters with ``signature`` and ``signature_id``; signed together, so alike everywhere."""
    dead = records["queued_to_dlq"].fillna(False).astype(bool)
    signed = sign_errors(records[dead])
    return records.join(signed[["signature", "signature_id"]])


def find_signals(folder: IncidentFolder, *, as_of: datetime | None = None) -> pd.DataFrame:
    """The five signals of §1 over everything in the folder; columns of ``signals.find_incidents``."""
    rows = coverage_rows(folder)
    samples = with_labels(folder.samples().frame, folder.series().frame)
    records = sign_dead_letters(folder.records().frame)
    logs, reports = folder.worker_logs().frame, folder.support_reports().frame
    return find_incidents(
        samples,
        records=records if len(records) else None,
        worker_logs=logs if len(logs) else None,
        support_reports=reports if len(reports) else None,
        metrics=folder.metric_names,
        records_complete_from=_records_complete_from(folder, rows),
        now=as_of or _as_of(folder),
    )


def choose_workflow(signals: pd.DataFrame, asked: str | None) -> str | None:
    """The workflow that was asked for, else that of the worst signal; None where that is of all together."""
    if asked is not None:
        return asked
    if signals.empty or pd.isna(signals["workflow_id"].iloc[0]):
        return None
    return str(signals["workflow_id"].iloc[0])


def signals_frame(facts: Mapping[str, Any]) -> pd.DataFrame:
    """The signals of the facts as ``find_incidents`` gave them, for the plots."""
    frame = pd.DataFrame(
        facts["signals"],
        columns=[
            "workflow_id",
            "signal",
            "onset_at",
            "onset_low_at",
            "onset_high_at",
            "end_at",
            "resolution_s",
            "size",
        ],
    )
    for name in ("onset_at", "onset_low_at", "onset_high_at", "end_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601").astype("datetime64[us, UTC]")
    return frame


def changes_frame(facts: Mapping[str, Any]) -> pd.DataFrame:
    """The changes of the facts as ``find_changes`` gave them, for the plots."""
    frame = pd.DataFrame(facts["changes"]["rows"], columns=["at", "kind", "what", "workflow_id", "evidence"])
    frame["at"] = pd.to_datetime(frame["at"], utc=True, format="ISO8601").astype("datetime64[us, UTC]")
    return frame


def _read_judgement(folder: IncidentFolder) -> dict[str, str | None]:
    import yaml

    path = folder.path / "judgement.yaml"
    values: Any = {}
    if path.is_file():
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ParameterError("judgement.yaml is not YAML.", "Mend it, or remove it.") from error
        if not isinstance(values, dict):
            raise ParameterError("judgement.yaml is not a table of names.", f"Write {', '.join(JUDGEMENT_KEYS)}.")
    return {name: str(values[name]) if values.get(name) else None for name in JUDGEMENT_KEYS}


def facts(folder: IncidentFolder, *, as_of: datetime | None = None) -> dict[str, Any]:
    """Compute the report's numbers.

    Parameters
    ----------
    folder : IncidentFolder
        An opened snapshot.
    as_of : datetime, optional
        Aware; the last time in the evidence by default. Nothing after it is seen.

    Returns
    -------
    dict
        Plain JSON values; times in ISO 8601 UTC, durations in the unit of their name, unknown as None. A count is
        ``{"value", "bound"}`` with bound ``exact`` or ``at_least``.

    Notes
    -----
    Source: the snapshot's evidence alone, so equal evidence gives equal facts.
    """
    moment = (as_of or _as_of(folder)).astimezone(UTC)
    rows = coverage_rows(folder)
    signals = find_signals(folder, as_of=moment)
    workflow_id = choose_workflow(signals, folder.incident.workflow_id)
    samples = with_labels(folder.samples().frame, folder.series().frame)
    records = sign_dead_letters(folder.records().frame)
    records = records[~(records["recorded_at"] > moment)]
    own = records[records["workflow_id"] == workflow_id] if workflow_id else records
    main = _main_signal(signals, workflow_id)
    state = _state(main, rows, folder.incident.workflow_id, _is_known(own, samples, workflow_id))
    onset = _onset(main, moment, folder, rows)
    incident_dead = _incident_dead(own, main, moment) if state["kind"] == "dead_letters" else own.iloc[:0]
    diagnosis = _diagnose(folder, own, incident_dead, workflow_id)
    changes = _changes(folder, samples, main, rows, workflow_id)
    out: dict[str, Any] = {
        "schema": SCHEMA,
        "dlqkit": __version__,
        "incident": {
            "name": folder.path.name,
            "workflow_id": folder.incident.workflow_id,
            "trace_id": folder.incident.trace_id,
            "window": {"start": _iso(folder.window.start), "end": _iso(folder.window.end)},
        },
        "snapshot": {
            "id": folder.snapshot,
            "collected_at": _iso(folder.collected_at),
            "completeness": folder.completeness,
        },
        "as_of": _iso(moment),
        "workflow": {"id": workflow_id, "name": folder.workflow_name(workflow_id)},
        "state": state,
        "onset": onset,
        "end": {
            "at": _iso(main["end_at"]) if main is not None else None,
            "resolution_s": _number(main["resolution_s"]) if main is not None else None,
        },
        "signals": _signal_rows(signals, folder),
        "changes": changes,
        "metrics": _metric_counts(folder, samples, workflow_id, main, moment, rows),
        **diagnosis,
    }
    out["last_dead_letter"] = _last_dead_letter(out, incident_dead, moment)
    out["events"] = _events(own, incident_dead, main, rows, state)
    doubt = _doubt(own, incident_dead, main, rows) if state["kind"] == "dead_letters" and len(records) else ""
    out["assumptions"] += [doubt] if doubt else []
    out["other_workflows"] = _others(signals, workflow_id, folder, out["events"])
    out["coverage"] = rows
    out["judgement"] = _read_judgement(folder)
    out["checklist"] = check_two_items(own, samples, folder.metric_names, workflow_id, moment, rows, main)
    out["durations"] = _durations(own, main)
    out["advice"] = advise(out, directory=str(folder.display_path))
    out["timeline"] = _moments(out)
    out["communication"] = write_communication(out)
    return out


def _main_signal(signals: pd.DataFrame, workflow_id: str | None) -> pd.Series | None:
    """The worst signal of the workflow, or of all workflows together; they are in that order."""
    own = signals
    if workflow_id:
        own = signals[(signals["workflow_id"] == workflow_id) | signals["workflow_id"].isna()]
    return None if own.empty else own.iloc[0]


def _is_known(own: pd.DataFrame, samples: pd.DataFrame, workflow_id: str | None) -> bool:
    """Whether any source speaks of the workflow."""
    if workflow_id is None or len(own) or "workflow_id" not in samples.columns:
        return True
    return bool((samples["workflow_id"].astype("str") == workflow_id).any())


def _state(main: pd.Series | None, rows: list[dict[str, Any]], asked: str | None, is_known: bool) -> dict[str, Any]:
    if main is not None:
        value = "going_on" if pd.isna(main["end_at"]) else "ended"
        return {"value": value, "kind": str(main["signal"]), "reason": str(main["evidence"])}
    usable = [row for row in rows if row["received"] or row["completeness"] == "complete"]
    if not usable or all(row["received"] == 0 for row in rows):
        reason = "No source answered with anything in this window; check the workflow_id, the window and dlqkit's URLs."
        return {"value": "unknown", "kind": None, "reason": reason}
    if not is_known:
        reason = f"No source knows the workflow {asked} in this window; check the workflow_id."
        return {"value": "unknown", "kind": None, "reason": reason}
    kinds = ", ".join(dict.fromkeys(row["kind"].split(":")[0] for row in rows if row["received"]))
    return {"value": "nothing", "kind": None, "reason": f"Looked at: {kinds}; none of the five signals is seen."}


def _onset(
    main: pd.Series | None, moment: datetime, folder: IncidentFolder, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    if main is None:
        return {
            "at": None,
            "low": None,
            "high": None,
            "age_s": None,
            "is_window_start": False,
            "evidence": "",
            "basis": "",
        }
    at = pd.Timestamp(main["onset_at"])
    return {
        "at": _iso(at),
        "low": _iso(main["onset_low_at"]),
        "high": _iso(main["onset_high_at"]),
        "age_s": (pd.Timestamp(moment) - at).total_seconds(),
        "is_window_start": bool(at <= pd.Timestamp(_first_seen(folder))),
        "evidence": _evidence_of(rows, "records", "prometheus")
        if main["signal"] == "dead_letters"
        else _evidence_of(rows, "prometheus", "records", "worker"),
        "basis": str(main["evidence"]),
    }


def _first_seen(folder: IncidentFolder) -> datetime:
    """When the evidence begins: before it nothing could be seen."""
    starts = [
        frame.min()
        for frame in (folder.samples().frame["sampled_at"], folder.records().frame["recorded_at"])
        if len(frame)
    ]
    known = [start for start in starts if not pd.isna(start)]
    return min(known).to_pydatetime() if known else folder.window.start


def _incident_dead(own: pd.DataFrame, main: pd.Series | None, moment: datetime) -> pd.DataFrame:
    """Dead-letter records of the workflow from the onset to the end."""
    if main is None:
        return own.iloc[:0]
    dead = own[own["queued_to_dlq"].fillna(False).astype(bool)]
    low = main["onset_low_at"] if not pd.isna(main["onset_low_at"]) else main["onset_at"]
    low = min(low, main["onset_at"])
    high = pd.Timestamp(moment) if pd.isna(main["end_at"]) else main["end_at"]
    return dead[(dead["recorded_at"] >= low) & (dead["recorded_at"] <= high)]


def _diagnose(folder: IncidentFolder, own: pd.DataFrame, dead: pd.DataFrame, workflow_id: str | None) -> dict[str, Any]:
    """Classes and signatures of the incident's events, with what they rest on."""
    attempts_set, timeout_set = folder.max_attempts(workflow_id), folder.action_timeout_ms(workflow_id)
    attempts = propose_max_attempts(own) if attempts_set is None else None
    timeout = propose_timeout(own) if timeout_set is None else None
    max_attempts = attempts_set if attempts is None else attempts.value
    timeout_ms = timeout_set if timeout is None else timeout.value
    classes = classify_failures(
        dead, max_attempts=None if max_attempts is None else int(max_attempts), timeout_ms=timeout_ms
    )
    groups = group_errors(dead)
    counts = {name: int((classes["failure_class"] == name).sum()) for name in CLASSES}
    total = sum(counts.values())
    leading = max(CLASSES, key=lambda name: counts[name])
    value = "unknown" if not total else leading if counts[leading] >= LEADING_SHARE * total else "mixed"
    assumptions = []
    if attempts is not None and attempts.value is not None:
        assumptions.append(f"MAX_ATTEMPTS is taken as {attempts.value:.0f}: {attempts.basis}.")
    if timeout is not None and timeout.value is not None:
        assumptions.append(f"The action's timeout is taken as {timeout.value:,.0f} ms: {timeout.basis}.")
    return {
        "class": {
            "value": value,
            "counts": counts,
            "disputed": int(classes["disputed"].sum()),
            "max_attempts": {"value": max_attempts, "basis": "as set" if attempts is None else attempts.basis},
            "timeout_ms": {"value": timeout_ms, "basis": "as set" if timeout is None else timeout.basis},
        },
        "signatures": _signature_rows(groups, classes),
        "assumptions": assumptions,
    }


def _signature_rows(groups: pd.DataFrame, classes: pd.DataFrame) -> list[dict[str, Any]]:
    out = []
    for group in groups.itertuples(index=False):
        own = classes[classes["signature_id"] == group.signature_id]
        out.append(
            {
                "signature_id": group.signature_id,
                "signature": group.signature,
                "error_type": None if pd.isna(group.error_type) else str(group.error_type),
                "events": int(group.events),
                "share": float(group.share),
                "failure_class": str(own["failure_class"].mode().iloc[0]) if len(own) else "unknown",
                "suggested_class": str(own["suggested_class"].mode().iloc[0]) if len(own) else "unknown",
                "disputed": bool(own["disputed"].any()),
                "first_at": _iso(group.first_at),
                "last_at": _iso(group.last_at),
            }
        )
    return out


def _changes(
    folder: IncidentFolder,
    samples: pd.DataFrame,
    main: pd.Series | None,
    rows: list[dict[str, Any]],
    workflow_id: str | None,
) -> dict[str, Any]:
    looked = ["worker restarts and versions in the metrics"] if len(samples) else []
    looked += ["worker logs"] if len(folder.worker_logs().frame) else []
    looked += ["your notes"] if folder.notes else []
    looked_at = ", ".join(looked) + " were looked at" if looked else "no source tells of restarts, versions or deploys"
    if main is None:
        return {"rows": [], "looked_at": looked_at}
    logs = folder.worker_logs().frame
    frame = find_changes(
        samples, main["onset_at"], worker_logs=logs if len(logs) else None, notes=folder.notes, window=BEFORE_ONSET
    )
    evidence = _evidence_of(rows, "prometheus")
    found = [
        {
            "at": _iso(row.at),
            "kind": str(row.kind),
            "what": str(row.what),
            "workflow_id": None if pd.isna(row.workflow_id) else str(row.workflow_id),
            "evidence": str(row.evidence) or evidence,
        }
        for row in frame.sort_values("at").itertuples(index=False)
    ]
    return {"rows": found, "looked_at": looked_at}


def _signal_rows(signals: pd.DataFrame, folder: IncidentFolder) -> list[dict[str, Any]]:
    return [
        {
            "workflow_id": None if pd.isna(row.workflow_id) else str(row.workflow_id),
            "workflow_name": folder.workflow_name(None if pd.isna(row.workflow_id) else str(row.workflow_id)),
            "signal": str(row.signal),
            "onset_at": _iso(row.onset_at),
            "onset_low_at": _iso(row.onset_low_at),
            "onset_high_at": _iso(row.onset_high_at),
            "end_at": _iso(row.end_at),
            "resolution_s": _number(row.resolution_s),
            "size": _number(row.size),
            "confidence": _number(row.confidence),
            "evidence": str(row.evidence),
        }
        for row in signals.itertuples(index=False)
    ]


def _metric_counts(
    folder: IncidentFolder,
    samples: pd.DataFrame,
    workflow_id: str | None,
    main: pd.Series | None,
    moment: datetime,
    rows: list[dict[str, Any]],
) -> dict[str, Any]:
    """How much the three counters grew from the onset (without one: the window's start) to ``as_of``."""
    low = main["onset_low_at"] if main is not None and not pd.isna(main["onset_low_at"]) else folder.window.start
    out: dict[str, Any] = {"since": _iso(low), "evidence": _evidence_of(rows, "prometheus")}
    for name, key in (("dlq", "dead_letters"), ("failure", "failures"), ("success", "successes")):
        own = metric_samples(samples, name, folder.metric_names)
        if workflow_id and "workflow_id" in own.columns:
            own = own[own["workflow_id"] == workflow_id]
        if own.empty:
            out[f"{key}_increase"] = None
            continue
        steps = increase(own, seen_from=samples["sampled_at"].min())
        inside = steps[(steps["sampled_at"] > low) & (steps["sampled_at"] <= moment)]
        out[f"{key}_increase"] = float(inside["increase"].sum())
    return out


def _last_dead_letter(out: Mapping[str, Any], dead: pd.DataFrame, moment: datetime) -> dict[str, Any]:
    at = dead["recorded_at"].max() if len(dead) else pd.NaT
    if pd.isna(at):
        return {"at": None, "age_s": None}
    return {"at": _iso(at), "age_s": (pd.Timestamp(moment) - at).total_seconds()}


def _doubt(own: pd.DataFrame, dead: pd.DataFrame, main: pd.Series | None, rows: list[dict[str, Any]]) -> str:
    """Why records that look whole may not be, in a sentence; empty where nothing speaks against them."""
    if main is None or main["signal"] != "dead_letters":
        return ""
    counted = _number(main["size"]) or 0.0
    if counted > UNSEEN_SHARE * len(dead) + UNSEEN_EVENTS:
        return (
            f"The dead-letter counter grew by {counted:,.0f}, and the records hold {len(dead):,} of them; "
            "so the number of events is at least that of the records."
        )
    has_api = any(row["kind"] == "records: dead letters" for row in rows)
    if not has_api and not (own["recorded_at"] < main["onset_at"] - UNSEEN_BEFORE).any():
        return "The exported records begin with the incident, so there may be earlier ones."
    return ""


def _events(
    own: pd.DataFrame, dead: pd.DataFrame, main: pd.Series | None, rows: list[dict[str, Any]], state: Mapping[str, Any]
) -> dict[str, Any]:
    sources = [row for row in rows if row["kind"].startswith("records")]
    evidence = _evidence_of(rows, "records")
    nothing = {"value": None, "bound": "exact"}
    if state["kind"] != "dead_letters" or not sources:
        return {"affected": nothing, "open": nothing, "healed": nothing, "evidence": evidence}
    # The dead letters are asked for by themselves; one such answer that is whole makes the count exact.
    asked = [row for row in sources if row["kind"] == "records: dead letters"] or sources
    whole = all(row["completeness"] == "complete" and not row["quarantined"] for row in asked)
    undated = own["recorded_at"].isna() & own["queued_to_dlq"].fillna(False).astype(bool)
    bound = "exact" if whole and not undated.any() and not _doubt(own, dead, main, rows) else "at_least"
    states = event_states(own)
    affected = states[states["event_key"].isin(set(dead["event_key"]))]
    return {
        "affected": {"value": len(affected), "bound": bound},
        "open": {"value": int((affected["state"] == "open").sum()), "bound": bound},
        "healed": {"value": int((affected["state"] == "healed").sum()), "bound": bound},
        "evidence": evidence,
    }


def _others(
    signals: pd.DataFrame, workflow_id: str | None, folder: IncidentFolder, events: Mapping[str, Any]
) -> list[dict[str, Any]]:
    others = signals[(signals["workflow_id"] != workflow_id) & (signals["signal"] == "dead_letters")]
    return [
        {
            "workflow_id": str(row.workflow_id),
            "name": folder.workflow_name(str(row.workflow_id)),
            "events": _number(row.size),
            "onset_at": _iso(row.onset_at),
        }
        for row in others.dropna(subset=["workflow_id"]).itertuples(index=False)
    ]


def _durations(own: pd.DataFrame, main: pd.Series | None) -> dict[str, Any]:
    """Median and 95th percentile of the action's duration, before the onset and from it on, milliseconds."""
    known = own.dropna(subset=["action_duration_ms"])
    onset = main["onset_at"] if main is not None else None
    parts = {"all": known}
    if onset is not None:
        parts = {"before": known[known["recorded_at"] < onset], "since": known[known["recorded_at"] >= onset]}
    return {
        name: {
            "records": len(part),
            "p50_ms": _number(part["action_duration_ms"].quantile(0.5)) if len(part) else None,
            "p95_ms": _number(part["action_duration_ms"].quantile(0.95)) if len(part) else None,
        }
        for name, part in parts.items()
    }


def _moments(out: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the timeline table shows, in order."""
    moments = [{"at": row["at"], "what": row["what"], "evidence": row["evidence"]} for row in out["changes"]["rows"]]
    if out["onset"]["at"]:
        kind = out["state"]["kind"]
        words = {"dead_letters": "The dead-letter rate jumps", "silence": "The last sign of life"}
        moments.append(
            {
                "at": out["onset"]["at"],
                "what": words.get(kind, f"Onset of: {kind}"),
                "evidence": out["onset"]["evidence"],
            }
        )
    for row in out["signatures"][:3]:
        if row["first_at"]:
            moments.append(
                {"at": row["first_at"], "what": f"First: {row['signature']}", "evidence": out["events"]["evidence"]}
            )
    if out["last_dead_letter"]["at"]:
        moments.append(
            {"at": out["last_dead_letter"]["at"], "what": "Last dead letter", "evidence": out["events"]["evidence"]}
        )
    if out["end"]["at"]:
        moments.append({"at": out["end"]["at"], "what": "The signal ends", "evidence": out["onset"]["evidence"]})
    moments.append({"at": out["as_of"], "what": f"Evidence ends (snapshot {out['snapshot']['id']})", "evidence": ""})
    return sorted(moments, key=lambda row: row["at"])


def facts_json(values: Mapping[str, Any]) -> bytes:
    """The facts as JSON, byte-equal for equal facts."""
    return (json.dumps(values, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def load_facts(folder: IncidentFolder, facts_file: str = "") -> dict[str, Any]:
    """The facts that ``run_postmortem`` wrote for this snapshot; computed anew where they are missing or of another."""
    path = Path(folder.path) / facts_file if facts_file else None
    if path is not None and path.is_file():
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if (
            values.get("schema") == SCHEMA
            and values["dlqkit"] == __version__
            and values["snapshot"]["id"] == folder.snapshot
        ):
            return values
    return facts(folder)


def find_candidates(folder: IncidentFolder, values: Mapping[str, Any]) -> list[Candidate]:
    """Open events of the incident, oldest first, and what their class says about running them again as they are."""
    workflow_id = values["workflow"]["id"]
    records = folder.records().frame
    own = sign_dead_letters(records[records["workflow_id"] == workflow_id] if workflow_id else records)
    states = event_states(own)
    open_keys = set(states.loc[states["state"] == "open", "event_key"])
    dead = own[own["queued_to_dlq"].fillna(False).astype(bool) & own["event_key"].isin(open_keys)]
    attempts, timeout = values["class"]["max_attempts"]["value"], values["class"]["timeout_ms"]["value"]
    classes = classify_failures(dead, max_attempts=None if attempts is None else int(attempts), timeout_ms=timeout)
    names = {row["signature_id"]: row["signature"] for row in values["signatures"]}
    last = dead.sort_values("recorded_at").drop_duplicates("event_key", keep="last").set_index("event_key")
    verdicts = {
        "business": "no: correct the input first",
        "infrastructure": "yes, once the root is removed",
        "timeout": "yes, once the timeout or the action is mended",
        "unknown": "not known: look at the event",
    }
    found = [
        Candidate(
            str(last.at[row.event_key, "trace_id"]),
            str(row.event_key),
            _iso(last.at[row.event_key, "recorded_at"]),
            str(row.failure_class),
            names.get(row.signature_id, "of before the incident"),
            verdicts[str(row.failure_class)],
        )
        for row in classes.itertuples(index=False)
    ]
    return sorted(found, key=lambda candidate: (candidate.dead_at or "", candidate.event_key))
