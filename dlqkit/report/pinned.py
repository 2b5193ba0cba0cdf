"""The section of the report that shows what people pinned, each with where it is from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dlqkit.language import number, retell, say
from dlqkit.report.pins import figure_name, pinned_figures
from dlqkit.report.tables import Table, Text
from dlqkit.report.wording import Line, moment_text

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["display_pinned", "pinned_blocks"]

Facts = Mapping[str, Any]
Row = Mapping[str, Any]


def pinned_blocks(facts: Facts) -> list[Table | Text | str]:
    """Of each pin its note with its provenance, then what was pinned."""
    blocks: list[Table | Text | str] = []
    for row in facts["pinned"]["rows"]:
        blocks.append(_told(row))
        if row["kind"] == "table":
            blocks.append(_table(row))
        elif row["kind"] == "figure":
            blocks.append(f"figure:{figure_name(row['number'])}")
    return blocks


def display_pinned(incident: IncidentFolder, facts: Facts) -> None:
    """Show them in a notebook, one below the other."""
    from IPython.display import display

    from dlqkit.report.figures import DrawnFigure

    drawn = {one.name: DrawnFigure(one.name, one.png, one.alt) for one in pinned_figures(incident.path, facts)}
    for block in pinned_blocks(facts):
        shown = drawn.get(block.removeprefix("figure:")) if isinstance(block, str) else block
        if shown is not None:
            display(shown)  # type: ignore[no-untyped-call]


def _told(row: Row) -> Text:
    lines = [
        Line(say("Pinned {number}", number=row["number"]), row["note"], evidence=row["evidence"] or row["snapshot"])
    ]
    if row["kind"] == "text":
        lines.append(Line(say("Observation"), row["text"]))
    by = say("{person}, {at}, from snapshot {snapshot}", person=row["by"], at=moment_text(row["at"]),
             snapshot=row["snapshot"])  # fmt: skip
    lines.append(Line(say("Pinned by"), by))
    if row["made_by"]:
        lines.append(Line(say("Made by"), " ".join(row["made_by"].split())))
    return Text("", tuple(lines))


def _table(row: Row) -> Table:
    shown, count = len(row["rows"]), row["of_rows"]
    # A table of dlqkit's own has a title; its notebook may have spoken English. A frame's columns are names, and cells
    # may be anybody's words: both stay.
    parts = [retell(row["title"])] if row["title"] else []
    columns = map(retell, row["columns"]) if row["title"] else row["columns"]
    if count > shown:
        parts.append(say("the first {shown} of {rows} rows", shown=number(shown), rows=number(count)))
    if row["left_out"]:
        parts.append(say("without {columns}", columns=", ".join(row["left_out"])))
    title = "; ".join(parts) or say("Pinned {number}", number=row["number"])
    return Table(title, tuple(columns), tuple(tuple(cells) for cells in row["rows"]), code=frozenset())
