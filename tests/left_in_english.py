"""What a text in another alphabet still says in English, names and ids aside."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dlqkit.report.tables import Table, Text

__all__ = ["left_in_english", "texts_of"]

# Names that no language has words of its own for.
_NAMES = {"API", "DIR", "DLQ", "JSON", "NAME", "TICKET", "UTC", "dlqkit", "max_age", "payload", "queued_to_dlq",
          "Workflow", "workflow", "workflows"}  # fmt: skip
_FILES = re.compile(
    r"dlqkit [a-z]+(?: [a-z]+)?(?: DIR)?(?: --?[a-z-]+(?: [A-Z]+)?)*|[\w./-]+\.(?:json|toml|yaml)|/metrics|Pub/Sub"
)


def left_in_english(texts: Iterable[str], *known: str) -> list[str]:
    """Latin words of texts; those of ``known`` values, of commands, files and a few names are none."""
    found = []
    for text in texts:
        rest = _FILES.sub(" ", text)
        for value in sorted(filter(None, known), key=len, reverse=True):
            rest = rest.replace(value, " ")
        found += [word for word in re.findall(r"[A-Za-z][A-Za-z_]+", rest) if word not in _NAMES]
    return found


def texts_of(*blocks: Table | Text) -> list[str]:
    """Every text that a reader of these sees."""
    found = []
    for block in blocks:
        found.append(block.title)
        if isinstance(block, Text):
            found += [text for line in block.lines for text in (line.label, line.text)]
        else:
            found += [cell for row in (block.columns, *block.rows) for cell in row] if block.rows else [block.empty]
    return found
