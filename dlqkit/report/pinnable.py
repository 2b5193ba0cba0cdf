"""What can be pinned, as plain values: a table's texts, a figure's PNG, a sentence; without what clients sent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.frames import Loaded
from dlqkit.language import date_and_time, say
from dlqkit.report.event_view import EventView
from dlqkit.report.redact import mask_credentials, mask_payload_values
from dlqkit.report.tables import Table, Text
from dlqkit.untrusted import shorten

__all__ = ["LONGEST_CELL", "LONGEST_TEXT", "MOST_ROWS", "content_of"]

# What a report shows of one pin; the folder, and the notebook where it was made, have the rest.
MOST_ROWS, MOST_COLUMNS, LONGEST_CELL, LONGEST_TEXT = 50, 8, 500, 4_000
LARGEST_PNG = 2 << 20
# Columns that hold what clients sent; one of them has its own name with a field of it behind.
_CLIENTS_OWN = re.compile(r"payload(?:_snapshot|_text)?(?:\..*)?|extra_json|attributes_json|ordering_key")
# Long, and made of what other columns say.
_MADE_UP = {"event_key", "record_id"}
_EMPTY = {"title": "", "columns": [], "rows": [], "of_rows": 0, "left_out": [], "text": "", "alt": "", "png_sha256": ""}


def content_of(thing: object, note: str) -> tuple[dict[str, Any], bytes | None]:
    """What a pin keeps of it, and of a figure the PNG.

    Raises
    ------
    ParameterError
        If it is nothing that can be pinned, or shows a payload.
    """
    if isinstance(thing, EventView):
        thing = thing.as_table()
    if isinstance(thing, Loaded):
        thing = thing.frame
    if isinstance(thing, pd.Series):
        thing = thing.to_frame()
    if isinstance(thing, Text):
        rows = tuple((line.label, line.text) for line in thing.lines)
        thing = Table(thing.title, (say("what"), say("text")), rows)
    if isinstance(thing, Table):
        cells = _cells(thing.columns, thing.rows, len(thing.rows))
        return {**_EMPTY, "kind": "table", "title": thing.title, **cells}, None
    if isinstance(thing, pd.DataFrame):
        return {**_EMPTY, "kind": "table", **_of_frame(thing)}, None
    if isinstance(thing, str | int | float):
        return {**_EMPTY, "kind": "text", "text": mask_credentials(shorten(str(thing), LONGEST_TEXT))}, None
    png, alt = _drawn(thing)
    if len(png) > LARGEST_PNG:
        raise ParameterError("The figure's PNG is larger than 2 MB.", "Draw it smaller, or with fewer points.")
    digest = hashlib.sha256(png).hexdigest()
    return {**_EMPTY, "kind": "figure", "alt": shorten(alt or note, LONGEST_TEXT), "png_sha256": digest}, png


def _drawn(thing: object) -> tuple[bytes, str]:
    """PNG and words of a figure of ours, or of matplotlib's axes or figure."""
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dlqkit.plots.theme import alt_text, figure_png
    from dlqkit.report.figures import DrawnFigure

    if isinstance(thing, DrawnFigure):
        return thing.png, thing.alt
    axes = thing.axes[0] if isinstance(thing, Figure) and thing.axes else thing
    if not isinstance(axes, Axes):
        raise ParameterError(
            f"A {type(thing).__name__} cannot be pinned.", "Pin a table, a frame, a figure, or a sentence about it."
        )
    return figure_png(axes), alt_text(axes)


def _of_frame(frame: pd.DataFrame) -> dict[str, Any]:
    """Its first rows as text, without what clients sent."""
    if frame.index.name is not None or isinstance(frame.index, pd.MultiIndex):
        frame = frame.reset_index()
    if {"last_error", "payload_snapshot"} <= set(frame.columns):
        frame = frame.assign(last_error=mask_payload_values(frame))
    own = [name for name in frame.columns if _CLIENTS_OWN.fullmatch(str(name))]
    kept = [place for place, name in enumerate(frame.columns) if name not in own]
    shown = frame.iloc[:MOST_ROWS, kept]
    rows = [[_cell_text(value) for value in row] for row in shown.itertuples(index=False, name=None)]
    names = [str(name) for name in shown.columns]
    chosen = _telling(names, rows)
    cells = _cells([names[place] for place in chosen], [[row[place] for place in chosen] for row in rows], len(frame))
    others = [name for place, name in enumerate(names) if place not in chosen]
    return {**cells, "left_out": [str(name) for name in own] + others}


def _telling(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Places of the columns to show: of too many first those whose values differ and that no other one holds."""
    is_constant = [len({row[place] for row in rows}) <= 1 for place in range(len(names))]
    order = sorted(range(len(names)), key=lambda place: (names[place] in _MADE_UP, is_constant[place]))
    return sorted(order[:MOST_COLUMNS])


def _cell_text(value: Any) -> str:
    if isinstance(value, datetime) and not pd.isna(value):
        return date_and_time(value) if value.tzinfo is not None else value.isoformat(" ")
    if isinstance(value, list | tuple | dict):
        return str(value)
    return "" if pd.isna(value) else f"{value:,.6g}" if isinstance(value, float) else str(value)


def _cells(columns: Sequence[str], rows: Sequence[Sequence[str]], of_rows: int) -> dict[str, Any]:
    texts = [[mask_credentials(shorten(cell, LONGEST_CELL)) for cell in row] for row in rows[:MOST_ROWS]]
    return {"columns": list(columns), "rows": texts, "of_rows": of_rows}
