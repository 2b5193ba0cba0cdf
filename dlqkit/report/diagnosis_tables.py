"""Tables of why: what tells failing events from healthy ones, how sure it is, and what would prevent it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.report.tables import Table, Text, evidence_rows
from dlqkit.report.wording import Line, class_text, conditions_text, count_text, headline, moment_text

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
    "never arrived": "never arrived",
    "dead": "dead letter",
    "failed": "failed, not dead",
    "succeeded": "succeeded",
    "unknown": "not known: no record of this time",
}
_TOPICS = {"validate": "Check payloads", "timeout": "Timeout", "optimise": "Make faster"}
UNTOLD = "not known yet: the workflow's other records are not there"


def show_findings(facts: Facts) -> Table:
    """Which workflows fail alike at the same time, as one finding each."""
    return Table(
        "Workflows that fail alike",
        ("finding", "workflows", "since", "dead letters", "leading signature"),
        evidence_rows(
            facts["findings"],
            lambda row: row["sentence"],
            lambda row: ", ".join(row["workflow_ids"][:5]) + (" …" if len(row["workflow_ids"]) > 5 else ""),
            lambda row: moment_text(row["onset_at"]),
            lambda row: "not known" if row["size"] is None else f"{row['size']:,.0f}",
            lambda row: row["signature"] or "not known",
        ),
        "no workflow's dead letters jump",
    )


def show_reports(facts: Facts) -> Table:
    """What became of each event that a client reported and that did not succeed."""
    fates = ", ".join(f"{count:,} {_FATES.get(name, name)}" for name, count in facts["reports"]["fates"].items())
    return Table(
        f"Reported events: {fates}" if fates else "Reported events",
        ("reported", "trace_id", "what became of it", "last record"),
        evidence_rows(
            facts["reports"]["rows"],
            lambda row: moment_text(row["reported_at"]),
            lambda row: row["trace_id"] or "by its business key",
            lambda row: _FATES.get(row["fate"], row["fate"]),
            lambda row: moment_text(row["recorded_at"]),
        ),
        "none was reported" if not facts["reports"]["count"] else "all of them succeeded",
    )


def show_durations(facts: Facts) -> Table:
    """Failing, healthy and baseline durations side by side; what a timeout cut is unknown above it."""
    durations = facts["durations"]
    title = durations["sentence"] if durations else UNTOLD
    return Table(
        f"Durations: {title}",
        ("events", "with a duration", "cut by the timeout", "median (95 % interval)", "p90", "p95", "p99"),
        evidence_rows(
            durations["groups"] if durations else [],
            lambda row: f"{_GROUPS[row['group']]}: {row['records']:,.0f}",
            lambda row: f"{row['durations']:,.0f}",
            lambda row: f"{row['censored']:,.0f}",
            lambda row: _quantile(row, "p50_ms") + _interval(row),
            lambda row: _quantile(row, "p90_ms"),
            lambda row: _quantile(row, "p95_ms"),
            lambda row: _quantile(row, "p99_ms"),
        ),
        "no record has a duration",
    )


_GROUPS = {"failing": "failing", "healthy": "healthy, the same time", "baseline": "healthy, before"}


def _quantile(row: Mapping[str, Any], name: str) -> str:
    if row[name] is not None:
        return f"{row[name]:,.0f} ms"
    above = row["unknown_above_ms"]
    return f"≥ {above:,.0f} ms" if above is not None else "too few"


def _interval(row: Mapping[str, Any]) -> str:
    low, high = row["p50_low_ms"], row["p50_high_ms"]
    return "" if low is None or high is None else f" ({low:,.0f} to {high:,.0f})"


def show_differences(facts: Facts) -> Table:
    """Under which conditions events fail that otherwise succeed; values of payloads are not shown."""
    rows, reasons = [], []
    for part in facts["differences"]:
        whose = "" if part["of"] == "all" else f"{part['of']}: "
        if not part["rows"]:
            reasons.append(f"{whose}{part['answer']}. {part['reason']}")
        for row in part["rows"]:
            rows.append(
                (
                    whose + conditions_text(row),
                    f"{row['rate_with']:.0%} fail, of others {row['rate_without']:.0%}",
                    f"{row['effect']:+.0%} ({row['low']:+.0%} to {row['high']:+.0%})",
                    f"{row['failing_with']:,.0f} of {row['failing_with'] + row['failing_without']:,.0f}",
                    f"{row['healthy_with']:,.0f} of {row['healthy_with'] + row['healthy_without']:,.0f}",
                    f"{row['p_value']:.1g} after {row['comparisons']:,.0f} comparisons",
                    {True: "yes, before too", False: "no", None: "not known"}[row["usual"]],
                )
            )
    return Table(
        "What differs between failing and healthy events of the same time",
        ("condition", "rate", "effect (95 % interval)", "failing", "healthy", "p", "usual"),
        tuple(rows),
        " ".join(reasons) or UNTOLD,
    )


def show_impact_counts(facts: Facts) -> Table:
    """Events, deliveries, clients and the counter side by side, and why they do not balance."""
    impact = facts["impact"]
    rows = [
        (row["name"], count_text(row) if row["bound"] != "unknown" else "not known", row["source"])
        for row in impact["counts"]
        if not row["name"].startswith("events ") and row["value"] is not None
    ]
    rows += [("do not balance", row["sentence"], row["between"]) for row in impact["differences"]]
    return Table("Counts by source", ("what", "how many", "by"), tuple(rows), UNTOLD if not impact["counts"] else "")


def show_prevention(facts: Facts) -> Text:
    """What would keep it from happening again, what that rests on, and what it cannot say."""
    return Text(
        "",
        tuple(
            Line(
                _TOPICS[row["topic"]],
                f"{row['sentence']} {row['evidence']}" + (f" Left unknown: {row['unknown']}" if row["unknown"] else ""),
                evidence=row["evidence_ids"],
            )
            for row in facts["prevention"]
        ),
    )


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
        goes_on = {"going_on": ", and it goes on", "ended": ", and it has ended"}.get(facts["state"]["value"], "")
        alike = [row["sentence"] for row in facts["findings"][:1] if len(row["workflow_ids"]) > 1]
        text = " ".join([f"{headline(facts)}{goes_on}.", *alike])
    elif step == "durations":
        text = facts["durations"]["sentence"] if facts["durations"] else UNTOLD
    else:
        action = facts["advice"][0]["action"] if facts["advice"] else "Nothing needs doing."
        named = f"{class_text(facts).capitalize()}. " if facts["state"]["kind"] == "dead_letters" else ""
        text = f"{named}{action}"
    return Text("", (Line("In a sentence", text),))
