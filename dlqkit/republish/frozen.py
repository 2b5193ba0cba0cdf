"""Documents that are written once: the form that is hashed, and reading back what was written and nothing else."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from dlqkit.engines.choose import free_memory_bytes
from dlqkit.errors import EvidenceError, ParameterError, PlanError
from dlqkit.language import mark
from dlqkit.republish.next_steps import here

__all__ = ["canonical_json", "changed", "plain_values", "read_document", "read_frozen"]

Frozen = TypeVar("Frozen")
# The bytes, their text, the values, the dataclass of them, and the two texts that are compared.
_COPIES = 6
_CHUNK = 1 << 20
_CHANGED = mark("{name} was changed after it was made, or is not whole.")


def canonical_json(value: Any) -> str:
    """A JSON value in the one form that is hashed: ASCII, keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def plain_values(frozen: Any) -> dict[str, Any]:
    """A dataclass as plain JSON values, numbers in the type that they are declared in."""
    values: dict[str, Any] = msgspec.to_builtins(frozen)
    for name in ("max_rate", "outcome_deadline_s", "clock_tolerance_s"):
        if values.get(name) is not None:
            values[name] = float(values[name])
    return values


def changed(name: str) -> EvidenceError:
    """The error for a document that is not what was written."""
    return EvidenceError(
        _CHANGED.format(name=name),
        "Do not send it; make a new plan.",
    )


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is larger than any that is written")
    return number


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a key stands there twice")
    return out


def _read_text(path: Path) -> str:
    """What the file holds; a plan is as large as the payloads in it, so the memory alone is a bound."""
    size, free = path.stat().st_size, free_memory_bytes()
    fits = free is None or size * _COPIES <= free
    chunks = []
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if b"\0" in chunk:  # as the holes of a file that takes no disk, and is as large as you like
                raise ValueError("no JSON holds a NUL")
            if fits:
                chunks.append(chunk)
    if not fits:
        raise PlanError(
            f"{path.name} has {size >> 20:,} MiB; to read it takes more memory than is free.",
            "Free some memory, or read it on a larger machine.",
        )
    return b"".join(chunks).decode("utf-8")


def read_document(path: Path) -> dict[str, Any]:
    """A JSON object in which no key stands twice and every number is finite.

    Raises
    ------
    ParameterError
        If there is no such file.
    PlanError
        If it is larger than the memory that is free.
    EvidenceError
        If it is anything else.
    """
    try:
        document = json.loads(
            _read_text(path),
            object_pairs_hook=_no_repeats,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except FileNotFoundError:
        raise ParameterError(
            f"There is no {path.name} in {path.parent.parent.name}.",
            here("See what there is: dlqkit republish status DIR", path.parent.parent),
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise changed(path.name) from error
    if not isinstance(document, dict):
        raise changed(path.name)
    return document


def read_frozen(path: Path, kind: type[Frozen]) -> Frozen:
    """A document as its dataclass, but for its outlook; refused unless it is that, and nothing more."""
    document = {name: value for name, value in read_document(path).items() if name != "outlook"}
    try:
        frozen = msgspec.convert(document, kind, strict=True)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # half a character in a key
        raise changed(path.name) from error
    if canonical_json(plain_values(frozen)) != canonical_json(document):
        raise changed(path.name)
    return frozen
