"""Where the moments of a lane stand: each text in a row in which it meets no other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dlqkit.plots.theme import LONGEST, day_number, label_text, letters

__all__ = ["Moment", "place_moments"]

# Share of the axes' width that one letter takes, at the figure's own width and font size.
_LETTER = 0.0088
# A moment's text is drawn at the first of these lengths that has room.
_TEXTS = (72, 54, 32)
# Letters of a workflow's name beside a text.
_NAME = 24
# A lane of moments has at most this many rows of text; further moments keep their mark only.
_ROWS = 3


@dataclass(slots=True)
class Moment:
    """A moment, or a span with an end, and where its text has room."""

    start: float
    end: float
    words: str
    """Its whole text."""
    text: str = ""
    """What is drawn of it."""
    times: int = 1
    row: int = 0
    left: bool = False
    inside: bool = False
    shown: bool = True
    is_lost: bool = False
    """Whether it is a jump of dead letters."""


def place_moments(rows: pd.DataFrame, low: float, high: float) -> list[Moment]:
    """Give each moment's text a row in which it meets no other."""
    singles = rows[rows["count"].isna()].sort_values("at", kind="stable")
    width = high - low
    several = singles["workflow_id"].nunique() > 1
    found: list[Moment] = []
    for row in singles.itertuples(index=False):
        start, end = day_number(row.at), day_number(row.end_at)
        if start > high or (end if np.isfinite(end) else start) < low:
            continue
        words = label_text("" if pd.isna(row.text) else row.text, LONGEST)
        if several and not pd.isna(row.workflow_id):
            words += f", {label_text(row.workflow_id, _NAME)}"
        # An incident without an end goes on; any other moment without one is a point.
        end = end if np.isfinite(end) else high if row.lane == "incident" else start
        same = next((one for one in found if one.words == words and abs(one.start - start) < 0.012 * width), None)
        if same is not None and end == start:
            same.times += 1
            continue
        found.append(Moment(start, end, words, is_lost=row.kind == "dead_letters"))
    # Where there is no room for all, what a report of dead letters is about is named before what goes with it.
    _stack(sorted(found, key=lambda one: not one.is_lost), low, width)
    return found


def _stack(moments: list[Moment], low: float, width: float) -> None:
    taken: list[list[tuple[float, float]]] = [[] for _ in range(_ROWS)]
    for one in moments:
        for limit in _TEXTS:
            if _find_room(one, limit, taken, low, width):
                break


def _find_room(one: Moment, limit: int, taken: list[list[tuple[float, float]]], low: float, width: float) -> bool:
    times = f" ×{one.times}" if one.times > 1 else ""
    one.text = label_text(one.words, limit - len(times), middle=True) + times
    start, end = max((one.start - low) / width, 0.0), min((one.end - low) / width, 1.0)
    need = _LETTER * letters(one.text) + 0.012
    # Text stands inside a span that is wide enough, else after it, else before it.
    one.inside = end - start >= need
    one.left = not one.inside and end + need > 1.0
    left = start - need if one.left else start - 0.006
    right = max(end, start + 0.012) if one.inside or one.left else end + need
    free = (row for row in range(_ROWS) if all(right <= begun or left >= done for begun, done in taken[row]))
    one.row = next(free, -1)
    one.shown = one.row >= 0 and left >= -0.02
    if one.shown:
        taken[one.row].append((left, right))
    one.row = max(one.row, 0)
    return one.shown
