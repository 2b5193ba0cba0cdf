"""Other incidents with the same error: when they were, what caused them, what helped, and whether they were closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlqkit.decision.signing.matching import Patterns
from dlqkit.errors import DlqkitError, ParameterError
from dlqkit.report.history_folders import (
    Signed,
    Told,
    compute_told,
    find_folders,
    has_report,
    read_report,
    show_path,
    told_of,
)
from dlqkit.republish.words import retold

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["History", "Other", "describe_history", "find_history"]

# Facts that were never computed take a second or more; the newest folders are worth it.
MOST_COMPUTED = 20
# Of a folder's events; with fewer the error was there, and is not what that incident was about.
MOST_OF_IT = 0.5
# A word that is starred stands for any: only where several words differ it depends on what else is in the folder.
_STAR = "<*>"
# Equal texts that say nothing of the error.
_SILENT = {"no error text", _STAR}


@dataclass(frozen=True, slots=True)
class Other:
    """One incident that shares a signature with ours."""

    folder: str
    """From the directory on that was looked below."""
    onset_at: str | None
    is_earlier: bool
    """Whether it began before ours."""
    workflow: str
    is_same_workflow: bool
    events: Mapping[str, Any]
    failure_class: str
    share: float
    """Of its events that died of what ours died of."""
    own_share: float
    """Of our events that died of the same."""
    signatures: tuple[str, ...]
    """Ours that both have, the most frequent first."""
    cause: str | None
    done: str | None
    prevention: str | None
    closed_ticket: str | None
    closed_at: str | None
    snapshot: str


@dataclass(frozen=True, slots=True)
class History:
    """What was found: first where most events died of it, each newest first.

    ``skipped`` names folders that could not be read, with the reason; ``uncomputed`` counts those that have no report
    and were too many to compute; ``is_all`` is False where the directory holds more than is looked into.
    """

    incidents: tuple[Other, ...]
    looked_at: int
    skipped: tuple[tuple[str, str], ...]
    uncomputed: int = 0
    is_all: bool = True


def find_history(folder: IncidentFolder, below: Path | str, *, facts: Mapping[str, Any] | None = None) -> History:
    """The same signature in other incident folders.

    Parameters
    ----------
    folder : IncidentFolder
        Ours.
    below : path
        Where to look. The facts of a folder are its report's, where there is one, else they are computed, of the
        twenty newest.
    facts : mapping, optional
        Ours, where they are computed already.

    Returns
    -------
    History
        Incidents that share a signature: the same one, or one that a starred word covers. A folder that is damaged,
        or of another dlqkit, is skipped by name; a copy of this incident is no other one.

    Raises
    ------
    ParameterError
        If there is no such directory.
    """
    from dlqkit.report.facts import facts as compute_facts

    place = Path(below).expanduser().resolve()
    if not place.is_dir():
        raise ParameterError(f"There is no folder {Path(below).name[:100]!r} to look below.", "Check its path.")
    own = told_of(folder.path, facts if facts is not None else compute_facts(folder, first_look=True))
    folders = find_folders(place)
    found, skipped, looked_at, computed, uncomputed = [], list(folders.skipped), 0, 0, 0
    alike = _Alike(own.signatures)
    for path in folders.paths:
        if path == folder.path.resolve():
            continue
        looked_at += 1
        is_made = has_report(path)
        if not is_made and computed == MOST_COMPUTED:
            uncomputed += 1
            continue
        computed += not is_made
        try:
            told = read_report(path) if is_made else compute_told(path)
        except DlqkitError as error:
            # Its own words may hold a path of this machine.
            skipped.append((show_path(path, place), error.problem.replace(f"{path}", path.name)))
            continue
        if (other := _compare(show_path(path, place), told, own, alike)) is not None:
            found.append(other)
    found.sort(key=lambda one: (one.share < MOST_OF_IT, _newest_first(one.onset_at), one.folder))
    return History(tuple(found), looked_at, tuple(skipped), uncomputed, folders.is_all)


def _newest_first(onset_at: str | None) -> float:
    return 0.0 if onset_at is None else -datetime.fromisoformat(onset_at).timestamp()


class _Alike:
    """Our signatures, asked which of them are a row of another incident's."""

    def __init__(self, own: Sequence[Signed]) -> None:
        self._own = [row for row in own if row.signature not in _SILENT]
        self._ids = {row.signature_id: row for row in self._own}
        kinds = {row.error_type for row in self._own}
        self._starred = {kind: self._patterns(row for row in self._own if row.error_type == kind) for kind in kinds}

    @staticmethod
    def _patterns(rows: Iterable[Signed]) -> Patterns:
        return Patterns(row.signature for row in rows if _STAR in row.signature)

    def find(self, row: Signed) -> list[Signed]:
        """Ours that are the same: by id, or where either covers the other word for word."""
        if row.signature in _SILENT:
            return []
        if row.signature_id in self._ids:
            return [self._ids[row.signature_id]]
        if row.error_type not in self._starred:
            return []
        covering = set(self._starred[row.error_type].find(row.signature))
        theirs = self._patterns([row])
        return [
            one for one in self._own
            if one.error_type == row.error_type and (one.signature in covering or theirs.find(one.signature))
        ]  # fmt: skip


def _compare(name: str, told: Told, own: Told, alike: _Alike) -> Other | None:
    matched = [(row, ours) for row in told.signatures if (ours := alike.find(row))]
    is_same_workflow = told.workflow_id is not None and told.workflow_id == own.workflow_id
    is_copy = is_same_workflow and told.onset_at == own.onset_at and told.events == own.events
    if not matched or is_copy:
        return None
    ids = {one.signature_id for _, ours in matched for one in ours}
    shared = [row for row in own.signatures if row.signature_id in ids]
    is_earlier = bool(told.onset_at and own.onset_at) and _newest_first(told.onset_at) > _newest_first(own.onset_at)
    return Other(
        folder=name, onset_at=told.onset_at, is_earlier=is_earlier, workflow=told.workflow,
        is_same_workflow=is_same_workflow, events=told.events, failure_class=told.failure_class,
        share=sum(row.share for row, _ in matched), own_share=sum(row.share for row in shared),
        signatures=tuple(row.signature for row in shared), cause=told.cause, done=told.done,
        prevention=told.prevention, closed_ticket=told.closed[0] if told.closed else None,
        closed_at=told.closed[1] if told.closed else None, snapshot=told.snapshot,
    )  # fmt: skip


def describe_history(history: History) -> dict[str, Any]:
    """Earlier incidents as facts of the report; nothing of later ones, so that an old report stays as it was."""
    return {
        "looked_at": history.looked_at,
        "rows": [asdict(one) | {"signatures": list(one.signatures)} for one in history.incidents if one.is_earlier],
        "skipped": [f"{name}: {retold(why)}" for name, why in history.skipped],
        "uncomputed": history.uncomputed,
        "is_all": history.is_all,
    }
