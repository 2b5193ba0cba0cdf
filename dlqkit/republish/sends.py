"""What a shared registry keeps of what was sent, so that a colleague with older evidence does not send it again."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from dlqkit.errors import PlanError
from dlqkit.evidence.store import write_bytes
from dlqkit.frames import conform, empty_frame
from dlqkit.republish.journal import read_journal, refuse_lost
from dlqkit.republish.journal_schema import JOURNAL, writable
from dlqkit.republish.plan import Plan, canonical_json, read_plan, safe_hash
from dlqkit.republish.registry import Registry

__all__ = ["Send", "keep_sends", "read_sends", "release_events", "to_journal"]

_FOLDER = "sent"


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

    @property
    def plan(self) -> str:
        """The plan's name, as a colleague can find it."""
        return f"{self.plan_id} in {self.folder} on {self.host}"


def _path(place: Path, key: str) -> Path:
    name = Registry.name_of(key)
    return place / _FOLDER / name[:2] / f"{name}.json"


def _text_key(workflow_id: object, trace_id: object, payload_sha256: str) -> str:
    """By which an edited event is found that came back: its own key is another one then."""
    return canonical_json([str(workflow_id), str(trace_id), payload_sha256])


def release_events(registry: Registry, plan: Plan, *, keep: Collection[str]) -> int:
    """Let other plans have the events of this one, once it is kept which of them were sent; how many.

    Parameters
    ----------
    registry, plan, keep
        As for ``Registry.release``.

    Raises
    ------
    EvidenceError
        If the journal is damaged, gone or an older one; then nothing is given up.
    StorageError
        If the registry cannot be written.
    """
    refuse_lost(registry.directory)
    journal, host = read_journal(registry.directory), socket.gethostname()
    keys = {writable(event.event_key): event.event_key for event in plan.events}
    # Another plan of this folder may have sent an event of this one, by an edit that came late.
    others = journal[(journal["plan_id"] != plan.plan_id) & journal["event_key"].isin(list(keys))]
    states = others["state"].astype("str")
    open_elsewhere = {keys[key] for key in others.loc[states.isin(["intent", "in_doubt"]), "event_key"]}
    for plan_id in sorted({str(name) for name in others.loc[states == "acked", "plan_id"]}):
        keep_sends(registry, read_plan(registry.directory, plan_id), journal, host)
    keep_sends(registry, plan, journal, host)
    return registry.release(plan, keep={*keep, *open_elsewhere})


def keep_sends(registry: Registry, plan: Plan, journal: pd.DataFrame, host: str) -> int:
    """Keep what a plan has sent, before its claims are given up; how many events.

    Parameters
    ----------
    registry : Registry
        A shared one; of a folder's own registry the journal says as much.
    plan : Plan
    journal : DataFrame
        ``JOURNAL``.
    host : str
        This machine.

    Raises
    ------
    StorageError
        If it cannot be written; then nothing may be given up.
    """
    if not registry.is_shared:
        return 0
    own = journal[(journal["plan_id"] == plan.plan_id) & (journal["state"] == "acked")].set_index("item")
    count = 0
    for event in plan.events:
        if event.item not in own.index:
            continue
        at = own.loc[event.item, "intent_at"]
        at = own.loc[event.item, "settled_at"] if pd.isna(at) else at
        send = Send(
            event.event_key, plan.plan_id, registry.directory.resolve().name, host, event.workflow_id, event.trace_id,
            plan.target.address, event.dedupe_key, event.payload_sha256, event.record_id, event.dead_at,
            None if pd.isna(at) else at.isoformat(),
        )  # fmt: skip
        for key in (event.event_key, _text_key(event.workflow_id, event.trace_id, event.payload_sha256)):
            _add(registry, key, send)
        count += 1
    return count


def _add(registry: Registry, key: str, send: Send) -> None:
    path = _path(registry.place, key)
    before = _read(path)
    if all(one.dedupe_key != send.dedupe_key or one.address != send.address for one in before):
        registry.make(registry.place / _FOLDER)
        registry.make(path.parent)
        write_bytes(path, canonical_json([asdict(one) for one in (*before, send)]).encode())
        path.chmod(stat.S_IMODE(registry.place.stat().st_mode) & 0o666)


def _read(path: Path) -> tuple[Send, ...]:
    try:
        return tuple(Send(**one) for one in json.loads(path.read_bytes()))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError) as error:
        raise PlanError(
            f"What the registry keeps of a sent event cannot be read: {path.name[:12]}….",
            "Find out what was sent before anything is; then mend or remove the file by hand.",
        ) from error


def read_sends(registry: Registry, dead: pd.DataFrame) -> tuple[Send, ...]:
    """What is kept of events, each send once.

    Parameters
    ----------
    registry : Registry
    dead : DataFrame
        Their dead letters: ``event_key``, ``workflow_id``, ``trace_id``, ``payload_snapshot``.

    Raises
    ------
    PlanError
        If it cannot be read: then nobody knows whether the event was sent.
    """
    if not registry.is_shared or not (registry.place / _FOLDER).is_dir():
        return ()
    keys: dict[str, None] = {}
    for row in dead[["event_key", "workflow_id", "trace_id", "payload_snapshot"]].itertuples(index=False):
        text = row.payload_snapshot if isinstance(row.payload_snapshot, str) else ""
        keys |= {str(row.event_key): None, _text_key(row.workflow_id, row.trace_id, safe_hash(text)): None}
    sends = (one for key in keys for one in _read(_path(registry.place, key)))
    return tuple({(one.dedupe_key, one.address): one for one in sends}.values())


def to_journal(sends: Sequence[Send], own: pd.DataFrame | None) -> pd.DataFrame:
    """As ``JOURNAL``, without what the folder's own journal says itself."""
    known = set() if own is None else set(zip(own["dedupe_key"], own["address"], strict=True))
    rows = [
        {
            "plan_id": one.plan, "item": number, "event_key": one.event_key, "workflow_id": one.workflow_id,
            "trace_id": one.trace_id, "address": one.address, "dedupe_key": one.dedupe_key,
            "payload_sha256": one.payload_sha256, "original_sha256": one.payload_sha256, "state": "acked",
            "intent_at": one.sent_at,
        }
        for number, one in enumerate(sends, start=1)
        if (one.dedupe_key, one.address) not in known
    ]  # fmt: skip
    if not rows:
        return empty_frame(JOURNAL)
    frame = pd.DataFrame(rows).reindex(columns=list(JOURNAL)).astype({"state": "category"})
    for name in ("intent_at", "settled_at"):
        frame[name] = pd.to_datetime(frame[name].astype("object"), utc=True, format="ISO8601")
    return conform(frame, JOURNAL)
