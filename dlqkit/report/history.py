"""Earlier incidents with the same error: when they were, what caused them then, and what helped."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlqkit.errors import DlqkitError
from dlqkit.report.tables import Table
from dlqkit.report.wording import count_text, moment_text

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["Earlier", "History", "find_history", "show_history"]

# Folders below the directory that are looked into, and how deep they may lie.
MOST_FOLDERS, DEEPEST = 2000, 4
# Facts that were never computed take a second or more; the newest folders are worth it.
MOST_COMPUTED = 20


@dataclass(frozen=True, slots=True)
class Earlier:
    """One incident that shares a signature with ours."""

    folder: str
    path: Path
    onset_at: str | None
    workflow: str
    is_same_workflow: bool
    events: Mapping[str, Any]
    failure_class: str
    shared: tuple[str, ...]
    """Signatures that both have, ours first by share."""
    share: float
    """Of its events that died of them."""
    cause: str | None
    done: str | None
    prevention: str | None
    closed: str | None
    """The ticket that was closed."""


@dataclass(frozen=True, slots=True)
class History:
    """What was found, newest first; ``skipped`` names folders that could not be read, and why."""

    incidents: tuple[Earlier, ...]
    looked_at: int
    skipped: tuple[tuple[str, str], ...]


def find_history(folder: IncidentFolder, below: Path) -> History:
    """The same signature in other incident folders.

    Parameters
    ----------
    folder : IncidentFolder
        Ours.
    below : Path
        Where to look; the facts of a folder are its report's, where there is one, else they are computed.

    Returns
    -------
    History
        Only incidents that share a signature; a folder that is damaged, or of a later dlqkit, is skipped by name.
    """
    from dlqkit.report.facts import facts

    own = facts(folder)
    wanted = {row["signature_id"]: row["signature"] for row in own["signatures"]}
    found, skipped, looked_at, computed = [], [], 0, 0
    for path in _find_folders(below):
        if path.resolve() == folder.path.resolve():
            continue
        looked_at += 1
        try:
            told = _read_report(path)
            if told is None:
                if computed == MOST_COMPUTED:
                    skipped.append((path.name, "it has no report, and as many as are worth it were computed"))
                    continue
                computed += 1
                told = _compute(path)
            if (earlier := _compare(path, told, wanted, own)) is not None:
                found.append(earlier)
        except DlqkitError as error:
            skipped.append((path.name, error.problem))
        except (KeyError, TypeError, ValueError, AttributeError):
            skipped.append((path.name, "its facts are of another dlqkit; make its report anew"))
    ordered = sorted(found, key=lambda one: one.onset_at or "", reverse=True)
    return History(tuple(ordered), looked_at, tuple(skipped))


def _find_folders(below: Path) -> Iterator[Path]:
    """Incident folders, newest first; none within another, and no link is followed."""
    found: list[Path] = []
    places = [(below, 0)]
    while places and len(found) < MOST_FOLDERS:
        place, depth = places.pop()
        if (place / "incident.toml").is_file():
            found.append(place)
            continue
        if depth < DEEPEST:
            try:
                inner = [
                    one for one in place.iterdir() if one.is_dir() and not one.is_symlink() and one.name[:1] != "."
                ]
            except OSError:
                continue
            places += [(one, depth + 1) for one in inner]
    yield from sorted(found, key=lambda path: (path / "incident.toml").stat().st_mtime, reverse=True)


def _read_report(path: Path) -> dict[str, Any] | None:
    file = path / "report" / "facts.json"
    try:
        values = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) and isinstance(values.get("signatures"), list) else None


def _compute(path: Path) -> dict[str, Any]:
    from dlqkit.evidence.folder import open_incident
    from dlqkit.report.facts import facts

    return facts(open_incident(path))


def _compare(path: Path, told: Mapping[str, Any], wanted: Mapping[str, str], own: Mapping[str, Any]) -> Earlier | None:
    shared = [row for row in told["signatures"] if row["signature_id"] in wanted]
    if not shared:
        return None
    # What people wrote since the report was made counts: the folder's own file is read.
    words = _judgement(path) or told["judgement"]
    closed = (told.get("closure") or {}).get("closed")
    workflow = told["workflow"]
    return Earlier(
        folder=path.name, path=path, onset_at=told["onset"]["at"],
        workflow=str(workflow["name"] or workflow["id"] or "all together"),
        is_same_workflow=workflow["id"] is not None and workflow["id"] == own["workflow"]["id"],
        events=told["events"]["affected"], failure_class=str(told["class"]["value"]),
        shared=tuple(wanted[key] for key in wanted if key in {row["signature_id"] for row in shared}),
        share=float(sum(row["share"] for row in shared)), cause=words.get("cause"), done=words.get("done"),
        prevention=words.get("prevention"), closed=None if closed is None else str(closed["ticket"]),
    )  # fmt: skip


def _judgement(path: Path) -> dict[str, str | None] | None:
    import yaml

    try:
        values = yaml.safe_load((path / "judgement.yaml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    if not isinstance(values, dict):
        return None
    return {name: str(values[name]) if values.get(name) else None for name in ("cause", "done", "prevention")}


def show_history(history: History) -> Table:
    """Each earlier incident in a row, newest first."""
    rows = tuple(
        (
            moment_text(one.onset_at, seconds=False),
            one.folder,
            one.workflow + ("" if one.is_same_workflow else " (another one)"),
            count_text(one.events),
            f"{one.share:.0%}",
            one.cause or "not said",
            one.done or "not said",
            one.prevention or "not said",
            one.closed or "",
        )
        for one in history.incidents
    )
    columns = ("when", "folder", "workflow", "events", "of the same error", "cause then", "what helped", "prevention",
               "closed")  # fmt: skip
    return Table("Earlier incidents with the same error", columns, rows,
                 f"none of {history.looked_at:,} folders shares a signature")  # fmt: skip
