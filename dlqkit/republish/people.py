"""Names and reasons that people type: whether something was said, and whether two names are one person's."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["is_same_person", "is_somebody", "plain_text"]

# Letters and marks that Unicode says are not to be drawn (Default_Ignorable_Code_Point, DerivedCoreProperties.txt) and
# that are no format characters: joiners, fillers, selectors of a variant.
_IGNORABLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
# Braille's pattern without a dot is drawn as a space and is none.
_BLANK = "\u2800"


def plain_text(text: str) -> str:
    """A text as people tell it apart: without what is not drawn, in one form of its letters, small, single spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    shown = "".join(" " if character in _BLANK else character for character in folded if not _is_invisible(character))
    return " ".join(unicodedata.normalize("NFKC", shown).split())


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in {"Cf", "Cc", "Cn", "Co"} or bool(_IGNORABLE.match(character))


def is_same_person(one: str, other: str) -> bool:
    """Whether two names are one: capitals, spaces and letters that nobody sees or that look alike do not count."""
    return plain_text(one) == plain_text(other)


def is_somebody(name: str) -> bool:
    """Whether a name has a letter or a digit in it that can be seen."""
    return any(character.isalnum() for character in plain_text(name))
