"""Whether the plans, what was decided on them, and the journal are as they were written: for ``dlqkit verify``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlqkit.errors import DlqkitError, EvidenceError
from dlqkit.evidence import audit_log
from dlqkit.evidence.manifest import Change
from dlqkit.republish.journal_file import Head, contents_hash, journal_path, peek_head, read_contents
from dlqkit.republish.journal_place import MARK, Mark, check_not_lost
from dlqkit.republish.plan import FOLDER, find_plans, read_plan
from dlqkit.republish.run_lock import is_running

__all__ = ["verify_republish"]


def verify_republish(directory: Path) -> tuple[Change, ...]:
    """Every file of a republish that is not as dlqkit wrote it.

    Parameters
    ----------
    directory : Path
        The incident folder, wherever it was copied to.

    Returns
    -------
    tuple of Change
        Empty where there is no republish. Files whose hash the audit log has are ``manifest.verify``'s.

    Notes
    -----
    The journal's rows each have a digest, and their sum stands in the file: a row that was changed, removed or put back
    is found whenever it is read. A byte that no row depends on is found as long as the journal was not written since it
    was last closed, as only then its hash is known. A journal of fewer writes than the audit log or its mark know of is
    an older one. Claims, locks and ``owner.json`` say nothing of what happened, and are not looked at; a run refuses
    what does not fit.
    """
    directory = Path(directory)
    if not (directory / FOLDER).is_dir() or (directory / FOLDER).is_symlink():
        return _lost(directory)
    lines = audit_log.read(directory)
    # Before the journal is read: a run that goes on writes them after it.
    marked = Mark(journal_path(directory).with_name(MARK)).text()
    return (*_plans(directory, lines), *_journal(directory, lines, marked))


def _plans(directory: Path, lines: Sequence[Mapping[str, Any]]) -> list[Change]:
    told = {name for line in lines if isinstance(line.get("wrote"), dict) for name in line["wrote"]}
    planned = {str(line.get("hash")) for line in lines if line.get("action") == "republish plan"}
    decided = {(str(line.get("action")), str(line.get("plan_id"))) for line in lines}
    actions = {"approval": "republish approve", "cancelled": "republish cancel"}
    changes = []
    for path in sorted((directory / FOLDER).glob("plan-*.json")):
        name = path.relative_to(directory).as_posix()
        plan_id, _, kind = path.name.removesuffix(".json").partition(".")
        if name in told or path.is_symlink():
            continue
        # Written by a dlqkit that did not note the hash of the file, or by somebody else.
        if not kind:
            try:
                is_known = plan_id in find_plans(directory) and read_plan(directory, plan_id).hash in planned
            except DlqkitError:
                changes.append(Change(name, "was changed"))
                continue
        else:
            is_known = (actions.get(kind), plan_id) in decided
        if not is_known:
            changes.append(Change(name, "is not in audit.jsonl"))
    return changes


def _lost(directory: Path) -> tuple[Change, ...]:
    try:
        check_not_lost(directory)
    except EvidenceError:
        return (Change(_name(directory), "is missing"),)
    return ()


def _name(directory: Path) -> str:
    return journal_path(directory).relative_to(directory).as_posix()


def _journal(directory: Path, lines: Sequence[Mapping[str, Any]], marked: str) -> tuple[Change, ...]:
    path, name = journal_path(directory), _name(directory)
    if path.is_symlink():
        return ()
    if not path.exists():
        return _lost(directory)
    try:
        head = peek_head(path)
        read_contents(path)
    except EvidenceError as error:
        problem = error.problem.removeprefix("The journal is damaged: ").removesuffix(" Nothing was sent.")
        return (Change(name, f"was changed: {problem}"),)
    if head is None:
        return _lost(directory)
    own = [line for line in lines if line.get("journal") == head.journal_id]
    known = max((line["journal_sequence"] for line in own if type(line.get("journal_sequence")) is int), default=-1)
    if known > head.sequence:
        return (Change(name, f"is an older one: it was written {head.sequence} times, and {known} are known"),)
    if not own and head.sequence > 0:
        return (Change(name, "is of another incident folder: audit.jsonl does not know it"),)
    closed = [
        line["journal_sha256"]
        for line in own
        if line.get("journal_sequence") == head.sequence and "journal_sha256" in line
    ]
    changes = _mark(directory, head, marked)
    if closed and not _goes_on(directory) and contents_hash(path) != closed[-1]:
        changes.append(Change(name, "was changed, in bytes that no event depends on"))
    return tuple(changes)


def _goes_on(directory: Path) -> bool:
    try:
        return is_running(directory)
    except OSError:
        return False  # an archive that cannot be written


def _mark(directory: Path, head: Head, marked: str) -> list[Change]:
    if head.sequence == 0 and not marked:
        return []
    name = (Path(FOLDER) / MARK).as_posix()
    if (directory / name).is_symlink():
        return []
    if not marked:
        return [Change(name, "is missing or was changed")]
    words = marked.split(" ")
    written = len(words) == 2 and words[1].strip().isdigit() and marked == f"{head.journal_id} {int(words[1]):020d}\n"
    if not written:
        return [Change(name, "was changed")]
    if int(words[1]) > head.sequence:
        return [Change(_name(directory), f"is an older one: journal.mark knows {int(words[1])} writes")]
    # While a run goes on the mark was read before the journal.
    if int(words[1]) < head.sequence and not _goes_on(directory):
        return [Change(name, f"knows {int(words[1])} writes, and the journal has {head.sequence}")]
    return []
