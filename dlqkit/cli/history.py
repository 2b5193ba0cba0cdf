"""``dlqkit history``: the same error in other incidents."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from dlqkit import language
from dlqkit.cli.shared import (
    AsJson,
    Directory,
    Language,
    Snapshot,
    load,
    screen_width,
    speak_for,
    text_beside_utc,
    write_json,
    zone_of,
)
from dlqkit.untrusted import for_terminal, for_terminal_lines

__all__ = ["history"]

# Those that are most like it are shown first.
SHOWN = 10


def history(
    context: typer.Context,
    directory: Directory,
    below: Annotated[
        Path | None,
        typer.Option(help="Where other incidents lie; else report.earlier of the settings, or the folder beside DIR."),
    ] = None,
    snapshot: Snapshot = None,
    lang: Language = None,
    as_json: AsJson = False,
) -> None:
    """Show other incidents with the same error: when, how many events, the cause then, what helped. Offline.

    Example: dlqkit history incidents/orders --below /srv/incidents
    """
    from dlqkit.evidence.folder import open_incident
    from dlqkit.report.history import find_history
    from dlqkit.report.history_tables import show_history, show_incidents, skipped_sentences

    settings = load(context)
    speak_for(context, lang, settings)
    folder = open_incident(directory, snapshot=snapshot)
    place = below or settings.report.earlier or directory.resolve().parent
    found = find_history(folder, place)
    if as_json:
        write_json({"below": str(place), **asdict(found)})
        return
    for text in show_incidents(found)[:SHOWN]:
        shown = text_beside_utc(text, zone_of(context))
        typer.echo("\n".join(for_terminal_lines(shown.title, screen_width())))
        typer.echo("\n".join(f"  {line}" for line in shown.to_text(screen_width() - 2).splitlines()) + "\n")
    if (more := len(found.incidents) - SHOWN) > 0:
        typer.echo(language.say("More incidents, which --json lists: {count}", count=more))
    if not found.incidents:
        typer.echo(show_history(found).to_text(screen_width()))
    for sentence in skipped_sentences(found):
        typer.echo(for_terminal(sentence), err=True)
