"""Next steps with this folder, plan and event in their commands, to be pasted into a shell as they stand."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from dlqkit.invocation import with_options
from dlqkit.republish.people import plain_text

__all__ = ["REASON", "approve_command", "here", "is_reason"]

# Stands for words of the analyst's own; a shell takes it as it stands, and ``is_reason`` does not.
REASON = '--reason "…"'


def here(text: str, directory: Path, plan_id: str = "PLAN", event: str = "ID") -> str:
    """A next step with its places filled.

    Parameters
    ----------
    text : str
        Our own words, with ``DIR``, ``PLAN`` and ``ID`` in the command at its end; nothing foreign, which may hold such
        a word too.
    directory : Path
        The incident folder, as the analyst named it.
    plan_id : str
        Such as ``plan-001``.
    event : str
        What ``dlqkit event`` takes.

    Returns
    -------
    str
        Each quoted for a shell where that is needed. What was filled in is not looked at again: a folder may be called
        PLAN.
    """
    name = str(directory)
    # A shell passes a folder called -x on as it stands, and it would be taken for an option.
    values = {"DIR": f"./{name}" if name.startswith("-") else name, "PLAN": plan_id, "ID": event}
    return with_options(text, values)


def approve_command(directory: Path, plan_id: str, unknowns: Collection[str], outcome_deadline_s: float | None) -> str:
    """The command that approves a plan; where no outcome deadline is known its seconds are left to be filled in."""
    accepted = "".join(f" --accept-unknown {number}" for number in range(1, len(unknowns) + 1))
    deadline = " --outcome-deadline SECONDS" if outcome_deadline_s is None else ""
    return here(f"dlqkit republish approve DIR PLAN {REASON}{accepted}{deadline}", directory, plan_id)


def is_reason(text: str) -> bool:
    """Whether somebody said something: the dots of a command that was pasted as it stood are no reason."""
    return any(character.isalnum() for character in plain_text(text))
