"""Which rows of the evidence are behind each number, time and judgement of a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dlqkit.executions.event_history import record_outcomes
from dlqkit.language import say
from dlqkit.membership import is_one_of
from dlqkit.report.causes import find_steps
from dlqkit.report.chosen import Chooser, Part, equal
from dlqkit.report.inputs import Inputs
from dlqkit.report.later import find_later
from dlqkit.report.terms import count_name

__all__ = ["Basis", "find_bases"]

Facts = Mapping[str, Any]
BEFORE_ONSET = pd.Timedelta(minutes=30)
# Which frames a signal is seen in.
_SEEN_IN: Mapping[str, Sequence[str]] = {
    "dead_letters": ("dead", "dlq"),
    "failures": ("failure", "success", "all"),
    "duration": ("duration", "all"),
    "silence": ("all", "success", "failure", "logs"),
    "support": ("reports",),
}
# Where a change was seen; a note is in ``incident.toml``.
_CHANGED_IN: Mapping[str, Sequence[str]] = {
    "version": ("every",),
    "restart": ("every",),
    "volume": ("success", "failure"),
    "payload": ("all",),
    "client": ("all",),
    "log": ("logs",),
    "note": (),
}
_COUNTERS = {"dead_letters": "dlq", "failures": "failure", "successes": "success"}


@dataclass(frozen=True)
class Basis:
    """What a fact is in words, and the rows that it was computed from."""

    what: str
    parts: tuple[Part, ...]


def find_bases(
    inputs: Inputs, facts: Facts, names: Mapping[str, str] | None = None, *, times_alone: bool = False
) -> dict[str, Basis]:  # fmt: skip
    """The rows behind each fact, by the fact's id: its place in ``facts.json``, rows by their own key or number.

    Parameters
    ----------
    inputs : Inputs
        From ``read_inputs``.
    facts : mapping
        From ``report.facts.facts``.
    names : mapping, optional
        What differs from the runbook's metric names.
    times_alone : bool
        Whether records come with their labels and times alone.

    Returns
    -------
    dict
        Only facts that there are: nothing of a class without an event, or of a count that is not known. What repeats
        other facts (advice, moments, §6) and what people wrote has no id of its own.
    """
    rows = Chooser(inputs, facts, names, times_alone)
    found: dict[str, Basis] = {}
    for part in (_signals, _changes, _metrics, _events, _impact, _why, _comparisons, _figures, _others, _closing):
        found |= dict(part(rows))
    return found


def _signals(rows: Chooser) -> Iterator[tuple[str, Basis]]:
    facts, main = rows.facts, rows.inputs.main
    if main is not None:
        # Where it began is where the window differs from what came before: all of it counts.
        parts = rows.seen(_SEEN_IN[str(main["signal"])], facts["workflow"]["id"], None, facts["as_of"])
        yield "onset", Basis(say("When it began"), parts)
        if facts["end"]["at"] or facts["end"]["resolution_s"]:
            yield "end", Basis(say("When it ended, and how exactly its times are known"), parts)
    for number, row in enumerate(facts["signals"], 1):
        low = min(row["onset_low_at"] or row["onset_at"], row["onset_at"])
        parts = rows.seen(_SEEN_IN[row["signal"]], row["workflow_id"], low, row["end_at"] or facts["as_of"])
        yield f"signals.{number}", Basis(say("A signal: since when, and how large"), parts)


def _changes(rows: Chooser) -> Iterator[tuple[str, Basis]]:
    onset = rows.facts["onset"]["at"]
    for number, row in enumerate(rows.facts["changes"]["rows"], 1):
        low, high = (pd.Timestamp(onset) - BEFORE_ONSET).isoformat(), max(row["at"], onset)
        parts = rows.seen(_CHANGED_IN[row["kind"]], rows.facts["workflow"]["id"], low, high)
        yield f"changes.{number}", Basis(say("What changed before it began"), parts)


def _metrics(rows: Chooser) -> Iterator[tuple[str, Basis]]:
    metrics = rows.facts["metrics"]
    for name, key in _COUNTERS.items():
        part = rows.metric(key, rows.facts["workflow"]["id"], metrics["since"], metrics["until"])
        if metrics[f"{name}_increase"] is not None and part is not None:
            yield f"metrics.{name}_increase", Basis(say("How much a counter of the worker grew"), (part,))


def _events(rows: Chooser) -> Iterator[tuple[str, Basis]]:
    facts, dead = rows.facts, rows.inputs.dead
    held = (rows.held(),) if facts["events"]["held"]["value"] else ()
    if held:
        yield "events.held", Basis(say("Events of which only a dead-letter subscription tells"), held)
    if facts["events"]["total"]["value"] is not None:
        all_told = say("Events that were dead-lettered, by all that tells of them")
        yield "events.total", Basis(all_told, (rows.dead(), *held))
    if dead.empty:
        return
    last = dead["recorded_at"].max()
    newest = rows.dead(dead["recorded_at"] == last, equal("recorded_at", last.isoformat()))
    yield "last_dead_letter", Basis(say("The newest dead letter of the incident"), (newest,))
    if facts["later_dead_letters"] and facts["later_dead_letters"]["count"]:
        since = f"recorded_at > {facts['last_dead_letter']['at'] or facts['end']['at']}"
        later = rows.records(find_later(rows.inputs.own, facts), "queued_to_dlq", since, "no other incident's")
        yield "later_dead_letters", Basis(say("Dead letters since the incident, and of no other one"), (later,))
    if facts["events"]["affected"]["value"] is None:
        return
    measured = [row for row in facts["milestones"]["rows"] if row["high"] and row["who"] is None and row["evidence"]]
    if measured:
        mine = rows.records(is_one_of(rows.inputs.own["event_key"], dead["event_key"].dropna()),
                            "event_key in (events.affected)")  # fmt: skip
        for row in measured:
            yield f"milestones.{row['milestone']}", Basis(say("A milestone"), (mine,))
    words = {"open": say("Events that are dead, and nothing newer is known of them"),
             "healed": say("Events that succeeded after they were dead")}  # fmt: skip
    yield "events.affected", Basis(say("Events that were dead-lettered"), (rows.dead(),))
    for name, keys in rows.fates.items():
        mask = is_one_of(rows.inputs.own["event_key"], keys)
        yield f"events.{name}", Basis(words[name], (rows.records(mask, f"event_key in (events.{name})"),))


def _impact(rows: Chooser) -> Iterator[tuple[str, Basis]]:
    dead, facts = rows.inputs.dead, rows.facts
    if rows.inputs.main is None:
        return
    of_open = rows.dead(is_one_of(dead["event_key"], rows.fates["open"]), "event_key in (events.open)")
    sent = rows.inputs.own["event_key"].isin(set(facts["republish"]["sent"]))
    low, high = rows.span
    counted = rows.metric("dlq", facts["workflow"]["id"], low, high)
    for row in facts["impact"]["counts"]:
        name = str(row["name"])
        parts: tuple[Part, ...]
        if row["value"] is None:
            continue
        if name in {"events open", "events healed"}:
            state = name.removeprefix("events ")
            mask = is_one_of(rows.inputs.own["event_key"], rows.fates[state])
            parts = (rows.records(mask, f"event_key in (events.{state})"),)
        elif row["source"] == "counter":
            parts = () if counted is None else (counted,)
        elif row["source"] == "dead-letter subscription":
            parts = (rows.held(),)
        elif row["source"] in {"journal", "judgement"}:
            parts = (rows.records(sent, "event_key in (republish.sent)"),) if row["source"] == "journal" else ()
        else:
            parts = (of_open if name.endswith(" open") else rows.dead(),)
        what = say("How much was affected: {name}", name=count_name(name))
        yield f"impact.{name.replace(' ', '_')}", Basis(what, parts)


def _why(rows: Chooser) -> Iterator[tuple[str, Basis]]:
    facts, classes, dead = rows.facts, rows.inputs.classes, rows.inputs.dead
    if dead.empty:
        return
    found = facts["class"]
    yield "class.value", Basis(say("The failure class"), (rows.dead(),))
    yield "signature_count", Basis(say("How many error signatures there are"), (rows.dead(),))

    def of(mask: pd.Series, condition: str) -> tuple[Part, ...]:
        keys = classes.loc[mask.fillna(False).astype(bool), "event_key"]
        return (rows.dead(is_one_of(dead["event_key"], keys), condition),)

    for name, count in found["counts"].items():
        if count:
            parts = of(classes["failure_class"] == name, equal("failure_class", name))
            yield f"class.counts.{name}", Basis(say("Events of a failure class"), parts)
    for name, words in (("disputed", say("Events whose error text suggests another class")),
                        ("overridden", say("Events whose class is a person's word"))):  # fmt: skip
        if found[name]:
            yield f"class.{name}", Basis(words, of(classes[name], name))
    for row in found["rules"]:
        parts = of(classes["rule"] == row["rule"], equal("rule", row["rule"]))
        yield f"class.rules.{row['rule']}", Basis(say("Events that a rule gave their class"), parts)
    for name in ("max_attempts", "timeout_ms"):
        if found[name]["value"] is not None:
            every = pd.Series(True, index=rows.inputs.own.index)
            parts = () if name in rows.inputs.given else (rows.records(every),)
            yield f"class.{name}", Basis(say("What the classes are told by, as set or as the records have it"), parts)
    steps = find_steps(classes)
    for number, row in enumerate(facts["causes"], 1):
        mine = (classes["failure_class"].astype("str") == row["failure_class"]) & (steps == row["step"])
        condition = f"{equal('failure_class', row['failure_class'])} and {equal('step', row['step'])}"
        yield f"causes.{number}", Basis(say("Events of a failure class"), of(mine, condition))
    for row in facts["signatures"]:
        name = row["signature_id"]
        parts = (rows.dead(dead["signature_id"] == name, equal("signature_id", name)),)
        yield f"signatures.{name}", Basis(say("Dead letters with an error signature"), parts)


def _comparisons(rows: Chooser) -> Iterator[tuple[str, Basis]]:
    facts, own, main = rows.facts, rows.inputs.own, rows.inputs.main
    outcome, at = record_outcomes(own), own["recorded_at"]
    low = None if main is None else main["onset_at"]
    high = pd.Timestamp(facts["as_of"]) if main is None or pd.isna(main["end_at"]) else main["end_at"]
    started = pd.Series(True, index=own.index) if low is None else at >= low
    begun = [] if low is None else [f"recorded_at >= '{low.isoformat()}'"]
    good, bad = outcome == "succeeded", outcome.isin(["dead", "failed"])
    if facts["durations"] is not None:
        # A half-open window, as compare_durations has it; without an incident all records are compared.
        ended = pd.Series(True, index=own.index) if main is None else at < high
        inside = [*begun, *([] if main is None else [f"recorded_at < '{high.isoformat()}'"])]
        parts = {
            "failing": rows.records(started & ended & bad, *inside, "outcome in ('dead', 'failed')"),
            "healthy": rows.records(started & ended & good, *inside, "outcome = 'succeeded'"),
        }
        if low is not None:
            parts["baseline"] = rows.records((at < low) & good, f"recorded_at < '{low.isoformat()}'",
                                             "outcome = 'succeeded'")  # fmt: skip
        for name, part in parts.items():
            yield f"durations.{name}", Basis(say("How long actions took"), (part,))
    for row in facts["differences"]:
        inside = [*begun, f"recorded_at <= '{high.isoformat()}'"]
        yield (
            f"differences.{row['of']}",
            Basis(say("In which fields failing events differ"), (rows.records(started & (at <= high), *inside),)),
        )


def _figures(rows: Chooser) -> Iterator[tuple[str, Basis]]:
    facts = rows.facts
    seen = {
        "signals": ("dlq", "failure", "success"),
        "timeline": ("all", "logs"),
        "durations": ("all",),
        "buckets": ("duration",),
    }
    for name, where in seen.items():
        if facts["figures"].get(name):
            parts = rows.seen(where, facts["workflow"]["id"], None, facts["as_of"])
            yield f"figures.{name}", Basis(say("What a figure shows"), parts)


def _others(rows: Chooser) -> Iterator[tuple[str, Basis]]:
    facts = rows.facts
    ends = {row["workflow_id"]: row["end_at"] for row in facts["signals"] if row["signal"] == "dead_letters"}
    for row in facts["other_workflows"]:
        end = ends.get(row["workflow_id"]) or facts["as_of"]
        parts = rows.seen(("dead", "dlq"), row["workflow_id"], row["onset_at"], end)
        yield f"other_workflows.{row['workflow_id']}", Basis(say("Dead letters of another workflow"), parts)
    for number, row in enumerate(facts["other_incidents"], 1):
        parts = rows.seen(("dead",), facts["workflow"]["id"], row["onset_at"], row["end_at"] or facts["as_of"])
        yield f"other_incidents.{number}", Basis(say("Another incident of the workflow"), parts)
    for number, row in enumerate(facts["findings"], 1):
        every = [rows.seen(("dead",), name, row["onset_at"], row["end_at"] or facts["as_of"])
                 for name in row["workflow_ids"]]  # fmt: skip
        words = say("Workflows that fail at the same time")
        yield f"findings.{number}", Basis(words, tuple(part for parts in every for part in parts))
    if facts["reports"]["count"]:
        parts = rows.seen(("reports",), None, None, facts["as_of"])
        yield "reports", Basis(say("What clients reported, and what became of it"), parts)
    if facts["state"].get("open"):
        parts = rows.seen(("dead",), facts["workflow"]["id"], facts["incident"]["window"]["start"], facts["as_of"])
        yield "state.open", Basis(say("Dead events that are too few for an incident"), parts)
    if facts["state"].get("old_messages"):
        words = say("Messages of the dead-letter subscriptions from before the window")
        yield "state.old_messages", Basis(words, (rows.old_messages(),))
    if facts["untold"]["queued_to_dlq"]:
        every_record = pd.Series(True, index=rows.inputs.own.index)
        yield "untold", Basis(say("What the records do not say"), (rows.records(every_record),))


def _closing(rows: Chooser) -> Iterator[tuple[str, Basis]]:
    facts = rows.facts
    for row in facts["closure"]["items"]:
        where = {"metrics": ("dlq",), "records": ("dead",)}.get(row["name"])
        if where is not None:
            low = row["since"] or facts["closure"]["since"]["at"]
            parts = rows.seen(where, facts["workflow"]["id"], low, facts["as_of"])
            yield f"closure.{row['name']}", Basis(say("Whether the incident may be closed"), parts)
