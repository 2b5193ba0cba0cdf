"""The status text for the client: times and counts of the facts alone; every other word is ours.

So no error, id, name of a machine, cause or note can reach a client, whatever the facts hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.language import number, say
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
    as_of = Line(say("As of"), moment_text(facts["as_of"], seconds=False))
    if state == "unknown":
        return [Line(say("Status"), say("We are looking into it, and cannot say more yet.")), as_of]
    if state == "nothing":
        text = say("We see no disturbance.")
        if facts["state"].get("open"):
            text = say("We see no disturbance now; some earlier events are still to be processed.")
        return [Line(say("Status"), text), as_of]
    tell = {"dead_letters": _lost, "duration": _late}.get(facts["state"]["kind"], _maybe)
    lines = [Line(say("What happened"), tell(*_span(facts)))]
    if facts["state"]["kind"] == "dead_letters":
        lines.append(Line(say("In numbers"), _how_many(facts["events"])))
    lines.append(Line(say("Now"), _now(facts)))
    if facts["state"]["kind"] == "dead_letters":
        lines.append(Line(say("What comes next"), _what_next(facts)))
    return [*lines, as_of]


def _now(facts: Facts) -> str:
    if facts["end"]["at"]:
        return say("It has ended.")
    if facts["state"]["value"] == "recovering":
        return say("Events are processed again, and we are watching whether it stays so.")
    return say("It is going on, and we are working on it.")


def _span(facts: Facts) -> tuple[str | None, str | None]:
    """When it began, as well as that is known, and when it ended, or the last event died."""
    onset = facts["onset"]
    ended = facts["last_dead_letter"]["at"] if facts["state"]["value"] == "recovering" else facts["end"]["at"]
    end = moment_text(ended, seconds=False) if ended else None
    if not onset["at"]:
        return None, end
    start = moment_text(onset["at"], seconds=False)
    span = seconds_between(onset["low"], onset["high"])
    if onset["is_window_start"]:
        start = say("{start} or earlier", start=start)
    elif span and span > ROUGH_S:
        start = say("about {start}", start=start)
    return start, end


def _lost(start: str | None, end: str | None) -> str:
    if start is None and end is None:
        return say("Some of your events are not processed.")
    if start is None:
        return say("Some of your events were not processed until {end}.", end=end)
    if end is None:
        return say("Some of your events have not been processed since {start}.", start=start)
    return say("Some of your events were not processed from {start} to {end}.", start=start, end=end)


def _late(start: str | None, end: str | None) -> str:
    if start is None and end is None:
        return say("Events are processed later than usual.")
    if start is None:
        return say("Events were processed later than usual until {end}.", end=end)
    if end is None:
        return say("Events have been processed later than usual since {start}.", start=start)
    return say("Events were processed later than usual from {start} to {end}.", start=start, end=end)


def _maybe(start: str | None, end: str | None) -> str:
    """Silence may be of what watches the worker alone, and a failure may have been made good by a retry."""
    if start is None and end is None:
        return say("Events may be processed late, or not at all.")
    if start is None:
        return say("Events may have been processed late, or not at all, until {end}.", end=end)
    if end is None:
        return say("Events may have been processed late, or not at all, since {start}.", start=start)
    return say("Events may have been processed late, or not at all, from {start} to {end}.", start=start, end=end)


def _how_many(events: Mapping[str, Any]) -> str:
    affected, still_open, healed = (events[name] for name in ("total", "open", "healed"))
    if affected["value"] is None:
        return say("We do not know yet how many events are affected.")
    sentences = [say("Events affected, of all clients: {count}.", count=bounded_text(affected))]
    is_known = still_open["bound"] in {"exact", "at_most"}
    if is_known and still_open["value"] == 0:
        sentences.append(say("None of them is still to be processed."))
    elif still_open["bound"] == "of_seen":
        sentences.append(
            say("Of those that we looked at so far, still to be processed: {count}.", count=still_open["value"])
        )
    elif still_open["value"] is not None:
        sentences.append(say("Still to be processed: {count}.", count=bounded_text(still_open)))
    if healed["value"]:
        sentences.append(say("Processed since: {count}.", count=bounded_text(healed)))
    return " ".join(sentences)


def bounded_text(count: Count) -> str:
    """A count in words that anybody reads; it has to be known."""
    if count["bound"] in {"at_least", "of_seen"}:
        return say("at least {count}", count=count["value"])
    return say("{count} at most", count=count["value"]) if count["bound"] == "at_most" else number(count["value"])


def _what_next(facts: Facts) -> str:
    still_open = facts["events"]["open"]
    if (
        still_open["value"] == 0
        and still_open["bound"] in {"exact", "at_most"}
        and (facts["end"]["at"] or facts["state"]["value"] == "recovering")
    ):
        return say("Nothing is left to be processed.")
    sentences = [say("We will tell you when the rest has been processed.")]
    if facts["class"]["value"] == "business" or facts["class"]["counts"].get("business"):
        sentences.insert(
            0, say("Some events cannot be processed as they are; we will say if we need other data from you.")
        )
    return " ".join(sentences)
