"""What was seen of a source, on 80 columns: a line for each check, and its next step under it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import typer

from dlqkit.cli.shared import screen_width
from dlqkit.invocation import with_options
from dlqkit.setup.checks import Check, State, Tried
from dlqkit.untrusted import for_terminal, for_terminal_lines, shorten

__all__ = ["print_tried", "tried_json", "tried_text"]

_WORDS: Mapping[State, str] = {"works": "ok", "note": "note", "unknown": "?", "fails": "FAILS"}
_COLORS: Mapping[State, str] = {"works": "green", "note": "yellow", "unknown": "yellow", "fails": "red"}
_STATE, _SUBJECT = 7, 14
# Of a sample record's fields; what is longer is cut.
_MOST_LINES = 6


def tried_text(tried: Tried, *, before: Tried | None = None, color: bool = False) -> str:
    """The source's name and address, its checks, and the fields that a record has.

    Where it was shown ``before``, only what is different since.
    """
    lines = for_terminal_lines(f"{tried.name}  {tried.url}", screen_width(), break_words=False)
    if color:
        lines = [typer.style(line, bold=True) for line in lines]
    for check in tried.checks:
        if before is not None and _is_known(check, before):
            continue
        word = f"{_WORDS[check.state]:<{_STATE}}"
        if color:
            word = typer.style(word, fg=_COLORS[check.state], bold=True if check.state == "fails" else None)
        lines += _beside(f"  {word}{for_terminal(check.subject):<{_SUBJECT}}", check.said)
        if check.next_step:
            lines += _beside(_left(""), f"Next: {with_options(check.next_step)}")
    is_new = before is None or before.seen.get("columns") != tried.seen.get("columns")
    return "\n".join([*lines, *(_record_lines(tried.seen) if is_new else ())])


def _is_known(check: Check, before: Tried) -> bool:
    # A clock that is off is off by a second more or less each time.
    if check.subject == "clock":
        return any(one.subject == "clock" and one.state == check.state for one in before.checks)
    return check in before.checks


def _left(text: str) -> str:
    return f"  {'':<{_STATE}}{text:<{_SUBJECT}}"


def _beside(head: str, text: str, most: int | None = None) -> list[str]:
    room = screen_width() - 2 - _STATE - _SUBJECT
    first, *rest = for_terminal_lines(text, room, most, break_words=False)
    return [head + first, *(_left("") + line for line in rest)]


def _record_lines(seen: Mapping[str, Any]) -> list[str]:
    """What a record is made of: names of fields alone, never a value but the words of its status."""
    columns: Mapping[str, str] = seen.get("columns") or {}
    if not columns:
        return []
    pairs = [
        shorten(name, 40) if column == name else f"{column} ← {shorten(name, 40)}" for column, name in columns.items()
    ]
    lines = _beside(_left("a record"), ", ".join(pairs), _MOST_LINES)
    left: Sequence[str] = seen.get("left") or ()
    if left:
        lines += _beside(_left("also has"), ", ".join(shorten(name, 40) for name in left), _MOST_LINES)
    if seen.get("statuses"):
        lines += _beside(_left("status is"), ", ".join(seen["statuses"]), 2)
    return lines


def print_tried(tried: Tried, *, before: Tried | None = None) -> None:
    """Print it on standard output; colour only on a terminal, and none where NO_COLOR is set."""
    is_shown = "NO_COLOR" not in os.environ and sys.stdout.isatty()
    typer.echo(tried_text(tried, before=before, color=is_shown), color=is_shown)


def tried_json(tried: Tried) -> dict[str, Any]:
    """As plain JSON values, with whether all of it works."""
    return {**asdict(tried), "works": tried.works}
