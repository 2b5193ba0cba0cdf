"""Every number of an incident, computed once: a pure function of folder, judgement and ``as_of``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit import __version__
from dlqkit.closure.word import read_word
from dlqkit.decision.advice import advise
from dlqkit.errors import ParameterError
from dlqkit.evidence.store import read_json
from dlqkit.executions.event_history import event_states
from dlqkit.frames import ORIGINALS, empty_frame, with_labels
from dlqkit.incident import format_time
from dlqkit.language import current, mark, retell, say, say_count
from dlqkit.membership import select_rows
from dlqkit.report.after_republish import find_unsent, with_recovery
from dlqkit.report.candidates import find_candidates
from dlqkit.report.causes import describe_causes
from dlqkit.report.closing import describe_closure, find_fix
from dlqkit.report.communication import write_communication
from dlqkit.report.comparison import describe_differences, describe_durations
from dlqkit.report.counts import (
    count_events,
    count_metrics,
    describe_last_dead_letter,
    find_doubt,
    list_earlier_and_later,
    list_others,
    no_events,
)
from dlqkit.report.coverage import (
    coverage_rows,
    dead_letters_are_whole,
    dead_letters_known_to,
    evidence_end,
    known_to,
    time_text,
    value_or_none,
)
from dlqkit.report.diagnosis import describe_changes, diagnose, sign_dead_letters
from dlqkit.report.drawn import DRAWN_OF, describe_figures
from dlqkit.report.held import add_held, count_held, tell_held, with_messages
from dlqkit.report.impact import describe_impact
from dlqkit.report.judgement import read_judgement
from dlqkit.report.later import describe_later
from dlqkit.report.lessons import describe_people
from dlqkit.report.milestones import describe_milestones, merge_said
from dlqkit.report.pins import describe_pins
from dlqkit.report.prevention import describe_prevention
from dlqkit.report.provenance import describe_provenance, describe_sources
from dlqkit.report.reported import describe_findings, describe_reports
from dlqkit.report.republished import describe_republish, mark_republish
from dlqkit.report.review import mark_judgement, read_review
from dlqkit.report.review_state import describe_review
from dlqkit.report.state import (
    SOURCES,
    choose_main_signal,
    count_untold,
    describe_onset,
    describe_state,
    is_known,
    select_dead,
    tell_untold,
    with_fix,
)
from dlqkit.report.unplaced import find_unplaced
from dlqkit.signals.counters import metric_samples
from dlqkit.signals.signals import find_incidents
from dlqkit.signals.support import fate_text
from dlqkit.untrusted import for_json

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = [
    "choose_workflow",
    "coverage_rows",
    "describe_end",
    "describe_folder",
    "facts",
    "facts_json",
    "find_candidates",
    "find_signals",
    "load_facts",
    "see_signals",
    "signal_rows",
]

SCHEMA = 12
STALE = timedelta(minutes=1)
# Errors that the timeline names by their first event; the table of signatures has all.
MOMENTS = 5
# What the timeline says of the onset, by the signal.
_ONSETS = {
    "dead_letters": mark("The dead-letter rate jumps"),
    "silence": mark("The last sign of life"),
    "failures": mark("Onset of: failures"),
    "support": mark("Onset of: support"),
    "duration": mark("Onset of: duration"),
}


def find_signals(
    folder: IncidentFolder, *, as_of: datetime | None = None, signed: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The five signals of §1 over everything in the folder, and dead letters that none of them places in time.

    Columns of ``signals.find_incidents``, worst first. ``signed`` are the folder's records by ``sign_dead_letters``,
    if they are at hand.
    """
    rows = coverage_rows(folder)
    moment = as_of or evidence_end(folder, rows)
    records = sign_dead_letters(folder.records().frame) if signed is None else signed

    def place(found: pd.DataFrame, **known: Any) -> pd.DataFrame:
        trace_id = folder.incident.trace_id
        own = records if trace_id is None else records[records["trace_id"] == trace_id]
        return find_unplaced(found, own, moment, **known)

    # What became of the reported events also depends on what was not asked for, which the frames do not tell.
    return see_signals(folder, rows, moment, records, describe_reports(folder, records)["fates"], place)


def see_signals(
    folder: IncidentFolder,
    rows: list[dict[str, Any]],
    moment: datetime,
    records: pd.DataFrame,
    fates: Mapping[str, int],
    place: Callable[..., pd.DataFrame],
) -> pd.DataFrame:
    """The same of records that may be counted by time (``signals.grouped``).

    ``fates`` are those of the reported events, and ``place`` is ``find_unplaced`` without its records and moment.
    """
    samples = with_labels(folder.samples().frame, folder.series().frame)
    logs, reports = folder.worker_logs().frame, folder.support_reports().frame
    # A file that was saved earlier cannot tell of a silence since.
    if known_to(rows, "worker logs", moment) < moment - STALE:
        logs = logs.iloc[:0]
    found = find_incidents(
        samples,
        records=records if len(records) else None,
        worker_logs=logs if len(logs) else None,
        support_reports=reports if len(reports) else None,
        histograms=with_labels(folder.histograms().frame, folder.series().frame),
        metrics=folder.metric_names,
        records_complete_from=folder.dead_letters_known_from,
        now=moment,
    )
    text = say_count("{count} report from outside", "{count} reports from outside", len(reports))
    told = ", ".join(fate_text(name, count) for name, count in fates.items())
    found["evidence"] = found["evidence"].mask(found["signal"] == "support", f"{text}: {told}.")
    lost = metric_samples(samples, "dlq", folder.metric_names)
    counted = set(lost["workflow_id"].astype("str")) if "workflow_id" in lost.columns else set()
    unplaced = place(
        found,
        known_to=dead_letters_known_to(rows, moment),
        is_whole=dead_letters_are_whole(rows),
        is_trace=folder.incident.trace_id is not None,
        counted=counted,
    )
    found = _keep_open(found, rows, moment, counted)
    if unplaced.empty:
        return found
    # Before everything that is no dead letter: it is known that events were lost.
    leading = 0 if folder.incident.trace_id else int((found["signal"] == "dead_letters").cummin().sum())
    return pd.concat([found.iloc[:leading], unplaced, found.iloc[leading:]], ignore_index=True).astype(found.dtypes)


def _keep_open(found: pd.DataFrame, rows: list[dict[str, Any]], moment: datetime, counted: set[str]) -> pd.DataFrame:
    """Without an end where the records do not reach to the end of what is looked at, and no counter tells."""
    if dead_letters_known_to(rows, moment) >= moment - STALE:
        return found
    untold = (found["signal"] == "dead_letters") & ~found["workflow_id"].isin(counted)
    return found.assign(end_at=found["end_at"].mask(untold))


def choose_workflow(signals: pd.DataFrame, asked: str | None) -> str | None:
    """The workflow that was asked for, else that of the worst signal; None where that is of all together."""
    if asked is not None:
        return asked
    signals = signals[~signals["what"].isin(SOURCES)]
    if signals.empty or pd.isna(signals["workflow_id"].iloc[0]):
        return None
    return str(signals["workflow_id"].iloc[0])


def _only(ids: pd.Series) -> str | None:
    known = ids.dropna().unique()
    return str(known[0]) if len(known) == 1 else None


def _check_moment(as_of: datetime | None, end: datetime, rows: list[dict[str, Any]]) -> datetime:
    """The moment of the report; the evidence has to reach to it."""
    if as_of is None:
        return end.astimezone(UTC)
    starts = [datetime.fromisoformat(row["asked_start"]) for row in rows if row["asked_start"]]
    if as_of > end or (starts and as_of < min(starts)):
        known = f"from {format_time(min(starts))} to {format_time(end)}" if starts else f"to {format_time(end)}"
        raise ParameterError(
            f"There is no evidence as of {format_time(as_of)}.", f"Give a time of the evidence, which is {known}."
        )
    return as_of.astimezone(UTC)


def facts(
    folder: IncidentFolder, *, as_of: datetime | None = None, first_look: bool = False,
    on_drawable: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Compute the report's numbers.

    Parameters
    ----------
    folder : IncidentFolder
        An opened snapshot.
    as_of : datetime, optional
        Aware; the last time in the evidence by default. Nothing after it is seen.
    first_look : bool
        Whether only dead letters and counters are there yet: then ``durations``, ``differences``, ``impact``,
        ``prevention``, ``figures`` and ``provenance``, which rest on the workflow's other records, are empty.
    on_drawable : callable, optional
        Told those facts that the figures are drawn of as soon as they are known, which is long before the rest.

    Returns
    -------
    dict
        Plain JSON values; times in ISO 8601 UTC, durations in the unit of their name, unknown as None. A count is
        ``{"value", "bound"}`` with bound ``exact``, ``at_least``, ``at_most`` or ``of_seen``.

    Notes
    -----
    Source: the snapshot's evidence alone, so equal evidence gives equal facts.
    """
    rows = coverage_rows(folder)
    moment = _check_moment(as_of, evidence_end(folder, rows), rows)
    trace_id = folder.incident.trace_id
    judgement = read_judgement(folder)
    records = signed = sign_dead_letters(folder.records().frame, judgement.signatures)
    signals = find_signals(folder, as_of=moment, signed=records)
    workflow_id = choose_workflow(signals, folder.incident.workflow_id or read_word(folder.path).workflow_id)
    samples = with_labels(folder.samples().frame, folder.series().frame)
    samples = select_rows(samples, samples["sampled_at"] <= moment)
    records = select_rows(records, ~(records["recorded_at"] > moment))
    own = records[records["workflow_id"] == workflow_id] if workflow_id else records
    main = choose_main_signal(signals, workflow_id)
    if trace_id is not None:
        # The rest of the workflow is there for comparison; the question is this trace.
        own = records[records["trace_id"] == trace_id]
        main = main if main is not None and own["queued_to_dlq"].fillna(False).any() else None
        workflow_id = workflow_id if main is not None else _only(own["workflow_id"])
    known = is_known(own, samples, workflow_id, trace_id)
    asked = say("the trace {id}", id=trace_id) if trace_id else say("the workflow {id}", id=workflow_id)
    window = (folder.window.start, folder.window.end)
    state = describe_state(main, own, rows, asked, known=known, trace_id=trace_id, window=window, until=moment)
    # Of a trace that was asked for, the other messages of the workflow say nothing.
    messages = folder.originals().frame if trace_id is None else empty_frame(ORIGINALS)
    state = with_messages(state, messages, folder.window.start)
    onset = describe_onset(main, moment, folder, rows)
    incident_dead = select_dead(own, main, moment)
    diagnosis, keys, classes = diagnose(folder, own, incident_dead, workflow_id, judgement)
    changes = describe_changes(folder, own, samples, main, rows, workflow_id)
    out: dict[str, Any] = {
        **describe_folder(folder, moment, workflow_id),
        "state": state,
        "onset": onset,
        "end": describe_end(main),
        "signals": signal_rows(signals, folder),
        "changes": changes,
        "metrics": count_metrics(folder, samples, workflow_id, main, moment, rows),
        **diagnosis,
        "durations": None,
        "differences": [],
        "impact": {"counts": [], "differences": [], "evidence": ""},
        "prevention": [],
        "figures": {},
    }
    if on_drawable is not None:
        on_drawable({name: out[name] for name in DRAWN_OF} | {"differences": []})
    out["last_dead_letter"] = describe_last_dead_letter(out, incident_dead, moment)
    doubt = find_doubt(own, incident_dead, main, rows) if state["kind"] == "dead_letters" and len(records) else ""
    has_records = any(row["kind"].startswith("records") for row in rows)
    counts_events = state["kind"] == "dead_letters" and has_records
    out["republish"] = describe_republish(folder, moment)
    passed = set(out["republish"]["passed"])
    states = event_states(own)
    counted = count_events(own, incident_dead, rows, onset, doubt, passed, states) if counts_events else no_events(rows)
    out["events"] = add_held(counted, count_held(messages, own, main, pd.Timestamp(moment)), main, rows)
    is_told_to_end = dead_letters_known_to(rows, moment) >= moment - STALE
    out["state"] = with_recovery(out, set(incident_dead["event_key"].dropna().tolist()), is_told_to_end=is_told_to_end)
    out["causes"] = describe_causes(
        own, incident_dead, classes, states, moment, out,
        is_told_to_end=is_told_to_end, entity_key=folder.entity_key(workflow_id),
    )  # fmt: skip
    if counts_events:
        out["republish"]["unsent"] = find_unsent(folder, own, incident_dead, moment, keys, out["republish"])
    out["assumptions"] += [doubt] if doubt else []
    if out["events"]["held"]["value"]:
        out["assumptions"].append(tell_held(out["events"]["held"]["value"]))
    failed = count_untold(own)
    out["untold"] = {"queued_to_dlq": tell_untold(len(own), failed) if failed else None}
    out["findings"] = describe_findings(signals, records)
    out["reports"] = describe_reports(folder, records)
    out["other_workflows"] = list_others(signals, workflow_id, folder, out["findings"])
    out["other_incidents"] = list_earlier_and_later(signals, main, own, moment, states)
    out["later_dead_letters"] = describe_later(own, states, out)
    out["coverage"] = rows
    out["judgement"] = dict(judgement.texts)
    out |= describe_people(judgement)
    out["pinned"] = describe_pins(folder)
    out["state"] = with_fix(out["state"], find_fix(folder, out["said"], moment))
    review = read_review(folder.path)
    out["review"] = describe_review(judgement, review, state["value"], None)
    out["closure"] = describe_closure(folder, own, samples, main, moment, rows, out)
    out["review"] = describe_review(judgement, review, state["value"], out["closure"]["closed"])
    out["milestones"] = {"rows": [], "times": []} if first_look else describe_milestones(out, own, incident_dead)
    if not first_look:
        out |= _explain(folder, own, incident_dead, samples, main, moment, rows, out, keys, states)
        out["figures"] = describe_figures(folder, out)
    out["advice"] = advise(out, directory=str(folder.display_path))
    out["timeline"] = merge_said(_moments(out), out["said"])
    out["communication"] = write_communication(out)
    out["sources"] = describe_sources(folder)
    if first_look:
        out["provenance"] = {}
    else:
        out["provenance"] = describe_provenance(folder, out, signed=signed, classes=classes, states=states)
    return out


def _explain(
    folder: IncidentFolder,
    own: pd.DataFrame,
    dead: pd.DataFrame,
    samples: pd.DataFrame,
    main: pd.Series | None,
    moment: datetime,
    rows: list[dict[str, Any]],
    out: Mapping[str, Any],
    classes: Mapping[str, list[str]],
    states: pd.DataFrame,
) -> dict[str, Any]:
    """What needs the workflow's other records: comparisons, impact, prevention."""
    timeout_ms = out["class"]["timeout_ms"]["value"]
    durations, compared = describe_durations(own, main, moment, timeout_ms, out["signals"])
    is_mixed = out["class"]["value"] == "mixed"
    return {
        "durations": durations,
        "differences": describe_differences(own, dead, main, moment, classes if is_mixed else {}) if len(dead) else [],
        "impact": describe_impact(
            folder, own, samples, main, moment, out["workflow"]["id"], rows, out["events"], out["republish"]
        ),
        "prevention": describe_prevention(folder, own, dead, compared, timeout_ms, out["signatures"], rows, states),
    }


def describe_folder(folder: IncidentFolder, moment: datetime, workflow_id: str | None) -> dict[str, Any]:
    """What the facts are of: version, language, question, snapshot, moment, workflow."""
    return {
        "schema": SCHEMA,
        "dlqkit": __version__,
        "language": current(),
        "redacted": False,
        "payloads": None,
        "incident": {
            "name": folder.path.name,
            "workflow_id": folder.incident.workflow_id,
            "trace_id": folder.incident.trace_id,
            "window": {"start": time_text(folder.window.start), "end": time_text(folder.window.end)},
        },
        "snapshot": {
            "id": folder.snapshot,
            "collected_at": time_text(folder.collected_at),
            "completeness": folder.completeness,
            "findings": [retell(text) for text in folder.findings],
        },
        "as_of": time_text(moment),
        "workflow": {"id": workflow_id, "name": folder.workflow_name(workflow_id)},
    }


def describe_end(main: pd.Series | None) -> dict[str, Any]:
    """When the main signal ended; ``at`` is None while it goes on."""
    return {
        "at": time_text(main["end_at"]) if main is not None else None,
        "resolution_s": value_or_none(main["resolution_s"]) if main is not None else None,
    }


def signal_rows(signals: pd.DataFrame, folder: IncidentFolder) -> list[dict[str, Any]]:
    """The signals as facts."""
    return [
        {
            "workflow_id": None if pd.isna(row.workflow_id) else str(row.workflow_id),
            "workflow_name": folder.workflow_name(None if pd.isna(row.workflow_id) else str(row.workflow_id)),
            "signal": str(row.signal),
            "onset_at": time_text(row.onset_at),
            "onset_low_at": time_text(row.onset_low_at),
            "onset_high_at": time_text(row.onset_high_at),
            "end_at": time_text(row.end_at),
            "resolution_s": value_or_none(row.resolution_s),
            "what": None if pd.isna(row.what) else str(row.what),
            "baseline": value_or_none(row.baseline),
            "size": value_or_none(row.size),
            "confidence": value_or_none(row.confidence),
            "evidence": str(row.evidence),
        }
        for row in signals.itertuples(index=False)
    ]


def _first_errors(signatures: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The signatures whose first event the timeline names: the one that came first, and the most frequent others."""
    dated = [row for row in signatures if row["first_at"]]
    if not dated:
        return []
    earliest = min(dated, key=lambda row: row["first_at"])
    return [earliest, *(row for row in dated if row is not earliest)][:MOMENTS]


def _moments(out: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the timeline table shows, in order."""
    moments = [{"at": row["at"], "what": row["what"], "evidence": row["evidence"]} for row in out["changes"]["rows"]]
    if out["onset"]["at"]:
        onset = _ONSETS[out["state"]["kind"]]
        moments.append(
            {
                "at": out["onset"]["at"],
                "what": say(onset),
                "evidence": out["onset"]["evidence"],
            }
        )
    is_cut = out["events"]["affected"]["bound"] == "at_least"
    first = mark("First of those seen: {signature}") if is_cut else mark("First: {signature}")
    for row in _first_errors(out["signatures"]):
        moments.append(
            {
                "at": row["first_at"],
                "what": say(first, signature=row["signature"]),
                "evidence": out["events"]["evidence"],
            }
        )
    if out["last_dead_letter"]["at"]:
        moments.append(
            {
                "at": out["last_dead_letter"]["at"],
                "what": say("Last dead letter"),
                "evidence": out["events"]["evidence"],
            }
        )
    if out["end"]["at"]:
        moments.append({"at": out["end"]["at"], "what": say("The signal ends"), "evidence": out["onset"]["evidence"]})
    ends = say("Evidence ends (snapshot {id})", id=out["snapshot"]["id"])
    moments.append({"at": out["as_of"], "what": ends, "evidence": ""})
    return sorted(moments, key=lambda row: row["at"])


def facts_json(values: Mapping[str, Any]) -> bytes:
    """The facts as JSON, byte-equal for equal facts."""
    document = json.dumps(values, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
    return f"{for_json(document)}\n".encode()


def load_facts(folder: IncidentFolder, facts_file: str = "") -> dict[str, Any]:
    """The facts that ``run_postmortem`` wrote for this snapshot; computed anew if they are missing or out of date.

    So they are if their sentences are of another language than the one that is spoken.
    """
    path = Path(folder.path) / facts_file if facts_file else None
    if path is not None and path.is_file():
        values: dict[str, Any] = read_json(path)
        if (
            values.get("schema") == SCHEMA
            and values.get("language") == current()
            and values["dlqkit"] == __version__
            and values["snapshot"]["id"] == folder.snapshot
            and values["republish"]["mark"] == mark_republish(folder)
            and values["pinned"]["mark"] == describe_pins(folder)["mark"]
            and values["review"]["mark"] == mark_judgement(read_judgement(folder))
        ):
            return values
    return facts(folder)
