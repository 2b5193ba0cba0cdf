"""What to do where no incident is seen: the evidence that ends early, the few events that are open, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dlqkit.decision.class_advice import Row, advice_row
from dlqkit.language import date_and_time, listing, say, say_count

__all__ = ["advise_on_nothing"]


def advise_on_nothing(state: Mapping[str, Any], folder: str) -> list[Row]:
    """As of ``advice.advise``, of ``state`` of the facts; ``folder`` as commands are to name it."""
    rows = []
    if state.get("until"):
        rows.append(advice_row(say("Collect to the end of the window: the evidence ends before it."),
                               say("Nothing is known of after {at}.",
                                   at=date_and_time(datetime.fromisoformat(state["until"]))),
                               f"dlqkit collect {folder}",
                               wrong=say("Taking what is not covered for quiet."),
                               unknown=say("Whether the worker fell silent, or the file was saved then.")))  # fmt: skip
    if still_open := int(state.get("open") or 0):
        look = say_count(
            "Look at the one dead event that is open; there is no incident, but each wants its decision.",
            "Look at the {count} dead events that are open; there is no incident, but each wants its decision.",
            still_open,
        )
        traces = [str(one) for one in state.get("open_traces") or []]
        if rest := still_open - len(traces):
            traces += [say_count("{count} more", "{count} more", rest)] if traces else []
        look = say("{look} Traces: {traces}.", look=look, traces=listing(traces)) if traces else look
        if old := int(state.get("old_messages") or 0):
            older = say_count(
                "Decide about the {count} message of before the window in the dead-letter subscriptions, too.",
                "Decide about the {count} messages of before the window in the dead-letter subscriptions, too.",
                old,
            )
            look = f"{look} {older}"
        rows.append(advice_row(look, say("§4: a dead event stays undone until somebody decides."),
                               f"dlqkit lab {folder}",
                               wrong=say("Leaving them because they are few."),
                               unknown=say("Whether more of the same kind follow.")))  # fmt: skip
    else:
        rows.append(advice_row(say("Nothing to do; if a client misses events, collect again with the client's list of "
                                   "them."),
                               say("§1: events that never reached the action are in no metric."),
                               f"dlqkit collect {folder} --reported reports.csv",
                               unknown=say("What became of events that no source has seen.")))  # fmt: skip
    return rows
