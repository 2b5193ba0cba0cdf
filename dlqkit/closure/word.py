"""What people said of the closing: confirmations, what they answer for, and that the ticket was closed.

It stands in ``judgement.yaml`` under ``closure``; the rest of that file, comments too, is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from dlqkit.errors import ParameterError
from dlqkit.evidence import audit_log
from dlqkit.evidence.people_file import editing, load_yaml
from dlqkit.evidence.store import read_words
from dlqkit.incident import to_utc

__all__ = ["Acceptance", "Attachment", "Closing", "Confirmation", "Word", "add_word", "parse_word", "read_word"]

NAME = "judgement.yaml"
# What dlqkit adds to a word of its own accord.
_OWN = ("seen_to", "count")
# Blank lines and comments belong to the block only where more of it follows them.
_BLOCK = re.compile(r"^closure:.*(?:\n|\Z)(?:(?:[ \t]*(?:#.*)?\n)*[ \t]+[^\s#].*(?:\n|\Z))*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The client or owner says that it works again."""

    by: str
    how: str
    at: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Somebody answers for an item that does not hold."""

    item: str
    state: str
    """What it was when it was accepted."""
    by: str
    reason: str
    at: str
    seen_to: str
    """The end of the evidence that it was accepted by, ISO 8601."""
    count: float | None = None
    """How much spoke against it then; None where it was written by hand."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """The post-mortem was put into the ticket by hand."""

    by: str
    ticket: str
    at: str


@dataclass(frozen=True, slots=True)
class Closing:
    """The ticket was closed."""

    by: str
    ticket: str
    at: str
    seen_to: str
    """The end of the evidence that it was closed by, ISO 8601: what came after is new."""


@dataclass(frozen=True, slots=True)
class Word:
    """All of it; ``fixed_at`` is when the cause was mended, as people say, ISO 8601 with an offset."""

    workflow_id: str | None = None
    """Which workflow they spoke of: later another one may be in worse trouble, and their word is not of that."""
    fixed_at: str | None = None
    confirmed: Confirmation | None = None
    accepted: tuple[Acceptance, ...] = ()
    attached: Attachment | None = None
    closed: Closing | None = None


Said = TypeVar("Said", Confirmation, Acceptance, Attachment, Closing)
_NAMES = {Confirmation: "confirmed", Attachment: "attached", Closing: "closed"}


def parse_word(values: Any) -> Word:
    """The block ``closure`` of ``judgement.yaml``.

    Raises
    ------
    ParameterError
        If a key of it means nothing, or a value is not what it should be.
    """
    if values is None:
        return Word()
    known = [one.name for one in fields(Word)]
    if not isinstance(values, dict) or set(values) - set(known):
        raise ParameterError("In judgement.yaml closure is not as it should be.", f"Write {', '.join(known)} under it.")
    accepted = values.get("accepted") or []
    if not isinstance(accepted, list):
        raise ParameterError("In judgement.yaml closure.accepted is no list.", "Write a list of item, by, reason, at.")
    workflow_id = values.get("workflow_id")
    if isinstance(workflow_id, dict | list):
        raise ParameterError("In judgement.yaml closure.workflow_id is no id.", "Write the workflow's id after it.")
    return Word(
        None if workflow_id is None else str(workflow_id),
        _moment(values.get("fixed_at")),
        _one(Confirmation, values.get("confirmed"), "confirmed"),
        tuple(_whole(Acceptance, one, "accepted") for one in accepted),
        _one(Attachment, values.get("attached"), "attached"),
        _one(Closing, values.get("closed"), "closed"),
    )


def _one(kind: type[Said], values: Any, name: str) -> Said | None:
    return None if values is None else _whole(kind, values, name)


def _whole(kind: type[Said], values: Any, name: str) -> Said:
    refused = ParameterError(
        f"In judgement.yaml closure.{name} is not as it should be.",
        f"It holds {', '.join(one.name for one in fields(kind) if one.name not in _OWN)}, none empty.",
    )
    if not isinstance(values, dict):
        raise refused
    # Written by hand it is of when it was written.
    values = {**({"seen_to": values.get("at")} if "seen_to" in kind.__slots__ else {}), **values}
    wanted = {one.name for one in fields(kind)}
    texts = {key: _text(value) for key, value in values.items() if key != "count" and value is not None}
    if set(values) - wanted or wanted - {"count"} - set(texts) or not all(texts.values()):
        raise refused
    for key in {"at", "seen_to"} & set(texts):
        _moment(texts[key])
    more: dict[str, Any] = {**texts, **_count(values, refused)}
    return kind(**more)


def _text(value: Any) -> str:
    if isinstance(value, bool):  # what YAML makes of a plain yes or no
        return "yes" if value else "no"
    return value.isoformat() if isinstance(value, datetime) else str(value).strip()


def _count(values: Mapping[str, Any], refused: ParameterError) -> dict[str, Any]:
    if values.get("count") is None:
        return {}
    count = values["count"]
    if isinstance(count, bool) or not isinstance(count, int | float) or not count >= 0:
        raise refused
    return {"count": float(count)}


def _moment(value: Any) -> str | None:
    if value is None:
        return None
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        moment = to_utc(at) if at.tzinfo is not None else None
    except ValueError:
        moment = None
    if moment is None:
        raise ParameterError(
            "In judgement.yaml a time of closure is none, or has no zone.", "Write it as 2026-03-02T14:40:00+00:00."
        )
    return moment.isoformat()


def read_word(directory: Path) -> Word:
    """What was said in an incident folder.

    Raises
    ------
    ParameterError
        If ``judgement.yaml`` is no YAML, or its block is not as it should be.
    """
    return parse_word(_load(directory / NAME).get("closure"))


def _load(path: Path) -> dict[str, Any]:
    import yaml

    try:
        values = load_yaml(read_words(path)) if path.is_file() else {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(
            "judgement.yaml is not YAML.", "Mend it, or remove it; aliases (&a, *a) are not read."
        ) from error
    return values if isinstance(values, dict) else {}


def add_word(
    directory: Path, said: Confirmation | Acceptance | Attachment | Closing, workflow_id: str | None = None
) -> Word:
    """Keep what somebody said, in ``judgement.yaml`` and in the audit log.

    Parameters
    ----------
    directory : Path
        The incident folder.
    said : Confirmation, Acceptance, Attachment or Closing
        In place of an earlier one of its kind; beside earlier acceptances.
    workflow_id : str, optional
        Which workflow it is said of; kept with the first word.

    Raises
    ------
    ParameterError
        If something is left empty, or ``judgement.yaml`` cannot be read.
    StorageError
        If it cannot be written.
    """
    # The dots of a command that was pasted as it stood are no name and no reason.
    if not all(any(map(str.isalnum, str(value))) for value in asdict(said).values()):
        raise ParameterError("A name or a reason is missing.", "Give who says it, and how or why.")
    with editing(directory / NAME) as write:
        before = read_word(directory)
        words: dict[str, Any] = {**asdict(before), "workflow_id": before.workflow_id or workflow_id}
        if isinstance(said, Acceptance):
            words["accepted"] = [*map(asdict, before.accepted), asdict(said)]
        else:
            words[_NAMES[type(said)]] = asdict(said)
            words["accepted"] = [asdict(one) for one in before.accepted]
        text = _with_block(directory / NAME, {name: value for name, value in words.items() if value})
        # The log first: a word without a trace of it would be worse than a trace without a word.
        audit_log.append(directory, f"closure {type(said).__name__.lower()}", **asdict(said))
        write(text)
    return read_word(directory)


def _with_block(path: Path, words: Mapping[str, Any]) -> str:
    """The file's text with the block in place of the one that is there; every other line stays."""
    import yaml

    text = read_words(path) if path.is_file() else ""
    block = yaml.safe_dump({"closure": dict(words)}, allow_unicode=True, sort_keys=False, width=1000)
    if _BLOCK.search(text):
        text = _BLOCK.sub(lambda _: block, text, count=1)
    else:
        text = f"{text.rstrip()}\n\n{block}" if text.strip() else block
    try:
        is_kept = load_yaml(text) == {**_load(path), "closure": dict(words)}
    except yaml.YAMLError:
        is_kept = False
    if not is_kept:
        raise ParameterError(
            "The block closure of judgement.yaml is written so that dlqkit cannot add to it.",
            "Write it as lines of key: value, each with two spaces before it; without braces.",
        )
    return text
