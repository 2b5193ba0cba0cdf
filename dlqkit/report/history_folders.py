"""Incident folders below a directory, and what each says of itself: by its report, else by its evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dlqkit.closure.word import read_word
from dlqkit.errors import DlqkitError, EvidenceError
from dlqkit.evidence.people_file import load_yaml
from dlqkit.evidence.store import read_words
from dlqkit.language import mark, say

__all__ = [
    "Folders",
    "Signed",
    "Told",
    "compute_told",
    "find_folders",
    "has_report",
    "read_report",
    "show_path",
    "told_of",
]

# Folders below the directory that are looked into, incident folders among them, and how deep they may lie.
MOST_PLACES, MOST_FOLDERS, DEEPEST = 20_000, 2_000, 4
# A report of a hundred thousand events has facts of less than a megabyte; a foreign file may be of any size.
MOST_BYTES = 32 << 20
_TOO_LONG = mark("its report/facts.json has more than {size} MiB.")
_FOREIGN = "Make its report anew: dlqkit postmortem"


@dataclass(frozen=True, slots=True)
class Folders:
    """Incident folders, newest first; ``skipped`` names places that could not be looked into."""

    paths: tuple[Path, ...]
    skipped: tuple[tuple[str, str], ...]
    is_all: bool
    """False where there was more than is looked into."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature of an incident, and which share of its events died of it."""

    signature_id: str
    signature: str
    error_type: str
    share: float


@dataclass(frozen=True, slots=True)
class Told:
    """What a folder says of its incident."""

    onset_at: str | None
    workflow_id: str | None
    workflow: str
    """Its name, else its id."""
    events: Mapping[str, Any]
    failure_class: str
    signatures: tuple[Signed, ...]
    snapshot: str
    """The number of the evidence that it rests on."""
    cause: str | None
    done: str | None
    prevention: str | None
    closed: tuple[str, str] | None
    """The ticket that was closed, and when."""


def find_folders(below: Path) -> Folders:
    """Incident folders below a directory; none within another, and no link is followed."""
    found: list[tuple[float, Path]] = []
    skipped: list[tuple[str, str]] = []
    places, looked_at = [(below, 0)], 0
    while places and looked_at < MOST_PLACES and len(found) < MOST_FOLDERS:
        place, depth = places.pop()
        looked_at += 1
        try:
            if (place / "incident.toml").is_file():
                found.append(((place / "incident.toml").stat().st_mtime, place))
            elif depth < DEEPEST:
                inner = [
                    one for one in place.iterdir() if one.name[:1] != "." and not one.is_symlink() and one.is_dir()
                ]
                places += [(one, depth + 1) for one in sorted(inner, reverse=True)]
        except OSError:
            skipped.append((show_path(place, below), mark("it cannot be looked into.")))
    ordered = sorted(found, key=lambda one: (-one[0], one[1]))
    return Folders(tuple(path for _, path in ordered), tuple(skipped), not places)


def show_path(path: Path, below: Path) -> str:
    """A folder as it is shown, from the directory on: no report may hold a path of this machine."""
    return path.name if path == below else path.relative_to(below).as_posix()


def has_report(path: Path) -> bool:
    """Whether there are facts that were computed already."""
    return (path / "report" / "facts.json").is_file()


def read_report(path: Path) -> Told:
    """What the folder's report says, with what people have written since.

    Raises
    ------
    EvidenceError
        If its facts are damaged, or of another dlqkit.
    """
    try:
        with (path / "report" / "facts.json").open("rb") as file:
            body = file.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise EvidenceError(_TOO_LONG.format(size=MOST_BYTES >> 20), _FOREIGN)
        return told_of(path, json.loads(body))
    except OSError as error:
        raise EvidenceError(mark("its report/facts.json cannot be read."), "Check its permissions.") from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise EvidenceError(mark("its report/facts.json is damaged, or of another dlqkit."), _FOREIGN) from error


def compute_told(path: Path) -> Told:
    """What the folder's evidence says.

    Raises
    ------
    DlqkitError
        If it cannot be read.
    """
    from dlqkit.evidence.folder import open_incident
    from dlqkit.report.facts import facts

    # What rests on the workflow's other records is not asked for here.
    return told_of(path, facts(open_incident(path), first_look=True))


def told_of(path: Path, facts: Mapping[str, Any]) -> Told:
    """What facts say of an incident; its people's words are read from the folder itself, where they can be."""
    # A report of before schema 8 counts by its records alone.
    events = facts["events"].get("total", facts["events"]["affected"])
    workflow, onset_at = facts["workflow"], facts["onset"]["at"]
    texts, closed = _words(path, facts)
    for moment in (onset_at, closed[1] if closed else None):
        if moment is not None and datetime.fromisoformat(moment).tzinfo is None:
            raise ValueError("a time has no zone")
    if not all(0 <= row["share"] <= 1 for row in facts["signatures"]):
        raise ValueError("a share is none")
    if not (events["value"] is None or isinstance(events["value"], int)) or not isinstance(events["bound"], str):
        raise ValueError("a count is none")
    return Told(
        onset_at=onset_at,
        workflow_id=None if workflow["id"] is None else str(workflow["id"]),
        workflow=str(workflow["name"] or workflow["id"] or say("all together")),
        events={"value": events["value"], "bound": events["bound"]},
        failure_class=str(facts["class"]["value"]),
        signatures=tuple(
            Signed(str(row["signature_id"]), str(row["signature"]), str(row["error_type"] or ""), float(row["share"]))
            for row in facts["signatures"]
        ),
        snapshot=str(facts["snapshot"]["id"]),
        cause=texts["cause"], done=texts["done"], prevention=texts["prevention"], closed=closed,
    )  # fmt: skip


def _words(path: Path, facts: Mapping[str, Any]) -> tuple[dict[str, str | None], tuple[str, str] | None]:
    """What people wrote, and what was closed when: both may be newer than the report."""
    told = (facts.get("closure") or {}).get("closed")
    closed = None if told is None else (str(told["ticket"]), str(told["at"]))
    values: Mapping[str, Any] = facts["judgement"]
    try:
        if written := _read_words(path / "judgement.yaml"):
            values = written
            word = read_word(path).closed
            closed = None if word is None else (word.ticket, word.at)
    except (OSError, ValueError, RecursionError, DlqkitError):
        pass  # what the report holds stands
    # A list or a table is no sentence.
    shown = {name: values.get(name) for name in ("cause", "done", "prevention")}
    plain = {name: str(one) if isinstance(one, str | int | float) and one else None for name, one in shown.items()}
    return plain, closed


def _read_words(path: Path) -> dict[str, Any]:
    import yaml

    if not path.is_file():
        return {}
    text = read_words(path)
    try:
        values = load_yaml(text)
    except yaml.YAMLError as error:
        raise ValueError("no YAML") from error
    return values if isinstance(values, dict) else {}
