"""``dlqkit republish``: approve, cancel, export; nothing here sends anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlqkit.cli.completion import incident_folders
from dlqkit.cli.shared import AsJson, PlanName, check_of, load, refuse_secrets, screen_width, user_name, write_json
from dlqkit.untrusted import for_terminal, for_terminal_lines

__all__ = ["By", "Directory", "approve", "cancel", "export"]


def _incident(context: typer.Context, directory: Path) -> Path:
    """A folder of incident folders is none: nothing is begun in it, and it has no plans."""
    if not context.resilient_parsing:  # while a shell completes, nothing heavy is imported
        from dlqkit.evidence.folder import read_question

        read_question(directory)
    return directory


Directory = Annotated[
    Path,
    typer.Argument(metavar="DIR", help="Incident folder.", callback=_incident, autocompletion=incident_folders),
]
By = Annotated[str | None, typer.Option(help="Who; the user of this machine by default.")]


def approve(
    context: typer.Context,
    directory: Directory,
    plan_id: PlanName,
    reason: Annotated[str, typer.Option(help="Why it may be sent.")],
    by: By = None,
    accept_unknown: Annotated[
        list[str] | None, typer.Option(help="Number of an unknown of the plan, or its words; each must be given.")
    ] = None,
    outcome_deadline: Annotated[
        float | None, typer.Option(help="Seconds to wait for an outcome, where the plan does not know it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Approve exactly this plan. Offline; nothing is sent.

    Example: dlqkit republish approve incidents/orders plan-001 --by ann --reason "root removed" --accept-unknown 1
    """
    from dlqkit.republish.approval import approve_plan
    from dlqkit.republish.next_steps import here
    from dlqkit.republish.plan import read_plan
    from dlqkit.republish.registry import open_registry
    from dlqkit.republish.words import events_of

    settings = load(context)
    refuse_secrets(context, settings)
    read = read_plan(directory, plan_id)
    with open_registry(directory, settings.republish.registry) as registry:
        approval = approve_plan(
            registry, read, settings, by=user_name(by), reason=reason, accepted=accept_unknown or (),
            outcome_deadline_s=outcome_deadline,
        )  # fmt: skip
    if as_json:
        write_json({"plan": plan_id, "hash": approval.hash, "by": approval.by, "at": approval.at,
                    "outcome_deadline_s": approval.outcome_deadline_s})  # fmt: skip
        return
    count = len(read.events)
    said = f"{plan_id} is approved by {approval.by}: {events_of(count)} to {read.target.address}."
    typer.echo("\n".join(for_terminal_lines(said, screen_width())))
    typer.echo(f"Hash {approval.hash}")
    typer.echo(for_terminal(here("Try it:    dlqkit republish run DIR PLAN", directory, plan_id)))
    typer.echo(for_terminal(here("Send it:   dlqkit republish run DIR PLAN --execute", directory, plan_id)))


def cancel(
    context: typer.Context,
    directory: Directory,
    plan_id: PlanName,
    reason: Annotated[str, typer.Option(help="Why.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Give a plan up: it is never sent after that, and other plans may have its events.

    A run of it ends what is in flight and stops. Example: dlqkit republish cancel incidents/orders plan-001 --reason x
    """
    from dlqkit.errors import EvidenceError, ParameterError
    from dlqkit.republish.cancelling import cancel_plan, cancel_unreadable, count_held, is_claimed_elsewhere
    from dlqkit.republish.next_steps import here
    from dlqkit.republish.plan import read_plan
    from dlqkit.republish.registry import find_registry

    settings = load(context)
    refuse_secrets(context, settings)
    registry, who = find_registry(directory, settings.republish.registry), user_name(by)
    try:
        freed = cancel_plan(registry, read_plan(directory, plan_id), by=who, reason=reason)
    except (EvidenceError, ParameterError):  # changed, or never written: its claims are still there
        freed = cancel_unreadable(registry, plan_id, by=who, reason=reason)
    is_elsewhere = is_claimed_elsewhere(registry, plan_id)
    held, ended = count_held(registry, plan_id)
    if as_json:
        is_known = freed is not None and not is_elsewhere
        write_json({"plan": plan_id, "cancelled": True, "freed": freed, "held": held if is_known else None})
        return
    if freed is None:
        typer.echo(f"{plan_id} is cancelled; a run is ending what is in flight.\nCancel again when it has stopped.")
        return
    if is_elsewhere:
        typer.echo(f"{plan_id} is cancelled, and its events stay taken: they are claimed in another registry than the\n"
                   "one of these settings. Cancel it once more with the settings that it was planned by, by\n"
                   "--config FILE or --profile NAME before the command.")  # fmt: skip
        return
    typer.echo(f"{plan_id} is cancelled; {freed:,} of its events may be planned again.")
    if held:
        step = here("See which: dlqkit republish status DIR PLAN", directory, plan_id)
        typer.echo(f"{held:,} stay with it: they were sent, or may have been.\n{for_terminal(step)}")
    if ended:
        step = here("See what became of them: dlqkit republish prove DIR PLAN", directory, plan_id)
        typer.echo(f"{ended:,} were sent, and their end is known.\n{for_terminal(step)}")


def export(
    context: typer.Context,
    directory: Directory,
    plan_id: PlanName,
    output: Annotated[Path | None, typer.Option(help="File to write; standard output by default.")] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Before it is approved, to look at only.")] = False,
) -> None:
    """Write an approved plan as JSON lines for the team's own script; what that script sends is not in the journal.

    Example: dlqkit republish export incidents/orders plan-001 --output plan.jsonl
    """
    from dlqkit.evidence import audit_log
    from dlqkit.evidence.store import write_bytes
    from dlqkit.republish.export import export_lines
    from dlqkit.republish.journal import refuse_lost
    from dlqkit.republish.permission import check_permission
    from dlqkit.republish.plan import read_plan
    from dlqkit.republish.plan_decisions import read_approval
    from dlqkit.republish.publisher import find_server
    from dlqkit.republish.words import are, events_of

    settings = load(context)
    refuse_lost(directory)
    read = read_plan(directory, plan_id)
    if not draft:
        read_approval(directory, read)
        check_permission(directory, read, settings, find_server(settings.republish.endpoint))
    lines = export_lines(read)
    content = "".join(f"{line}\n" for line in lines).encode()
    check_of(settings)({f"the export of {plan_id}": content})
    if not draft:
        audit_log.append(directory, "republish export", plan_id=plan_id, hash=read.hash, events=len(read.events))
    if output is None:
        for line in lines:
            typer.echo(line)
        return
    write_bytes(output, content)
    said = f"{events_of(len(lines))} {are(len(lines))} in {output}."
    typer.echo("\n".join(for_terminal_lines(said, screen_width())))
