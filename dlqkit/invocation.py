"""The options that dlqkit was called with, for the commands that it tells: they are to be pasted as they stand."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path

__all__ = ["called_with", "with_options"]

_options: ContextVar[str] = ContextVar("options", default="")
# Our own commands alone; what follows the name is a command of it, not another word of a sentence.
_NAMES = "closure|collect|doctor|event|history|investigate|lab|postmortem|republish|reveal|signals|triage|update|verify"
_COMMAND = rf"\bdlqkit (?=(?:{_NAMES})(?: |$))"


def called_with(config: Path | None, profile: str | None) -> None:
    """Remember the options that every further command of the same analyst needs."""
    given = (("--config", None if config is None else str(config)), ("--profile", profile))
    _options.set(" ".join(f"{name} {shlex.quote(value)}" for name, value in given if value is not None))


def with_options(text: str, values: Mapping[str, str] | None = None) -> str:
    """A text of ours with ``--config`` and ``--profile`` in its commands, where they were given.

    Parameters
    ----------
    text : str
    values : mapping, optional
        What stands for a word of the text, such as ``DIR``; it is quoted for a shell.

    Returns
    -------
    str
        What was put in is not looked at again: a settings file may lie in a folder called DIR, and a folder may be
        called as a command is.
    """
    options, known = _options.get(), values or {}
    # What tells them already is whole.
    is_told = not options or f"dlqkit {options} " in text

    def put(found: re.Match[str]) -> str:
        word = found[0]
        return shlex.quote(known[word]) if word in known else word if is_told else f"{word}{options} "

    words = "".join(rf"|\b{re.escape(word)}\b" for word in known)
    return re.sub(_COMMAND + words, put, text)
