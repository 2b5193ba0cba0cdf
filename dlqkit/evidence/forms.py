"""The form of ``manifest.json``, of the state of a snapshot under way, and of ``incident.toml``.

All of them may come with a folder of somebody else's: a value of another kind than it should be is refused where the
file is read, once, and not by whoever uses it first.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

__all__ = ["check_manifest", "check_question", "check_state"]

# What JSON carries unchanged everywhere (RFC 8259, section 6); no count and no size of ours is larger.
_Count = Annotated[int, Meta(ge=0, le=2**53)]
# Not $, before which a line may end.
_Id = Annotated[str, Meta(pattern=r"^[0-9]{3,9}/[0-9]{1,9}\Z")]


class _Moment:
    """A time with its zone, as text, that there is in UTC as well."""


class _Written:
    """A time in TOML's own words or in a person's; ``incident.parse_time`` reads it."""


class _Query(Struct):
    limit: Annotated[str, Meta(pattern=r"^[0-9]{1,9}\Z")] | None = None


class _Details(Struct):
    query: _Query = msgspec.field(default_factory=_Query)
    requests: _Count = 0
    received: _Count = 0
    records_read: _Count = 0
    newest_first: bool | None = None


class _Coverage(Struct):
    asked_start: _Moment | None
    asked_end: _Moment | None
    got_start: _Moment | None
    got_end: _Moment | None
    rows: _Count
    quarantined: _Count
    completeness: Literal["complete", "partial", "unverified"]
    missing: list[str]
    findings: list[str]
    details: _Details


class _Masked(Struct):
    file: str
    places: _Count
    original_sha256: str | None


class _Source(Struct):
    evidence_id: _Id
    kind: str
    source: str
    query: str
    coverage: _Coverage
    masked: list[_Masked] = []


class _Asked(Struct):
    start: _Moment
    end: _Moment
    workflow_id: str | None
    trace_id: str | None


class _Manifest(Struct):
    incident: _Asked
    started_at: _Moment
    finished_at: _Moment
    sources: list[_Source]
    findings: list[str] = []
    metrics: dict[str, str] = {}


class _Asking(Struct):
    number: _Count
    kind: str
    query: str
    masked: list[_Masked]


class _Clocks(Struct):
    records_s: float
    server_s: float | None


class _State(Struct):
    incident: _Asked
    started_at: _Moment
    last_number: _Count
    asking: _Asking | None
    sources: list[_Source]
    clocks: _Clocks | None = None


class _Question(Struct):
    start: _Written | None = None
    end: _Written | None = None
    name: str | None = None
    ticket: str | None = None
    workflow_id: str | None = None
    trace_id: str | None = None


class _Note(Struct):
    at: _Written
    text: str


class _Worker(Struct):
    max_attempts: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    action_timeout_ms: Annotated[float, Meta(gt=0, lt=1e15)] | None = None


class _Workflow(_Worker):
    name: str | None = None
    entity_key: list[str] = []


class _Toml(Struct):
    incident: _Question = msgspec.field(default_factory=_Question)
    notes: list[_Note] = []
    worker: _Worker = msgspec.field(default_factory=_Worker)
    workflows: dict[str, _Workflow] = {}


def check_manifest(values: Any) -> None:
    """See that a manifest is as dlqkit writes it; what else it holds is not looked at.

    Raises
    ------
    ValueError
        Saying where it is not, and why.
    """
    _check(values, _Manifest)


def check_state(values: Any) -> None:
    """See that the state of a snapshot under way is as dlqkit writes it, as ``check_manifest``."""
    _check(values, _State)


def check_question(values: Mapping[str, Any]) -> None:
    """See that ``incident.toml`` has what is read of it as it should be, as ``check_manifest``."""
    _check(values, _Toml)


def _check(values: Any, kind: type[Struct]) -> None:
    try:
        msgspec.convert(values, kind, dec_hook=_read)
    except msgspec.ValidationError as error:
        # msgspec ends its sentence with a path, as "Expected `int`, got `str` - at `$.worker.max_attempts`".
        what, _, where = str(error).replace("`", "").partition(" - at $")
        raise ValueError(": ".join(filter(None, [where.lstrip("."), what]))) from error


def _read(kind: type, value: object) -> object:
    if kind is _Written and isinstance(value, str | datetime):
        return kind()
    if kind is _Moment and isinstance(value, str):
        with suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None and moment.astimezone(UTC):
                return kind()
    raise ValueError("Expected a time, with its zone")
