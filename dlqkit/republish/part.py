"""The first events of those that are meant, where they are more than one plan is to hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.language import say
from dlqkit.republish.exclusions import REASONS, find_sent
from dlqkit.republish.known import Known
from dlqkit.republish.meant import find_dead_letters, in_order
from dlqkit.republish.reasons import find_settled
from dlqkit.republish.selection import Selection, select_events

__all__ = ["Batch", "Part", "choose_part"]

Batch = tuple[pd.DataFrame, pd.DataFrame]
"""All records of some events, ``frames.RECORDS``, and a row per dead one of them, as ``plan_republish`` takes both."""


@dataclass(frozen=True, slots=True)
class Part:
    """The events of one plan, and which of those that are meant it need not name."""

    keys: tuple[str, ...]
    """Event keys, in the order in which their events began."""
    passed_over: Mapping[str, int]
    """By reason events before the last one that need no plan, or have one."""
    is_all: bool
    """Whether no event that is meant is left for a further plan."""

    def select(self, selection: Selection) -> Selection:
        """The same question, of these events alone."""
        return replace(selection, ids=self.keys)

    def tell(self) -> tuple[str, ...]:
        """What a plan of this part says before it is approved."""
        said = [] if self.is_all else [say("More events are meant than these: plan again for those after them.")]
        if self.passed_over:
            named = [reason for reason in REASONS if reason in self.passed_over]
            counts = ", ".join(f"{self.passed_over[reason]:,} {reason}" for reason in named)
            said.append(say("Passed over, and not listed: {counts}.", counts=counts))
        return tuple(said)


def choose_part(
    batches: Iterable[Batch], selection: Selection, most: int, know: Callable[[pd.DataFrame], Known], *, is_edited: bool
) -> Part:
    """At most so many of the events that are meant, those that began first.

    Events that need no plan, or have one, are passed over, and business errors that no edit mends: else a second
    part would be the first again. Every other one counts, whether it will be planned or left out.

    Parameters
    ----------
    batches : iterable of Batch
        In the order in which events began; no event is in two.
    selection : Selection
    most : int
        1 or more.
    know : callable
        What is known beside the records, for some dead letters.
    is_edited : bool
        Whether all payloads are edited.

    Returns
    -------
    Part

    Raises
    ------
    ParameterError
        If ``most`` is less than 1, nothing was asked for, or a condition cannot be read.
    """
    if most < 1:
        raise ParameterError(f"A plan of at most {most} events is none.", "Give 1 or more: --most 10000")
    keys: list[str] = []
    passed_over: Counter[str] = Counter()
    for records, classified in batches:
        ordered = in_order(records)
        dead = find_dead_letters(ordered, classified)
        chosen, _ = select_events(selection, dead)
        settled = _find_passed(ordered, chosen, know(dead), is_edited=is_edited)
        for key in _as_begun(ordered, chosen):
            if key in settled:
                passed_over[settled[key]] += 1
            elif len(keys) < most:
                keys.append(key)
            else:
                return Part(tuple(keys), dict(passed_over), is_all=False)
    return Part(tuple(keys), dict(passed_over), is_all=True)


def _find_passed(records: pd.DataFrame, events: pd.DataFrame, known: Known, *, is_edited: bool) -> dict[str, str]:
    sent = find_sent(events, known.journal, known.earlier, known.sent_elsewhere)
    found = {key: reason for key, (reason, _) in find_settled(records, events, sent, known).items()}
    if not is_edited:
        business = events.loc[(events["failure_class"] == "business") & ~events["disputed"], "event_key"]
        found = dict.fromkeys(business.astype("str"), "business error") | found
    return found


def _as_begun(records: pd.DataFrame, events: pd.DataFrame) -> list[str]:
    """Keys of the events in the order of sending, as ``drafts.draft_events`` has it."""
    first_at = records.groupby("event_key")["recorded_at"].min()
    begun = events.assign(first_at=events["event_key"].map(first_at))
    begun = begun.sort_values(["first_at", "recorded_at", "event_key"], na_position="last")
    return [str(key) for key in begun["event_key"]]
