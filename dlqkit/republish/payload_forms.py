"""Whether two payload texts are one payload: byte for byte, or as JSON that was written anew."""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["hash_bytes", "hash_value"]

# Above this a double holds no longer every whole number, so a service that reads numbers as doubles changes them.
_EXACT = 2**53


def hash_bytes(text: str) -> str:
    """SHA-256 of a payload's UTF-8 bytes; a lone surrogate, which has none, counts as its own."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def hash_value(text: str) -> str | None:
    """SHA-256 of what a payload says, whatever the order of its keys, its spaces and the form of its numbers.

    Returns
    -------
    str or None
        None where the text is no JSON: then only its bytes can be compared.

    Notes
    -----
    ``1.0`` and ``1`` are one value, as for services that hold numbers as doubles; of a key that stands there twice
    the last counts.
    """
    try:
        value = json.loads(text)
        plain = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    except (ValueError, RecursionError):
        return None
    return hashlib.sha256(plain.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value
