"""The columns of a table on paper: every word within its own, the sentence among them as wide as can be."""

from __future__ import annotations

from typing import NamedTuple

import pypdfium2
import pytest

from dlqkit.report.columns import fit_columns
from dlqkit.report.render_pdf import render_pdf
from tests.report.example import make_facts

EVIDENCE = (
    "Счётчик DLQ вырос на 141; обычная доля событий дала бы 0,3 (логарифм отношения правдоподобия 263, порог 13)."
)
# Letters of the line, less what lies between the columns of a table of two.
LINE = 126


def test_short_columns_take_what_they_need_and_the_sentence_has_the_rest() -> None:
    """Of 126 letters the word takes its 11, the mean gap beside each column 1.6; the sentence has what is left."""
    word, sentence = fit_columns(("what", "why"), [("orders-sync", "so it is " * 40)])

    assert word + sentence == pytest.approx(LINE, abs=1)
    assert word == pytest.approx(11 + 0.5 + 1.6, abs=1)
    assert sentence > 110


def test_a_name_that_nearly_fits_is_on_one_line_before_a_sentence_is_shorter_by_nothing() -> None:
    """Both take two lines; the one that lacks less is widened first, and the other still takes its two."""
    names = ("what", "how many", "by")
    rows = [("dead letters by the records of the API", "so many that it takes two lines " * 3, "records")]

    what, how_many, by = fit_columns(names, rows)

    assert what - 1.6 >= len(rows[0][0])
    assert how_many - 1.6 >= len(rows[0][1]) / 2
    assert what + how_many + by == pytest.approx(LINE, abs=1)


def test_a_table_of_short_cells_fills_the_line() -> None:
    assert sum(fit_columns(("a", "b", "c"), [("1", "2", "3")])) == pytest.approx(LINE, abs=1)


def test_where_the_words_alone_need_more_no_column_is_left_without_width() -> None:
    """Sixteen letters in each of twelve columns are more than a line: all are narrowed alike when they are set."""
    widths = fit_columns(tuple("abcdefghijkl"), [("x" * 16,) * 12])

    assert len(set(widths)) == 1
    assert sum(widths) > LINE


def test_no_russian_word_of_the_signals_runs_into_the_next_column() -> None:
    """Where the longest word of the first column ends the name of the workflow has not begun, nor is it broken."""
    facts = make_facts(language="ru")
    row = {
        **facts["signals"][0],
        "workflow_name": "shipment-notify",
        "evidence": EVIDENCE * 3,
        "end_at": facts["as_of"],
    }
    facts["signals"] = [{**row, "signal": signal} for signal in ("dead_letters", "failures", "duration")]

    document = pypdfium2.PdfDocument(render_pdf(facts, []))
    try:
        page = document[0].get_textpage()
        names = _boxes(page, "shipment-notify")
        words = [box for box in _boxes(page, "неудачных") if abs(box.bottom - names[1].bottom) < 4]
    finally:
        document.close()

    assert len(names) == 3
    assert len(words) == 1
    assert words[0].right + 3 < names[1].left


class Box(NamedTuple):
    """Where a word stands on a page, in points from its left lower corner."""

    left: float
    bottom: float
    right: float


def _boxes(page: pypdfium2.PdfTextPage, word: str) -> list[Box]:
    """Every place of the word that is in one line."""
    searcher, found = page.search(word), []
    while (at := searcher.get_next()) is not None:
        begin, end = page.get_charbox(at[0]), page.get_charbox(at[0] + at[1] - 1)
        if abs(begin[1] - end[1]) < 4:
            found.append(Box(begin[0], end[1], end[2]))
    return found
