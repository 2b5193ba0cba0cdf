"""Status texts that were sent: kept in the incident folder with the numbers that the next one is compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dlqkit.errors import EvidenceError
from dlqkit.evidence import audit_log
from dlqkit.evidence.store import read_json, write_bytes
from dlqkit.report.tables import Text
from dlqkit.report.updates import AUDIENCES, Audience, Numbers, numbers_of
from dlqkit.untrusted import for_json

__all__ = ["Sent", "keep_update", "last_update", "read_updates"]

FOLDER = "updates"


@dataclass(frozen=True, slots=True)
class Sent:
    """One text: for whom, when and by whom it was sent, what it said, and of which numbers."""

    audience: Audience
    sent_at: str
    sent_by: str
    lines: tuple[tuple[str, str], ...]
    """Label and text, as they were shown."""
    numbers: Numbers


def read_updates(directory: Path) -> list[Sent]:
    """What was sent of an incident, oldest first.

    Parameters
    ----------
    directory : Path
        The incident folder.

    Raises
    ------
    EvidenceError
        If one was damaged.
    """
    return [_read(path) for path in sorted((directory / FOLDER).glob("[0-9]*.json"))]


def last_update(directory: Path, audience: Audience, as_of: str) -> Numbers | None:
    """The numbers of the last text that was sent to these readers; None where there was none.

    Parameters
    ----------
    directory : Path
        The incident folder.
    audience : str
    as_of : str
        ISO 8601: a text of later evidence is none that this one follows.

    Raises
    ------
    EvidenceError
        If one was damaged.
    """
    until = datetime.fromisoformat(as_of)
    sent = [
        one.numbers for one in read_updates(directory)
        if one.audience == audience and datetime.fromisoformat(one.numbers.as_of) <= until
    ]  # fmt: skip
    return sent[-1] if sent else None


def keep_update(directory: Path, facts: Mapping[str, Any], audience: Audience, text: Text, by: str) -> Path:
    """Remember that a text was sent, for the next one, and in the audit log.

    Each has a file of its own, so that two people who send at once lose nothing.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    at = datetime.now(UTC)
    lines = tuple((line.label, line.text) for line in text.lines)
    sent = Sent(audience, at.isoformat(), by, lines, numbers_of(facts))
    path = directory / FOLDER / f"{at:%Y%m%dT%H%M%S.%fZ}-{audience}.json"
    write_bytes(path, (for_json(json.dumps(asdict(sent), ensure_ascii=False, indent=1)) + "\n").encode())
    audit_log.append(
        directory, "update sent", audience=audience, sent_by=by, as_of=facts["as_of"],
        snapshot=facts["snapshot"]["id"], file=f"{FOLDER}/{path.name}",
    )  # fmt: skip
    return path


def _read(path: Path) -> Sent:
    damaged = EvidenceError(
        f"{FOLDER}/{path.name} was damaged.", "Remove it; the next text is then compared with the one before."
    )
    try:
        values = read_json(path)
        numbers = Numbers(**values["numbers"])
        lines = tuple((str(label), str(text)) for label, text in values["lines"])
        sent = Sent(values["audience"], values["sent_at"], str(values["sent_by"]), lines, numbers)
        times = (sent.sent_at, numbers.as_of, *([numbers.onset_at] if numbers.onset_at else []))
        if any(datetime.fromisoformat(one).tzinfo is None for one in times):
            raise ValueError
    except (EvidenceError, OSError, ValueError, KeyError, TypeError, RecursionError):
        raise damaged from None
    if sent.audience not in AUDIENCES or not _is_whole(numbers):
        raise damaged
    return sent


def _is_whole(numbers: Numbers) -> bool:
    texts = (numbers.snapshot, numbers.state, numbers.failure_class, numbers.verdict)
    maybe = (numbers.cause, numbers.done)
    counts = (numbers.affected, numbers.open)
    return (
        all(isinstance(one, str) for one in texts)
        and all(one is None or isinstance(one, str) for one in maybe)
        and isinstance(numbers.passed, int)
        and all(isinstance(one, dict) and _is_count(one) for one in counts)
    )


def _is_count(count: Mapping[str, Any]) -> bool:
    return isinstance(count.get("bound"), str) and (count.get("value") is None or isinstance(count["value"], int))
