"""Triage of an incident whose records outgrow memory: the same facts as of records in memory, as far as triage goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.closure.word import read_word
from dlqkit.decision.advice import advise
from dlqkit.decision.changes import LATE_RECORD
from dlqkit.decision.classes import propose_of_counts
from dlqkit.decision.overrides import apply_overrides, find_unmatched_overrides
from dlqkit.decision.timeout_proposal import believe_timeout
from dlqkit.errors import EngineError
from dlqkit.executions.durations import Proposal
from dlqkit.frames import ORIGINALS, empty_frame, with_labels
from dlqkit.language import say
from dlqkit.report.class_facts import tell_diagnosis
from dlqkit.report.closing import find_fix
from dlqkit.report.counts import (
    bound_events,
    count_metrics,
    describe_last_dead_letter,
    doubt_of,
    list_others,
    no_events,
    tell_earlier_and_later,
)
from dlqkit.report.coverage import coverage_rows, dead_letters_known_to, evidence_end
from dlqkit.report.diagnosis import BEFORE_ONSET, KNOWN_BEFORE, describe_changes, find_limits
from dlqkit.report.facts import (
    STALE,
    choose_workflow,
    describe_end,
    describe_folder,
    facts,
    see_signals,
    signal_rows,
)
from dlqkit.report.held import add_held, judge_held, tell_held, with_messages
from dlqkit.report.judgement import read_judgement
from dlqkit.report.later import tell_later
from dlqkit.report.lessons import describe_people
from dlqkit.report.pins import describe_pins
from dlqkit.report.provenance import describe_sources
from dlqkit.report.reported import describe_reports, tell_findings
from dlqkit.report.republished import describe_republish
from dlqkit.report.scale.causes import count_causes
from dlqkit.report.scale.compared import compare_events
from dlqkit.report.scale.groups import group_forms
from dlqkit.report.scale.incident import IncidentEvents, find_events
from dlqkit.report.scale.kinds import classify_kinds
from dlqkit.report.scale.own import OwnRecords
from dlqkit.report.scale.points import read_points
from dlqkit.report.scale.slices import read_listed, read_reported
from dlqkit.report.scale.tables import RecordTables, load_tables, naive
from dlqkit.report.state import choose_main_signal, describe_onset, is_known, judge_state, tell_untold, with_fix
from dlqkit.report.unplaced import LOST, judge_lost
from dlqkit.republish.plan import find_plans

if TYPE_CHECKING:
    from datetime import datetime

    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.report.judgement import Judgement

__all__ = ["NOT_ANSWERED", "triage_facts"]

# Keys of the facts that rest on single records, and are not computed on DuckDB.
NOT_ANSWERED = (
    "closure",
    "communication",
    "figures",
    "impact",
    "milestones",
    "prevention",
    "provenance",
    "review",
    "timeline",
)
_PAYLOADS = {"workflow_id": "str", "recorded_at": "datetime64[us, UTC]", "payload_snapshot": "str"}


def triage_facts(folder: IncidentFolder) -> dict[str, Any]:
    """The facts that the screen of triage tells, on the engine of the folder.

    Parameters
    ----------
    folder : IncidentFolder
        Opened with ``engine``.

    Returns
    -------
    dict
        On pandas ``facts.facts(folder)``. On DuckDB the same values under the same keys, without those of
        ``not_answered``, a list of them; ``engine`` says which it was.

    Raises
    ------
    EngineError
        If events of the incident were planned to be republished: then what became of each is told on pandas alone.

    Notes
    -----
    DuckDB takes a gigabyte at most (``engines.scan.MOST_MB``) and past that the disk. Up to a million records the
    answers are those of records in memory, to the last digit. Of more, moments are counted together by stretches of
    time, and a timeout that nobody has set is read from a part of the events; ``assumptions`` then say so.
    """
    if folder.engine == "pandas" or not folder.record_files:
        return facts(folder)
    if find_plans(folder.path):
        raise EngineError(
            "Events of this incident were planned to be republished, and what became of each is told on pandas alone.",
            "Look at them by dlqkit republish status, or give --engine pandas on a machine with the memory.",
        )
    judgement = read_judgement(folder)
    return _tell(folder, load_tables(folder, judgement.signatures), judgement)


def _tell(folder: IncidentFolder, tables: RecordTables, judgement: Judgement) -> dict[str, Any]:
    rows = coverage_rows(folder)
    moment = evidence_end(folder, rows)
    reported = read_reported(tables, folder.support_reports().frame)
    points, width_s = read_points(tables)

    def place(found: pd.DataFrame, **known: Any) -> pd.DataFrame:
        return _place_lost(tables, found, moment, folder.incident.trace_id, **known)

    signals = see_signals(folder, rows, moment, points, describe_reports(folder, reported)["fates"], place)
    del points
    samples = with_labels(folder.samples().frame, folder.series().frame)
    samples = samples[samples["sampled_at"] <= moment]
    workflow_id = choose_workflow(signals, folder.incident.workflow_id or read_word(folder.path).workflow_id)
    main = choose_main_signal(signals, workflow_id)
    trace_id = folder.incident.trace_id
    own = OwnRecords(tables, moment, workflow_id, trace_id)
    count = own.count()
    if trace_id is not None:
        main = main if main is not None and own.number(f"SELECT count(*) FROM lost WHERE {own.where}") else None
        named = own.workflows()
        workflow_id = workflow_id if main is not None else named[0] if len(named) == 1 else None
    known = is_known(pd.DataFrame(index=range(min(count, 1))), samples, workflow_id, trace_id)
    asked = say("the trace {id}", id=trace_id) if trace_id else say("the workflow {id}", id=workflow_id)
    window = (folder.window.start, folder.window.end)
    state = judge_state(
        main, own.told(window[0]), rows, asked, known=known, trace_id=trace_id, window=window, until=moment
    )
    # As in memory: of a trace that was asked for, the other messages of the workflow say nothing.
    messages = folder.originals().frame if trace_id is None else empty_frame(ORIGINALS)
    state = with_messages(state, messages, folder.window.start)
    onset = describe_onset(main, moment, folder, rows)
    incident = find_events(own, main, moment)
    seen_dead, _, last_at = incident.dead_letters()
    diagnosis, classes, kinds = _diagnose(folder, incident, workflow_id, judgement)
    out: dict[str, Any] = {
        **describe_folder(folder, moment, workflow_id),
        "engine": "duckdb",
        "not_answered": list(NOT_ANSWERED),
        "state": state,
        "onset": onset,
        "end": describe_end(main),
        "signals": signal_rows(signals, folder),
        "changes": _describe_changes(folder, own, samples, main, rows, workflow_id),
        "metrics": count_metrics(folder, samples, workflow_id, main, moment, rows),
        **diagnosis,
    }
    out["last_dead_letter"] = describe_last_dead_letter(out, pd.DataFrame({"recorded_at": [last_at]}), moment)
    is_dead = state["kind"] == "dead_letters"
    doubt = doubt_of(seen_dead, own.first_at(), main, rows) if is_dead and OwnRecords(tables, moment).count() else ""
    counts_events = is_dead and any(row["kind"].startswith("records") for row in rows)
    out["republish"] = describe_republish(folder, moment)
    counted = (
        bound_events(incident.count(), rows, onset, doubt, has_undated=own.undated() > 0)
        if counts_events
        else no_events(rows)
    )
    held = judge_held(messages, main, pd.Timestamp(moment), lambda traces: read_listed(own, traces))
    out["events"] = add_held(counted, int(messages.loc[held, "trace_id"].nunique()), main, rows)
    out["causes"] = count_causes(
        incident, classes, kinds, moment, state["value"],
        is_told_to_end=dead_letters_known_to(rows, moment) >= moment - STALE, entity_key=folder.entity_key(workflow_id),
    )  # fmt: skip
    out["assumptions"] += [doubt] if doubt else []
    if out["events"]["held"]["value"]:
        out["assumptions"].append(tell_held(out["events"]["held"]["value"]))
    out["assumptions"] += _tell_bounds(tables, width_s)
    compared, said = compare_events(incident, main, classes, kinds, out)
    out |= compared
    out["assumptions"] += said
    failed = own.untold()
    out["untold"] = {"queued_to_dlq": tell_untold(count, failed) if failed else None}
    seen = OwnRecords(tables, moment)
    out["findings"] = tell_findings(signals, lambda *about: _count_signatures(seen, *about))
    out["reports"] = describe_reports(folder, reported[~(reported["recorded_at"] > moment)])
    out["other_workflows"] = list_others(signals, workflow_id, folder, out["findings"])
    out["other_incidents"] = tell_earlier_and_later(signals, main, incident.count_beside)
    out["later_dead_letters"] = tell_later(incident.later(), out)
    out["coverage"] = rows
    out["judgement"] = dict(judgement.texts)
    out |= describe_people(judgement)
    out["state"] = with_fix(out["state"], find_fix(folder, out["said"], moment))
    out["sources"] = describe_sources(folder)
    out["pinned"] = describe_pins(folder)
    out["advice"] = advise(out, directory=str(folder.display_path))
    return out


def _place_lost(
    tables: RecordTables, found: pd.DataFrame, moment: datetime, trace_id: str | None, **known: Any
) -> pd.DataFrame:
    """As ``unplaced.find_unplaced``."""
    mine = "TRUE" if trace_id is None else "trace_id = $trace"
    values = {"moment": naive(moment)} | ({} if trace_id is None else {"trace": trace_id})
    lost = tables.ask(
        "SELECT l.*, r.records FROM (SELECT workflow_id, count(*) AS dead_letters, min(recorded_at) AS first_at, "
        f"max(recorded_at) AS last_at FROM lost WHERE {mine} AND workflow_id IS NOT NULL AND recorded_at <= $moment "
        "GROUP BY workflow_id) l JOIN (SELECT workflow_id, count(*) AS records FROM records "
        f"WHERE {mine} GROUP BY workflow_id) r USING (workflow_id)",
        LOST, values,
    )  # fmt: skip

    def share_of(workflow_id: str) -> float:
        values = {"own": workflow_id} | ({} if trace_id is None else {"trace": trace_id})
        where = f"workflow_id = $own AND {mine}"
        # Records without a key are counted as one event that is not known to have died.
        events = tables.number(f"SELECT count(*) FROM (SELECT DISTINCT event_key FROM records WHERE {where})", values)
        dead = tables.number(
            f"SELECT count(*) FROM (SELECT DISTINCT event_key FROM lost WHERE {where} AND recorded_at IS NOT NULL "
            "AND event_key IS NOT NULL)",
            values,
        )
        return dead / max(events, 1)

    return judge_lost(found, lost.sort_values("workflow_id", ignore_index=True), share_of, **known)


def _describe_changes(
    folder: IncidentFolder, own: OwnRecords, samples: pd.DataFrame, main: pd.Series | None, rows: list[dict[str, Any]],
    workflow_id: str | None,
) -> dict[str, Any]:  # fmt: skip
    if main is None:
        return describe_changes(folder, empty_frame(_PAYLOADS), samples, main, rows, workflow_id)
    begin = pd.Timestamp(main["onset_at"]) - BEFORE_ONSET
    payloads = own.payloads(begin, pd.Timestamp(main["onset_at"]) + LATE_RECORD)
    return describe_changes(
        folder, payloads, samples, main, rows, workflow_id, holds=lambda one, text: own.holds(one, text, begin)
    )


def _diagnose(
    folder: IncidentFolder, incident: IncidentEvents, workflow_id: str | None, judgement: Judgement
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """As ``diagnosis.diagnose``, with a row for events that are alike, and how many each stands for."""
    own = incident.own
    sampled = []

    def believe() -> Proposal:
        records, is_part = own.sample()
        sampled.append(is_part)
        return believe_timeout(records)

    limits = find_limits(folder, workflow_id, lambda: propose_of_counts(own.attempts()), believe)
    overrides = judgement.class_overrides
    by_fields, kinds = classify_kinds(incident, limits, [one.event_key for one in overrides if one.event_key])
    classes = apply_overrides(by_fields, overrides).assign(longest_ms=by_fields["longest_ms"])
    held, first, _ = incident.dead_letters()
    known = folder.dead_letters_known_from
    is_told = known is not None and not first - pd.Timestamp(known) < KNOWN_BEFORE
    groups = group_forms(incident, with_baseline=held == 0 or is_told)
    out = tell_diagnosis(limits, classes, kinds["events"], groups, find_unmatched_overrides(by_fields, overrides))
    if any(sampled):
        out["assumptions"].append(
            say("There are too many records to read a timeout from all of them; it is that of a part of the events.")
        )
    return out, classes, kinds


def _count_signatures(
    seen: OwnRecords, workflow_id: str, start: pd.Timestamp, end: pd.Timestamp | None
) -> pd.Series:  # fmt: skip
    until = {} if end is None else {"until": naive(end)}
    counted = seen.ask(
        f"SELECT form, count(*) AS records FROM lost WHERE {seen.where} AND workflow_id = $workflow "
        f"AND recorded_at >= $start {'AND recorded_at <= $until' if until else ''} GROUP BY form",
        {"form": "Int64", "records": "Int64"}, workflow=workflow_id, start=naive(start), **until,
    )  # fmt: skip
    signatures = counted["form"].map(seen.tables.forms["signature"])
    return counted["records"].groupby(signatures).sum().sort_values(ascending=False)


def _tell_bounds(tables: RecordTables, width_s: int | None) -> list[str]:
    """What is less exact than of records in memory."""
    out = []
    if width_s is not None:
        out.append(say("Records are counted by {width} s, so moments of signals are known to that.", width=width_s))
    if not tables.is_exact:
        out.append(say("Of error texts that differ by ids and numbers alone, one is read for all."))
    return out
