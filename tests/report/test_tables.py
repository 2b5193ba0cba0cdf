"""Tables and sentences on a terminal."""

from __future__ import annotations

import io
import shutil
import sys

import pytest

from dlqkit.report.tables import Table, Text
from dlqkit.report.wording import Line

SENTENCE = "The API at http://127.0.0.1:41235/execution-logs did not answer. Start it, and run dlqkit collect again."


def make_table() -> Table:
    query = "workflow_id=" + "x" * 400
    window = "2026-03-02 12:00 UTC to 2026-03-02 16:00 UTC"
    return Table("Evidence", ("id", "source", "window", "missing"), (("001/1", query, window, SENTENCE),) * 2)


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_sentence_that_says_what_to_do_is_whole(width: int) -> None:
    """Cells are wrapped within the width; only what is longer than its lines is cut, and says so."""
    lines = make_table().to_text(width).splitlines()

    assert max(map(len, lines)) <= width
    start = lines[0].index("missing")
    assert "".join(line[start:] for line in lines[1:]).replace(" ", "") == SENTENCE.replace(" ", "") * 2
    assert any("…" in line for line in lines)
    assert "16:00 UTC" in " ".join(" ".join(line[lines[0].index("window") : start].split()) for line in lines[1:5])


def test_a_table_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a wide screen columns are not squeezed into the width of a pipe."""
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda _: type("Size", (), {"columns": 70}))

    assert max(map(len, make_table().to_text(200).splitlines())) <= 70


def test_a_sentence_that_is_cut_says_so() -> None:
    """Three lines, and an ellipsis where there is more."""
    text = Text("", (Line("State", "word " * 100), Line("Class", "known"))).to_text(40)

    assert len(text.splitlines()) == 4
    assert text.splitlines()[2].endswith("…")


def test_an_id_stays_in_one_line_where_other_columns_can_be_narrower() -> None:
    """It is to be copied; where nothing else helps it is cut as well."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    rows = ((trace, "It is old. " * 8, "y" * 40),)
    table = Table("To be sent", ("trace", "note", "more"), rows, whole=frozenset({"trace"}))

    assert trace in table.to_text(80).splitlines()[1]
    assert max(map(len, table.to_text(80).splitlines())) <= 80
    assert max(map(len, table.to_text(40).splitlines())) <= 40


def test_hostile_cells_stay_in_their_lines() -> None:
    """A line break, an escape sequence or a million letters without a space break no table."""
    table = Table("Event", ("a", "b"), (("x\ny\x1b[2J", "z" * 1_000_000),))

    lines = table.to_text(80).splitlines()

    assert len(lines) == 13
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in table.to_text(80)
