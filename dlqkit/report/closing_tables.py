"""The closing checklist as tables of the report and the notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.report.tables import Table, Text, evidence_rows
from dlqkit.report.wording import Line, count_text, moment_text

__all__ = ["show_checklist", "show_closing", "show_closing_counts"]

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
    if told["came_back"]:
        lines.append(Line("Came back", f"{told['came_back']:,} dead letters since it was closed"))
    return Text("", tuple(lines))


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
            lambda row: row["why"] + _accepted(row["accepted"]),
            lambda row: row["evidence"],
        ),
    )


def _accepted(word: Mapping[str, str] | None) -> str:
    return f" Accepted by {word['by']}, {moment_text(word['at'])}: {word['reason']}" if word else ""


def show_closing_counts(facts: Facts) -> Table:
    """What was lost and what became of it, by records, counter and the republish's journal."""
    rows = [row for row in facts["closure"]["counts"] if row["count"] and row["count"]["value"] is not None]
    return Table(
        "Counted three ways",
        ("source", "what", "events"),
        evidence_rows(rows, lambda row: row["source"], lambda row: row["what"], lambda row: count_text(row["count"])),
        "nothing was counted",
    )
