"""Facts and figures to PDF: tagged (PDF/UA-1), its text selectable, every foreign word data and never markup."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlqkit.errors import ParameterError, RunError
from dlqkit.report import tables
from dlqkit.report.render import Figure, banners, footer_text, meta_text
from dlqkit.report.sections import Block, choose_sections, report_status
from dlqkit.report.wording import Line, headline
from dlqkit.resources import find_template
from dlqkit.untrusted import for_typst

__all__ = ["has_typst", "render_pdf"]

Facts = Mapping[str, Any]
# A cell or sentence on paper; the HTML, and the folder itself, hold all of it.
_LONGEST = 3000
# Letters: a column this short is not wrapped; of the others none is narrower, or wider, than it were with these.
_SHORT, _NARROW, _WIDE = 12, 9, 46
_MARKS = {"unknown": "Not known", "judgement": "Judgement needed"}


def has_typst() -> bool:
    """Whether the extra ``[pdf]`` is installed."""
    import importlib.util

    return importlib.util.find_spec("typst") is not None


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
    import matplotlib
    import typst

    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    drawn = {figure.name: figure for figure in figures}
    with tempfile.TemporaryDirectory(prefix="dlqkit-") as scratch:
        root = Path(scratch)
        for figure in figures:
            (root / f"{figure.name}.png").write_bytes(figure.png)
        (root / "data.json").write_text(json.dumps(_document(facts, drawn, problems)), encoding="utf-8")
        template = find_template("postmortem.typ").read_text(encoding="utf-8")
        (root / "main.typ").write_text(template, encoding="utf-8")
        try:
            # DejaVu, STIX and Last Resort, which has a glyph for every character there is, come with matplotlib.
            done = typst.compile(
                root / "main.typ", root=root, font_paths=[fonts], ignore_system_fonts=True, pdf_standards=["ua-1"]
            )
        except typst.TypstError as error:
            raise RunError("The PDF could not be set.", "Use the HTML, and report what follows.") from error
    assert isinstance(done, bytes)
    return done


def _document(facts: Facts, drawn: Mapping[str, Figure], problems: Sequence[str]) -> dict[str, Any]:
    return {
        "lang": "en",
        "title": for_typst(headline(facts)),
        "kind": "Post-mortem",
        "status": for_typst(report_status(facts)),
        "summary": _text(tables.Text("", tables.show_summary(facts).lines)),
        "meta": for_typst(meta_text(facts)),
        "footer": for_typst(footer_text(facts)),
        "banners": [for_typst(text) for text in banners(facts, problems)],
        "sections": [
            {"title": for_typst(title), "blocks": [_block(block, drawn) for block in blocks if _has_words(block)]}
            for title, blocks in choose_sections(facts)
        ],
    }


def _has_words(block: Block) -> bool:
    return not isinstance(block, tables.Text) or bool(block.lines)


def _block(block: Block, drawn: Mapping[str, Figure]) -> dict[str, Any]:
    if isinstance(block, tables.Table):
        return _table(block)
    if isinstance(block, tables.Text):
        return _text(block)
    name = block.removeprefix("figure:")
    figure = drawn.get(name)
    if figure is None:
        return {"kind": "note", "text": f"The figure “{for_typst(name)}” was not drawn."}
    return {"kind": "figure", "path": f"{figure.name}.png", "alt": for_typst(figure.alt)}


def _text(block: tables.Text) -> dict[str, Any]:
    return {"kind": "text", "title": for_typst(block.title), "lines": [_line(line) for line in block.lines]}


def _line(line: Line) -> dict[str, str]:
    return {
        "label": for_typst(line.label),
        "text": for_typst(line.text, _LONGEST),
        "kind": line.kind,
        "mark": _MARKS.get(line.kind, ""),
        "evidence": for_typst(line.evidence),
    }


def _table(block: tables.Table) -> dict[str, Any]:
    rows = [[for_typst(cell, _LONGEST) for cell in row] for row in block.rows]
    return {
        "kind": "table",
        "title": for_typst(block.title),
        "columns": [for_typst(name) for name in block.columns],
        "rows": rows,
        "empty": for_typst(block.empty),
        "code": [number for number, name in enumerate(block.columns) if name in block.code],
        "widths": [_width(name, [row[number] for row in rows]) for number, name in enumerate(block.columns)],
    }


def _width(name: str, cells: Sequence[str]) -> float:
    """A column's share of what is left; 0 where it is so short that it takes what it needs.

    By its longest word at least, and by its text's root, since long text wraps.
    """
    if max(len(name), *map(len, cells), 0) <= _SHORT:
        return 0.0
    word = max((len(word) for cell in (name, *cells) for word in cell.split()), default=0)
    text = max((len(cell) for cell in cells), default=0)
    return float(min(max(word, 2 * text**0.5, _NARROW), _WIDE))
