"""``dlqkit investigate``: the one command, from an alert to a post-mortem."""

from __future__ import annotations

import json
import sys
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
    exit_code_of,
    load,
    name_folder,
    speak_for,
    write_json,
    zone_of,
)
from dlqkit.errors import ParameterError
from dlqkit.untrusted import for_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.incident import Incident
    from dlqkit.settings import Settings

__all__ = ["investigate", "run_investigation"]


def _as_table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def read_alert(path: Path) -> dict[str, str]:
    """``workflow_id``, ``trace_id`` and ``start`` from an Alertmanager alert, webhook or a flat JSON object.

    Raises
    ------
    ParameterError
        If the file is not JSON, or names none of them.
    """
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        value = json.loads(text)
    except FileNotFoundError:
        raise ParameterError(f"The alert {path} does not exist.", "Check the path after --alert.") from None
    except (ValueError, OSError) as error:
        raise ParameterError(
            f"The alert {path} is not JSON.", "Save the alert's own JSON and name that file."
        ) from error
    alerts = value.get("alerts", [value]) if isinstance(value, dict) else value
    out: dict[str, str] = {}
    for alert in alerts if isinstance(alerts, list) else []:
        if not isinstance(alert, dict):
            continue
        common = value.get("commonLabels") if isinstance(value, dict) else None
        labels = {**_as_table(common), **_as_table(alert.get("labels"))}
        for name in ("workflow_id", "trace_id"):
            found = labels.get(name) or alert.get(name)
            if found:
                out.setdefault(name, str(found))
        begun = alert.get("startsAt") or alert.get("start")
        if begun:
            out.setdefault("start", str(begun))
    if not out:
        raise ParameterError(
            f"The alert {path} names no workflow, trace or start.", "Give --workflow or --trace instead."
        )
    return out


def investigate(
    context: typer.Context,
    workflow: Annotated[str | None, typer.Option(help="Only this workflow_id.")] = None,
    trace: Annotated[str | None, typer.Option(help="Only this trace_id.")] = None,
    alert: Annotated[Path | None, typer.Option(help="The alert as JSON; - for standard input.")] = None,
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
    speak_for(context, lang, settings)
    given = read_alert(alert) if alert else {}
    incident = ask(
        workflow=workflow or given.get("workflow_id"),
        trace=trace or given.get("trace_id"),
        since=since,
        start=start or (None if since else _an_hour_before(given.get("start"))),
        end=end,
    )
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


def _an_hour_before(start: str | None) -> str | None:
    # An alert fires after the trouble began, so its own start is too late for a window.
    from datetime import timedelta

    from dlqkit.incident import parse_time

    return (parse_time(start) - timedelta(hours=1)).isoformat() if start else None


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
        result = run_postmortem(directory, progress=tell)
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
