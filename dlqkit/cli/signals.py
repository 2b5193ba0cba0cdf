"""``dlqkit signals``: §1 over all workflows, now."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from dlqkit.cli.shared import Progress, ask, exit_code_of, load, screen_width, table_beside_utc, write_json, zone_of

__all__ = ["signals"]


def signals(
    context: typer.Context,
    since: Annotated[str | None, typer.Option(help="Start of the window as an age; 2h by default.")] = None,
    start: Annotated[str | None, typer.Option(help="Start of the window, with an offset.")] = None,
    end: Annotated[str | None, typer.Option(help="End of the window; now by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    strict: Annotated[bool, typer.Option(help="Exit with 3 for unverified evidence too.")] = False,
) -> None:
    """Say which workflows are in trouble, since when, by which of the five signals. Needs the network.

    Example: dlqkit signals --since 6h
    """
    from dlqkit.evidence.collect import collect
    from dlqkit.report.facts import facts as compute_facts
    from dlqkit.report.tables import show_signals

    settings = load(context, need="source")
    incident = ask(workflow=None, trace=None, since=since, start=start, end=end)
    # Nothing is kept: the question is about now, and the answer goes to the screen.
    with tempfile.TemporaryDirectory(prefix="dlqkit-") as scratch, Progress() as progress:
        folder = collect(
            incident, settings, Path(scratch) / "signals", progress=progress, phases=("dead_letters", "metrics")
        )
        found = compute_facts(folder, first_look=True)
    if as_json:
        write_json({"signals": found["signals"], "coverage": found["coverage"], "as_of": found["as_of"]})
    else:
        typer.echo(table_beside_utc(show_signals(found), zone_of(context)).to_text(screen_width(160)))
    raise typer.Exit(exit_code_of(found["snapshot"]["completeness"], strict=strict))
