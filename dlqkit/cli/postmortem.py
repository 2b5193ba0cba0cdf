"""``dlqkit postmortem``: the report for the ticket."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlqkit.cli.shared import PARTIAL, exit_code_of, say, write_json
from dlqkit.untrusted import for_terminal

__all__ = ["postmortem"]


def postmortem(
    directory: Annotated[Path, typer.Argument(help="Incident folder.")],
    snapshot: Annotated[
        str | None, typer.Option(help="Number of the evidence snapshot; the newest by default.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="As seen at this time; the evidence's last by default.")] = None,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="ipynb, html, md or pdf; all by default.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder to write to; DIR/report by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the paths as JSON.")] = False,
    strict: Annotated[bool, typer.Option(help="Exit with 3 for unverified evidence too.")] = False,
) -> None:
    """Run the post-mortem notebook over a snapshot and write ipynb, html, md, pdf and facts.json. Offline.

    Example: dlqkit postmortem incidents/orders --format html
    """
    from dlqkit.incident import parse_time
    from dlqkit.report.run import run_postmortem

    result = run_postmortem(
        directory,
        snapshot=snapshot,
        as_of=parse_time(as_of) if as_of else None,
        formats=tuple(formats) if formats else None,
        output=output,
        progress=lambda step: say(f"Post-mortem: {step}"),
    )
    if as_json:
        write_json(
            {
                "paths": {name: str(path) for name, path in result.paths.items()},
                "complete": result.complete,
                "problems": list(result.problems),
            }
        )
    else:
        for path in result.paths.values():
            typer.echo(for_terminal(path))
        for problem in result.problems:
            typer.echo(f"Not whole: {for_terminal(problem)}", err=True)
    code = exit_code_of(result.facts["snapshot"]["completeness"], strict=strict)
    raise typer.Exit(code if result.complete else PARTIAL)
