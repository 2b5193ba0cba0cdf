"""The closing checklist as tables of the report and the notebooks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from dlqkit.language import mark, say
from dlqkit.report.tables import Table, Text, evidence_rows
from dlqkit.report.wording import Line, count_text, moment_text

__all__ = [
    "counts_line",
    "return_text",
    "show_checklist",
    "show_closing",
    "show_closing_counts",
    "state_word",
    "verdict_word",
]

Facts = Mapping[str, Any]
# The facts keep DIR in these commands: on a terminal the folder is called as the analyst called it.
_COMMAND = re.compile(r"\b(dlqkit (?:closure|postmortem)) DIR\b")
_VERDICTS = {"closable": mark("closable"), "not closable": mark("not closable"), "unknown": mark("unknown")}
_STATES = {"yes": mark("yes"), "no": mark("NO"), "unknown": mark("not known"), "person": mark("needs a person")}
_ACCEPTED = {
    "no": mark("NO, accepted"),
    "unknown": mark("not known, accepted"),
    "person": mark("needs a person, accepted"),
}


def verdict_word(verdict: str) -> str:
    """What the checklist says in all; the facts' word for it is compared in code, this one is shown."""
    return say(_VERDICTS[verdict]) if verdict in _VERDICTS else verdict


def show_closing(facts: Facts) -> Text:
    """The verdict, since when quiet was looked at, and whether the incident has come back."""
    told = facts["closure"]
    lines = [
        Line(
            say("May it be closed?"),
            f"{verdict_word(told['verdict']).capitalize()}.",
            "unknown" if told["verdict"] == "unknown" else "computed",
        ),
        Line(say("Looked at since"), f"{moment_text(told['since']['at'])}: {told['since']['basis']}"),
    ]
    if told["closed"]:
        closed = told["closed"]
        at = moment_text(closed["at"])
        lines.append(
            Line(say("Closed"), say("{ticket}, by {by}, {at}", ticket=closed["ticket"], by=closed["by"], at=at))
        )
        is_known = told["came_back"]["state"] != "unknown"
        lines.append(Line(say("Has it come back?"), return_text(facts), "computed" if is_known else "unknown"))
    return Text("", tuple(lines))


def return_text(facts: Facts) -> str:
    """Whether the incident has come back since it was closed."""
    told = facts["closure"]
    found = told["came_back"]
    values = {"since": moment_text(found["since"]), "ticket": told["closed"]["ticket"]}
    if found["state"] == "unknown":
        text = say(
            "Not known whether it has come back since the evidence of {since}, by which {ticket} was closed.", **values
        )
        return f"{text} {found['why']}"
    if found["state"] == "no":
        return say(
            "It has not come back until {until}: no dead letter since the evidence of {since}, by which {ticket} was"
            " closed.",
            until=moment_text(facts["as_of"]), **values,
        )  # fmt: skip
    values |= {"dead": found["dead"], "newest": moment_text(found["newest_at"])}
    if found["state"] == "same":
        return say(
            "It has come back: {dead} dead letters since the evidence of {since}, by which {ticket} was closed, {alike}"
            " of them with an error that was there before; the newest is of {newest}.",
            alike=found["alike"], **values,
        )  # fmt: skip
    return say(
        "Events die again, of another error: {dead} dead letters since the evidence of {since}, by which {ticket} was"
        " closed, none of them with an error that was there before; the newest is of {newest}.",
        **values,
    )


def state_word(item: Mapping[str, Any]) -> str:
    """Who answers for an item, or did until it became worse; empty where nobody has."""
    if item["accepted"]:
        known = item["accepted"]
        return say("Accepted by {by}, {at}: {reason}",
                   by=known["by"], at=moment_text(known["at"]), reason=known["reason"])  # fmt: skip
    if item["lapsed"]:
        return say("No longer accepted: {by} answered for less, by evidence of {seen_to}.",
                   by=item["lapsed"]["by"], seen_to=moment_text(item["lapsed"]["seen_to"]))  # fmt: skip
    return ""


def _state_cell(item: Mapping[str, Any]) -> str:
    words, state = _ACCEPTED if item["accepted"] else _STATES, item["state"]
    return say(words[state])


def counts_line(facts: Facts) -> str:
    """The same loss three ways in one line; what is not known is left out."""
    known = [row for row in facts["closure"]["counts"] if row["count"] and row["count"]["value"] is not None]
    return "; ".join(f"{row['what']}: {count_text(row['count'])} ({row['source']})" for row in known)


def show_checklist(facts: Facts) -> Table:
    """§7: what is measured, and what needs a person."""
    return Table(
        say("Checklist"),
        (say("item"), say("holds"), say("why"), say("evidence")),
        evidence_rows(
            facts["closure"]["items"],
            lambda row: row["text"],
            _state_cell,
            lambda row: f"{_in_folder(row['why'], facts)} {state_word(row)}".rstrip(),
            lambda row: row["evidence"],
        ),
    )


def _in_folder(text: str, facts: Facts) -> str:
    """A sentence whose command names the incident folder, as every other command of the report does."""
    name = shlex.quote(str(facts["incident"]["name"]))
    return _COMMAND.sub(lambda found: f"{found[1]} {name}", text)


def show_closing_counts(facts: Facts) -> Table:
    """What was lost and what became of it, by records, counter and the republish's journal."""
    rows = [row for row in facts["closure"]["counts"] if row["count"] and row["count"]["value"] is not None]
    return Table(
        say("What each source counts"),
        (say("source"), say("what"), say("events")),
        evidence_rows(rows, lambda row: row["source"], lambda row: row["what"], lambda row: count_text(row["count"])),
        say("nothing was counted"),
    )
