"""Facts and figures to PDF: tagged (PDF/UA-1), its text selectable, every foreign word data and never markup."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlqkit.errors import ParameterError, RunError
from dlqkit.language import current, say, spoken_as_facts
from dlqkit.report import tables
from dlqkit.report.columns import fit_columns
from dlqkit.report.figure import Figure
from dlqkit.report.render import banners, footer_text, has_no_scope, meta_text, missing_figure_text
from dlqkit.report.sections import Block, choose_sections, report_status
from dlqkit.report.steps import split_steps
from dlqkit.report.typesetting import FONTS, find_fonts, room_of, set_command, set_parts
from dlqkit.report.wording import Line, headline
from dlqkit.resources import find_template
from dlqkit.untrusted import for_typst

__all__ = ["has_typst", "render_pdf"]

Facts = Mapping[str, Any]
# What the labels of sentences have, or more where those of the first screen are longer; and a letter of them.
_LABELS_MM, _LETTER_MM = 31, 2.05
# A cell or sentence on paper; the HTML, and the folder itself, hold all of it. A heading is shorter.
_LONGEST, _HEADLINE = 3000, 300
# A row or sentence of so few letters is not parted by the end of a page: it cannot be as high as one.
_WHOLE = 400
# A number in the title stays with the word that says of what.
_COUNTED = re.compile(r"([0-9]) (?=[^\W\d_])")
# A table of so few rows of so few letters is not parted either: what is left of the page is less than a tenth.
_FEW_ROWS, _SHORT_CELL = 4, 120


def has_typst() -> bool:
    """Whether the extra ``[pdf]`` is installed."""
    import importlib.util

    return importlib.util.find_spec("typst") is not None


@spoken_as_facts
def render_pdf(facts: Facts, figures: Sequence[Figure], *, problems: Sequence[str] = ()) -> bytes:
    """The post-mortem as one PDF, the same bytes for the same facts, figures and versions.

    Parameters
    ----------
    facts : mapping
        From ``report.facts.facts``.
    figures : sequence of Figure
        What the notebook drew.
    problems : sequence of str
        Why the report is not whole, if it is not.

    Raises
    ------
    ParameterError
        If the extra ``[pdf]`` is not installed.
    RunError
        If it cannot be set.
    """
    if not has_typst():
        raise ParameterError("A PDF needs the extra pdf.", "Install it: pip install 'dlqkit[pdf]'")
    import typst

    drawn = {figure.name: figure for figure in figures}
    # A name comes from a notebook; the file's own cannot lead anywhere else.
    files = {name: f"figure-{number}.png" for number, name in enumerate(drawn)}
    with tempfile.TemporaryDirectory(prefix="dlqkit-") as scratch:
        root = Path(scratch)
        for name, figure in drawn.items():
            (root / files[name]).write_bytes(figure.png)
        document = _document(facts, drawn, files, problems)
        (root / "data.json").write_text(json.dumps(document), encoding="utf-8")
        template = find_template("postmortem.typ").read_text(encoding="utf-8")
        (root / "main.typ").write_text(template, encoding="utf-8")
        try:
            done = typst.compile(
                root / "main.typ", root=root, font_paths=find_fonts(), ignore_system_fonts=True, pdf_standards=["ua-1"]
            )
        except typst.TypstError as error:
            raise RunError("The PDF could not be set.", "Use the HTML, and report what follows.") from error
    assert isinstance(done, bytes)
    return done


def _document(
    facts: Facts, drawn: Mapping[str, Figure], files: Mapping[str, str], problems: Sequence[str]
) -> dict[str, Any]:
    title = headline(facts)
    summary = tables.show_summary(facts, lacks=False).lines
    return {
        "lang": current(),
        "labels": max(_LABELS_MM, *(round(_LETTER_MM * room_of(line.label)) for line in summary)),
        "fonts": FONTS,
        "title": for_typst(title, _HEADLINE),
        "heading": set_parts(_COUNTED.sub("\\1\u00a0", title), _HEADLINE),
        "kind": for_typst(say("Post-mortem")),
        "status": for_typst(report_status(facts)),
        "summary": _text(tables.Text("", summary)),
        "meta": set_parts(meta_text(facts, window=has_no_scope(facts))),
        "footer": for_typst(footer_text(facts)),
        "banners": [set_parts(text) for text in banners(facts, problems)],
        "sections": [
            {
                "title": for_typst(title),
                "blocks": [_block(block, drawn, files) for block in blocks if _has_words(block)],
            }
            for title, blocks in choose_sections(facts)
        ],
    }


def _has_words(block: Block) -> bool:
    return not isinstance(block, tables.Text) or bool(block.lines)


def _block(block: Block, drawn: Mapping[str, Figure], files: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(block, tables.Table):
        return _table(block)
    if isinstance(block, tables.Text):
        return _text(block)
    name = block.removeprefix("figure:")
    figure = drawn.get(name)
    if figure is None:
        return {"kind": "note", "text": set_parts(missing_figure_text(name))}
    alt = for_typst(figure.alt, _LONGEST)
    return {"kind": "figure", "path": files[name], "alt": alt, "caption": set_parts(figure.alt)}


def _text(block: tables.Text) -> dict[str, Any]:
    return {"kind": "text", "title": set_parts(block.title), "lines": [_line(line) for line in block.lines]}


def _line(line: Line) -> dict[str, Any]:
    return {
        "label": for_typst(line.label),
        "texts": [set_parts(part) for part in split_steps(line.text, line.steps)],
        "long": len(line.text) > _WHOLE,
        "kind": line.kind,
        "mark": for_typst(tables.mark_text(line.kind)),
        "evidence": set_parts(line.evidence),
    }


def _table(block: tables.Table) -> dict[str, Any]:
    # A command has a line of its own below its row: in a column it would be broken, and a break is copied with it.
    code = [number for number, name in enumerate(block.columns) if name in block.code]
    read = [number for number in range(len(block.columns)) if number not in code] or code
    columns = tuple(block.columns[number] for number in read)
    rows = [[row[number] for number in read] for row in block.rows]
    return {
        "kind": "table",
        "title": set_parts(block.title),
        "columns": [for_typst(name) for name in columns],
        "rows": [
            {
                "cells": [{"parts": set_parts(cell), "long": len(cell) > _WHOLE} for cell in row],
                "commands": [set_command(whole[number]) for number in code if whole[number] and number not in read],
            }
            for row, whole in zip(rows, block.rows, strict=True)
        ],
        "empty": set_parts(block.empty),
        "said": sorted(block.said),
        "widths": fit_columns(columns, rows) if rows else [],
        "whole": len(rows) <= _FEW_ROWS and all(len(cell) <= _SHORT_CELL for row in rows for cell in row),
    }
