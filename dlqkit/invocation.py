"""The options that dlqkit was called with, for the commands that it tells: they are to be pasted as they stand."""

from __future__ import annotations

import re
import shlex
from contextvars import ContextVar
from pathlib import Path

__all__ = ["called_with", "with_options"]

_options: ContextVar[str] = ContextVar("options", default="")
# Our own commands alone; what follows the name is a command of it, not another word of a sentence.
_NAMES = "closure|collect|event|history|investigate|lab|postmortem|republish|reveal|signals|triage|update|verify"
_COMMAND = re.compile(rf"\bdlqkit (?=(?:{_NAMES})(?: |$))")


def called_with(config: Path | None, profile: str | None) -> None:
    """Remember the options that every further command of the same analyst needs."""
    given = (("--config", None if config is None else str(config)), ("--profile", profile))
    _options.set(" ".join(f"{name} {shlex.quote(value)}" for name, value in given if value is not None))


def with_options(text: str) -> str:
    """A text of ours with ``--config`` and ``--profile`` in its commands, where they were given."""
    options = _options.get()
    # What tells them already is whole, and a folder in it may be called as a command is.
    is_told = not options or f"dlqkit {options} " in text
    return text if is_told else _COMMAND.sub(lambda found: f"{found[0]}{options} ", text)
