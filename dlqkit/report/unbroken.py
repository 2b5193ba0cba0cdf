"""Words that stay on one line in HTML: options and ids of a command, dates, and a number with its unit."""

from __future__ import annotations

import re

from dlqkit.untrusted import for_html

__all__ = ["command_html", "words_html"]

# An option as the runbook's commands have them; a browser would break it after its dashes. No mark can be put there
# that keeps it whole: it would be pasted with it.
_OPTION = r"(?<!\S)--[a-z][a-z-]*(?![^\s,;.:)])"
# As ``language.duration`` writes them; of a language whose units are not here a line may end before one.
_UNITS = "ms|s|min|h|d|мс|с|мин|ч|дн"
_WITH_UNIT = rf"(?<![\w.,:-])[0-9][0-9.,\u00a0\u202f]*\s(?:{_UNITS})(?![\w-])"
# As moments are written in English; with full stops, as elsewhere, it is not broken.
_DATE = r"(?<![\w-])[0-9]{4}-[0-9]{2}-[0-9]{2}(?![\w-])"
_WHOLE = re.compile(f"({_OPTION}|{_WITH_UNIT}|{_DATE})")
# Where a browser breaks a word of a command.
_BREAKS = re.compile(r"[-/?]")


def words_html(text: object) -> str:
    """A sentence for HTML; options, dates, and numbers with their unit stay on one line where it is wide enough."""
    parts = _WHOLE.split(str(text))
    return "".join(_one(part) if number % 2 else for_html(part) for number, part in enumerate(parts))


def command_html(text: object) -> str:
    """A command for HTML: between its words are blanks and nothing else, so that what is copied can be pasted."""
    return " ".join(_one(word) if _BREAKS.search(word) else for_html(word) for word in str(text).split(" "))


def _one(word: str) -> str:
    return f'<span class="one">{for_html(word)}</span>'
