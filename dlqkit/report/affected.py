"""How many events the incident killed, by the records and by what else tells of dead letters, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.decision.balance import lacks_records
from dlqkit.language import number, say
from dlqkit.report.amounts import count_text
from dlqkit.report.causes_text import left_text

__all__ = ["affected_text", "is_affected_known"]

Facts = Mapping[str, Any]


def is_affected_known(facts: Facts) -> bool:
    """Whether anything tells how many events died."""
    return facts["events"]["total"]["value"] is not None


def affected_text(facts: Facts) -> str:
    """How many events died by which source, what became of them, and how many more the counter saw.

    Parameters
    ----------
    facts : mapping
        From ``report.facts.facts``, of an incident of dead letters.
    """
    events = facts["events"]
    listed, held, total = events["affected"]["value"], events["held"]["value"], count_text(events["total"])
    if listed is None:
        text = say("the records do not tell")
        return say("{total}, in the dead-letter subscription; {untold}", total=total, untold=text) if held else text
    still_open, healed = (count_text(events[name]) for name in ("open", "healed"))
    left = left_text(facts)
    if held:
        text = _sum_text(facts, left)
    else:
        still_open = say("{open} ({left})", open=still_open, left=left) if left else still_open
        text = say("{affected}; open {open}, healed {healed}", affected=total, open=still_open, healed=healed)
    counted = facts["metrics"]["dead_letters_increase"]
    if events["affected"]["bound"] == "exact" or not counted or counted <= listed:
        return text
    lacks = lacks_records(counted, listed + held)
    if held and not lacks:
        # A third count that agrees with the others would only be one more number to hold against them.
        return text
    text = say("{events}; the counter grew by {counted:,.0f}", events=text, counted=counted)
    if not lacks:
        return text
    missing = round(counted - listed - held)
    if held:
        return say("{events}, so {count} are in neither", events=text, count=missing)
    return say("{events}, so {count} are in no record", events=text, count=missing)


def _sum_text(facts: Facts, left: str) -> str:
    """The number of the title and the parts that it is the sum of."""
    events = facts["events"]
    listed, still_open, healed = (events[name]["value"] or 0 for name in ("affected", "open", "healed"))
    open_text = say("{count} open", count=number(still_open))
    parts = [
        say("{open} ({left})", open=open_text, left=left) if left else open_text,
        say("{count} healed", count=number(healed)),
    ]
    if retried := listed - still_open - healed:
        parts.append(say("{count} being tried again", count=number(retried)))
    parts.append(
        say(
            "{count} in the dead-letter subscription alone, open or not is not known",
            count=number(events["held"]["value"]),
        )
    )
    return f"{count_text(events['total'])} = {' + '.join(parts)}"
