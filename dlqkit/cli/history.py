"""``dlqkit history``: the same error in earlier incidents."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from dlqkit.cli.shared import write_json
from dlqkit.untrusted import for_terminal

__all__ = ["history"]

# Folders that are named for each reason why they were skipped; --json has all.
NAMED = 3


def history(
    directory: Annotated[Path, typer.Argument(help="Incident folder.")],
    below: Annotated[
        Path | None, typer.Option(help="Where earlier incidents lie; the folder beside this one by default.")
    ] = None,
    snapshot: Annotated[
        str | None, typer.Option(help="Number of the evidence snapshot; the newest by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show earlier incidents with the same error: when, how many events, the cause then, what helped. Offline.

    Example: dlqkit history incidents/orders --below /srv/incidents
    """
    from dlqkit.errors import ParameterError
    from dlqkit.evidence.folder import open_incident
    from dlqkit.report.history import find_history, show_history

    place = below if below is not None else directory.resolve().parent
    if not place.is_dir():
        raise ParameterError(f"There is no folder {str(place)[:200]}.", "Check the path after --below.")
    found = find_history(open_incident(directory, snapshot=snapshot), place)
    if as_json:
        rows = [{**asdict(one), "path": str(one.path)} for one in found.incidents]
        skipped = [{"folder": name, "why": why} for name, why in found.skipped]
        write_json({"looked_at": found.looked_at, "incidents": rows, "skipped": skipped})
        return
    typer.echo(show_history(found).to_text(120))
    reasons = Counter(why for _, why in found.skipped)
    for why, count in reasons.most_common():
        names = [name for name, own in found.skipped if own == why]
        more = f" and {count - NAMED:,} more" if count > NAMED else ""
        typer.echo(for_terminal(f"Skipped {', '.join(names[:NAMED])}{more}: {why}"), err=True)
