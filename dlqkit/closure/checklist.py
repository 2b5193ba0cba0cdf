"""The closing checklist: items, each with what it rests on, and the verdict that they give together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from dlqkit.closure.word import Acceptance
from dlqkit.language import say
from dlqkit.notebook_html import Shown

__all__ = ["CLOSABLE", "ITEMS", "NOT_CLOSABLE", "UNKNOWN", "Closure", "Item", "State", "judge"]

State = Literal["yes", "no", "unknown", "person"]
CLOSABLE, NOT_CLOSABLE, UNKNOWN = "closable", "not closable", "unknown"
ITEMS = ("metrics", "records", "confirmation", "ticket", "republish")
"""Names of the items, in the order of the runbook; by them one is accepted."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the checklist."""

    name: str
    text: str
    state: State
    """``person``: nobody has said it yet."""
    why: str
    evidence: str = ""
    since: str | None = None
    """From when on it was looked at, ISO 8601."""
    count: float = 0.0
    """How much speaks against it: dead letters, or events that did not pass."""
    newest_at: str | None = None
    """When the newest of it came, ISO 8601."""
    accepted: Acceptance | None = None
    """Who answers for it although it does not hold."""
    lapsed: Acceptance | None = None
    """Who answered for less than what speaks against it now."""


@dataclass(frozen=True, slots=True, repr=False)
class Closure(Shown):
    """Whether the incident may be closed; ``reasons`` say why not, or what is not known."""

    verdict: str
    reasons: tuple[str, ...]
    items: tuple[Item, ...]

    def _shown(self) -> tuple[str, list[tuple[str, object]]]:
        return f"Closure: {self.verdict}", [(f"{one.text.rstrip('.')}: {one.state}", one.why) for one in self.items]

    @property
    def is_closable(self) -> bool:
        """Whether every item holds, or somebody answers for it."""
        return self.verdict == CLOSABLE


# From good to bad: an acceptance holds as long as the item has not become worse since.
_WORSE = {"yes": 0, "person": 1, "unknown": 2, "no": 3}
# Without any of these nothing is closable; the republish is beside them where a plan was run.
_NEEDED = ITEMS[:4]


def judge(items: Sequence[Item], acceptances: Iterable[Acceptance] = ()) -> Closure:
    """The verdict of all items.

    Parameters
    ----------
    items : sequence of Item
        As they were measured and said.
    acceptances : iterable of Acceptance
        What people answer for; the newest of an item counts. What was accepted as not known is not accepted as no, and
        what was accepted as three dead letters neither as four nor as three others.

    Returns
    -------
    Closure
        Not closable where an item does not hold, or a person has not spoken; unknown where one could not be measured,
        or was not looked at.
    """
    newest = {one.item: one for one in acceptances}
    judged = []
    for item in items:
        word = newest.get(item.name)
        if item.state != "yes" and word is not None:
            item = replace(item, accepted=word) if _covers(word, item) else replace(item, lapsed=word)
        judged.append(item)
    left = [item for item in judged if item.state != "yes" and item.accepted is None]
    verdict = CLOSABLE
    if any(item.state in {"no", "person"} for item in left):
        verdict = NOT_CLOSABLE
    missing = [name for name in _NEEDED if name not in {item.name for item in judged}]
    if verdict == CLOSABLE and (left or missing):
        verdict = UNKNOWN
    unseen = [say("The item {name} was not looked at.", name=name) for name in missing]
    reasons = [*(item.why for item in left), *unseen]
    return Closure(verdict, tuple(reasons), tuple(judged))


def _covers(word: Acceptance, item: Item) -> bool:
    """Whether what speaks against an item now is what somebody answered for."""
    if _WORSE[item.state] > _WORSE.get(word.state, -1) or (word.count is not None and item.count > word.count):
        return False
    return item.newest_at is None or datetime.fromisoformat(item.newest_at) <= datetime.fromisoformat(word.seen_to)
