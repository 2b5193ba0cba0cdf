"""What the options of ``dlqkit init`` say, and its way to ask: with ``--yes`` what was given and found stands."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import typer

from dlqkit.cli.shared import screen_width
from dlqkit.cli.tried_text import print_tried
from dlqkit.errors import ParameterError
from dlqkit.settings import SecretReference
from dlqkit.setup.checks import Tried
from dlqkit.untrusted import for_terminal_lines

__all__ = ["Given", "Questions", "pairs"]


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say."""

    urls: Mapping[str, str | None] = field(default_factory=dict)
    keys: Mapping[str, SecretReference | None] = field(default_factory=dict)
    user: str | None = None
    """Of Prometheus; with it the key is a password."""
    metrics_urls: tuple[str, ...] = ()
    ca_file: Path | None = None
    timezone: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    max_attempts: int | None = None
    action_timeout_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Questions:
    """Asks on standard error, so that standard output holds what was seen."""

    asks: bool
    quiet: bool = False
    """Whether what was seen goes out as JSON, at the end."""

    def text(self, question: str, default: str = "") -> str:
        """A line; the default where nobody is asked."""
        if not self.asks:
            return default
        return str(typer.prompt(question, default=default, show_default=bool(default), err=True)).strip()

    def agree(self, question: str, *, default: bool = True) -> bool:
        """Yes or no; the default where nobody is asked."""
        return typer.confirm(question, default=default, err=True) if self.asks else default

    def tell(self, text: str) -> None:
        """A sentence for the one who is asked."""
        if self.asks:
            typer.echo("\n".join(for_terminal_lines(text, screen_width(), break_words=False)), err=True)

    def show(self, tried: Tried, before: Tried | None = None) -> None:
        """What was seen of a source; where it was shown before, what is different."""
        if not self.quiet:
            print_tried(tried, before=before)
            typer.echo()


def pairs(texts: Sequence[str], option: str, example: str, known: Collection[str]) -> dict[str, str]:
    """``NAME=VALUE`` of a repeated option, the names known ones.

    Raises
    ------
    ParameterError
        If one is no such pair.
    """
    out = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name and sign and value):
            raise ParameterError(f"{option} {text[:40]!r} is no pair.", f"Write it as {option} {example}.")
        if name.strip() not in known:
            raise ParameterError(f"{option} {name[:40]!r} is not known.", f"Choose of {', '.join(known)}.")
        out[name.strip()] = value.strip()
    return out
