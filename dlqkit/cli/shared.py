"""What the commands share: options before the command, progress, output, and times of the question."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from dlqkit import language
from dlqkit.errors import ParameterError
from dlqkit.incident import Incident, format_time, parse_time
from dlqkit.untrusted import for_file_name, for_terminal, for_terminal_lines

if TYPE_CHECKING:
    from dlqkit.report.tables import Table, Text
    from dlqkit.settings import Settings

__all__ = [
    "PARTIAL",
    "Language",
    "Progress",
    "Shared",
    "ask",
    "exit_code_of",
    "find_zone",
    "load",
    "local_beside_utc",
    "name_folder",
    "say",
    "speak_for",
    "table_beside_utc",
    "tell_step",
    "text_beside_utc",
    "user_name",
    "write_json",
    "zone_of",
]

PARTIAL = 3
WIDTH = 80
Language = Annotated[
    str | None, typer.Option("--lang", help="Language of what people read: en or ru; report.language by default.")
]
"""The option ``--lang``."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Options given before the command."""

    config: Path | None = None
    profile: str | None = None
    zone: ZoneInfo | None = None
    """Whose local time stands beside UTC."""


def zone_of(context: typer.Context) -> ZoneInfo | None:
    """The zone of ``--tz``."""
    return context.obj.zone if isinstance(context.obj, Shared) else None


def find_zone(name: str | None) -> ZoneInfo | None:
    """A time zone by its name.

    Raises
    ------
    ParameterError
        If there is no such zone.
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ParameterError(f"The time zone {name[:40]!r} is not known.", "Write it as Europe/Berlin.") from None


def local_beside_utc(text: str, zone: ZoneInfo | None) -> str:
    """The text with the local time after every UTC time in it."""
    if zone is None:
        return text
    for start, end, at in reversed(language.moments(text)):
        moment = at.astimezone(zone)
        # Written as a moment in UTC is, in the order that the language has.
        shown, seconds = moment.replace(tzinfo=UTC), text[start:end].count(":") == 2
        here = (
            language.clock(shown, seconds=seconds)
            if shown.date() == at.date()
            else language.date_and_time(shown, seconds=seconds).removesuffix(" UTC")
        )
        text = f"{text[:end]} ({here} {moment:%Z}){text[end:]}"
    return text


def text_beside_utc(text: Text, zone: ZoneInfo | None) -> Text:
    """Labelled sentences with local times."""
    return replace(text, lines=tuple(replace(line, text=local_beside_utc(line.text, zone)) for line in text.lines))


def table_beside_utc(table: Table, zone: ZoneInfo | None) -> Table:
    """A table with local times."""
    return replace(table, rows=tuple(tuple(local_beside_utc(cell, zone) for cell in row) for row in table.rows))


def load(context: typer.Context, *, need: str | None = None) -> Settings:
    """The settings, and on standard error which file they are from.

    Raises
    ------
    ParameterError
        If ``need`` is ``"source"`` and none is configured.
    """
    from dlqkit.settings import load_settings

    shared = context.obj or Shared()
    settings = load_settings(shared.config, profile=shared.profile)
    for sentence in settings.ignored:
        say(sentence)
    say(f"Settings: {settings.file or 'the environment alone'}")
    configured = (
        settings.execution_logs.url,
        settings.execution_logs.table,
        settings.prometheus.url,
        settings.worker.metrics_urls,
        settings.dead_letter_subscriptions(None),
    )
    if need == "source" and not any(configured):
        raise ParameterError(
            "No source is configured: neither an Execution Logs API nor Prometheus.",
            "Run dlqkit init, or set DLQKIT_EXECUTION_LOGS__URL; try dlqkit demo without any.",
        )
    return settings


def speak_for(context: typer.Context, wanted: str | None, settings: Settings) -> None:
    """Speak the language of ``--lang``, else that of the settings, until the command ends.

    Raises
    ------
    ParameterError
        If there is no such language.
    """
    context.with_resource(language.use(wanted or settings.report.language))


def say(text: str) -> None:
    """A sentence for people, on standard error, only when somebody is looking."""
    if sys.stderr.isatty():
        typer.echo("\n".join(for_terminal_lines(text, WIDTH)), err=True)


def write_json(value: Mapping[str, Any]) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=True, default=str))


def user_name(by: str | None) -> str:
    """Who it is: as said, else the user of this machine.

    Raises
    ------
    ParameterError
        If the machine has no name for that user, as in a container that runs under any number.
    """
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise ParameterError("This machine has no name for its user.", "Give --by NAME, or set USER.") from error


def ask(
    *,
    workflow: str | None,
    trace: str | None,
    since: str | None,
    start: str | None,
    end: str | None,
    default_since: str = "2h",
) -> Incident:
    """The question from the options; ``--since`` and ``--start`` exclude each other."""
    if since and start:
        raise ParameterError("Both --since and --start are given.", "Give one of them.")
    now = datetime.now(UTC)
    begin = parse_time(start or since or default_since, now=now)
    if begin >= now:
        raise ParameterError(
            f"The window begins in the future, at {format_time(begin)}.", "Give a start that is past, or --since 2h."
        )
    return Incident(begin, parse_time(end or "now", now=now), workflow_id=workflow, trace_id=trace)


def name_folder(incident: Incident, settings: Settings) -> Path:
    """A new folder's path below ``incidents/``: the day, and the workflow's name or id."""
    subject = (
        settings.workflow_name(incident.workflow_id) or incident.workflow_id or incident.trace_id or "dead-letters"
    )
    base = Path("incidents") / f"{incident.end:%Y-%m-%d}-{for_file_name(subject, 40)}"
    path, number = base, 2
    while path.exists():
        path, number = base.with_name(f"{base.name}-{number}"), number + 1
    return path


def exit_code_of(completeness: str, *, strict: bool = False) -> int:
    """3 for partial evidence, with ``--strict`` also for unverified; else 0."""
    return PARTIAL if completeness == "partial" or (strict and completeness == "unverified") else 0


def tell_step(step: str) -> None:
    """What the post-mortem is at, in a marked word."""
    word = language.say(step)
    text = language.say("Post-mortem: {step}", step=word)
    say(text)


class Progress:
    """A progress bar on standard error while somebody is looking; silent when piped."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Callable[[str, int, int | None], None]:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bars

            self._bar = Bars(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                console=Console(stderr=True), transient=True,
            )  # fmt: skip
            self._bar.start()
        return self._step

    def _step(self, what: str, done: int, total: int | None) -> None:
        if self._bar is None:
            return
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(for_terminal(what), total=total)
        self._bar.update(self._tasks[what], completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
