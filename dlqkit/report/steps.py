"""The next steps of an incident with several causes: a line for each on a terminal, so that none is cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dlqkit.language import say
from dlqkit.untrusted import for_terminal_lines

__all__ = ["lay_steps", "steps_of"]

# Of a screen of 40 lines; a step is two lines in a language with long words.
SHOWN, LINES = 4, 2


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


def lay_steps(text: str, steps: Sequence[str], width: int) -> list[str]:
    """What comes before the first step, then the steps, each on its own line, and how many more there are and where.

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
    rest = len(steps) - SHOWN
    if rest <= 0:
        return lines
    more = say("and {count} more, in “Next steps” of the report", count=rest)
    return lines + for_terminal_lines(more, width)
