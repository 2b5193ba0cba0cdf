"""Text as typst sets it: where a long word may be broken, and the fonts that have a glyph for every character."""

from __future__ import annotations

import importlib.util
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from dlqkit.untrusted import for_typst

__all__ = ["FONTS", "LONGEST_WORD", "WHOLE", "find_fonts", "room_of", "set_command", "set_parts"]

# The face of the text comes before these. Noto has a glyph of its own for the letters of most scripts and for emoji;
# Last Resort has one for every code point there is, the mark of its script, so that no character fails a compile.
FONTS = (
    "Noto Sans", "Noto Emoji", "Noto Sans Symbols", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Armenian",
    "Noto Sans Georgian", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Gujarati", "Noto Sans Gurmukhi",
    "Noto Sans Kannada", "Noto Sans Malayalam", "Noto Sans Oriya", "Noto Sans Sinhala", "Noto Sans Tamil",
    "Noto Sans Telugu", "Noto Sans Thai", "Noto Sans Lao", "Noto Sans Khmer", "Noto Sans Myanmar", "Noto Sans Ethiopic",
    "Noto Sans CJK SC", "STIXGeneral", "Last Resort High-Efficiency",
)  # fmt: skip
# Wheels that carry them; without these two all still stands, as marks.
_WHEELS = ("manimgx_fonts", "manimgx_fonts_cjk")
# Letters of a word that always stays on one line.
LONGEST_WORD = 16
# The first letter beyond Latin, and how much wider those that follow are in DejaVu Sans.
_OTHER_SCRIPTS, _WIDER = "\u0370", 1.15
# A longer word is broken after these signs; what is still longer than a line may be, every so many letters.
_SYLLABLE = re.compile(r"[^-_/.,:;=|&?]*[-_/.,:;=|&?]+|[^-_/.,:;=|&?]+")
_UNCUT, _PIECE = 20, 4
# A time is kept together with its zone, and the dashes of an option with its name.
_CLOCK, _OPTION = "[0-9]{2}:[0-9]{2}(?::[0-9]{2})? UTC", r"(?<!\S)--[a-z][a-z-]{1,20}(?![^\s,;.:)])"
WHOLE = re.compile(rf"{_CLOCK}|\S+")
_WORD = re.compile(rf"({_CLOCK}|{_OPTION}|\S{{{LONGEST_WORD + 1},}})")
# Letters of a word of a command that stays on one line: a time with its offset, an id of 36.
_LONGEST_TYPED = 40


def room_of(text: str) -> float:
    """How wide a text is, in letters of Latin; those of other scripts, such as Cyrillic, are wider."""
    return sum(_WIDER if letter >= _OTHER_SCRIPTS and letter.isalpha() else 1.0 for letter in text)


def find_fonts() -> list[Path]:
    """Folders with the fonts: matplotlib's own, and those of the wheels that are installed."""
    import matplotlib

    folders = [Path(matplotlib.get_data_path()) / "fonts" / "ttf"]
    for name in _WHEELS:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            folders.append(Path(spec.origin).parent)
    return folders


def set_parts(text: object, limit: int = 3000) -> list[str | list[str]]:
    """Foreign text as the template reads it: texts, and between them long words as lists of pieces.

    A piece stands on one line, so an id or a hash is broken within its cell, without a sign that would be copied with
    it. Scripts that are read from right to left, or broken between any two letters anyway, are left to typst.

    Parameters
    ----------
    text : object
        Anything; made safe by ``for_typst``.
    limit : int
        Letters that are shown.
    """
    parts: list[str | list[str]] = []
    for number, part in enumerate(_WORD.split(for_typst(text, limit))):
        if number % 2 == 0:
            parts += [part] if part else []
        elif part.endswith(" UTC") or part.startswith("--"):
            parts.append([part])
        else:
            parts += [run if len(run) <= LONGEST_WORD or not plain else _pieces(run) for plain, run in _runs(part)]
    return parts


def set_command(text: object, limit: int = 3000) -> list[str | list[str]]:
    """A command as the template reads it: its words are broken only where they are longer than any id or time."""
    words = for_typst(text, limit).split(" ")
    parts = [[word] if len(word) <= _LONGEST_TYPED else _pieces(word) for word in words]
    return [part for word in parts for part in (word, " ")][:-1]


def _runs(word: str) -> Iterator[tuple[bool, str]]:
    """Stretches of a word whose letters are all broken by us, or all not."""
    start, plain = 0, _is_plain(word[0])
    for end, letter in enumerate(word):
        if unicodedata.category(letter)[0] != "M" and _is_plain(letter) != plain:
            yield plain, word[start:end]
            start, plain = end, not plain
    yield plain, word[start:]


def _is_plain(letter: str) -> bool:
    return unicodedata.bidirectional(letter) not in {"R", "AL"} and unicodedata.east_asian_width(letter) not in "WF"


def _pieces(word: str) -> list[str]:
    """The word in pieces; none begins with a mark that belongs to the letter before it."""
    pieces: list[str] = []
    for syllable in _SYLLABLE.findall(word):
        for number, letter in enumerate(syllable):
            is_full = number == 0 or (len(syllable) > _UNCUT and len(pieces[-1]) >= _PIECE)
            if not pieces or (is_full and unicodedata.category(letter)[0] != "M"):
                pieces.append("")
            pieces[-1] += letter
    return pieces
