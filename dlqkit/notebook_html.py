"""How objects show themselves in a notebook: HTML that reads as well where scripts and style sheets are taken away.

JupyterLab takes both away from what it does not trust, and GitHub from everything; attributes stay. So what matters is
in the elements and their own styles, and the script, for searching and sorting, is added only in ``dlqkit lab``.
"""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib import resources

from dlqkit.language import number, say
from dlqkit.untrusted import for_html, for_terminal, shorten

__all__ = [
    "IN_LAB",
    "Shown",
    "fields_html",
    "folded_html",
    "is_in_lab",
    "lines_html",
    "rows_html",
    "searchable_html",
    "span_text",
    "style_for_notebook",
    "text_html",
]

IN_LAB = "DLQKIT_LAB"
"""Variable that ``dlqkit lab`` sets for its kernels."""
# A table of fewer rows is seen whole.
WORTH_SEARCHING = 8
# Letters of a text that are read at a glance, and that are shown at all.
GLANCE, LONGEST = 240, 20_000
# Where no style sheet is, as in plain nbconvert, columns would touch.
_PADDED = "padding:.25em .5em"
# Elements of ``report.tables`` as a browser would show them with the report's own style sheet.
_STYLES = (
    (re.compile("<table"), '<table style="margin:0"'),
    (re.compile("<caption"), '<caption style="text-align:left;font-weight:bold;padding:4px 0"'),
    (re.compile("<th "), f'<th style="{_PADDED};text-align:left;vertical-align:bottom" '),
    (
        re.compile('<td role="cell" class="(when|span)'),
        rf'<td style="{_PADDED};text-align:left;vertical-align:top;min-width:7em" role="cell" class="\1',
    ),
    (
        re.compile('<td role="cell" class="((?:long )?prose)"'),
        rf'<td style="{_PADDED};text-align:left;vertical-align:top;min-width:11em;max-width:44em" role="cell" '
        r'class="\1"',
    ),
    (re.compile('<div class="wide"'), '<div style="overflow-x:auto" class="wide"'),
    (re.compile("<td role"), f'<td style="{_PADDED};text-align:left;vertical-align:top;max-width:44em" role'),
    (re.compile("<dl>"), '<dl style="margin:4px 0">'),
    (
        re.compile('<div class="(computed|unknown|judgement)"><dt>'),
        r'<div class="\1" style="display:grid;grid-template-columns:13em auto;column-gap:14px;padding:2px 0">'
        r'<dt style="float:none;width:auto;margin:0;font-weight:bold">',
    ),
    (re.compile("<dd>"), '<dd style="float:none;width:auto;margin:0">'),
)


class Shown:
    """An object that says in one look what it is: a line and what there is to know, for a terminal and a notebook.

    A dataclass that is shown so is declared with ``repr=False``.
    """

    __slots__ = ()

    @abstractmethod
    def _shown(self) -> tuple[str, Sequence[tuple[str, object]]]:
        """A title, and what there is to know, by name; what is None or empty is left out."""

    def __repr__(self) -> str:
        title, fields = self._shown()
        lines = [f"  {name}: {shorten(for_terminal(value), GLANCE)}" for name, value in fields if value not in _NOTHING]
        return "\n".join([for_terminal(title), *lines])

    def _repr_html_(self) -> str:
        title, fields = self._shown()
        return fields_html(title, [(name, value) for name, value in fields if value not in _NOTHING])


_NOTHING = (None, "")


def span_text(start: datetime | None, end: datetime | None) -> str:
    """``2026-03-02 14:00:00 to 2026-03-02 16:00:00 UTC``; empty where neither is known."""
    told = [f"{at:%Y-%m-%d %H:%M:%S}" if at else "not known" for at in (start, end)]
    return f"{told[0]} to {told[1]} UTC" if start or end else ""


def is_in_lab() -> bool:
    """Whether this is a kernel of ``dlqkit lab``, whose outputs may hold a script."""
    return os.environ.get(IN_LAB) == "1"


def style_for_notebook(html: str) -> str:
    """HTML of a ``Table`` or ``Text`` with its styles in its elements."""
    for pattern, styled in _STYLES:
        html = pattern.sub(styled, html)
    return html


def searchable_html(html: str, rows: int) -> str:
    """The table with a field to search it and heads to sort it by, in ``dlqkit lab``; elsewhere as it is.

    Parameters
    ----------
    html : str
        One element that holds one table.
    rows : int
        How many the table has; a short one is left as it is.
    """
    if not is_in_lab() or rows < WORTH_SEARCHING:
        return html
    words = {
        "search": say("Search in the table"),
        "sort": say("sort by this column"),
        "shown": say("{shown} of {rows} rows", shown="{shown}", rows="{rows}"),
        # As the language that is spoken writes a half.
        "decimal": number(1.5, 1)[1],
    }
    told = "".join(f' data-{name}="{for_html(text)}"' for name, text in words.items())
    return f'<div class="dlqkit-table"{told}>{html}<script>{_script()}</script></div>'


def _script() -> str:
    return (resources.files("dlqkit") / "table_tools.js").read_text(encoding="utf-8")


def fields_html(title: str, fields: Iterable[tuple[str, object]]) -> str:
    """What an object is, as a title and a line for each thing to know of it."""
    rows = "".join(
        f'<tr><th style="{_PADDED};text-align:left;vertical-align:top" scope="row">{for_html(name)}</th>'
        f'<td style="{_PADDED};text-align:left;max-width:60em">{text_html(str(value))}</td></tr>'
        for name, value in fields
    )
    caption = f'<caption style="text-align:left;font-weight:bold;padding:4px 0">{for_html(title)}</caption>'
    return f'<table style="margin:0">{caption}<tbody>{rows}</tbody></table>'


def text_html(text: str) -> str:
    """A text for a cell: one that is long is folded after its beginning, one that is endless is cut, and says so."""
    if len(text) <= GLANCE:
        return for_html(text)
    return folded_html(shorten(text, GLANCE // 2), for_html(_cut(text)))


def lines_html(text: str) -> str:
    """A text of several lines, such as JSON, line by line as it is."""
    lines = "\n".join(for_html(line) for line in _cut(text).split("\n"))
    return (
        '<pre style="white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0;max-height:30em;overflow-y:auto">'
        f"{lines}</pre>"
    )


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return say("{text}… ({count} more characters)", text=text[:LONGEST], count=number(len(text) - LONGEST))


def folded_html(summary: str, inner: str) -> str:
    """What is shown when somebody opens it; ``inner`` is HTML."""
    return f'<details><summary style="cursor:pointer">{for_html(summary)}</summary>{inner}</details>'


def rows_html(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table of texts, searchable in ``dlqkit lab``."""
    left = f'style="{_PADDED};text-align:left;vertical-align:top"'
    head = "".join(f'<th {left} scope="col">{for_html(name)}</th>' for name in columns)
    body = "".join("<tr>" + "".join(f"<td {left}>{text_html(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    caption = f'<caption style="text-align:left;font-weight:bold;padding:4px 0">{for_html(title)}</caption>'
    table = f'<table style="margin:0">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return searchable_html(f'<div style="overflow-x:auto">{table}</div>', len(rows))
