"""Text on a terminal, where a letter of Chinese takes the room of two."""

from __future__ import annotations

import random

import pytest

from dlqkit.cells import cell_width, cut, label_id, pad, wrap


@pytest.mark.parametrize(
    ("text", "cells"),
    [("order", 5), ("заказ", 5), ("订单", 4), ("🚀", 2), ("e\u0301", 1), ("…", 1), ("─", 1), ("", 0), ("ｏｋ", 4)],
)
def test_wide_letters_take_two_cells_and_combining_marks_none(text: str, cells: int) -> None:
    assert cell_width(text) == cells


def test_a_column_of_wide_letters_ends_where_the_others_do() -> None:
    assert pad("订单", 6) + "|" == "订单  |"
    assert pad("order", 6) + "|" == "order |"
    assert pad("orders!", 6) == "orders!"


def test_what_does_not_fit_ends_in_an_ellipsis_and_no_letter_is_cut_in_half() -> None:
    """Five cells hold two wide letters and the ellipsis; four hold one, and a cell stays free."""
    assert cut("订单同步", 8) == "订单同步"
    assert cut("订单同步", 5) == "订单…"
    assert cut("订单同步", 4) == "订…"
    assert cut("orders", 4) == "ord…"


def test_a_sentence_without_spaces_is_broken_between_letters() -> None:
    assert wrap("数据库连接失败：host 10.0.0.1", 10) == ["数据库连接", "失败：host", "10.0.0.1"]
    assert wrap("no route 🚀🚀🚀", 9) == ["no route", "🚀🚀🚀"]


def test_an_id_of_wide_letters_stays_whole_where_it_is_to_be_copied() -> None:
    assert wrap("trace 追踪追踪 gone", 6, break_words=False) == ["trace", "追踪追踪", "gone"]


def test_lines_of_any_mixture_fit_and_lose_nothing_but_spaces() -> None:
    """Two hundred texts of narrow and wide letters, marks and spaces, on screens of 1 to 30 cells."""
    chance = random.Random(5)
    for _ in range(200):
        text = "".join(chance.choices("ab 数据🚀é\u0301 й", k=chance.randint(1, 60))).strip() or "x"
        width = chance.randint(2, 30)
        lines = wrap(text, width)
        assert all(cell_width(line) <= width for line in lines), (text, width)
        assert "".join("".join(lines).split()) == "".join(text.split())


def test_an_id_stands_behind_its_label_or_in_a_line_of_its_own() -> None:
    """Whole where a line holds it; a longer one is broken, indented alike."""
    assert label_id("item 1  passed ", "t1", 40) == ["item 1  passed   t1"]
    assert label_id("item 1  passed ", "t" * 30, 40) == ["item 1  passed", "    " + "t" * 30]
    assert label_id("item 1", "追" * 20, 24) == ["item 1", "    " + "追" * 10, "    " + "追" * 10]
