"""What is left of English in a text that a reader of another language gets."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Words that a Russian on-call team uses as they are.
USUAL = {"api", "dlq", "json", "payload", "prometheus", "utc", "workflow"}
_WORD = re.compile("[A-Za-z]{2,}")


def english_in(texts: Iterable[str], *names: str) -> list[str]:
    """English words of some texts, without names and ids that they have to hold, longest names first."""
    found = []
    for text in texts:
        for name in sorted(names, key=len, reverse=True):
            text = text.replace(name, "")
        found += [word for word in _WORD.findall(text) if word.lower() not in USUAL]
    return found
