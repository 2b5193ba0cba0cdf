"""``dlqkit postmortem``: the report for the ticket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlqkit import language
from dlqkit.cli.completion import one_of
from dlqkit.cli.progress import POSTMORTEM, step_progress
from dlqkit.cli.shared import (
    PARTIAL,
    Directory,
    Language,
    Snapshot,
    check_of,
    exit_code_of,
    load,
    refuse_secrets,
    speak_for,
    user_name,
    write_json,
)
from dlqkit.untrusted import for_terminal

if TYPE_CHECKING:
    from dlqkit.report.run import PostmortemResult
    from dlqkit.settings import Settings
    from dlqkit.tickets.ticket import Attached, TicketSystem

__all__ = ["postmortem"]


def postmortem(
    context: typer.Context,
    directory: Directory,
    snapshot: Snapshot = None,
    as_of: Annotated[str | None, typer.Option(help="As seen at this time; the evidence's last by default.")] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="ipynb, html, md or pdf; all by default.",
            autocompletion=one_of("ipynb", "html", "md", "pdf"),
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder to write to; DIR/report by default.")] = None,
    pack: Annotated[bool, typer.Option("--zip", help="Pack the files into one attachment, too.")] = False,
    earlier: Annotated[
        Path | None,
        typer.Option(help="A folder; earlier incidents below it with the same error are in the report."),
    ] = None,
    attach: Annotated[
        str | None, typer.Option(metavar="TICKET", help="Attach the report to this ticket, once. Needs the network.")
    ] = None,
    lang: Language = None,
    ask_review: Annotated[bool, typer.Option("--ask-review", help="Record that a review is asked for.")] = False,
    reviewed_by: Annotated[str | None, typer.Option(help="Record who has reviewed the report as it stands.")] = None,
    by: Annotated[str | None, typer.Option(help="Who asks; the user of this machine by default.")] = None,
    include_payload: Annotated[
        bool,
        typer.Option("--include-payload", help="Show values of payloads, which may hold personal data; this is noted."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the paths as JSON.")] = False,
    strict: Annotated[bool, typer.Option(help="Exit with 3 for unverified evidence too.")] = False,
) -> None:
    """Run the post-mortem notebook over a snapshot and write ipynb, html, md, pdf and facts.json. Offline.

    Example: dlqkit postmortem incidents/orders --format html
    """
    # Whatever imports pandas waits until the notebook's process has begun.
    from dlqkit.incident import parse_time
    from dlqkit.report.run import run_postmortem

    settings = load(context)
    refuse_secrets(context, settings, asking=True)
    speak_for(context, lang, settings)
    # What is wrong with the ticket is said before anybody waits for the report.
    tickets = None if attach is None else _open_tickets(settings, attach)
    _review(directory, snapshot, ask_review, reviewed_by, by, settings)
    with step_progress(*POSTMORTEM) as tell:
        result = run_postmortem(
            directory,
            snapshot=snapshot,
            as_of=parse_time(as_of) if as_of else None,
            formats=tuple(formats) if formats else None,
            output=output,
            progress=tell,
            personal_fields=settings.report.personal_fields,
            earlier=earlier or settings.report.earlier,
            include_payload=include_payload,
            check=check_of(settings, directory),
        )
    paths = dict(result.paths)
    if pack:
        from dlqkit.evidence.store import write_bytes
        from dlqkit.report.bundle import make_zip

        paths["zip"] = result.paths["facts"].with_name("postmortem.zip")
        write_bytes(paths["zip"], make_zip(result.paths))
    if not as_json:
        for path in paths.values():
            typer.echo(for_terminal(path))
        if result.facts["payloads"]:
            from dlqkit.report.payload_tables import warn_of_payloads

            typer.echo(for_terminal(warn_of_payloads(result.facts)), err=True)
        for problem in result.problems:
            typer.echo(for_terminal(language.say("Not whole: {problem}", problem=problem)), err=True)
    attached = None if tickets is None else _attach(*tickets, directory, result, paths)
    if as_json:
        write_json(
            {
                "attached": None if attached is None else asdict(attached),
                "paths": {name: str(path) for name, path in paths.items()},
                "complete": result.complete,
                "payloads": len(result.facts["payloads"]["rows"]) if result.facts["payloads"] else 0,
                "problems": list(result.problems),
            }
        )
    elif attached is not None:
        new = ", ".join(attached.added) or language.say("nothing new")
        text = language.say(
            "Attached to {ticket}: {new}. See {place}", ticket=attached.ticket, new=new, place=attached.place
        )
        typer.echo(for_terminal(text))
    code = exit_code_of(result.facts["snapshot"]["completeness"], strict=strict)
    raise typer.Exit(code if result.complete else PARTIAL)


def _review(
    directory: Path, snapshot: str | None, ask: bool, reviewed_by: str | None, by: str | None, settings: Settings
) -> None:
    """Record the word on the review first: the report that is made then shows it."""
    from dlqkit.errors import ParameterError

    if ask and reviewed_by is not None:
        raise ParameterError("A report cannot be asked for and reviewed at once.", "Give one of the two options.")
    if not ask and reviewed_by is None:
        return
    from dlqkit.evidence.folder import open_incident
    from dlqkit.report.review import ask_review, record_review

    folder = open_incident(directory, snapshot=snapshot)
    if reviewed_by is not None:
        record_review(folder.path, reviewed_by, folder.snapshot, another=settings.report.second_reviewer)
    else:
        ask_review(folder.path, user_name(by), folder.snapshot)


def _open_tickets(settings: Settings, ticket: str) -> tuple[TicketSystem, str]:
    from dlqkit.tickets.choose import open_tickets
    from dlqkit.tickets.ticket import check_key

    return open_tickets(settings), check_key(ticket)


def _attach(
    system: TicketSystem, ticket: str, directory: Path, result: PostmortemResult, paths: Mapping[str, Path]
) -> Attached:
    """Attach the report, and note it: the closing checklist reads that."""
    from dlqkit.evidence import audit_log
    from dlqkit.report.bundle import report_of
    from dlqkit.report.sections import missing_judgement

    facts = result.facts
    report = report_of(facts, paths, result.problems)
    done = system.attach(ticket, report)
    audit_log.append(
        directory, "postmortem attached", ticket=done.ticket, place=done.place, mark=report.mark,
        added=list(done.added), snapshot=facts["snapshot"]["id"], lacked=missing_judgement(facts),
        complete=result.complete,
    )  # fmt: skip
    return done
