"""The next steps of an incident with several causes: a line for each on a terminal, so that none is cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dlqkit.language import say
from dlqkit.untrusted import for_terminal_lines

__all__ = ["lay_steps", "split_steps", "steps_of"]

# Of a screen of 40 lines; a step that names whom to ask is four lines in a language with long words.
SHOWN, LINES = 4, 4


def steps_of(advice: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The numbered steps that the first row of the advice has in one sentence; empty where it is one step itself.

    Parameters
    ----------
    advice : sequence of mapping
        ``advice`` of the facts: a row of several steps is followed by a row for each.
    """
    if not advice:
        return ()
    first, found = str(advice[0]["action"]), []
    for place, row in enumerate(advice[1:], 1):
        step = f"{place}) {row['action']}"
        if step not in first:
            break
        found.append(step)
    return tuple(found) if len(found) > 1 else ()


def split_steps(text: str, steps: Sequence[str]) -> list[str]:
    """The text in parts: each step one, and what stands before and after them; the text alone where it has none."""
    parts, rest = [], text
    for step in steps:
        before, found, after = rest.partition(step)
        if found:
            parts += [before.strip(), step]
            rest = after
    return [part for part in (*parts, rest.strip()) if part]


def lay_steps(text: str, steps: Sequence[str], width: int) -> list[str]:
    """What comes before the first step, each step on a line of its own, how many more there are, and what comes after.

    Parameters
    ----------
    text : str
        The sentence that has them all.
    steps : sequence of str
        From ``steps_of``.
    width : int
        Of a line.
    """
    lines = for_terminal_lines(text.partition(steps[0])[0].strip(), width, 1)
    for step in steps[:SHOWN]:
        lines += for_terminal_lines(step, width, LINES)
    if (rest := len(steps) - SHOWN) > 0:
        lines += for_terminal_lines(say("and {count} more, in “Next steps” of the report", count=rest), width)
    after = text.rpartition(steps[-1])[2].strip()
    return lines + for_terminal_lines(after, width, LINES) if after else lines
