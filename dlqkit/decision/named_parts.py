"""What the errors of an outage name as unavailable: a pool, a server, a service that has a name of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dlqkit.language import listing, say

__all__ = ["find_named_parts", "named_text"]

# So many are named in a step.
NAMED = 2
# A name is told from an ordinary word by a sign or a digit within it: "pool orders_rw", not "server closed".
_KINDS = (
    "backend|broker|bucket|cache|cluster|collection|database|datastore|dependency|endpoint|gateway|host|index|namespace"
    "|node|pool|proxy|queue|registry|replica|schema|server|service|shard|store|table|topic|upstream"
)
_NAMED = re.compile(
    rf"\b({_KINDS})[ \t]{{1,2}}[\"'`«“]?([A-Za-z][A-Za-z0-9]{{0,40}}(?:[_./-][A-Za-z0-9]{{1,40}}){{1,4}})(?![\w<])",
    re.IGNORECASE,
)


def find_named_parts(signatures: Iterable[str]) -> list[str]:
    """The parts that signatures name, such as ``pool orders_rw``, each once, in their order.

    Parameters
    ----------
    signatures : iterable of str
        Error texts with their ids, numbers and hosts masked; a mask names nothing.
    """
    found = [f"{kind.lower()} {name}" for text in signatures for kind, name in _NAMED.findall(text)]
    return list(dict.fromkeys(found))[:NAMED]


def named_text(signatures: Iterable[str]) -> str:
    """`` (the errors name pool orders_rw)``, to stand after what was unavailable; empty where none names anything."""
    found = find_named_parts(signatures)
    told = say("(the errors name {parts})", parts=listing(found)) if found else ""
    return f" {told}" if told else ""
