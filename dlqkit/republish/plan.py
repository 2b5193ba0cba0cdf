"""The frozen plan of a republish: what is sent, what is left out and why, and one hash over all of it."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence.store import write_bytes
from dlqkit.notebook_html import Shown
from dlqkit.republish.frozen import canonical_json, changed, plain_values, read_document, read_frozen
from dlqkit.republish.next_steps import REASON, here

__all__ = [
    "CLOCK_TOLERANCE_S",
    "FOLDER",
    "LeftOut",
    "Plan",
    "PlannedEvent",
    "Target",
    "dedupe_key",
    "find_plans",
    "hash_plan",
    "hash_text",
    "plan_path",
    "read_outlook",
    "read_plan",
    "readable_plans",
    "safe_hash",
    "seal_plan",
    "write_plan",
]

FOLDER = "republish"
_PLAN_ID = re.compile(r"plan-[0-9]{3,6}")
# Machines that keep time by NTP are milliseconds apart; a record that much older than the send may still be of it.
CLOCK_TOLERANCE_S = 5.0


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """An event that is sent again, with the exact text that is sent."""

    item: int
    """From 1: the order of sending."""
    event_key: str
    record_id: str | None
    workflow_id: str
    trace_id: str | None
    dead_at: str | None
    """ISO 8601, UTC, of its last dead letter."""
    payload: str
    """Its UTF-8 bytes are sent."""
    payload_sha256: str
    original_sha256: str
    """Of the bytes before an edit."""
    attributes: Mapping[str, str] | None
    """None: not known, nothing is sent but the dedupe attribute."""
    ordering_key: str | None
    """None: not known; empty: none."""
    dedupe_key: str
    failure_class: str
    signature_id: str
    edited: Mapping[str, Any] | None
    """The patch, its reason and its author."""
    warnings: tuple[str, ...]
    generation: int = 1
    """1 the first time that this event is sent again."""
    record_sha256: str = ""
    """Of the payload as a record will show it: edited, without the envelope."""
    value_sha256: str = ""
    """Of what the record's payload says, before an edit; empty where it is no JSON."""
    edited_sha256: str = ""
    """The same after the edit; empty where there was none."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An event that was selected and is not sent."""

    event_key: str
    trace_id: str | None
    reason: str
    """One of ``exclusions.REASONS``."""
    detail: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where the events are sent."""

    kind: Literal["pubsub", "http"]
    address: str
    """``projects/P/topics/T``, or a URL."""
    dedupe_attribute: str | None
    """The attribute's name; for HTTP the header of the idempotency key. None: it is off."""
    server: str | None = None
    """Host and port of Pub/Sub, or of an emulator; None for HTTP, whose address says it."""


@dataclass(frozen=True, slots=True, repr=False)
class Plan(Shown):
    """All of a republish that may be sent; nothing else is."""

    plan_id: str
    incident: str
    snapshot: str
    as_of: str
    selection: Mapping[str, Any]
    target: Target
    generation: int
    """The highest of its events'."""
    steps: tuple[int, ...]
    max_rate: float
    """Events per second."""
    outcome_deadline_s: float | None
    """None: not known, and the approval must say it."""
    events: tuple[PlannedEvent, ...]
    left_out: tuple[LeftOut, ...]
    unknowns: tuple[str, ...]
    """Sentences that the approval repeats."""
    replaces: str | None
    hash: str
    warnings: tuple[str, ...] = ()
    """Sentences to read before approving."""
    verification_subscription: str | None = None
    """Made before the run where the team wants one; it settles what is in doubt."""
    is_other_topic: bool = False
    """Whether another topic than the workflow's own was confirmed."""
    second_approver: bool = False
    """Whether the settings that it was made by ask for another person's approval; others cannot take that back."""
    rules_sha256: str = ""
    """Of the locked fields and the schema that its payloads were held against (``edited.hash_rules``)."""
    clock_tolerance_s: float = CLOCK_TOLERANCE_S
    """How far the clock of the execution records may be behind the sender's: a proof needs no settings."""

    def _shown(self) -> tuple[str, list[tuple[str, object]]]:
        """Without payloads: a notebook keeps what it shows."""
        left = Counter(one.reason for one in self.left_out)
        return f"Plan {self.plan_id}: {len(self.events):,} events to {self.target.address}, not sent by this", [
            ("hash", self.hash),
            ("of", f"snapshot {self.snapshot} of {self.incident}, as of {self.as_of}"),
            ("replaces", self.replaces),
            ("steps", f"{', '.join(map(str, self.steps))}, at most {self.max_rate:g} events per second"),
            ("edited", sum(one.edited is not None for one in self.events) or None),
            ("left out", "; ".join(f"{count:,} {reason}" for reason, count in left.items()) or "nothing"),
            ("not known", " ".join(self.unknowns)),
            ("warnings", " ".join(self.warnings)),
        ]


def hash_text(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def safe_hash(text: str) -> str:
    """As ``hash_text``, of a text that may hold half a character (a lone surrogate)."""
    return hash_text(text.encode("utf-8", "replace").decode())


def dedupe_key(address: str, event_key: str, payload_sha256: str, generation: int) -> str:
    """The key by which a consumer can drop a repeat: the same for the same event, text, target and generation."""
    return hash_text(canonical_json([address, event_key, payload_sha256, generation]))


def hash_plan(plan: Plan) -> str:
    """SHA-256 over the canonical JSON of all of the plan but its hash."""
    return hash_text(canonical_json({name: value for name, value in plain_values(plan).items() if name != "hash"}))


def seal_plan(plan: Plan) -> Plan:
    """The plan with the hash of what it holds."""
    return replace(plan, hash=hash_plan(plan))


def plan_path(directory: Path, plan_id: str, kind: str = "") -> Path:
    """Where a plan of the incident folder is, or its ``approval`` or ``cancelled`` file.

    Raises
    ------
    ParameterError
        If it is no plan's name.
    """
    if not _PLAN_ID.fullmatch(plan_id):
        there = ", ".join(find_plans(directory)) or "none"
        raise ParameterError(
            f"There is no plan {plan_id[:20]!r}.", f"A plan is called plan-001, plan-002 and so on; there are: {there}."
        )
    return Path(directory) / FOLDER / (f"{plan_id}.{kind}.json" if kind else f"{plan_id}.json")


def find_plans(directory: Path) -> list[str]:
    """Names of the incident folder's plans, oldest first."""
    names = [path.stem for path in (Path(directory) / FOLDER).glob("plan-*.json")]
    return sorted((name for name in names if _PLAN_ID.fullmatch(name)), key=lambda name: int(name[5:]))


def write_plan(directory: Path, plan: Plan, outlook: Mapping[str, Any]) -> Path:
    """Write a plan for good, with its outlook beside it; a plan that is there is never written over.

    Returns
    -------
    Path
        ``republish/plan-001.json``, readable by its owner alone.

    Raises
    ------
    EvidenceError
        If the plan does not fit its hash, or another plan has its name.
    StorageError
        If it cannot be written.
    """
    path = plan_path(directory, plan.plan_id)
    _check_plan(plan, path.name)
    if path.exists() and read_plan(directory, plan.plan_id).hash != plan.hash:
        raise EvidenceError(f"{path.name} is another plan already.", "Make the plan again; it gets the next name.")
    write_bytes(path, (canonical_json({**plain_values(plan), "outlook": dict(outlook)}) + "\n").encode())
    return path


def read_plan(directory: Path, plan_id: str) -> Plan:
    """A plan as it was made.

    Raises
    ------
    ParameterError
        If there is none of that name.
    EvidenceError
        If anything in it but the outlook was changed.
    """
    path = plan_path(directory, plan_id)
    try:
        plan = read_frozen(path, Plan)
        if plan.plan_id != plan_id:
            raise changed(path.name)
        _check_plan(plan, path.name)
    except EvidenceError as error:
        step = f"Restore it, or give it up: dlqkit republish cancel DIR PLAN {REASON}"
        raise EvidenceError(error.problem, here(step, directory, plan_id)) from error
    return plan


def readable_plans(directory: Path) -> Iterator[Plan]:
    """The folder's plans but those that cannot be read, whose events stay claimed."""
    for plan_id in find_plans(directory):
        with contextlib.suppress(EvidenceError):
            yield read_plan(directory, plan_id)


def read_outlook(directory: Path, plan_id: str) -> Mapping[str, Any]:
    """What was expected of a plan when it was made; outside its hash."""
    outlook = read_document(plan_path(directory, plan_id)).get("outlook")
    return outlook if isinstance(outlook, dict) else {}


def _check_plan(plan: Plan, name: str) -> None:
    """Refuse a plan whose hash, or an event whose text, order or key is not what it says."""
    whole = plan.hash == hash_plan(plan) and [event.item for event in plan.events] == [
        number for number, _ in enumerate(plan.events, start=1)
    ]
    for event in plan.events:
        key = dedupe_key(plan.target.address, event.event_key, event.payload_sha256, event.generation)
        try:
            whole = whole and event.payload_sha256 == hash_text(event.payload) and event.dedupe_key == key
        except UnicodeEncodeError:
            whole = False
    if not whole:
        raise changed(name)
