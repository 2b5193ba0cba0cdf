"""What a snapshot holds: a hash of every file, and of each source what was asked, what came, what is missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlqkit.errors import EvidenceError
from dlqkit.evidence import audit_log
from dlqkit.evidence.store import write_bytes
from dlqkit.frames import Completeness

__all__ = ["SCHEMA", "Change", "find_set_aside", "find_snapshots", "read_manifest", "verify", "worst", "write_manifest"]

SCHEMA = 1
NAME = "manifest.json"
_ORDER: tuple[Completeness, ...] = ("complete", "unverified", "partial")


@dataclass(frozen=True, slots=True)
class Change:
    """A file of the evidence that is not as it was collected."""

    path: str
    what: str


def worst(values: Sequence[Completeness]) -> Completeness:
    """The least of several completenesses; ``complete`` where there is none."""
    return max(values, key=_ORDER.index, default="complete")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, values: Mapping[str, Any]) -> str:
    """Write ``manifest.json`` with the hash of every file in the snapshot; return its own hash."""
    files = {
        path.relative_to(folder).as_posix(): {"sha256": _hash(path), "bytes": path.stat().st_size}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != NAME
    }
    content = json.dumps({"schema": SCHEMA, **values, "files": files}, ensure_ascii=True, indent=1, sort_keys=True)
    body = content.encode() + b"\n"
    write_bytes(folder / NAME, body)
    return hashlib.sha256(body).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a snapshot.

    Raises
    ------
    EvidenceError
        If it is missing, is no JSON, or was written by a later dlqkit.
    """
    try:
        values: dict[str, Any] = json.loads((folder / NAME).read_bytes())
        schema = values["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvidenceError(
            f"The manifest of snapshot {folder.name} is missing or was changed.",
            "Run dlqkit verify on the folder, and restore it from a copy.",
        ) from error
    if schema != SCHEMA:
        raise EvidenceError(f"Snapshot {folder.name} is of another dlqkit (schema {schema}).", "Install that version.")
    return values


def find_snapshots(directory: Path) -> list[str]:
    """Numbers of the finished snapshots, oldest first."""
    evidence = directory / "evidence"
    if not evidence.is_dir():
        return []
    return sorted(path.name for path in evidence.iterdir() if path.is_dir() and path.name.isdigit())


def find_set_aside(directory: Path) -> list[str]:
    """Names of the folders of interrupted snapshots that were set aside, since another question was asked."""
    evidence = directory / "evidence"
    if not evidence.is_dir():
        return []
    return sorted(path.name for path in evidence.iterdir() if path.is_dir() and ".interrupted-" in path.name)


def verify(directory: Path) -> tuple[Change, ...]:
    """Every file of the evidence that was changed, removed or added since it was collected.

    The manifests' own hashes stand in ``audit.jsonl``, whose lines are chained; what a person may write
    (``incident.toml``, ``judgement.yaml``, notebooks, the report) is not evidence and is not looked at.
    """
    changes: list[Change] = []
    recorded = {}
    for entry in audit_log.read(directory):
        if entry.get("action") == "collect" and "manifest_sha256" in entry:
            recorded[entry["snapshot"]] = entry["manifest_sha256"]
        elif entry.get("action") == "set aside":
            recorded.pop(entry.get("snapshot"), None)
    evidence = directory / "evidence"
    for snapshot in find_snapshots(directory):
        changes += _verify_snapshot(evidence / snapshot, recorded.pop(snapshot, None))
    # A kill between the line in the audit log and the rename leaves the snapshot under way, not missing.
    changes += [
        Change(f"evidence/{snapshot}", "is missing")
        for snapshot in recorded
        if not (evidence / f"{snapshot}.part" / "snapshot").is_dir()
    ]
    changes += [Change(audit_log.NAME, f"line {number} does not follow the one before") for number in
                audit_log.find_breaks(directory)]  # fmt: skip
    return tuple(changes)


def _verify_snapshot(folder: Path, recorded: str | None) -> list[Change]:
    place = f"evidence/{folder.name}"
    path = folder / NAME
    # A link's target may be changed without a trace here, and may lie outside of what is zipped or moved.
    links = [one for one in (folder, *sorted(folder.rglob("*"))) if one.is_symlink()]
    if links:
        return [Change(one.relative_to(folder.parent.parent).as_posix(), "is a link") for one in links]
    if not path.is_file():
        return [Change(f"{place}/{NAME}", "is missing")]
    changes = []
    if recorded is None:
        changes.append(Change(f"{place}/{NAME}", "is not in audit.jsonl"))
    elif _hash(path) != recorded:
        changes.append(Change(f"{place}/{NAME}", "was changed"))
    try:
        files = read_manifest(folder)["files"]
    except EvidenceError:
        return changes or [Change(f"{place}/{NAME}", "was changed")]
    for name, known in sorted(files.items()):
        file = folder / name
        if not file.is_file():
            changes.append(Change(f"{place}/{name}", "is missing"))
        elif file.stat().st_size != known["bytes"] or _hash(file) != known["sha256"]:
            changes.append(Change(f"{place}/{name}", "was changed"))
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    changes += [Change(f"{place}/{name}", "was added") for name in sorted(present - set(files) - {NAME})]
    return changes
