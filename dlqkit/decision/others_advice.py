"""What to do about other workflows that failed alike: the report's events, plans and proof are of one alone."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from dlqkit.decision.class_advice import Row, advice_row
from dlqkit.language import listing, number, say, say_count

__all__ = ["advise_on_others", "failing_alike", "then_others"]

# Workflows that are named in a sentence.
NAMED = 3


def failing_alike(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Other workflows that failed alike (``other_workflows`` of the facts), most dead letters first."""
    others = [row for row in facts.get("other_workflows") or [] if row["alike"]]
    return sorted(others, key=lambda row: (-(row.get("events") or 0), str(row["workflow_id"])))


def advise_on_others(facts: Mapping[str, Any]) -> list[Row]:
    """That the workflows which failed alike are to be looked at as well; nothing where there are none.

    Parameters
    ----------
    facts : mapping
        The report's facts, as far as they are computed.

    Returns
    -------
    list of dict
        As of ``advice.advise``, a row for each of the first, with its own command; one more for the rest.
    """
    others = failing_alike(facts)
    rows = [_look_at(facts, row) for row in others[:NAMED]]
    if len(rows) > 1:
        # The first step may be all that is read.
        look = say("Look at {others} too: they failed alike, and this report is of {name} alone.",
                   others=_named(others), name=_name(facts["workflow"]))  # fmt: skip
        rows[0] |= {"action": look}
    if rest := others[NAMED:]:
        look = say_count("Look at {others} too: it failed alike.", "Look at {others} too: they failed alike.",
                         len(rest), others=_named(rest))  # fmt: skip
        command = f"dlqkit signals --start {facts['incident']['window']['start']}"
        rows.append(advice_row(look, say("§1: they are listed there with all their signals."), command))
    return rows


def then_others(facts: Mapping[str, Any]) -> str:
    """To be said after a first step that is of the report's workflow alone; empty where no other failed alike."""
    others = failing_alike(facts)
    if not others:
        return ""
    return say_count("Then look at {others}: it failed alike.", "Then look at {others}: they failed alike.",
                     len(others), others=_named(others))  # fmt: skip


def _look_at(facts: Mapping[str, Any], row: Mapping[str, Any]) -> Row:
    look = say("Look at {workflow} too: it failed alike, and this report is of {name} alone.",
               workflow=_named([row]), name=_name(facts["workflow"]))  # fmt: skip
    reason = (
        say_count("{count} dead letter is counted there, and no plan of this incident folder sends it again.",
                  "{count} dead letters are counted there, and no plan of this incident folder sends them again.",
                  round(row["events"]))
        if row.get("events") else say("How many dead letters there are is not known, and no plan of this incident "
                                      "folder sends them again.")
    )  # fmt: skip
    start = facts["incident"]["window"]["start"]
    return advice_row(look, reason, f"dlqkit investigate --workflow {_quoted(row)} --start {start}",
                      wrong=say("Taking the outage for over because one workflow has recovered."),
                      unknown=say("Which of its events are still open."))  # fmt: skip


def _name(workflow: Mapping[str, Any]) -> str:
    return str(workflow["name"] or workflow.get("id") or workflow.get("workflow_id"))


def _named(others: Sequence[Mapping[str, Any]]) -> str:
    parts = [f"{_name(row)} ({number(row['events'])})" if row.get("events") else _name(row) for row in others[:NAMED]]
    rest = len(others) - NAMED
    return listing([*parts, say_count("{count} more", "{count} more", rest)] if rest > 0 else parts)


def _quoted(row: Mapping[str, Any]) -> str:
    return shlex.quote(str(row["workflow_id"]))
