"""What a snapshot holds: a hash of every file, and of each source what was asked, what came, what is missing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlqkit.errors import EvidenceError
from dlqkit.evidence import audit_log
from dlqkit.evidence.forms import check_manifest
from dlqkit.evidence.store import MOST_OWN_BYTES, file_hash, prepared, read_json, text_hash, write_bytes
from dlqkit.frames import Completeness

__all__ = [
    "SCHEMA",
    "Change",
    "check_frames",
    "find_links",
    "find_pipes",
    "find_set_aside",
    "find_snapshots",
    "read_manifest",
    "refuse_links",
    "refuse_pipes",
    "verify",
    "worst",
    "write_manifest",
]

SCHEMA = 1
NAME = "manifest.json"
MOST_BYTES = 48 << 20
"""A file of the snapshot takes some 150 bytes of the manifest, so this is of over 300,000 pages."""
# Folders of a snapshot that may be empty.
_OWN_FOLDERS = {"raw", "quarantine"}
_FRAME = re.compile(r"[a-z_]+\.parquet")
_ADDED_TO = re.compile(r"(records|samples|series|worker_logs|support_reports|originals)\.parquet")
_PIN = re.compile(r"[0-9]{3,}\.json|[0-9a-f]{16}\.png")
_WRITTEN = re.compile(r"[a-z]+/[a-z0-9-]+(\.[a-z0-9]+)+")
_UNDER_WAY = re.compile(r"[0-9]{3,}\.part|\.lock")
_ORDER: tuple[Completeness, ...] = ("complete", "unverified", "partial")


@dataclass(frozen=True, slots=True)
class Change:
    """A file of the evidence that is not as it was collected."""

    path: str
    what: str


def worst(values: Sequence[Completeness]) -> Completeness:
    """The least of several completenesses; ``complete`` where there is none."""
    return max(values, key=_ORDER.index, default="complete")


def write_manifest(folder: Path, values: Mapping[str, Any]) -> str:
    """Write ``manifest.json`` with the hash of every file in the snapshot; return its own hash."""
    files = {
        path.relative_to(folder).as_posix(): {"sha256": file_hash(path), "bytes": path.stat().st_size}
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
        If it is missing, is no JSON, is not as dlqkit writes it, or was written by a later dlqkit.
    """
    values = _load(folder)
    try:
        check_manifest(values)
    except ValueError as error:
        raise _changed(folder) from error
    return values


def _load(folder: Path) -> dict[str, Any]:
    """The manifest, whose schema is ours, whatever else it holds."""
    try:
        values: dict[str, Any] = read_json(folder / NAME, MOST_BYTES)
        schema = values["schema"]
    except (EvidenceError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _changed(folder) from error
    if type(schema) is not int:
        raise _changed(folder)
    if schema != SCHEMA:
        raise EvidenceError(f"Snapshot {folder.name} is of another dlqkit (schema {schema}).", "Install that version.")
    return values


def _changed(folder: Path) -> EvidenceError:
    return EvidenceError(
        f"The manifest of snapshot {folder.name} is missing or was changed.",
        "Run dlqkit verify on the folder, and restore it from a copy.",
    )


def check_frames(folders: Sequence[Path]) -> None:
    """See that snapshots have the frames that their manifests list: one that is gone would be read as no rows.

    Parameters
    ----------
    folders : sequence of Path
        Oldest first; of the earlier ones only those frames are looked for that later ones add to.

    Raises
    ------
    EvidenceError
        If one is missing, or a manifest was changed.
    """
    for folder in folders:
        wanted = _FRAME if folder == folders[-1] else _ADDED_TO
        for name in _files_of(read_manifest(folder)):
            if wanted.fullmatch(name) and not (folder / name).is_file():
                raise EvidenceError(
                    f"evidence/{folder.name}/{name} is missing.",
                    "Restore it from a copy, or collect into a new folder; dlqkit verify names all that was changed.",
                )


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

    The manifests' own hashes stand in ``audit.jsonl``, whose lines are chained and whose last one ``audit.head`` knows;
    what a person may write (``incident.toml``, ``judgement.yaml``, notebooks) or make again (the report), and what was
    sent (``updates``) is not evidence and is not looked at, unless it is a link. Of pins the log has the hashes.
    """
    changes = [Change(path, "is a link") for path in find_links(directory)]
    recorded, wrote, set_aside, pinned = {}, {}, set(), set()
    for entry in audit_log.read(directory):
        if isinstance(entry.get("wrote"), dict):
            wrote.update(entry["wrote"])
        if entry.get("action") == "collect" and "manifest_sha256" in entry:
            recorded[str(entry.get("snapshot"))] = entry["manifest_sha256"]
        elif entry.get("action") == "set aside":
            recorded.pop(str(entry.get("snapshot")), None)
            set_aside.add(str(entry.get("kept_as")))
        elif entry.get("action") == "pinned":
            pinned.add(str(entry.get("sha256")))
    evidence = directory / "evidence"
    snapshots = [name for name in find_snapshots(directory) if not (evidence / name).is_symlink()]
    for snapshot in snapshots:
        changes += _verify_snapshot(evidence / snapshot, recorded.pop(snapshot, None))
    # A kill between the line in the audit log and the rename leaves the snapshot under way, not missing.
    changes += [
        Change(f"evidence/{snapshot}", "is missing")
        for snapshot in recorded
        if not (evidence / f"{snapshot}.part" / "snapshot").is_dir()
    ]
    changes += _verify_beside(evidence, {*snapshots, *set_aside})
    changes += _verify_written(directory, wrote)
    changes += _verify_pins(directory / "pins", pinned)
    changes += [Change(path, what) for path, what in audit_log.check_chain(directory).faults]
    if snapshots and not (directory / audit_log.NAME).is_file():
        changes.append(Change(audit_log.NAME, "is missing"))
    return tuple(dict.fromkeys(changes))


def find_links(directory: Path) -> list[str]:
    """Every link in an incident folder but among the analyst's notebooks: what it leads to is not in the folder.

    Returns
    -------
    list of str
        Paths within the folder, in order; a link to a folder is not gone into.
    """
    return _find(directory, stat.S_ISLNK)


def find_pipes(directory: Path) -> list[str]:
    """Every pipe, socket and device in an incident folder but among the notebooks: to read one may never end."""
    return _find(directory, lambda mode: not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)))


def _find(directory: Path, of_kind: Callable[[int], bool]) -> list[str]:
    found: list[str] = []
    for place, folders, files in os.walk(directory):
        here = Path(place)
        for name in (*folders, *files):
            with contextlib.suppress(FileNotFoundError):  # another dlqkit may be at work
                if of_kind((here / name).lstat().st_mode):
                    found.append((here / name).relative_to(directory).as_posix())
        if here == directory and "notebooks" in folders:
            folders.remove("notebooks")
    return sorted(found)


def refuse_links(directory: Path) -> None:
    """Refuse to work in a folder that leads out of itself: what is written there would land elsewhere.

    Raises
    ------
    EvidenceError
        Naming the first link, or the first pipe, socket or device.
    """
    refuse_pipes(directory)
    links = find_links(directory)
    if links:
        raise EvidenceError(
            f"{links[0]} in {directory.name} is a link, and dlqkit makes none.",
            "Move it away, or put what it leads to in its place; dlqkit verify names all of them.",
        )


def refuse_pipes(directory: Path, names: re.Pattern[str] | None = None) -> None:
    """Refuse to read a folder in which a read may never end; with ``names`` only where their paths fit.

    Raises
    ------
    EvidenceError
        Naming the first pipe, socket or device.
    """
    pipes = [path for path in find_pipes(directory) if names is None or names.fullmatch(path)]
    if pipes:
        raise EvidenceError(
            f"{pipes[0]} in {directory.name} is a pipe, a socket or a device, and dlqkit makes none.",
            "Take the folder from somewhere else: this one was made to stop whoever reads it.",
        )


def _verify_written(directory: Path, wrote: Mapping[str, Any]) -> list[Change]:
    """Files of which the audit log holds the hash, such as a plan and its approval."""
    changes = []
    for name, sha256 in sorted(wrote.items()):
        file = directory / name
        if not _WRITTEN.fullmatch(name) or file.is_symlink():
            continue
        if not file.is_file():
            # Killed after the line and before the file had its name: nothing was decided by it.
            waiting = prepared(file)
            if waiting.is_symlink() or not waiting.is_file() or text_hash(waiting) != sha256:
                changes.append(Change(name, "is missing"))
        elif text_hash(file) != sha256:
            changes.append(Change(name, "was changed"))
    return changes


def _verify_pins(pins: Path, pinned: Collection[str]) -> list[Change]:
    """Pins that are not as they were pinned; one that is gone may have been taken back."""
    if not pins.is_dir() or pins.is_symlink():
        return []
    return [
        Change(f"pins/{path.name}", "is not as it was pinned")
        for path in sorted(pins.iterdir())
        if path.is_file() and not path.is_symlink() and _PIN.fullmatch(path.name) and not _is_pinned(path, pinned)
    ]


def _is_pinned(path: Path, pinned: Collection[str]) -> bool:
    if path.suffix == ".json":
        return text_hash(path) in pinned
    # A picture has its name by its content, and the pin tells the rest.
    return path.stat().st_size <= MOST_OWN_BYTES and file_hash(path).startswith(path.stem)


def _verify_beside(evidence: Path, known: Collection[str]) -> list[Change]:
    """What lies between the snapshots and is none, nor under way, nor was set aside."""
    if not evidence.is_dir() or evidence.is_symlink():
        return []
    return [
        Change(f"evidence/{path.name}", "was added")
        for path in sorted(evidence.iterdir())
        if path.name not in known
        and not _UNDER_WAY.fullmatch(path.name)
        and not path.is_symlink()
        and not (path.name.isdigit() and path.is_dir())
    ]


def _verify_snapshot(folder: Path, recorded: str | None) -> list[Change]:
    place = f"evidence/{folder.name}"
    path = folder / NAME
    if not path.is_file():
        return [Change(f"{place}/{NAME}", "is missing")]
    changes = []
    if recorded is None:
        changes.append(Change(f"{place}/{NAME}", "is not in audit.jsonl"))
    elif path.stat().st_size > MOST_BYTES or text_hash(path) != recorded:
        changes.append(Change(f"{place}/{NAME}", "was changed"))
    try:
        manifest = _load(folder)
        known = _files_of(manifest)
    except EvidenceError:
        return changes or [Change(f"{place}/{NAME}", "was changed")]
    try:
        check_manifest(manifest)
    except ValueError:
        changes = changes or [Change(f"{place}/{NAME}", "is not as dlqkit writes it")]
    found = {one.relative_to(folder).as_posix(): one for one in folder.rglob("*")}
    # Asked of what is there: a name out of a manifest may be longer than any path.
    links = {name for name, one in found.items() if one.is_symlink()}
    present = {name: one for name, one in found.items() if name not in links}
    for name, (size, sha256) in sorted(known.items()):
        # Only what lies in the snapshot is read: a stranger's manifest may name any file of this machine.
        file = present.get(name)
        if file is None and name in links:
            continue  # named as a link
        if file is None or not file.is_file():
            changes.append(Change(f"{place}/{name}", "is missing"))
        elif file.stat().st_size != size or file_hash(file) != sha256:
            changes.append(Change(f"{place}/{name}", "was changed"))
    folders = {part.as_posix() for name in known for part in Path(name).parents}
    changes += [
        Change(f"{place}/{name}", "was added")
        for name, one in sorted(present.items())
        if name not in known and name != NAME and not (one.is_dir() and (name in folders or name in _OWN_FOLDERS))
    ]
    return changes


def _files_of(manifest: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    """Size and hash of every file that a manifest names.

    Raises
    ------
    EvidenceError
        If that part of it is not as dlqkit writes it.
    """
    try:
        return {str(name): (int(one["bytes"]), str(one["sha256"])) for name, one in manifest["files"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise EvidenceError("A manifest names no files.", "Restore it from a copy.") from error
