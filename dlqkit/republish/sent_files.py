"""What a shared registry keeps of sent events: a file of many, under the name of each event that is in it."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from dlqkit.errors import EvidenceError, PlanError
from dlqkit.evidence.store import read_json, remove_file, storage_error, sync_folder, write_bytes
from dlqkit.republish.event_names import names_of, names_of_row
from dlqkit.republish.frozen import canonical_json
from dlqkit.republish.plan import safe_hash
from dlqkit.republish.registry import Registry

__all__ = ["Send", "find_sends", "keep_sends", "read_sends", "text_key"]

_FOLDER = "sent"
# Whoever looks for one event reads all of its file; with one file an event ten thousand took minutes to sync.
_PER_FILE = 1000
# Of a SHA-256 in hexadecimal, by which a file's name begins.
_NAME_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Send:
    """An event that a plan has sent, and that was acknowledged."""

    event_key: str
    plan_id: str
    folder: str
    host: str
    workflow_id: str
    trace_id: str | None
    address: str
    dedupe_key: str
    payload_sha256: str
    record_id: str | None
    """The dead letter that it was sent for."""
    dead_at: str | None
    sent_at: str | None
    record_sha256: str = ""
    """Of its payload without the envelope; empty where that is not known."""
    value_sha256: str = ""
    """Of what the record's payload said, as in the plan."""
    edited_sha256: str = ""
    """Of what an edit made of it, as in the plan."""

    @property
    def plan(self) -> str:
        """The plan's name, as a colleague can find it."""
        return f"{self.plan_id} in {self.folder} on {self.host}"

    @property
    def keys(self) -> tuple[str, ...]:
        """By what it is found: an event that was edited and came back has another key than before, but this text."""
        texts = set() if self.trace_id is None else {self.payload_sha256, self.record_sha256} - {""}
        own = (text_key(self.workflow_id, self.trace_id, digest) for digest in sorted(texts))
        return tuple(dict.fromkeys((self.event_key, *own, *self.names)))

    @property
    def names(self) -> tuple[str, ...]:
        """As ``event_names.names_of_sent``."""
        values = (self.value_sha256, self.edited_sha256)
        return tuple(name for one in values for name in names_of(self.workflow_id, self.trace_id, self.record_id, one))


def text_key(workflow_id: object, trace_id: object, payload_sha256: str) -> str:
    """What stands for a text of a trace, as an event's key does for the event."""
    return canonical_json([str(workflow_id), str(trace_id), payload_sha256])


def _path(registry: Registry, key: str, send: Send) -> Path:
    """One for each key and send, so that of two who keep the same at once neither overwrites anything."""
    name, own = registry.name_of(key), registry.name_of(f"{send.address} {send.dedupe_key}")
    return registry.place / _FOLDER / name[:2] / f"{name}.{own[:32]}.json"


def keep_sends(registry: Registry, sends: Sequence[Send]) -> None:
    """Keep for good what was sent; what is kept already stays as it is.

    Raises
    ------
    StorageError
        If it cannot be written; then nothing may be given up.
    """
    try:
        names = [[path for key in send.keys if not (path := _path(registry, key, send)).exists()] for send in sends]
        left = [(send, paths) for send, paths in zip(sends, names, strict=True) if paths]
        for begin in range(0, len(left), _PER_FILE):
            some = left[begin : begin + _PER_FILE]
            _keep_file(registry, [send for send, _ in some], [path for _, paths in some for path in paths])
        for folder in sorted({path.parent for _, paths in left for path in paths}):
            sync_folder(folder)
        if left:
            sync_folder(registry.place / _FOLDER)
    except OSError as error:
        raise storage_error(registry.place / _FOLDER, error) from error


def _keep_file(registry: Registry, sends: Sequence[Send], paths: Iterable[Path]) -> None:
    file = registry.place / "tmp" / f"sent.{secrets.token_hex(8)}"
    registry.make(file.parent)
    try:
        write_bytes(file, canonical_json([asdict(send) for send in sends]).encode())
        file.chmod(stat.S_IMODE(registry.place.stat().st_mode) & 0o666)
        registry.make(registry.place / _FOLDER)
        for path in paths:
            registry.make(path.parent)
            try:
                os.link(file, path)
            except FileExistsError:
                continue
    finally:
        remove_file(file)


def find_sends(registry: Registry, keys: Collection[str]) -> dict[str, tuple[Send, ...]]:
    """What is kept under each of these keys, the first send first; without the keys that have nothing.

    Raises
    ------
    PlanError
        If it cannot be read: then nobody knows whether the event was sent.
    """
    if not registry.is_shared or not (registry.place / _FOLDER).is_dir():
        return {}
    wanted: dict[str, dict[str, str]] = {}
    for key in keys:
        name = registry.name_of(key)
        wanted.setdefault(name[:2], {})[name] = key
    files: dict[int, Mapping[str, Sequence[Send]]] = {}
    found: dict[str, dict[tuple[str, str], Send]] = {}
    for shard, names in wanted.items():
        for entry in _entries(registry.place / _FOLDER / shard):
            one = names.get(entry.name[:_NAME_LENGTH])
            if one is None:
                continue
            if entry.inode() not in files:
                files[entry.inode()] = _read(Path(entry.path))
            sends = files[entry.inode()].get(one)
            if not sends:
                raise _unreadable(entry.name)
            found.setdefault(one, {}).update({(send.address, send.dedupe_key): send for send in sends})
    return {key: tuple(sorted(own.values(), key=_order)) for key, own in found.items()}


def _order(send: Send) -> tuple[str, ...]:
    return send.sent_at or "", send.plan, send.event_key, send.dedupe_key


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(folder.name) from error


def _read(path: Path) -> Mapping[str, Sequence[Send]]:
    """The sends of a file by their keys."""
    found: dict[str, list[Send]] = {}
    try:
        for send in (Send(**one) for one in read_json(path)):
            for key in send.keys:
                found.setdefault(key, []).append(send)
    except (EvidenceError, OSError, ValueError, TypeError, RecursionError) as error:
        raise _unreadable(path.name) from error
    return found


def _unreadable(name: str) -> PlanError:
    return PlanError(
        f"What the registry keeps of a sent event cannot be read: {name[:12]}….",
        "Find out what was sent before anything is; then mend or remove the file by hand.",
    )


def read_sends(registry: Registry, dead: pd.DataFrame) -> tuple[Send, ...]:
    """What is kept of dead events, each send once.

    Parameters
    ----------
    registry : Registry
    dead : DataFrame
        Their dead letters: ``event_key``, ``workflow_id``, ``trace_id``, ``record_id``, ``payload_snapshot``.

    Raises
    ------
    PlanError
        If it cannot be read: then nobody knows whether the event was sent.
    """
    if not registry.is_shared:
        return ()
    keys: set[str] = set()
    columns = ["event_key", "workflow_id", "trace_id", "record_id", "payload_snapshot"]
    for row in dead[columns].itertuples(index=False):
        text = row.payload_snapshot if isinstance(row.payload_snapshot, str) else ""
        keys |= {str(row.event_key), text_key(row.workflow_id, row.trace_id, safe_hash(text)), *names_of_row(row)}
    kept = (send for sends in find_sends(registry, keys).values() for send in sends)
    return tuple(sorted({(one.address, one.dedupe_key): one for one in kept}.values(), key=_order))
