"""The incident in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dlqkit.decision.others_advice import failing_alike
from dlqkit.language import mark, say, say_count
from dlqkit.report.amounts import clock_text, count_text, moment_text, seconds_between
from dlqkit.report.terms import term

__all__ = ["ROUGH_S", "SIGNAL_NAMES", "headline"]

Facts = Mapping[str, Any]
SIGNAL_NAMES = {
    "dead_letters": mark("dead letters jump"),
    "failures": mark("failures outgrow successes"),
    "support": mark("clients report missing events"),
    "duration": mark("the action takes longer"),
    "silence": mark("no sign of work"),
}
# An onset that is known no better than this is given as between two times.
ROUGH_S = 120.0


def _short(workflow_id: str | None) -> str | None:
    if workflow_id is None or len(workflow_id) <= 20:
        return workflow_id
    return say("Workflow {beginning}…", beginning=workflow_id[:8])


def _since(onset: Mapping[str, Any]) -> str:
    span = seconds_between(onset["low"], onset["high"])
    rough = span is not None and span > ROUGH_S
    at = moment_text(_nearest_minute(onset["at"]) if rough else onset["at"], seconds=not rough)
    if onset["is_window_start"]:
        return say("at least {at}", at=at)
    return say("about {at}", at=at) if rough else at


def _nearest_minute(at: str) -> str:
    moment = datetime.fromisoformat(at)
    return (moment + timedelta(seconds=30)).replace(second=0, microsecond=0).isoformat()


def _no_incident(state: Mapping[str, Any]) -> str:
    count, until = state.get("open"), state.get("until")
    at = moment_text(until)
    if not count:
        if not until:
            return say("Nothing is wrong")
        return say("Nothing is wrong up to {at}, where the evidence ends", at=at)
    if not until:
        return say_count(
            "No incident is seen, and {count} dead event is open",
            "No incident is seen, and {count} dead events are open",
            count,
        )
    return say_count(
        "No incident is seen, and {count} dead event is open up to {at}, where the evidence ends",
        "No incident is seen, and {count} dead events are open up to {at}, where the evidence ends",
        count, at=at,
    )  # fmt: skip


def headline(facts: Facts) -> str:
    """The incident in one sentence."""
    state, kind = facts["state"]["value"], facts["state"]["kind"]
    name = facts["workflow"]["name"] or _short(facts["workflow"]["id"]) or say("The whole worker")
    if state == "nothing":
        trace = facts["incident"]["trace_id"]
        return say("The trace {id} is not dead-lettered", id=trace) if trace else _no_incident(facts["state"])
    if state == "unknown":
        return say("The evidence does not say whether something is wrong")
    since = _since(facts["onset"])
    if kind == "silence" and facts["state"].get("what") in {None, "events"}:
        if state == "going_on":
            return say("{name} has been silent since {since}", name=name, since=since)
        return say("{name} was silent from {since} to {end}", name=name, since=since,
                   end=moment_text(facts["end"]["at"]))  # fmt: skip
    if kind == "silence":
        what = term(facts["state"]["what"])
        return say("No {what} since {since}: the worker is gone, or only what watches it", what=what, since=since)
    if kind == "dead_letters":
        lost, alike = _lost_text(name, facts["events"]["total"], _span(facts, since)), failing_alike(facts)
        if not alike:
            return lost
        return say_count("{lost}; {count} more workflow failed alike", "{lost}; {count} more workflows failed alike",
                         len(alike), lost=lost)  # fmt: skip
    return say("{name}: {signal} since {since}", name=name, signal=say(SIGNAL_NAMES[kind]), since=since)


def _span(facts: Facts, since: str) -> str:
    """Since when, and of an incident that has ended until when."""
    onset, end = facts["onset"], facts["end"]["at"]
    if facts["state"]["value"] != "ended" or not end or onset["is_window_start"]:
        return say("since {since}", since=since)
    is_one_day = onset["at"][:10] == end[:10]
    until = say("{time} UTC", time=clock_text(end)) if is_one_day else moment_text(end)
    return say("from {since} to {until}", since=since, until=until)


def _lost_text(name: str, affected: Mapping[str, Any], when: str) -> str:
    # English has one form for a bound and for what is not known; other languages choose by the number.
    count = count_text(affected)
    if affected["value"] is None:
        return say("{name}: {count} events dead-lettered {when}", name=name, count=count, when=when)
    return say_count(
        "{name}: {count} event dead-lettered {when}",
        "{name}: {count} events dead-lettered {when}",
        affected["value"], name=name, count=count, when=when,
    )  # fmt: skip
