"""Tables of why: what tells failing events from healthy ones, how sure it is, and what would prevent it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.language import mark, number, percent, say
from dlqkit.report.others import name_workflow
from dlqkit.report.tables import Table, Text, evidence_rows
from dlqkit.report.terms import count_name, term
from dlqkit.report.wording import Line, class_text, conditions_text, count_text, headline, moment_text, rates_text

__all__ = [
    "show_conclusion",
    "show_differences",
    "show_durations",
    "show_findings",
    "show_impact_counts",
    "show_prevention",
    "show_reports",
]

Facts = Mapping[str, Any]
_FATES = {
    "never arrived": mark("never arrived"),
    "dead": mark("dead letter"),
    "failed": mark("failed, not dead"),
    "succeeded": mark("succeeded"),
    "unknown": mark("not known: no record of this time"),
}
_FATE_COUNTS = {
    "never arrived": mark("{count} never arrived"),
    "dead": mark("{count} dead letter"),
    "failed": mark("{count} failed, not dead"),
    "succeeded": mark("{count} succeeded"),
    "unknown": mark("{count} not known: no record of this time"),
}
_TOPICS = {"validate": mark("Check payloads"), "timeout": mark("Timeout"), "optimise": mark("Make faster")}
_USUAL = {True: mark("yes, before too"), False: mark("no"), None: mark("not known")}
_GOES_ON = {
    "going_on": mark("{headline}, and it goes on."),
    "recovering": mark("{headline}; events pass again, and it is too soon to say that it has ended."),
    "ended": mark("{headline}, and it has ended."),
}
UNTOLD = mark("not known yet: the workflow's other records are not there")


def show_findings(facts: Facts) -> Table:
    """Which workflows fail alike at the same time, as one finding each."""
    return Table(
        say("Workflows that fail alike"),
        (say("finding"), say("workflows"), say("since"), say("dead letters"), say("common signature")),
        evidence_rows(
            facts["findings"],
            lambda row: row["sentence"],
            lambda row: (
                ", ".join(name_workflow(facts, name) for name in row["workflow_ids"][:5])
                + (" …" if len(row["workflow_ids"]) > 5 else "")
            ),
            lambda row: moment_text(row["onset_at"]),
            lambda row: say("not known") if row["size"] is None else number(row["size"]),
            lambda row: row["signature"] or say("not known"),
        ),
        say("no workflow's dead letters jump"),
    )


def show_reports(facts: Facts) -> Table:
    """What became of each event that a client reported and that did not succeed."""
    fates = ", ".join(_fate_count(fate, count) for fate, count in facts["reports"]["fates"].items())
    return Table(
        say("Reported events: {fates}", fates=fates) if fates else say("Reported events"),
        (say("reported"), "trace_id", say("what became of it"), say("last record")),
        evidence_rows(
            facts["reports"]["rows"],
            lambda row: moment_text(row["reported_at"]),
            lambda row: row["trace_id"] or say("by its business key"),
            lambda row: _fate(row["fate"]),
            lambda row: moment_text(row["recorded_at"]),
        ),
        say("all of them succeeded") if facts["reports"]["count"] else say("none was reported"),
    )


def _fate(fate: str) -> str:
    return say(_FATES[fate]) if fate in _FATES else fate


def _fate_count(fate: str, count: int) -> str:
    return say(_FATE_COUNTS[fate], count=count) if fate in _FATE_COUNTS else f"{number(count)} {fate}"


def show_durations(facts: Facts) -> Table:
    """Failing, healthy and baseline durations side by side; what a timeout cut is unknown above it."""
    durations = facts["durations"]
    title = durations["sentence"] if durations else say(UNTOLD)
    return Table(
        say("Durations: {sentence}", sentence=title),
        (
            say("records"),
            say("with a duration"),
            say("cut by the timeout"),
            say("median (95 % interval)"),
            "p90",
            "p95",
            "p99",
        ),
        evidence_rows(
            durations["groups"] if durations else [],
            lambda row: f"{say(_GROUPS[row['group']])}: {number(row['records'])}",
            lambda row: number(row["durations"]),
            lambda row: number(row["censored"]),
            lambda row: _quantile(row, "p50_ms") + _interval(row),
            lambda row: _quantile(row, "p90_ms"),
            lambda row: _quantile(row, "p95_ms"),
            lambda row: _quantile(row, "p99_ms"),
        ),
        say("no record has a duration"),
    )


_GROUPS = {
    "failing": mark("failing"),
    "healthy": mark("healthy, the same time"),
    "baseline": mark("healthy, before"),
}


def _quantile(row: Mapping[str, Any], name: str) -> str:
    if row[name] is not None:
        return say("{value:,.0f} ms", value=row[name])
    above = row["unknown_above_ms"]
    return say("≥ {value:,.0f} ms", value=above) if above is not None else say("too few")


def _interval(row: Mapping[str, Any]) -> str:
    low, high = row["p50_low_ms"], row["p50_high_ms"]
    return "" if low is None or high is None else " " + say("({low:,.0f} to {high:,.0f})", low=low, high=high)


def show_differences(facts: Facts) -> Table:
    """Under which conditions events fail that otherwise succeed; values of payloads are not shown."""
    rows, reasons = [], []
    for part in facts["differences"]:
        whose = "" if part["of"] == "all" else f"{term(part['of'])}: "
        if not part["rows"]:
            reasons.append(f"{whose}{term(part['answer'])}. {part['reason']}")
        for row in part["rows"]:
            usual = _USUAL[row["usual"]]
            rows.append(
                (
                    whose + conditions_text(row),
                    rates_text(row),
                    _effect(row),
                    _of_both(row, "failing"),
                    _of_both(row, "healthy"),
                    _p_value(row),
                    say(usual),
                )
            )
    return Table(
        say("What differs between failing and healthy events of the same time"),
        (
            say("condition"),
            say("rate"),
            say("effect (95 % interval)"),
            say("failing"),
            say("healthy"),
            "p",
            say("usual"),
        ),
        tuple(rows),
        " ".join(reasons) or say(UNTOLD),
    )


def _effect(row: Mapping[str, Any]) -> str:
    effect, low, high = (_signed(row[name]) for name in ("effect", "low", "high"))
    return say("{effect} ({low} to {high})", effect=effect, low=low, high=high)


def _signed(share: float) -> str:
    return f"{share:+.0%}"[0] + percent(abs(share))


def _of_both(row: Mapping[str, Any], side: str) -> str:
    """How many of the failing or healthy events the condition holds for."""
    inside, outside = row[f"{side}_with"], row[f"{side}_without"]
    return say("{count:,.0f} of {total:,.0f}", count=inside, total=inside + outside)


def _p_value(row: Mapping[str, Any]) -> str:
    text = f"{row['p_value']:.1g}"
    # A power of ten has no decimal sign.
    shown = text if "e" in text else number(row["p_value"], len(text.partition(".")[2]))
    return say("{p} after {comparisons:,.0f} comparisons", p=shown, comparisons=row["comparisons"])


def show_impact_counts(facts: Facts) -> Table:
    """Events, deliveries, clients and the counter side by side, and why they do not balance."""
    impact = facts["impact"]
    rows = [
        (
            count_name(row["name"]),
            count_text(row) if row["bound"] != "unknown" else say("not known"),
            term(row["source"]),
        )
        for row in impact["counts"]
        if not row["name"].startswith("events ") and row["value"] is not None
    ]
    rows += [(say("do not balance"), row["sentence"], term(row["between"])) for row in impact["differences"]]
    is_dead = facts["state"]["kind"] == "dead_letters"
    empty = "" if impact["counts"] else say(UNTOLD) if is_dead else say("no dead letters in the incident")
    return Table(say("Counts by source"), (say("what"), say("how many"), say("by")), tuple(rows), empty)


def show_prevention(facts: Facts) -> Text:
    """What would keep it from happening again, what that rests on, and what it cannot say."""
    return Text("", tuple(_prevention_line(row) for row in facts["prevention"]))


def _prevention_line(row: Mapping[str, Any]) -> Line:
    topic, parts = _TOPICS[row["topic"]], [row["sentence"], row["evidence"]]
    if row["unknown"]:
        parts.append(say("Left unknown: {what}", what=row["unknown"]))
    return Line(say(topic), " ".join(parts), evidence=row["evidence_ids"])


def show_conclusion(facts: Facts, step: str) -> Text:
    """The one sentence that a step of the notebooks ends in.

    Parameters
    ----------
    facts : mapping
        From ``report.facts.facts``.
    step : str
        ``signals``, ``durations`` or ``decision``.
    """
    if step == "signals":
        whole = _GOES_ON.get(facts["state"]["value"])
        first = say(whole, headline=headline(facts)) if whole else f"{headline(facts)}."
        alike = [row["sentence"] for row in facts["findings"][:1] if len(row["workflow_ids"]) > 1]
        text = " ".join([first, *alike])
    elif step == "durations":
        text = facts["durations"]["sentence"] if facts["durations"] else say(UNTOLD)
    else:
        action = facts["advice"][0]["action"] if facts["advice"] else say("Nothing needs doing.")
        told = class_text(facts)
        named = f"{told[:1].upper()}{told[1:]}. " if facts["state"]["kind"] == "dead_letters" else ""
        text = f"{named}{action}"
    return Text("", (Line(say("In a sentence"), text),))
