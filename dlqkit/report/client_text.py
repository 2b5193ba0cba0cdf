"""The status text for the client: times and counts of the facts alone; every other word is ours.

So no error, id, name of a machine, cause or note can reach a client, whatever the facts hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.report.wording import ROUGH_S, Line, moment_text, seconds_between

__all__ = ["bounded_text", "write_for_client"]

Facts = Mapping[str, Any]
Count = Mapping[str, Any]


def write_for_client(facts: Facts) -> list[Line]:
    """What happened, how many events, how it stands, what comes next, as of when.

    Parameters
    ----------
    facts : mapping
        From ``report.facts.facts``.
    """
    state = facts["state"]["value"]
    as_of = Line("As of", moment_text(facts["as_of"], seconds=False))
    if state == "unknown":
        return [Line("Status", "We are looking into it, and cannot say more yet."), as_of]
    if state == "nothing":
        if facts["state"].get("open"):
            return [Line("Status", "We see no disturbance now; some earlier events are still to be processed."), as_of]
        return [Line("Status", "We see no disturbance."), as_of]
    tell = {"dead_letters": _lost, "duration": _late}.get(facts["state"]["kind"], _maybe)
    lines = [Line("What happened", tell(*_span(facts)))]
    if facts["state"]["kind"] == "dead_letters":
        lines.append(Line("In numbers", _how_many(facts["events"])))
    now = "It has ended." if facts["end"]["at"] else "It is going on, and we are working on it."
    lines.append(Line("Now", now))
    if facts["state"]["kind"] == "dead_letters":
        lines.append(Line("What comes next", _what_next(facts)))
    return [*lines, as_of]


def _span(facts: Facts) -> tuple[str | None, str | None]:
    """When it began, as well as that is known, and when it ended."""
    onset = facts["onset"]
    end = moment_text(facts["end"]["at"], seconds=False) if facts["end"]["at"] else None
    if not onset["at"]:
        return None, end
    start = moment_text(onset["at"], seconds=False)
    span = seconds_between(onset["low"], onset["high"])
    if onset["is_window_start"]:
        start = f"{start} or earlier"
    elif span and span > ROUGH_S:
        start = f"about {start}"
    return start, end


def _lost(start: str | None, end: str | None) -> str:
    if start is None:
        return (
            f"Some of your events were not processed until {end}." if end else "Some of your events are not processed."
        )
    if end is None:
        return f"Some of your events have not been processed since {start}."
    return f"Some of your events were not processed from {start} to {end}."


def _late(start: str | None, end: str | None) -> str:
    if start is None:
        return (
            f"Events were processed later than usual until {end}." if end else "Events are processed later than usual."
        )
    if end is None:
        return f"Events have been processed later than usual since {start}."
    return f"Events were processed later than usual from {start} to {end}."


def _maybe(start: str | None, end: str | None) -> str:
    """Silence may be of what watches the worker alone, and a failure may have been made good by a retry."""
    if start is None and end is None:
        return "Events may be processed late, or not at all."
    if start is None:
        return f"Events may have been processed late, or not at all, until {end}."
    if end is None:
        return f"Events may have been processed late, or not at all, since {start}."
    return f"Events may have been processed late, or not at all, from {start} to {end}."


def _how_many(events: Mapping[str, Any]) -> str:
    affected, still_open, healed = (events[name] for name in ("affected", "open", "healed"))
    if affected["value"] is None:
        return "We do not know yet how many events are affected."
    sentences = [f"Events affected, of all clients: {bounded_text(affected)}."]
    is_known = still_open["bound"] in {"exact", "at_most"}
    if is_known and still_open["value"] == 0:
        sentences.append("None of them is still to be processed.")
    elif still_open["bound"] == "of_seen":
        sentences.append(f"Of those that we looked at so far, still to be processed: {still_open['value']:,}.")
    elif still_open["value"] is not None:
        sentences.append(f"Still to be processed: {bounded_text(still_open)}.")
    if healed["value"]:
        sentences.append(f"Processed since: {bounded_text(healed)}.")
    return " ".join(sentences)


def bounded_text(count: Count) -> str:
    """A count in words that anybody reads; it has to be known."""
    if count["bound"] in {"at_least", "of_seen"}:
        return f"at least {count['value']:,}"
    return f"{count['value']:,} at most" if count["bound"] == "at_most" else f"{count['value']:,}"


def _what_next(facts: Facts) -> str:
    still_open = facts["events"]["open"]
    if still_open["value"] == 0 and still_open["bound"] in {"exact", "at_most"} and facts["end"]["at"]:
        return "Nothing is left to be processed."
    sentences = ["We will tell you when the rest has been processed."]
    if facts["class"]["value"] == "business" or facts["class"]["counts"].get("business"):
        sentences.insert(0, "Some events cannot be processed as they are; we will say if we need other data from you.")
    return " ".join(sentences)
