"""How far a long step is, for whoever looks; nothing for a pipe."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest
import typer
from rich.console import Console

from dlqkit import language
from dlqkit.cells import cell_width
from dlqkit.cli.progress import POSTMORTEM, Progress, aside, make_bars, step_progress
from tests.cli.running import Run

# Of letters, of what is behind them, and of the bright ones (ECMA-48, SGR 30 to 49 and 90 to 107).
COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3|4|9|10)[0-9](?:;[0-9;]*)?m")


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


def shown(console: Console, now: list[float], done: list[tuple[float, int]], total: int | None) -> str:
    """The bar after so many were done at these times."""
    bars = make_bars(console, lambda: now[0])
    task = bars.add_task("records", total=total)
    for at, count in done:
        now[0] = at
        bars.update(task, completed=count)
    with console.capture() as written:
        console.print(bars.get_renderable())
    return written.get().rstrip("\n")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_rate_and_the_time_left_follow_from_what_was_done(width: int) -> None:
    """40 of 120 in 20 seconds are 2 a second, and the other 80 take 40 seconds more."""
    text = shown(Console(width=width), [0.0], [(0.0, 0), (10.0, 20), (20.0, 40)], 120)

    assert text.startswith("records ")
    assert text.endswith("40/120, 2.0 a second, 0:40 left")
    assert cell_width(text) <= width


def test_slower_than_one_a_second_is_told_by_the_minute_and_hours_are_hours() -> None:
    """2 in 40 seconds are 3 a minute; the other 298 take 99 minutes and 20 seconds."""
    text = shown(Console(width=80), [0.0], [(0.0, 0), (20.0, 1), (40.0, 2)], 300)

    assert text.endswith("2/300, 3.0 a minute, 1:39:20 left")


def test_of_pages_without_an_end_the_count_the_rate_and_the_time_are_told() -> None:
    """An API does not say how many pages there will be."""
    done = [(0.0, 0), (10.0, 30), (20.0, 60)]

    assert shown(Console(width=80), [0.0], done, None).endswith("60, 3.0 a second, 0:20")
    with language.use("ru"):
        assert shown(Console(width=80), [0.0], done, 90).endswith("60/90, 3,0 в секунду, осталось 0:10")


def test_a_pipe_sees_nothing_and_a_terminal_is_left_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed meanwhile is not written through the bars: it may go into a file."""
    for stream, is_looked_at in ((io.StringIO(), False), (Terminal(), True)):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        monkeypatch.setenv("TERM", "xterm")
        with Progress() as progress:
            progress("records", 1, 3)
            with aside():
                typer.echo("dlqkit republish run incidents/orders plan-001 --execute " + "x" * 80)
            progress("records", 3, 3)

        assert ("records" in stream.getvalue()) == is_looked_at
        assert sys.stdout.getvalue() == "dlqkit republish run incidents/orders plan-001 --execute " + "x" * 80 + "\n"


def test_each_step_of_the_post_mortem_is_named_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with step_progress(*POSTMORTEM) as tell:
        for step in ("facts", "notebook", "report"):
            tell(step)

    written = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert "Post-mortem: facts (1/3)" in written
    assert "Post-mortem: report (3/3)" in written


def test_no_colour_where_nobody_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the variable that terminals' programs agree on, no-color.org; bars are drawn all the same."""
    monkeypatch.setenv("TERM", "xterm-256color")
    written = {}
    for value in (None, "1"):
        monkeypatch.delenv("NO_COLOR", raising=False)
        if value is not None:
            monkeypatch.setenv("NO_COLOR", value)
        monkeypatch.setattr(sys, "stderr", Terminal())
        with Progress() as progress:
            progress("records", 1, 3)
        written[value] = sys.stderr.getvalue()  # type: ignore[attr-defined]

    assert COLOUR.search(written[None])
    assert not COLOUR.search(written["1"])
    assert "records" in written["1"]


def test_a_collection_in_a_pipe_says_nothing_on_standard_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "export.jsonl").write_text('{"id": "r", "trace_id": "t", "created_at": "2026-03-02T12:00:00Z"}')

    code, _, err = run("collect", "one", "--start", "2026-03-02T11:00Z", "--end", "2026-03-02T13:00Z",
                       "--records", "export.jsonl")  # fmt: skip

    assert (code, err) == (0, "")
