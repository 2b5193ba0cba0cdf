"""The closing checklist as tables of the report and the notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.report.tables import Table, Text, evidence_rows
from dlqkit.report.wording import Line, count_text, moment_text

__all__ = ["counts_line", "return_text", "show_checklist", "show_closing", "show_closing_counts", "state_word"]

Facts = Mapping[str, Any]


def show_closing(facts: Facts) -> Text:
    """The verdict, since when quiet was looked at, and whether the incident has come back."""
    told = facts["closure"]
    lines = [
        Line(
            "May it be closed?",
            f"{told['verdict'].capitalize()}.",
            "unknown" if told["verdict"] == "unknown" else "computed",
        ),
        Line("Looked at since", f"{moment_text(told['since']['at'])}: {told['since']['basis']}"),
    ]
    if told["closed"]:
        closed = told["closed"]
        lines.append(Line("Closed", f"{closed['ticket']}, by {closed['by']}, {moment_text(closed['at'])}"))
        is_known = told["came_back"]["state"] != "unknown"
        lines.append(Line("Has it come back?", return_text(facts), "computed" if is_known else "unknown"))
    return Text("", tuple(lines))


def return_text(facts: Facts) -> str:
    """Whether the incident has come back since it was closed."""
    told = facts["closure"]
    found, ticket = told["came_back"], told["closed"]["ticket"]
    since = f"the evidence of {moment_text(found['since'])}, by which {ticket} was closed"
    if found["state"] == "unknown":
        return f"Not known whether it has come back since {since}. {found['why']}"
    if found["state"] == "no":
        return f"It has not come back until {moment_text(facts['as_of'])}: no dead letter since {since}."
    newest = moment_text(found["newest_at"])
    if found["state"] == "same":
        return (
            f"It has come back: {found['dead']:,} dead letters since {since}, {found['alike']:,} of them with an error "
            f"that was there before; the newest is of {newest}."
        )
    return (
        f"Events die again, of another error: {found['dead']:,} dead letters since {since}, none of them with an error "
        f"that was there before; the newest is of {newest}."
    )


def state_word(item: Mapping[str, Any]) -> str:
    """Who answers for an item, or did until it became worse; empty where nobody has."""
    if item["accepted"]:
        return (
            f"Accepted by {item['accepted']['by']}, {moment_text(item['accepted']['at'])}: {item['accepted']['reason']}"
        )
    if item["lapsed"]:
        lapsed = item["lapsed"]
        return f"No longer accepted: {lapsed['by']} answered for less, by evidence of {moment_text(lapsed['seen_to'])}."
    return ""


def counts_line(facts: Facts) -> str:
    """The same loss three ways in one line; what is not known is left out."""
    known = [row for row in facts["closure"]["counts"] if row["count"] and row["count"]["value"] is not None]
    return "; ".join(f"{row['what']}: {count_text(row['count'])} ({row['source']})" for row in known)


def show_checklist(facts: Facts) -> Table:
    """§7: what is measured, and what needs a person."""
    words = {"yes": "yes", "no": "NO", "unknown": "not known", "person": "needs a person"}
    return Table(
        "Checklist",
        ("item", "holds", "why", "evidence"),
        evidence_rows(
            facts["closure"]["items"],
            lambda row: row["text"],
            lambda row: words[row["state"]] + (", accepted" if row["accepted"] else ""),
            lambda row: f"{row['why']} {state_word(row)}".rstrip(),
            lambda row: row["evidence"],
        ),
    )


def show_closing_counts(facts: Facts) -> Table:
    """What was lost and what became of it, by records, counter and the republish's journal."""
    rows = [row for row in facts["closure"]["counts"] if row["count"] and row["count"]["value"] is not None]
    return Table(
        "Counted three ways",
        ("source", "what", "events"),
        evidence_rows(rows, lambda row: row["source"], lambda row: row["what"], lambda row: count_text(row["count"])),
        "nothing was counted",
    )
