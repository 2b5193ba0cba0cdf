"""What people write in ``judgement.yaml`` beside plain texts: lessons, follow-ups, and what they saw or did when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from dlqkit.errors import ParameterError
from dlqkit.incident import to_utc

__all__ = [
    "LESSONS",
    "MILESTONES",
    "Entry",
    "FollowUp",
    "parse_entries",
    "parse_follow_ups",
    "parse_lessons",
    "parse_texts",
]

LESSONS = ("well", "badly", "lucky", "surprised")
"""What went well, what went badly, where it was luck, what surprised."""
MILESTONES = ("alert", "known", "fix", "drained")
"""Moments that only people know for sure: the alert reached somebody, people knew, the fix, nothing was left to do."""
_FOLLOW_UP = ("what", "owner", "due", "ticket", "done")
_ENTRY = ("at", "who", "what", "milestone")
_WRITE_ENTRY = "Write each entry of timeline as at, who, what, and if it is one, milestone."


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What is to be done after the incident."""

    what: str
    owner: str | None = None
    due: str | None = None
    """A day, ISO 8601."""
    ticket: str | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """What a person saw or did."""

    at: str
    """ISO 8601, UTC."""
    who: str
    what: str
    milestone: str | None = None


def parse_texts(value: Any, name: str) -> tuple[str, ...] | None:
    """A text or a list of texts; None where nothing was written, empty where there is nothing to say (``[]``).

    Raises
    ------
    ParameterError
        If it holds something else than texts.
    """
    if value is None or value == "":
        return None
    parts = value if isinstance(value, list) else [value]
    texts = [_text(one) for one in parts]
    if not all(texts):
        raise ParameterError(
            f"In judgement.yaml {name} is no text and no list of texts.",
            f"Write {name}: in words, or a list of sentences, each after a dash; with a colon in it, within quotes.",
        )
    return tuple(text for text in texts if text)


def parse_lessons(value: Any) -> dict[str, tuple[str, ...]]:
    """What was learnt, by ``LESSONS``; kinds that nobody wrote about are left out.

    Raises
    ------
    ParameterError
        If it has another key, or one of them holds something else than texts.
    """
    if value is None:
        return {}
    known = ", ".join(LESSONS)
    if not isinstance(value, Mapping):
        raise ParameterError("In judgement.yaml lessons is not a table of names.", f"Write {known} under it.")
    strange = [str(name) for name in value if name not in LESSONS]
    if strange:
        raise ParameterError(
            f"In judgement.yaml lessons has a key {strange[0][:40]!r} that means nothing.", f"Write {known} under it."
        )
    read = {name: parse_texts(value.get(name), f"lessons.{name}") for name in LESSONS}
    return {name: texts for name, texts in read.items() if texts is not None}


def parse_follow_ups(value: Any) -> tuple[FollowUp, ...] | None:
    """What is to be done; None where nobody wrote of it, empty where there is nothing to do (``[]``).

    Raises
    ------
    ParameterError
        If one of them says not what, or a value is not what it should be.
    """
    if value is None:
        return None
    step = f"Write follow_ups as a list, each with {', '.join(_FOLLOW_UP)}; all but what may be left out."
    if not isinstance(value, list):
        raise ParameterError("In judgement.yaml follow_ups is not a list.", step)
    return tuple(_follow_up(one, f"follow-up {number}", step) for number, one in enumerate(value, 1))


def _follow_up(value: Any, name: str, step: str) -> FollowUp:
    _check_keys(value, name, _FOLLOW_UP, step)
    done = value.get("done")
    if done is not None and not isinstance(done, bool):
        raise ParameterError(f"In judgement.yaml done of {name} is neither true nor false.", "Write true or false.")
    texts = {key: _optional(value.get(key), key, name, step) for key in ("owner", "ticket")}
    return FollowUp(
        _needed(value, "what", name, step), texts["owner"], _day(value.get("due"), name), texts["ticket"], bool(done)
    )


def _day(value: Any, name: str) -> str | None:
    if value is None:
        return None
    try:
        day = value if type(value) is date else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ParameterError(f"In judgement.yaml due of {name} is no day.", "Write it as 2026-03-20.") from None
    return day.isoformat()


def parse_entries(value: Any) -> tuple[Entry, ...]:
    """What people saw or did, by time.

    Raises
    ------
    ParameterError
        If an entry lacks a word, its time has no zone, its milestone is none, or two are of the same milestone.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ParameterError("In judgement.yaml timeline is not a list.", _WRITE_ENTRY)
    entries = [_entry(one, f"timeline entry {number}") for number, one in enumerate(value, 1)]
    named = [one.milestone for one in entries if one.milestone]
    for milestone in MILESTONES:
        if named.count(milestone) > 1:
            raise ParameterError(
                f"In judgement.yaml two entries of timeline are the milestone {milestone}.", "Keep the one that holds."
            )
    return tuple(sorted(entries, key=lambda one: one.at))


def _entry(value: Any, name: str) -> Entry:
    _check_keys(value, name, _ENTRY, _WRITE_ENTRY)
    milestone = value.get("milestone")
    if milestone is not None and milestone not in MILESTONES:
        raise ParameterError(
            f"In judgement.yaml the milestone {str(milestone)[:40]!r} of {name} is none.",
            f"Write one of {', '.join(MILESTONES)}, or leave it out.",
        )
    who, what = (_needed(value, key, name, _WRITE_ENTRY) for key in ("who", "what"))
    return Entry(_moment(value.get("at"), name), who, what, milestone)


def _moment(value: Any, name: str) -> str:
    at = value if isinstance(value, datetime) else None
    if isinstance(value, str):
        try:
            # As the report itself writes a time, so that one can be copied from it.
            at = datetime.fromisoformat(value.strip().removesuffix(" UTC") + "+00:00" * value.strip().endswith(" UTC"))
        except ValueError:
            at = None
    unread = ParameterError(
        f"In judgement.yaml {name} has no time that can be read.", "Write at: as 2026-03-02T14:05:00+00:00."
    )
    if at is None:
        raise unread
    if at.tzinfo is None:
        raise ParameterError(
            f"In judgement.yaml the time of {name} has no zone.",
            f"Add the offset: {at.isoformat()}Z for UTC, or for example {at.isoformat()}+03:00.",
        )
    try:
        return to_utc(at).isoformat()
    except ValueError:
        raise unread from None


def _check_keys(value: Any, name: str, known: tuple[str, ...], step: str) -> None:
    if not isinstance(value, Mapping):
        raise ParameterError(f"In judgement.yaml {name} is not a table of names.", step)
    strange = [str(key) for key in value if key not in known]
    if strange:
        raise ParameterError(f"In judgement.yaml {name} has a key {strange[0][:40]!r} that means nothing.", step)


def _text(value: Any) -> str | None:
    """Words, or what YAML makes of them without quotes: a number, a day; None for anything else, or for nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | date):
        return None
    return str(value).strip() or None


def _needed(value: Mapping[str, Any], key: str, name: str, step: str) -> str:
    text = _text(value.get(key))
    if text is None:
        raise ParameterError(f"In judgement.yaml {name} does not say {key}.", step)
    return text


def _optional(value: Any, key: str, name: str, step: str) -> str | None:
    if value is None:
        return None
    text = _text(value)
    if text is None:
        raise ParameterError(f"In judgement.yaml {key} of {name} is no text.", step)
    return text
