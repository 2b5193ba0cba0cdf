"""Who asked for a review of a report, and who reviewed it: somebody's word over what was written then."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dlqkit.errors import ParameterError
from dlqkit.evidence import audit_log
from dlqkit.evidence.people_file import editing
from dlqkit.incident import to_utc
from dlqkit.report.judgement import Judgement, parse_judgement, read_yaml
from dlqkit.report.judgement_file import NAME, replace_keys

__all__ = [
    "LONGEST_NAME",
    "Asked",
    "Review",
    "Reviewed",
    "ask_review",
    "mark_judgement",
    "parse_review",
    "read_review",
    "record_review",
]

# A name in the banner; it has to leave room for the rest.
LONGEST_NAME = 80
_ASK = "dlqkit postmortem DIR --ask-review"
_RECORD = "dlqkit postmortem DIR --reviewed-by NAME"


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody asked for a review."""

    by: str
    at: str
    """ISO 8601, UTC."""
    snapshot: str
    """Which evidence the report was of."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Somebody has read the report, and stands by it."""

    by: str
    at: str
    snapshot: str
    mark: str
    """Hash of the judgement that was read."""


@dataclass(frozen=True, slots=True)
class Review:
    """Who asked for a review, and who reviewed it."""

    asked: Asked | None = None
    reviewed: Reviewed | None = None


def mark_judgement(judgement: Judgement) -> str:
    """A hash that changes with every word of the judgement.

    Whether a follow-up is done, and in which ticket, changes for weeks after the review, and is left out.
    """
    follow_ups = judgement.follow_ups
    settled = None if follow_ups is None else tuple(replace(one, ticket=None, done=False) for one in follow_ups)
    written = json.dumps(asdict(replace(judgement, follow_ups=settled)), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def parse_review(values: Any) -> Review:
    """The block ``review`` of ``judgement.yaml``.

    Raises
    ------
    ParameterError
        If it holds something else than dlqkit wrote.
    """
    if values is None:
        return Review()
    if not isinstance(values, dict) or set(values) - {"asked", "reviewed"}:
        raise _refused("review")
    asked, reviewed = values.get("asked"), values.get("reviewed")
    return Review(
        None if asked is None else Asked(**_whole(Asked, asked, "review.asked")),
        None if reviewed is None else Reviewed(**_whole(Reviewed, reviewed, "review.reviewed")),
    )


def _whole(kind: type[Asked] | type[Reviewed], values: Any, name: str) -> dict[str, str]:
    wanted = {one.name for one in fields(kind)}
    if not isinstance(values, dict) or set(values) != wanted:
        raise _refused(name)
    texts = {key: value.isoformat() if isinstance(value, datetime) else str(value) for key, value in values.items()}
    try:
        at = datetime.fromisoformat(texts["at"])
        moment = to_utc(at) if at.tzinfo is not None else None
    except ValueError:
        raise _refused(name) from None
    if moment is None or not _is_name(texts["by"]):
        raise _refused(name)
    return {**texts, "at": moment.isoformat()}


def _refused(name: str) -> ParameterError:
    # A review is of what was read: without the hash of that a later edit could not be told.
    return ParameterError(f"In judgement.yaml {name} is not as dlqkit writes it.", f"Remove it, then: {_RECORD}")


def _is_name(text: str) -> bool:
    # The dots of a command that was pasted as it stood are no name.
    return any(map(str.isalnum, text)) and len(text) <= LONGEST_NAME


def read_review(directory: Path) -> Review:
    """Who asked for a review of an incident folder's report, and who reviewed it."""
    values = read_yaml(directory / NAME)
    return parse_review(values.get("review") if isinstance(values, dict) else None)


def ask_review(directory: Path, by: str, snapshot: str) -> Review:
    """Record that somebody asks for a review; an earlier review is over with it.

    Parameters
    ----------
    directory : Path
        The incident folder.
    by : str
        Who asks.
    snapshot : str
        Which evidence the report is of.

    Raises
    ------
    ParameterError
        If something is still to be judged, or the name is none.
    """

    def ask() -> Review:
        _judged(directory, by)
        return Review(Asked(by.strip(), _now(), snapshot))

    return _keep(directory, ask, "review asked for")


def record_review(directory: Path, by: str, snapshot: str, *, another: bool = False) -> Review:
    """Record that somebody has reviewed the report as its judgement stands now.

    Parameters
    ----------
    directory, by, snapshot
        As of ``ask_review``.
    another : bool
        Whether it has to be another person than the one who asked.

    Raises
    ------
    ParameterError
        If something is still to be judged, the name is none, or it is that of who asked where that may not be.
    """

    def review() -> Review:
        judgement, before = _judged(directory, by), read_review(directory)
        if another and before.asked is None:
            raise ParameterError(
                "Nobody has asked for a review, so it is not known whose work this is.", f"First: {_ASK}"
            )
        if another and before.asked is not None and before.asked.by.strip().casefold() == by.strip().casefold():
            raise ParameterError(
                f"{by.strip()} asked for the review, and may not review it too.",
                "Give the name of another person; report.second_reviewer of the settings wants one.",
            )
        return Review(before.asked, Reviewed(by.strip(), _now(), snapshot, mark_judgement(judgement)))

    return _keep(directory, review, "reviewed")


def _judged(directory: Path, by: str) -> Judgement:
    if not _is_name(by.strip()):
        raise ParameterError("The name of a person is missing or too long.", f"Give up to {LONGEST_NAME} letters.")
    judgement = parse_judgement(read_yaml(directory / NAME))
    if judgement.lacks:
        raise ParameterError(
            f"The report is a draft: judgement.yaml lacks {', '.join(judgement.lacks)}.",
            "Write what is missing; where there is nothing to say, say so: none, or [] for a list.",
        )
    return judgement


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _keep(directory: Path, say_it: Callable[[], Review], action: str) -> Review:
    with editing(directory / NAME) as write:
        review = say_it()
        values = {name: value for name, value in asdict(review).items() if value is not None}
        newest = review.reviewed or review.asked
        assert newest is not None
        text = replace_keys(directory / NAME, {"review": values})
        # As for the closing: the log first.
        audit_log.append(directory, action, name=newest.by, snapshot=newest.snapshot)
        write(text)
    return read_review(directory)
