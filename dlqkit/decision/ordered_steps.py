"""Several things to do, told in one sentence in their order, and then each in a row of its own."""

from __future__ import annotations

from collections.abc import Sequence

from dlqkit.language import say

__all__ = ["number_steps", "order_steps"]

Row = dict[str, str]


def order_steps(rows: Sequence[Row]) -> list[Row]:
    """The rows behind one that has their actions in one sentence; a single row as it is.

    Parameters
    ----------
    rows : sequence of dict
        As of ``advice.advise``, most urgent first.
    """
    if len(rows) < 2:
        return list(rows)
    command = next((row["command"] for row in rows if row["command"]), "")
    action = say("In this order: {steps}", steps=number_steps([row["action"] for row in rows]))
    return [rows[0] | {"action": action, "command": command}, *rows]


def number_steps(actions: Sequence[str]) -> str:
    """``1) Stop. 2) Look.``; ``report.steps`` finds them again in it."""
    return " ".join(f"{place}) {action}" for place, action in enumerate(actions, 1))
