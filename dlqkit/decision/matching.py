"""Matching: whether a text's template is one of a signature's, also where more data have starred one of its words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dlqkit.decision.templates import ANY, generalise

__all__ = ["Patterns", "covers"]


def covers(pattern: str, template: str) -> bool:
    """Whether the template is the pattern, with any word in place of the pattern's stars and masks."""
    return _compile(generalise(pattern)).fullmatch(generalise(template)) is not None


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile("[^ ]*".join(re.escape(part) for part in pattern.split(ANY)))


class Patterns:
    """Many patterns, asked which templates they cover; those of another number of words are not tried."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._whole: set[str] = set()
        self._starred: dict[tuple[int, str], list[re.Pattern[str]]] = {}
        for pattern in map(generalise, patterns):
            self._whole.add(pattern)
            words = pattern.split(" ")
            if ANY in pattern:
                key = (len(words), "" if ANY in words[0] else words[0])
                self._starred.setdefault(key, []).append(_compile(pattern))

    def cover(self, template: str) -> bool:
        """Whether one of the patterns covers the template."""
        template = generalise(template)
        if template in self._whole:
            return True
        words = template.split(" ")
        tried = (self._starred.get((len(words), first), ()) for first in ("", words[0]))
        return any(pattern.fullmatch(template) for patterns in tried for pattern in patterns)
