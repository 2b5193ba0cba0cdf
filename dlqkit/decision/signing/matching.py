"""Matching: whether a text's template is one of a signature's, also where more data have starred one of its words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dlqkit.decision.signing.templates import ANY, generalise

__all__ = ["Patterns", "covers"]


def covers(pattern: str, template: str) -> bool:
    """Whether the template is the pattern, with any word in place of the pattern's stars and masks."""
    return _compile(generalise(pattern)).fullmatch(generalise(template)) is not None


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile("[^ ]*".join(re.escape(part) for part in pattern.split(ANY)))


class Patterns:
    """Many patterns, asked which of them cover a template; those of another number of words are not tried."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._whole: dict[str, list[str]] = {}
        self._starred: dict[tuple[int, str], list[tuple[re.Pattern[str], str]]] = {}
        for pattern in dict.fromkeys(patterns):
            general = generalise(pattern)
            self._whole.setdefault(general, []).append(pattern)
            words = general.split(" ")
            if ANY in general:
                key = (len(words), "" if ANY in words[0] else words[0])
                self._starred.setdefault(key, []).append((_compile(general), pattern))

    def find(self, template: str) -> list[str]:
        """The patterns that cover the template."""
        template = generalise(template)
        words = template.split(" ")
        tried = [pair for first in {"", words[0]} for pair in self._starred.get((len(words), first), ())]
        covering = [pattern for compiled, pattern in tried if compiled.fullmatch(template)]
        return list(dict.fromkeys([*self._whole.get(template, ()), *covering]))
