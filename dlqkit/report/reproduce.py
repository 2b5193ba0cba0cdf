"""What the report is of, and by which commands it is made again from the same evidence."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from dlqkit.language import say
from dlqkit.report.tables import Table, Text
from dlqkit.report.wording import Line, moment_text

__all__ = ["show_reproduction", "show_scope"]

Facts = Mapping[str, Any]


def show_scope(facts: Facts) -> Text:
    """What was asked for, over which time, and of which evidence nothing more is said than it holds."""
    asked, snapshot = facts["incident"], facts["snapshot"]
    own = facts["workflow"]["name"] or facts["workflow"]["id"]
    what = say("every workflow; this report is of {name}", name=own) if own else say("every workflow")
    if asked["workflow_id"]:
        what = say("the workflow {id}", id=asked["workflow_id"])
    if asked["trace_id"]:
        what = say("the trace {id}", id=asked["trace_id"])
    window = say("{start} to {end}", start=moment_text(asked["window"]["start"], seconds=False),
                 end=moment_text(asked["window"]["end"], seconds=False))  # fmt: skip
    collected = say("snapshot {id}, collected {at}", id=snapshot["id"], at=moment_text(snapshot["collected_at"]))
    return Text("", (Line(say("Asked for"), what), Line(say("Window"), window), Line(say("Evidence"), collected)))


def show_reproduction(facts: Facts) -> Table:
    """Commands that check the evidence and make the same report again, offline, and list what is behind a number."""
    name = shlex.quote(facts["incident"]["name"])
    again = f"dlqkit postmortem {name} --snapshot {facts['snapshot']['id']} --as-of {facts['as_of']}"
    return Table(
        say("Commands"),
        (say("what"), say("command")),
        (
            (say("Check that the evidence is as it was collected"), f"dlqkit verify {name}"),
            (say("Make this report again, with dlqkit {version}; offline", version=facts["dlqkit"]), again),
            *_behind(facts, name),
            (say("Look on by yourself"), f"dlqkit lab {name}"),
        ),
    )


def _behind(facts: Facts, name: str) -> list[tuple[str, str]]:
    known = list(facts["provenance"])
    if not known:
        return []
    # What an analyst asks first, where there is such a number.
    fact_id = "events.affected" if "events.affected" in known else known[0]
    shown = f"dlqkit event {name} --snapshot {facts['snapshot']['id']} --fact {fact_id}"
    return [(say("List the records behind a number, here of {fact}", fact=fact_id), shown)]
