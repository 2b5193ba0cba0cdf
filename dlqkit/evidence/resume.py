"""How a snapshot begins: as a new one, or as the one that a kill left, for as much as it holds of the question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence import audit_log
from dlqkit.evidence.forms import check_state
from dlqkit.evidence.manifest import MOST_BYTES as MANIFEST_BYTES
from dlqkit.evidence.manifest import NAME as MANIFEST
from dlqkit.evidence.manifest import find_set_aside, find_snapshots
from dlqkit.evidence.part import LAYOUT, STATE, Part, is_partial, name_snapshot
from dlqkit.evidence.store import make_folder, move_folder, read_json, remove_file, remove_folder
from dlqkit.frames import Coverage
from dlqkit.incident import Incident
from dlqkit.language import in_english, mark

__all__ = ["begin_part"]


def begin_part(root: Path, incident: Incident, say: Callable[[str], None]) -> Part:
    """A new part of a snapshot, or the one that an interrupted run of the same question left.

    What is left of another question is set aside under a name that says so, never removed.

    Raises
    ------
    EvidenceError
        If the part that was left holds a link: what is written or removed there might lie elsewhere.
    """
    evidence = root / "evidence"
    part = None
    for left in sorted(path for path in evidence.iterdir() if path.name.endswith(".part")):
        _refuse_links(left)
        is_done = left.with_name(left.name.removesuffix(".part")).exists()
        if is_done and not (left / "snapshot").exists():
            # Stopped after the rename: these are the working files of a snapshot that is whole.
            remove_folder(left)
            continue
        resumed = None if is_done or part is not None else _resume(left, incident)
        if resumed is not None:
            part = resumed
        elif (left / "snapshot" / MANIFEST).is_file() and not is_done:
            name_snapshot(root, left)
        else:
            _set_aside(root, left, say)
    if part is None:
        path = evidence / f"{int(max(find_snapshots(root), default='0')) + 1:03d}.part"
        make_folder(path / "snapshot")
        part = Part(path, incident, datetime.now(UTC))
    part.findings = [
        in_english(
            mark("An interrupted snapshot of another question is kept in {place}; nothing of it is counted here."),
            place=f"evidence/{name}",
        )
        for name in find_set_aside(root)
    ]
    part.save()
    return part


def _refuse_links(path: Path) -> None:
    link = next((one for one in (path, *sorted(path.rglob("*"))) if one.is_symlink()), None)
    if link is not None or not path.is_dir():
        place = (link or path).relative_to(path.parent.parent).as_posix()
        raise EvidenceError(f"{place} is a link or no folder, and dlqkit writes none such.", f"Move {place} away.")


def _resume(path: Path, incident: Incident) -> Part | None:
    """The part as it was left, if it asks the same question; its window is kept, since its answers are of it."""
    try:
        state = read_json(path / STATE, MANIFEST_BYTES)
        check_state(state)
        asked = state["incident"]
        begun = Incident(
            datetime.fromisoformat(asked["start"]), datetime.fromisoformat(asked["end"]),
            workflow_id=asked["workflow_id"], trace_id=asked["trace_id"],
        )  # fmt: skip
        started_at = datetime.fromisoformat(state["started_at"])
        sources, last_number, asking = state["sources"], state["last_number"], state["asking"]
        # An older dlqkit wrote none.
        clocks = state.get("clocks") or {"records_s": 0.0, "server_s": None}
        known = state["layout"] == LAYOUT
    except (EvidenceError, OSError, ValueError, KeyError, TypeError, RecursionError, ParameterError):
        return None
    if not known or not _is_same_question(begun, incident):
        return None
    part = Part(path, begun, started_at, sources, last_number=last_number)
    part.clocks.records_s, part.clocks.server_s = clocks["records_s"], clocks["server_s"]
    make_folder(part.snapshot)
    for stray in [*path.rglob(".*.tmp"), part.snapshot / MANIFEST]:
        remove_file(stray)
    if asking is not None:
        _keep_interrupted(part, asking)
    part.sources = [one for one in part.sources if _frames_are_whole(part, one)]
    part.retry = {one["evidence_id"] for one in part.sources if is_partial(one)}
    part.save()
    owned = {path for one in part.sources for path in part.files_of(one)}
    for orphan in set(part.files()) - owned:
        remove_file(orphan)
    return part


def _is_same_question(begun: Incident, incident: Incident) -> bool:
    if (begun.workflow_id, begun.trace_id) != (incident.workflow_id, incident.trace_id):
        return False
    # "2h" typed again means a later start; that is still the same question, until the windows have nothing in common.
    near = abs(begun.window.seconds - incident.window.seconds) < 1 and incident.start < begun.end
    return near or begun.start == incident.start


def _keep_interrupted(part: Part, asking: Mapping[str, Any]) -> None:
    """The pages of a source that was interrupted, as an attempt of its own."""
    source = {
        "evidence_id": f"{part.number}/{asking['number']}",
        "kind": asking["kind"],
        "source": "",
        "query": asking["query"],
    }
    files = list(part.files_of({**source, "coverage": {}}))
    pages = [path for path in files if path.parent.name == "raw"]
    for path in set(files) - set(pages):
        if path.parent.name == "frames":
            remove_file(path)
    if not pages:
        return
    text = (
        mark("This was interrupted after {count:d} page; what they hold is in no frame.")
        if len(pages) == 1
        else mark("This was interrupted after {count:d} pages; what they hold is in no frame.")
    )
    coverage = Coverage(completeness="partial", missing=(in_english(text, count=len(pages)),))
    names = {f"raw/{path.name}" for path in pages}
    masked = [one for one in asking["masked"] if one["file"] in names]
    part.sources.append({**source, "coverage": coverage.to_json(), "masked": masked})


def _frames_are_whole(part: Part, source: Mapping[str, Any]) -> bool:
    """Whether the frames of a source can be read; one that cannot is asked again."""
    for path in part.files_of(source):
        if path.suffix == ".parquet":
            try:
                pq.read_metadata(path)
            except (pa.ArrowException, OSError):
                return False
    return True


def _set_aside(root: Path, left: Path, say: Callable[[str], None]) -> None:
    if not any(path.is_file() for folder in ("snapshot", "frames", "raw") for path in (left / folder).rglob("*")):
        remove_folder(left)
        return
    begun = datetime.fromtimestamp(left.stat().st_mtime, UTC)
    base = left.with_name(f"{left.name.removesuffix('.part')}.interrupted-{begun:%Y%m%dT%H%M%SZ}")
    target, number = base, 2
    while target.exists():
        target, number = base.with_name(f"{base.name}-{number}"), number + 1
    audit_log.append(root, "set aside", snapshot=left.name.removesuffix(".part"), kept_as=target.name)
    move_folder(left, target)
    say(f"An interrupted snapshot of another question is set aside as evidence/{target.name}")
