"""How much room a text takes on a terminal, in cells: letters of Chinese and emoji take two, combining marks none."""

from __future__ import annotations

import re
import textwrap

__all__ = ["cell_width", "cut", "label_id", "pad", "take", "wrap"]

_WORDS = re.compile(r"\s+|\S+")


def cell_width(text: str) -> int:
    """Cells of a text in one line.

    Parameters
    ----------
    text : str
        As it is shown, without control characters.
    """
    if text.isascii():
        return len(text)
    # Not before it is needed: importing it takes as long as all of a command's help.
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, width: int) -> str:
    """The text in at most so many cells, with an ellipsis where something is left out."""
    return text if cell_width(text) <= width else take(text, max(width - 1, 0)).rstrip() + "…"


def pad(text: str, width: int) -> str:
    """The text with spaces behind it, up to so many cells."""
    return text + " " * (width - cell_width(text))


def wrap(text: str, width: int, *, break_words: bool = True) -> list[str]:
    """Lines of at most so many cells, broken between words.

    Parameters
    ----------
    text : str
        In one line.
    width : int
        Cells of a line.
    break_words : bool
        Whether a word that is longer than a line is broken; else it stays whole, and its line is too long.

    Returns
    -------
    list of str
        At least one; spaces where a line was broken are dropped.
    """
    # Of the whole, a wide letter and a mark without a cell would make up for each other.
    if text.isascii() or all(cell_width(sign) == 1 for sign in set(text)):
        return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=break_words) or [""]
    lines, line = [], ""
    for word in _WORDS.findall(text):
        rest = word
        while cell_width(line) + cell_width(rest) > width:
            if rest.isspace():
                rest = ""
            elif break_words and cell_width(rest) > width:
                # At least a letter, also where a line has room for half of a wide one.
                begun = take(rest, width - cell_width(line)) or ("" if line else rest[0])
                line, rest = line + begun, rest[len(begun) :]
            elif not line:
                break
            lines.append(line.rstrip())
            line = ""
        line += rest if line or not rest.isspace() or not lines else ""
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def label_id(label: str, name: str, width: int, indent: int = 4) -> list[str]:
    """An id behind what is said of it, or in lines of its own: it is to be copied, and whole where a line holds it."""
    whole = f"{label}  {name}"
    if cell_width(whole) <= width:
        return [whole]
    return [label.rstrip(), *(" " * indent + part for part in wrap(name, width - indent))]


def take(text: str, width: int) -> str:
    """The longest beginning of so many cells, with the marks that belong to its last letter."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if cell_width(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low]
