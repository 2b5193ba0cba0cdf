"""What people said of the closing: confirmations, what they answer for, and that the ticket was closed.

It stands in ``judgement.yaml`` under ``closure``; the rest of that file, comments too, is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from dlqkit.errors import ParameterError
from dlqkit.evidence import audit_log
from dlqkit.evidence.store import write_bytes

__all__ = ["Acceptance", "Closing", "Confirmation", "Word", "add_word", "parse_word", "read_word"]

NAME = "judgement.yaml"
_BLOCK = re.compile(r"^closure:.*(?:\n(?:[ \t#-].*|))*\n?", re.MULTILINE)


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


@dataclass(frozen=True, slots=True)
class Closing:
    """The ticket was closed."""

    by: str
    ticket: str
    at: str


@dataclass(frozen=True, slots=True)
class Word:
    """All of it; ``fixed_at`` is when the cause was mended, as people say, ISO 8601 with an offset."""

    fixed_at: str | None = None
    confirmed: Confirmation | None = None
    accepted: tuple[Acceptance, ...] = ()
    closed: Closing | None = None


Said = TypeVar("Said", Confirmation, Acceptance, Closing)


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
    return Word(
        _moment(values.get("fixed_at")),
        _one(Confirmation, values.get("confirmed"), "confirmed"),
        tuple(_whole(Acceptance, one, "accepted") for one in accepted),
        _one(Closing, values.get("closed"), "closed"),
    )


def _one(kind: type[Said], values: Any, name: str) -> Said | None:
    return None if values is None else _whole(kind, values, name)


def _whole(kind: type[Said], values: Any, name: str) -> Said:
    wanted = [one.name for one in fields(kind)]
    if not isinstance(values, dict) or set(values) != set(wanted) or not all(values.values()):
        raise ParameterError(
            f"In judgement.yaml closure.{name} is not as it should be.", f"It holds {', '.join(wanted)}, none empty."
        )
    texts = {key: value.isoformat() if isinstance(value, datetime) else str(value) for key, value in values.items()}
    _moment(texts["at"])
    return kind(**texts)


def _moment(value: Any) -> str | None:
    if value is None:
        return None
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ParameterError(
            "In judgement.yaml a time of closure is none, or has no zone.", "Write it as 2026-03-02T14:40:00+00:00."
        )
    return at.astimezone(UTC).isoformat()


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
        values = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError("judgement.yaml is not YAML.", "Mend it, or remove it.") from error
    return values if isinstance(values, dict) else {}


def add_word(directory: Path, said: Confirmation | Acceptance | Closing) -> Word:
    """Keep what somebody said, in ``judgement.yaml`` and in the audit log.

    Parameters
    ----------
    directory : Path
        The incident folder.
    said : Confirmation, Acceptance or Closing
        In place of an earlier confirmation or closing; beside earlier acceptances.

    Raises
    ------
    ParameterError
        If something is left empty, or ``judgement.yaml`` cannot be read.
    StorageError
        If it cannot be written.
    """
    if not all(str(value).strip() for value in asdict(said).values()):
        raise ParameterError("A name or a reason is missing.", "Give who says it, and how or why.")
    before = read_word(directory)
    words: dict[str, Any] = {name: value for name, value in asdict(before).items() if value}
    if isinstance(said, Acceptance):
        words["accepted"] = [*map(asdict, before.accepted), asdict(said)]
    else:
        words["confirmed" if isinstance(said, Confirmation) else "closed"] = asdict(said)
        words["accepted"] = [asdict(one) for one in before.accepted]
    # The log first: a word without a trace of it would be worse than a trace without a word.
    audit_log.append(directory, f"closure {type(said).__name__.lower()}", **asdict(said))
    _write(directory / NAME, {name: value for name, value in words.items() if value})
    return read_word(directory)


def _write(path: Path, words: Mapping[str, Any]) -> None:
    """Put the block in place of the one that is there; every other line stays."""
    import yaml

    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    block = yaml.safe_dump({"closure": dict(words)}, allow_unicode=True, sort_keys=False, width=1000)
    if _BLOCK.search(text):
        text = _BLOCK.sub(lambda _: block, text, count=1)
    else:
        text = f"{text.rstrip()}\n\n{block}" if text.strip() else block
    write_bytes(path, text.encode())
