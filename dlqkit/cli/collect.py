"""``dlqkit collect``: make, resume or add a snapshot of evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlqkit.cli.completion import incident_folders
from dlqkit.cli.shared import Progress, ask, exit_code_of, load, refuse_secrets, screen_width, write_json
from dlqkit.untrusted import for_terminal

__all__ = ["collect"]


def collect(
    context: typer.Context,
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Incident folder to make or to add to.", autocompletion=incident_folders),
    ],
    workflow: Annotated[str | None, typer.Option(help="Only this workflow_id.")] = None,
    trace: Annotated[str | None, typer.Option(help="Only this trace_id.")] = None,
    since: Annotated[str | None, typer.Option(help="Start of the window as an age, such as 2h.")] = None,
    start: Annotated[str | None, typer.Option(help="Start of the window, with an offset: 2026-03-02T14:00Z.")] = None,
    end: Annotated[str | None, typer.Option(help="End of the window; now by default.")] = None,
    records: Annotated[
        list[Path] | None, typer.Option(help="Exported records: JSON lines, CSV, Parquet, or a folder of them.")
    ] = None,
    worker_logs: Annotated[list[str] | None, typer.Option(help="Worker log files; - for standard input.")] = None,
    reported: Annotated[Path | None, typer.Option(help="CSV of what clients reported.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    strict: Annotated[bool, typer.Option(help="Exit with 3 for unverified evidence too.")] = False,
) -> None:
    """Ask every configured source and keep what it answers. Needs the network, unless only files are given.

    Example: dlqkit collect incidents/orders --workflow 5f0c… --since 2h
    """
    from dlqkit.evidence.collect import collect as run_collect
    from dlqkit.evidence.folder import read_incident
    from dlqkit.report.focus import find_focus

    files = bool(records or worker_logs or reported)
    settings = load(context, need=None if files else "source")
    refuse_secrets(context, settings, asking=True)
    if (directory / "incident.toml").is_file() and not (since or start):
        # A later snapshot asks the same question up to a later time.
        earlier = read_incident(directory)
        incident = ask(
            workflow=workflow or earlier.workflow_id, trace=trace or earlier.trace_id,
            since=None, start=earlier.start.isoformat(), end=end,
        )  # fmt: skip
    else:
        incident = ask(workflow=workflow, trace=trace, since=since, start=start, end=end)
    with Progress() as progress:
        folder = run_collect(
            incident, settings, directory,
            records_files=tuple(records or ()), worker_logs=tuple(worker_logs or ()), reported=reported,
            progress=progress, focus=find_focus,
        )  # fmt: skip
    completeness = folder.completeness
    if as_json:
        write_json({"directory": str(directory), "snapshot": folder.snapshot, "completeness": completeness,
                    "sources": folder.manifest["sources"]})  # fmt: skip
    else:
        from dlqkit.report.facts import coverage_rows
        from dlqkit.report.tables import show_coverage
        from dlqkit.republish.next_steps import here

        typer.echo(f"Snapshot {folder.snapshot}, {completeness}, in {for_terminal(directory)}")
        typer.echo(show_coverage({"coverage": coverage_rows(folder)}).to_text(screen_width(140)))
        for sentence in folder.findings:
            typer.echo(for_terminal(sentence))
        typer.echo(for_terminal(here("Next:  dlqkit triage DIR", directory)))
    raise typer.Exit(exit_code_of(completeness, strict=strict))
