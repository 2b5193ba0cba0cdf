"""What the commands share: options before the command, progress, output, and times of the question."""

from __future__ import annotations

import getpass
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from dlqkit import language
from dlqkit.cli import completion
from dlqkit.cli.progress import Progress, aside
from dlqkit.errors import ParameterError
from dlqkit.incident import Incident, format_time, parse_time
from dlqkit.untrusted import for_file_name, for_terminal_lines

if TYPE_CHECKING:
    from dlqkit.report.tables import Table, Text
    from dlqkit.settings import Settings

__all__ = [
    "ENGINES",
    "PARTIAL",
    "AsJson",
    "Directory",
    "Language",
    "PlanName",
    "Progress",
    "Shared",
    "Snapshot",
    "ask",
    "check_engine",
    "check_of",
    "exit_code_of",
    "find_zone",
    "load",
    "local_beside_utc",
    "name_folder",
    "refuse_secrets",
    "say",
    "screen_width",
    "speak_for",
    "table_beside_utc",
    "text_beside_utc",
    "user_name",
    "write_json",
    "zone_of",
]

ENGINES = ("auto", "pandas", "duckdb")

PARTIAL = 3
# Below the first nothing can be read in columns; lines longer than the last are hard to find the next one of.
_NARROWEST, WIDTH, _WIDEST = 40, 80, 120
Language = Annotated[
    str | None,
    typer.Option(
        "--lang",
        help="Language of what people read: en or ru; report.language by default.",
        autocompletion=completion.languages,
    ),
]
"""The option ``--lang``."""
Directory = Annotated[
    Path, typer.Argument(metavar="DIR", help="Incident folder.", autocompletion=completion.incident_folders)
]
"""The incident folder that a command is about."""
Snapshot = Annotated[
    str | None,
    typer.Option(help="Number of the evidence snapshot; the newest by default.", autocompletion=completion.snapshots),
]
"""The option ``--snapshot``."""
PlanName = Annotated[str, typer.Argument(metavar="PLAN", help="Such as plan-001.", autocompletion=completion.plans)]
"""The republish plan that a command is about."""
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
"""The option ``--json``."""


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


def screen_width(otherwise: int = WIDTH) -> int:
    """Columns of the terminal, or of ``COLUMNS``; where neither is known, as in a pipe, so many.

    Parameters
    ----------
    otherwise : int
        A pipe's reader sees lines of any length, so a wide table may say more.
    """
    columns = shutil.get_terminal_size((otherwise, 40)).columns
    return max(_NARROWEST, min(columns, max(otherwise, _WIDEST)))


def check_of(settings: Settings, directory: Path | None = None) -> Callable[[Mapping[str, bytes]], None]:
    """What refuses to write an export that holds a secret of the settings; they are looked up once it is called.

    Parameters
    ----------
    settings : Settings
    directory : Path, optional
        The incident folder, where what people wrote into its ``judgement.yaml`` is part of the export.
    """

    def check(contents: Mapping[str, bytes]) -> None:
        from dlqkit.sources.export_scan import check_exports

        check_exports(contents, settings, edited=None if directory is None else directory / "judgement.yaml")

    return check


def refuse_secrets(context: typer.Context, settings: Settings, *, asking: bool = False) -> None:
    """Refuse a command that would write a secret of the settings, since it was pasted into one of its options.

    Parameters
    ----------
    context : Context
        Of the command: each text that was given to it is looked through. Paths are not.
    settings : Settings
    asking : bool
        Whether the command looks up secrets of commands and keyrings anyway, so that they are looked for too.

    Raises
    ------
    ParameterError
        With the option's name, and never with what was given.
    """
    from dlqkit.sources.export_scan import find_secret

    texts = {}
    for known in context.command.params:
        value = context.params.get(str(known.name))
        given = [one for one in (value if isinstance(value, list | tuple) else [value]) if isinstance(one, str)]
        label = known.opts[0] if known.opts[0].startswith("-") else str(known.metavar)
        texts[label] = "\0".join(given).encode("utf-8", "surrogatepass")
    name = find_secret(texts, settings, asking=asking)
    if name is not None:
        raise ParameterError(
            f"{name} holds a secret of the settings, so nothing was written.",
            "Give it without the secret; if others have seen that, have the service give a new one.",
        )


def say(text: str) -> None:
    """A sentence for people, on standard error, only when somebody is looking."""
    if sys.stderr.isatty():
        with aside():
            typer.echo("\n".join(for_terminal_lines(text, screen_width())), err=True)


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


def check_engine(engine: str) -> None:
    """Refuse an engine that commands do not run on: Spark needs a session, which Python gives.

    Raises
    ------
    ParameterError
        If it is none of ``ENGINES``.
    """
    if engine not in ENGINES:
        raise ParameterError(f"Commands have no engine {engine[:20]!r}.", f"Use one of: {', '.join(ENGINES)}.")


def exit_code_of(completeness: str, *, strict: bool = False) -> int:
    """3 for partial evidence, with ``--strict`` also for unverified; else 0."""
    return PARTIAL if completeness == "partial" or (strict and completeness == "unverified") else 0
