"""What people call a failure class in a cell or a list; ``wording.CLASS_NAMES`` says what it means."""

from __future__ import annotations

from dlqkit.language import mark, number, say

__all__ = ["class_name", "counted_class"]

_NAMES = {
    "business": mark("business"),
    "infrastructure": mark("infrastructure"),
    "timeout": mark("timeout"),
    "mixed": mark("mixed"),
    "unknown": mark("unknown"),
}
_COUNTED = {
    "business": mark("{count} business"),
    "infrastructure": mark("{count} infrastructure"),
    "timeout": mark("{count} timeout"),
    "unknown": mark("{count} unknown"),
}


def class_name(code: str) -> str:
    """A class in a word; the facts' word for it is compared in code, this one is shown."""
    return say(_NAMES[code]) if code in _NAMES else code


def counted_class(code: str, count: int) -> str:
    """So many events of a class, such as ``12 infrastructure``."""
    return say(_COUNTED[code], count=count) if code in _COUNTED else f"{number(count)} {code}"
