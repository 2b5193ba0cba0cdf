"""``dlqkit investigate``: the one command, from an alert to a post-mortem."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlqkit import language
from dlqkit.cli.progress import POSTMORTEM, aside, step_progress
from dlqkit.cli.shared import (
    PARTIAL,
    Language,
    Progress,
    ask,
    check_of,
    exit_code_of,
    load,
    name_folder,
    refuse_secrets,
    speak_for,
    write_json,
    zone_of,
)
from dlqkit.untrusted import for_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.incident import Incident
    from dlqkit.settings import Settings

__all__ = ["ask_alert", "investigate", "run_investigation"]


def investigate(
    context: typer.Context,
    workflow: Annotated[str | None, typer.Option(help="Only this workflow_id.")] = None,
    trace: Annotated[str | None, typer.Option(help="Only this trace_id.")] = None,
    alert: Annotated[
        Path | None, typer.Option(help="The alert as Alertmanager's webhook sends it; - for standard input.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Start of the window as an age; 2h by default.")] = None,
    start: Annotated[str | None, typer.Option(help="Start of the window, with an offset.")] = None,
    end: Annotated[str | None, typer.Option(help="End of the window; now by default.")] = None,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Incident folder; below incidents/ by default.")
    ] = None,
    worker_logs: Annotated[list[str] | None, typer.Option(help="Worker log files.")] = None,
    reported: Annotated[Path | None, typer.Option(help="CSV of what clients reported.")] = None,
    open_lab: Annotated[bool, typer.Option("--lab", help="Open JupyterLab at the end.")] = False,
    lang: Language = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    strict: Annotated[bool, typer.Option(help="Exit with 3 for unverified evidence too.")] = False,
) -> None:
    """From an alert to a post-mortem: folder, dead letters, triage on the screen, the rest, the report.

    Example: dlqkit investigate --since 2h
    """
    settings = load(context, need="source")
    refuse_secrets(context, settings, asking=True)
    speak_for(context, lang, settings)
    if alert is not None:
        asked = ask_alert(alert, settings, named=bool(workflow or trace), dated=bool(since or start))
        workflow, trace, start = workflow or asked.workflow, trace or asked.trace, start or asked.start
    incident = ask(workflow=workflow, trace=trace, since=since, start=start, end=end)
    folder = directory or name_folder(incident, settings)
    result = run_investigation(
        incident,
        settings,
        folder,
        as_json=as_json,
        worker_logs=tuple(worker_logs or ()),
        reported=reported,
        zone=zone_of(context),
    )
    if open_lab:
        from dlqkit.cli.lab import lab

        lab(context, folder, snapshot=None, port=0, browser=True, prepare=False, mine=False, lang=lang, as_json=False)
    code = exit_code_of(result.facts["snapshot"]["completeness"], strict=strict)
    raise typer.Exit(code if result.complete else PARTIAL)


@dataclass(frozen=True, slots=True)
class AskedByAlert:
    """What an alert says of the question."""

    workflow: str | None
    trace: str | None
    start: str | None


def ask_alert(path: Path, settings: Settings, *, named: bool, dated: bool) -> AskedByAlert:
    """What an alert says of the question, beside what the options say.

    What it does not say goes to standard error, also where nobody is looking: into the log of whoever was called.
    """
    from dlqkit.incident import format_time, parse_duration
    from dlqkit.sources.alerts import read_alert

    alert = read_alert(path, settings.alerts, workflows=settings.workflows, standard_input=sys.stdin.buffer)
    labels = ", ".join(settings.alerts.workflow_labels)
    told = []
    if not named and not alert.workflow_ids and not alert.trace_ids:
        told.append(
            language.say("The alert names no workflow (labels looked at: {labels}): all are looked at.", labels=labels)
        )
    elif not named and len(alert.workflow_ids) > 1:
        ids = ", ".join(alert.workflow_ids[:5]) + (", …" if len(alert.workflow_ids) > 5 else "")
        told.append(
            language.say_count(
                "The alert names {count} workflow ({ids}), so all are looked at.",
                "The alert names {count} workflows ({ids}), so all are looked at.",
                len(alert.workflow_ids),
                ids=ids,
            )
        )
    if alert.truncated:
        told.append(
            language.say_count(
                "Alertmanager left {count} more alert out of what it sent.",
                "Alertmanager left {count} more alerts out of what it sent.",
                alert.truncated,
            )
        )
    margin = parse_duration(settings.alerts.margin)
    start = None if dated or alert.started_at is None else alert.started_at - margin
    if start is not None:
        told.append(
            language.say(
                "The window begins at {start}, {margin} before the alert.",
                start=format_time(start),
                margin=settings.alerts.margin,
            )
        )
    for sentence in told:
        typer.echo(for_terminal(sentence), err=True)
    return AskedByAlert(
        workflow=alert.workflow_ids[0] if len(alert.workflow_ids) == 1 else None,
        trace=alert.trace_ids[0] if len(alert.trace_ids) == 1 else None,
        start=None if start is None else start.isoformat(),
    )


def run_investigation(
    incident: Incident,
    settings: Settings,
    directory: Path,
    *,
    as_json: bool = False,
    worker_logs: tuple[str, ...] = (),
    reported: Path | None = None,
    zone: ZoneInfo | None = None,
    finish: Callable[[Any], Mapping[str, Any]] | None = None,
) -> Any:
    """Collect, print the triage as soon as the dead letters are there, then the rest and the post-mortem.

    ``finish`` is called with the result once the post-mortem is told; what it returns is part of the JSON.
    """
    from dlqkit.cli.triage import print_triage
    from dlqkit.evidence.collect import collect
    from dlqkit.report.facts import facts as compute_facts
    from dlqkit.report.focus import find_focus
    from dlqkit.report.run import run_postmortem

    if not as_json:
        typer.echo(for_terminal(language.say("Incident folder: {directory}", directory=directory)))

    def show_first(folder: IncidentFolder) -> None:
        if not as_json:
            found = compute_facts(folder, first_look=True)
            with aside():
                print_triage(found, directory, zone)
                first = language.say("First look, from the dead letters; collecting the rest …")
                typer.echo(f"\n{first}")
                sys.stdout.flush()

    with Progress() as progress:
        collect(
            incident, settings, directory,
            worker_logs=worker_logs, reported=reported, progress=progress, focus=find_focus, on_dead_letters=show_first,
        )  # fmt: skip
    with step_progress(*POSTMORTEM) as tell:
        result = run_postmortem(
            directory, progress=tell, personal_fields=settings.report.personal_fields, earlier=settings.report.earlier,
            check=check_of(settings, directory),
        )  # fmt: skip
    if as_json:
        more = finish(result) if finish is not None else {}
        write_json({"directory": str(directory), "paths": {name: str(path) for name, path in result.paths.items()},
                    "complete": result.complete, "facts": result.facts, **more})  # fmt: skip
    else:
        typer.echo("")
        print_triage(result.facts, directory, zone)
        typer.echo("")
        for name, path in result.paths.items():
            typer.echo(f"{name:<6} {for_terminal(path)}")
        for problem in result.problems:
            typer.echo(for_terminal(language.say("Not whole: {problem}", problem=problem)), err=True)
        if finish is not None:
            finish(result)
    return result
