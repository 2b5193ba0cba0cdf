"""How wide the columns of a table are on paper: no word leaves its own, and the row is as low as it can be."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

from dlqkit.report.typesetting import LONGEST_WORD, WHOLE, room_of, set_parts
from dlqkit.untrusted import for_typst

__all__ = ["fit_columns"]

# Letters of a table's type on a line of the page, and what lies between two columns, in letters.
_LINE, _BETWEEN = 126.0, 1.6
# A name is bold, and so wider.
_BOLD = 1.1
# A cell of so few letters stays on one line; a column of longer ones is no narrower than is read without effort.
_SHORT, _NARROW = 12, 9.0
# Lines end before the column does, since words are not broken.
_RAGGED = 1.15


def fit_columns(names: Sequence[str], rows: Sequence[Sequence[str]], limit: int = 3000) -> list[float]:
    """Widths of a table's columns, in letters of its type.

    Each is as wide as its longest word that is not broken; what is left of the line goes, letter by letter, to the
    column whose longest cell takes the most lines, and of two such to the one that sooner takes fewer.

    Parameters
    ----------
    names : sequence of str
        Of the columns.
    rows : sequence of sequences of str
        Their cells.
    limit : int
        Letters of a cell that are shown.

    Returns
    -------
    list of float
        A width for each column. Their sum is the line's; it is more where the words alone need more.
    """
    columns = [[row[number] for row in rows] for number in range(len(names))]
    widths = [_least(name, cells, limit) for name, cells in zip(names, columns, strict=True)]
    longest = [
        max(room_of(name) * _BOLD, *(room_of(for_typst(cell, limit)) for cell in cells), 1.0)
        for name, cells in zip(names, columns, strict=True)
    ]
    left = _LINE - _BETWEEN * len(names) - sum(widths)
    while left >= 1 and any(map(operator.lt, widths, longest)):
        ranks = [_lines(text, width) for text, width in zip(longest, widths, strict=True)]
        widths[max(range(len(names)), key=lambda number: (ranks[number], widths[number] - longest[number]))] += 1
        left -= 1
    # Where every cell stands on one line the rest is shared as the text is.
    share = 1 + max(left, 0.0) / sum(widths)
    return [round(width * share + _BETWEEN, 2) for width in widths]


def _lines(text: float, width: float) -> int:
    return 1 if text <= width else max(2, math.ceil(text * _RAGGED / width))


def _least(name: str, cells: Sequence[str], limit: int) -> float:
    """What no word leaves: those that are kept whole, and the pieces of the others."""
    bold = max(room_of(word) for word in WHOLE.findall(name) or [""]) * _BOLD
    whole = [0.0]
    for cell in cells:
        if len(cell) <= _SHORT:
            whole.append(room_of(cell))
            continue
        for part in set_parts(cell, limit):
            if isinstance(part, list):
                whole += map(room_of, part)
            else:
                whole += [room_of(word) for word in part.split() if len(word) <= LONGEST_WORD]
    is_text = any(len(cell) > _SHORT for cell in cells)
    return max(bold, *whole, _NARROW if is_text else 0.0) + 0.5
