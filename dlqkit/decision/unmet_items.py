"""What was measured for §7 and speaks against closing an incident."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dlqkit.decision.signatures import show_signature
from dlqkit.language import clock, listing, mark, say, say_count

__all__ = ["unmet_items_text", "unmet_text"]

# What speaks against closing, by the item of §7 and what was measured of it.
_AGAINST = {
    ("metrics", "no"): mark("the dead-letter counter has grown since"),
    ("metrics", "unknown"): mark("whether the dead-letter counter still grows is not known"),
    ("records", "unknown"): mark("whether there are new dead letters is not known"),
    ("confirmation", "no"): mark("the owner has not confirmed it"),
    ("confirmation", "unknown"): mark("whether the owner has confirmed it is not known"),
    ("ticket", "no"): mark("the post-mortem is not in the ticket"),
    ("ticket", "unknown"): mark("whether the post-mortem is in the ticket is not known"),
    ("republish", "no"): mark("not all that was sent again has passed"),
    ("republish", "unknown"): mark("what became of all that was sent again is not known"),
}


def unmet_text(facts: Mapping[str, Any]) -> str:
    """What was measured for §7 and speaks against closing, in the sentences of the checklist; empty where nothing is.

    What people are to say is left out: to ask them is how it is closed.
    """
    items = (facts.get("closure") or {}).get("items") or []
    return " ".join(one["why"] for one in items if one["state"] in {"no", "unknown"} and not one["accepted"])


def unmet_items_text(facts: Mapping[str, Any]) -> str:
    """The same in short, with how many new dead letters, when and of which error."""
    items = [one for one in (facts.get("closure") or {}).get("items") or [] if not one["accepted"]]
    listed = max((one["count"] for one in items if (one["name"], one["state"]) == ("records", "no")), default=0)
    texts = []
    for one in items:
        words = _AGAINST.get((one["name"], one["state"]))
        if (one["name"], one["state"]) == ("records", "no"):
            texts.append(_new_dead_letters(one, facts.get("later_dead_letters")))
        # The records say which those are that the counter has grown by.
        elif words is not None and not (one["name"] == "metrics" and 0 < one["count"] <= listed):
            texts.append(say(words))
    return listing(texts)


def _new_dead_letters(item: Mapping[str, Any], later: Mapping[str, Any] | None) -> str:
    """How many, when, and of which error where the facts know it."""
    count, at = round(item["count"]), datetime.fromisoformat(item["newest_at"])
    text = say_count("{count} new dead letter at {at} UTC", "{count} new dead letters, the newest at {at} UTC",
                     count, at=clock(at))  # fmt: skip
    # Those of after the incident are those of after the fix where both are as many and of the same time.
    if not later or later["count"] != count or datetime.fromisoformat(later["newest_at"]) != at:
        return text
    signature = f" ({show_signature(later['signature'])})" if later["signature"] else ""
    if not later["alike"]:
        return say("{text} with another error{signature}", text=text, signature=signature)
    return say("{text} with an error of the incident's{signature}", text=text, signature=signature)
