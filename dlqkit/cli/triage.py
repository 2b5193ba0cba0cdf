"""``dlqkit triage``: §3–4 of an incident folder on one screen of 80×40."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlqkit import language
from dlqkit.cli.shared import (
    Directory,
    Language,
    Snapshot,
    check_engine,
    exit_code_of,
    load,
    screen_width,
    speak_for,
    text_beside_utc,
    write_json,
    zone_of,
)
from dlqkit.invocation import with_options

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["print_triage", "triage"]

HEIGHT = 40
# Of the column of classes, or as long as the longest of them.
CLASS_WIDTH = 14


def triage_text(facts: Mapping[str, Any], directory: Path, zone: ZoneInfo | None = None) -> str:
    """The screen, as wide as the terminal and at most 40 lines; 80 columns where there is none."""
    from dlqkit.decision.advice import advise
    from dlqkit.report.tables import SENTENCE_LINES, show_summary
    from dlqkit.untrusted import for_terminal, for_terminal_lines

    width = screen_width()
    text = text_beside_utc(show_summary(facts), zone)
    # The facts name the folder by its last part alone, so that reports are equal; here the command is to be pasted.
    advice = advise(facts, directory=str(directory))
    command = (advice[0]["command"] if advice else "") or f"dlqkit postmortem {shlex.quote(str(directory))}"
    where = language.say("Snapshot {snapshot} in {directory}", snapshot=facts["snapshot"]["id"], directory=directory)
    # The command is to be copied as a whole.
    step = language.say("Next:  {command}", command=with_options(command))
    left_out = [say_left_out()] if facts.get("not_answered") else []
    last = ["", *map(for_terminal, (*left_out, where, step))]
    for most in range(SENTENCE_LINES, 0, -1):
        lines = [*for_terminal_lines(text.title, width, 2), "─" * width, *text.to_text(width, most).split("\n")]
        if len(lines) + len(last) <= HEIGHT:
            break
    if len(facts["signatures"]) > 1:
        shown = facts["signatures"][:4]
        size = max(CLASS_WIDTH, *(len(language.retell(row["failure_class"])) for row in shown))
        rows = [[_signature_text(row, size, width)] for row in shown]
        lines += _section(language.say("Signatures"), rows, HEIGHT - len(last) - len(lines))
    sentences = [[f"  {part}" for part in for_terminal_lines(one, width - 2, 2)] for one in facts["assumptions"][:4]]
    lines += _section(language.say("Taken to be so, not given"), sentences, HEIGHT - len(last) - len(lines))
    return "\n".join(lines + last)


def say_left_out() -> str:
    """What the screen does not tell where the records outgrow memory."""
    return language.say("Counted in DuckDB: §7 is not looked at.")


def _signature_text(row: Mapping[str, Any], size: int, width: int) -> str:
    from dlqkit.cells import cell_width, cut, pad
    from dlqkit.untrusted import for_terminal

    share, events = language.percent(row["share"]), language.number(row["events"])
    label = f"  {share:>4} {events:>7}  {pad(language.retell(row['failure_class']), size)} "
    return label + cut(for_terminal(row["signature"]), width - cell_width(label))


def _section(title: str, entries: Sequence[Sequence[str]], room: int) -> list[str]:
    """A title and as many whole entries as have room."""
    lines = ["", title]
    for entry in entries:
        if len(lines) + len(entry) <= room:
            lines += entry
    return lines if len(lines) > 2 else []


def print_triage(facts: Mapping[str, Any], directory: Path, zone: ZoneInfo | None = None) -> None:
    """Print the screen on standard output."""
    typer.echo(triage_text(facts, directory, zone))


def triage(
    context: typer.Context,
    directory: Directory,
    snapshot: Snapshot = None,
    engine: Annotated[
        str, typer.Option(help="Where records are counted: pandas, duckdb, or auto, by their size and the free memory.")
    ] = "auto",
    lang: Language = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
    strict: Annotated[bool, typer.Option(help="Exit with 3 for unverified evidence too.")] = False,
) -> None:
    """Say on one screen what is wrong, since when, how many, why, and what to do. Offline.

    Example: dlqkit triage incidents/2026-11-23-orders-sync
    """
    from dlqkit.evidence.folder import open_incident
    from dlqkit.report.scale.triage import triage_facts

    check_engine(engine)
    speak_for(context, lang, load(context))
    found = triage_facts(open_incident(directory, snapshot=snapshot, engine=engine))
    if as_json:
        write_json(found)
    else:
        print_triage(found, directory, zone_of(context))
    raise typer.Exit(exit_code_of(found["snapshot"]["completeness"], strict=strict))
