"""An event is in at most one open plan: claims as files, one for each event, in a folder that a team may share."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import socket
import stat
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dlqkit.errors import EvidenceError, ParameterError, PlanError, StorageError
from dlqkit.evidence.store import (
    FILE_MODE,
    FOLDER_MODE,
    make_folder,
    read_bounded,
    remove_file,
    storage_error,
    sync_folder,
    write_bytes,
)
from dlqkit.republish.claim_names import NameReader, event_path, in_files, name_path, names_content
from dlqkit.republish.claims import Claim, Free, content_of, read_claim, refusal
from dlqkit.republish.event_names import names_of_planned
from dlqkit.republish.interrupts import holding_interrupts
from dlqkit.republish.next_steps import REASON, here
from dlqkit.republish.owner import read_owner
from dlqkit.republish.plan import FOLDER, Plan, PlannedEvent, read_plan

__all__ = ["Claim", "Registry", "find_registry", "open_registry"]

# A file system allows some 65,000 names of one file; so many claims share one.
NAMES_PER_FILE = 10_000
# Planning takes seconds; a lock that is held longer belongs to somebody who is stuck.
WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Registry:
    """Claims of events, in one folder."""

    place: Path
    directory: Path
    """The incident folder on whose behalf it is used."""
    is_shared: bool

    @property
    def owner(self) -> str:
        """Stands for this incident folder: a copy of it is another one, a renamed one the same."""
        return read_owner(self.directory)

    @staticmethod
    def name_of(event_key: str) -> str:
        """What an event is called in the registry: its key may hold anything."""
        return hashlib.sha256(event_key.encode("utf-8", "surrogatepass")).hexdigest()

    def _path(self, event_key: str) -> Path:
        return event_path(self.place, self.name_of(event_key))

    def _further_names(self, event: PlannedEvent) -> list[str]:
        return [self.name_of(name) for name in names_of_planned(event)]

    def holder(self, event_key: str) -> Claim | None:
        """Which open plan has an event.

        Raises
        ------
        PlanError
            If the claim cannot be read: then it is not free.
        """
        return read_claim(self._path(event_key))

    def held_elsewhere(
        self, event_keys: Collection[str], *, instead_of: str | None = None, names: Mapping[str, Sequence[str]] = {}
    ) -> dict[str, Claim]:
        """Of the events that another open plan has, by whom; without those that a dead planner left behind.

        Parameters
        ----------
        event_keys : collection of str
        instead_of : str, optional
            A plan of this folder that is to be replaced.
        names : mapping, optional
            By event key further names of the event, from ``event_names``.
        """
        found: dict[str, Claim] = {}
        free = Free(self.directory, self.owner, instead_of)
        reader = NameReader(self.place)
        for key in event_keys:
            others = (reader.claim_of(self.name_of(name)) for name in names.get(key, ()))
            for claim in (self.holder(key), *others):
                if claim is not None and not free.may_take(claim):
                    found.setdefault(key, claim)
        return found

    def claim(self, plan: Plan, by: str, at: str) -> None:
        """As ``claiming``, without a look at whether the plan is kept."""
        with self.claiming(plan, by, at):
            pass

    @contextmanager
    def claiming(self, plan: Plan, by: str, at: str) -> Iterator[None]:
        """Claim all events of a plan, or none; none either where the plan is not kept within the block.

        Parameters
        ----------
        plan : Plan
            Events of the plan that it ``replaces`` pass over to it.
        by, at : str
            Who, and when.

        Raises
        ------
        PlanError
            If another open plan has one of them; it names the first.
        StorageError
            If the registry cannot be written.
        """
        claim = Claim(plan.plan_id, plan.hash, self.directory.resolve().name, socket.gethostname(), self.owner, by, at)
        taken: list[tuple[Path, bytes | None]] = []
        has_all = False
        try:
            self._take_all(plan, content_of(claim), taken)
            has_all = True
            yield
        except BaseException:
            # An interrupt may come after the plan's file was renamed into its place: then it keeps its events.
            if not (has_all and self._is_kept(plan)):
                self._let_go(taken)
            raise

    def _take_all(self, plan: Plan, content: bytes, taken: list[tuple[Path, bytes | None]]) -> None:
        # In the order of names: of two planners with a common event one gets it, and the other has taken none of his.
        keys = {self._path(event.event_key): event.event_key for event in plan.events}
        # After the claims that they lead to: a name that leads to none is free.
        names = {name: event for event in plan.events for name in self._further_names(event)}
        events = {name: self.name_of(event.event_key) for name, event in names.items()}
        portions = [(sorted(keys)[at : at + NAMES_PER_FILE], content) for at in range(0, len(keys), NAMES_PER_FILE)]
        portions += [
            ([name_path(self.place, name) for name in some], names_content(plan.hash, some))
            for some in in_files(events)
        ]
        keys |= {name_path(self.place, name): event.event_key for name, event in names.items()}
        free = Free(self.directory, self.owner, plan.replaces)
        source = self.place / "tmp" / f"{plan.hash}.{os.getpid()}"
        try:
            for paths, text in portions:
                self.make(source.parent)
                write_bytes(source, text)
                source.chmod(self._mode() & 0o666)
                for path in paths:
                    self.make(path.parent)
                    with holding_interrupts():
                        taken.append((path, self._take(source, path, keys[path], free)))
                remove_file(source)
            for folder in sorted({path.parent for path, _ in taken}):
                sync_folder(folder)
        except OSError as error:
            raise storage_error(self.place, error) from error
        finally:
            remove_file(source)

    def _is_kept(self, plan: Plan) -> bool:
        try:
            return read_plan(self.directory, plan.plan_id).hash == plan.hash
        except (ParameterError, EvidenceError):
            return False

    def _mode(self) -> int:
        """As open as the shared folder itself, so that colleagues can read who has an event; else the owner's alone."""
        return stat.S_IMODE(self.place.stat().st_mode) if self.is_shared else FOLDER_MODE

    def make(self, folder: Path) -> None:
        """A folder of the registry, open to whom the registry is open."""
        if not folder.is_dir():
            make_folder(folder)
            # A colleague may have made it at the same moment; then its mode is his to set.
            with contextlib.suppress(PermissionError):
                folder.chmod(self._mode())

    def _take(self, file: Path, path: Path, key: str, free: Free) -> bytes | None:
        """One claim, whole from its first moment, and what stood there; whoever has it already keeps it."""
        try:
            os.link(file, path)
            return None
        except FileExistsError:
            is_key = path == self._path(key)
            claim = read_claim(path) if is_key else NameReader(self.place).claim_of(path.stem)
            if claim is not None and not free.may_take(claim):
                raise refusal(key, claim) from None
            before = read_bounded(path)
            own = path.with_name(f".{path.name}.{os.getpid()}")
            own.unlink(missing_ok=True)
            os.link(file, own)
            own.replace(path)
            return before

    def _let_go(self, taken: Sequence[tuple[Path, bytes | None]]) -> None:
        for path, before in taken:
            if before is None:
                remove_file(path)
            else:
                write_bytes(path, before)

    def check(self, plan: Plan) -> None:
        """Refuse a plan that does not have all of its events.

        Raises
        ------
        PlanError
            If another plan has one, or nobody; or if this folder is a copy of the one that the plan was made in.
        """
        owner, reader = self.owner, NameReader(self.place)
        for event in plan.events:
            claim = self.holder(event.event_key)
            if claim is not None and claim.hash == plan.hash and claim.owner != owner:
                step = "Run it there; or, if that folder is gone, cancel it here and make a new plan: "
                raise PlanError(
                    f"{plan.plan_id} was made in another folder than this one, which may send it too.",
                    here(f"{step}dlqkit republish cancel DIR PLAN {REASON}", self.directory, plan.plan_id),
                )
            if claim is None or claim.hash != plan.hash:
                if claim is not None:
                    raise refusal(event.event_key, claim)
                raise PlanError(
                    f"{plan.plan_id} no longer has its events: the event {event.event_key[:100]} is not claimed.",
                    "It was cancelled, or the registry is another one; make a new plan.",
                )
            for name in self._further_names(event):
                entry = reader.entry(name)
                other = None if entry is None or entry[0] == plan.hash else reader.claim_of(name)
                if other is not None:
                    raise refusal(event.event_key, other)

    def release(self, plan: Plan, *, keep: Collection[str] = ()) -> int:
        """Let other plans have the events of this one again; how many.

        Parameters
        ----------
        plan : Plan
            Cancelled, or finished and proven.
        keep : collection of str
            Events that stay claimed, such as those that are in doubt.
        """
        kept, count, owner, reader = set(keep), 0, self.owner, NameReader(self.place)
        for event in plan.events:
            claim = None if event.event_key in kept else self.holder(event.event_key)
            # What a copy of the folder shares with the first one is not the copy's to give away.
            is_own = claim is not None and (not self.is_shared or claim.owner == owner)
            if claim is not None and is_own and claim.hash == plan.hash:
                for name in self._further_names(event):
                    if (entry := reader.entry(name)) is not None and entry[0] == plan.hash:
                        remove_file(name_path(self.place, name))
                remove_file(self._path(event.event_key))
                count += 1
        return count

    def claims_of(self, plan_id: str) -> dict[Path, Claim]:
        """The claims of a plan of this folder, by their files, whether or not the plan can be read."""
        owner, found = self.owner, {}
        for path in sorted(self.place.glob("[0-9a-f][0-9a-f]/*.json")):
            claim = read_claim(path)
            if claim is not None and claim.plan_id == plan_id and (not self.is_shared or claim.owner == owner):
                found[path] = claim
        return found


def find_registry(directory: Path, shared: Path | None) -> Registry:
    """The registry of an incident folder: the folder that the settings name, else a part of its own.

    Raises
    ------
    ParameterError
        If the folder of the settings is not there: an empty one in its place would say that nobody has anything.
    """
    if shared is not None and not shared.is_dir():
        raise ParameterError(
            f"The folder that republish.registry names, {str(shared)!r}, is not there.",
            "Mount it or correct the setting; if the team begins a new registry, make the folder first.",
        )
    return Registry(shared or directory / FOLDER / "claims", Path(directory), shared is not None)


@contextmanager
def open_registry(directory: Path, shared: Path | None) -> Iterator[Registry]:
    """Keep other planners out of an incident folder's plans while one is made; a kill lets go.

    Parameters
    ----------
    directory : Path
        The incident folder.
    shared : Path or None
        ``republish.registry`` of the settings.

    Yields
    ------
    Registry

    Raises
    ------
    ParameterError
        If the shared folder is not there.
    StorageError
        If somebody else is planning in this folder and does not come to an end, or it cannot be written.
    """
    registry = find_registry(directory, shared)
    make_folder(directory / FOLDER)
    try:
        descriptor = os.open(directory / FOLDER / ".planning", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, FILE_MODE)
    except OSError as error:
        raise storage_error(directory / FOLDER, error) from error
    try:
        _wait_for(descriptor, directory)
        yield registry
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, directory: Path) -> None:
    end = time.monotonic() + WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise StorageError(
                    f"Somebody else has been planning in {directory.name} for a minute.", "Try again when he is done."
                ) from None
            time.sleep(0.05)
        else:
            return
