"""The states of a report: draft, in review, reviewed, closed; and how they are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dlqkit.language import say
from dlqkit.report.judgement import Judgement
from dlqkit.report.review import LONGEST_NAME, Review, mark_judgement
from dlqkit.report.wording import moment_text
from dlqkit.untrusted import shorten

__all__ = ["describe_review", "state_text"]


def describe_review(
    judgement: Judgement, review: Review, state: str, closed: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The report's state as facts.

    Parameters
    ----------
    judgement : Judgement
    review : Review
    state : str
        The incident's (``state.value``): where nothing is wrong there is nothing to judge.
    closed : mapping or None
        ``closure.closed`` of the facts.

    Returns
    -------
    dict
        ``state``: ``nothing``, ``draft``, ``in_review``, ``reviewed`` or ``closed``; ``lacks``, what is still to be
        judged; ``asked`` and ``reviewed``; ``is_edited``, whether the judgement was changed since it was reviewed;
        ``mark``, the hash of the judgement.
    """
    lacks, mark = [] if state == "nothing" else judgement.lacks, mark_judgement(judgement)
    is_edited = review.reviewed is not None and review.reviewed.mark != mark
    value = "draft"
    if state == "nothing":
        value = "nothing"
    elif lacks:
        value = "draft"
    elif is_edited:
        value = "in_review"
    elif closed is not None:
        value = "closed"
    elif review.reviewed is not None:
        value = "reviewed"
    elif review.asked is not None:
        value = "in_review"
    return {"state": value, "lacks": lacks, "is_edited": is_edited, "mark": mark, **asdict(review)}


def state_text(facts: Mapping[str, Any]) -> str:
    """The report's state in words, with whose word it is."""
    told, closed = facts["review"], facts["closure"]["closed"]
    asked, reviewed = told["asked"], told["reviewed"]
    if told["state"] == "nothing":
        return say("No incident")
    if told["state"] == "draft":
        if told["lacks"]:
            return say("Draft: judgement is still needed")
        return say("Draft: complete, and no review was asked for")
    if told["state"] == "closed":
        back = facts["closure"]["came_back"]
        who = {"ticket": _short(closed["ticket"]), "name": _short(closed["by"]), "at": _day_time(closed["at"])}
        if back is not None and back["state"] in {"same", "other"}:
            return say("Closed: {ticket}, by {name}, {at}; it has come back since", **who)
        return say("Closed: {ticket}, by {name}, {at}", **who)
    if told["state"] == "reviewed":
        return say("Reviewed by {name}, {at}, over snapshot {snapshot}", name=_short(reviewed["by"]),
                   at=_day_time(reviewed["at"]), snapshot=_short(reviewed["snapshot"]))  # fmt: skip
    if told["is_edited"]:
        return say("In review again: the judgement was changed since {name} reviewed it, {at}",
                   name=_short(reviewed["by"]), at=_day_time(reviewed["at"]))  # fmt: skip
    return say("In review: {name} asked for it, {at}", name=_short(asked["by"]), at=_day_time(asked["at"]))


def _short(text: object) -> str:
    return shorten(str(text), LONGEST_NAME)


def _day_time(at: str) -> str:
    return moment_text(at, seconds=False)
