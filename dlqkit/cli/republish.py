"""``dlqkit republish``: plan, edit, diff, and the commands that decide about a plan; nothing here sends anything."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlqkit.cli.commands import WholeCommand, WholeGroup
from dlqkit.cli.completion import one_of, snapshots
from dlqkit.cli.republish_approval import By, Directory, approve, cancel, export
from dlqkit.cli.republish_run import prove, resolve, run, status
from dlqkit.cli.shared import (
    AsJson,
    PlanName,
    Snapshot,
    check_engine,
    exit_code_of,
    load,
    refuse_secrets,
    screen_width,
    user_name,
    write_json,
)
from dlqkit.untrusted import for_terminal, for_terminal_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from dlqkit.republish.edits import Edit
    from dlqkit.republish.plan import Plan
    from dlqkit.republish.selection import Selection
    from dlqkit.settings import Settings

__all__ = ["app"]

# Of a list on the screen; the plan has all.
ROWS = 10
STALE = 4

app = typer.Typer(
    name="republish",
    cls=WholeGroup,
    help="§5: send dead events again, from a plan that says all of it before anything is sent.\n\n"
    "Example: dlqkit republish plan incidents/orders --class infrastructure",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Patch = Annotated[str | None, typer.Option(help='JSON Patch, or merge patch such as {"currency": "EUR"}.')]
PatchFile = Annotated[Path | None, typer.Option(help="File that holds the patch.")]
Claimed = Annotated[bool, typer.Option("--leave-out-claimed", help="Leave out events of other plans.")]


@app.command("plan", cls=WholeCommand)
def plan(
    context: typer.Context,
    directory: Directory,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Condition on a column or payload field, such as payload.region=eu; all must hold."),
    ] = None,
    signature: Annotated[list[str] | None, typer.Option(help="signature_id; several: any of them.")] = None,
    failure_class: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            help="business, infrastructure, timeout or unknown.",
            autocompletion=one_of("business", "infrastructure", "timeout", "unknown"),
        ),
    ] = None,
    workflow: Annotated[list[str] | None, typer.Option(help="workflow_id.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="trace_id, event_key or record_id; several allowed.")] = None,
    csv: Annotated[Path | None, typer.Option(help="CSV with such ids, in a column named so or the first one.")] = None,
    accept: Annotated[
        list[str] | None, typer.Option(help="A reason that is not to leave an event out, such as poison or too old.")
    ] = None,
    patch: Patch = None,
    patch_file: PatchFile = None,
    reason: Annotated[str, typer.Option(help="Why the payloads are edited.")] = "",
    by: By = None,
    topic: Annotated[str | None, typer.Option(help="Another topic than the workflow's own.")] = None,
    confirm_topic: Annotated[str | None, typer.Option(help="The same topic once more.")] = None,
    http: Annotated[
        bool, typer.Option("--http", help="Send to the endpoint of republish.http instead of a topic.")
    ] = False,
    max_rate: Annotated[float | None, typer.Option(help="Events a second, at most what the settings allow.")] = None,
    most: Annotated[
        int | None, typer.Option(help="Plan so many events, those that began first and have no plan yet.")
    ] = None,
    leave_out_claimed: Claimed = False,
    snapshot: Snapshot = None,
    engine: Annotated[
        str, typer.Option(help="Where the events are found: pandas, duckdb, or auto, by the size of the records.")
    ] = "auto",
    as_json: AsJson = False,
) -> None:
    """Freeze what would be sent again, and why the rest would not. Offline; nothing is sent.

    Example: dlqkit republish plan incidents/orders --class infrastructure --where payload.region=eu
    """
    from dlqkit.republish.selection import Selection, read_ids

    settings = load(context)
    refuse_secrets(context, settings)
    selection = Selection(
        where=tuple(where or ()),
        signatures=tuple(signature or ()),
        classes=tuple(failure_class or ()),
        workflows=tuple(workflow or ()),
        ids=(*(event or ()), *(read_ids(csv) if csv else ())),
        accept=tuple(accept or ()),
    )
    edits = _read_patch(patch, patch_file, reason, user_name(by), None)
    _make(
        directory, selection, settings, edits, by=user_name(by), topic=topic, confirmed_topic=confirm_topic,
        use_http=http, max_rate=max_rate, leave_out_claimed=leave_out_claimed, snapshot=snapshot, as_json=as_json,
        most=most, engine=engine,
    )  # fmt: skip


@app.command("edit", cls=WholeCommand)
def edit(
    context: typer.Context,
    directory: Directory,
    plan_id: PlanName,
    reason: Annotated[str, typer.Option(help="Why.")],
    event: Annotated[str | None, typer.Option(help="Event of the plan's selection: trace_id or event_key.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every event of the plan's selection.")] = False,
    patch: Patch = None,
    patch_file: PatchFile = None,
    payload_file: Annotated[Path | None, typer.Option(help="File with the event's whole new payload.")] = None,
    editor: Annotated[bool, typer.Option("--editor", help="Open the event's payload in $EDITOR.")] = False,
    leave_out_claimed: Claimed = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Change payloads: makes the next plan in place of this one, on the same evidence. Nothing is sent.

    Example: dlqkit republish edit incidents/orders plan-001 --all --patch '{"currency": "EUR"}' --reason "OPS-17"
    """
    from dlqkit.errors import ParameterError
    from dlqkit.republish.editing import find_event, new_payload
    from dlqkit.republish.plan import read_plan
    from dlqkit.republish.plan_diff import edits_of, held_then
    from dlqkit.republish.selection import Selection

    settings = load(context)
    refuse_secrets(context, settings)
    old = read_plan(directory, plan_id)
    if every == (event is not None):
        raise ParameterError("It is not clear which payloads are meant.", "Give --event ID or --all.")
    key = None if event is None else find_event(old, event)
    ways = [patch is not None, patch_file is not None, payload_file is not None, editor]
    if sum(ways) != 1:
        raise ParameterError("The change is not given once.", "Give --patch, --patch-file, --payload-file or --editor.")
    if payload_file is not None or editor:
        if key is None:
            raise ParameterError("One new payload is given for all events.", "Name the event, or give a patch.")
        new = new_payload(directory, old, key, payload_file, reason=reason, by=user_name(by))
    else:
        new = _read_patch(patch, patch_file, reason, user_name(by), key)
    _make(
        directory, Selection.from_json(old.selection), settings, (*edits_of(old), *new), by=user_name(by),
        topic=_confirmed_topic(old, settings), confirmed_topic=old.target.address,
        use_http=old.target.kind == "http", max_rate=min(old.max_rate, settings.republish.max_rate or old.max_rate),
        snapshot=old.snapshot, replaces=old, leave_out_claimed=leave_out_claimed, claimed=held_then(old, key),
        as_json=as_json,
    )  # fmt: skip


def _read_patch(patch: str | None, file: Path | None, reason: str, by: str, key: str | None) -> tuple[Edit, ...]:
    from dlqkit.errors import ParameterError
    from dlqkit.republish.edits import read_edit

    if patch is not None and file is not None:
        raise ParameterError("Both --patch and --patch-file are given.", "Give one of them.")
    if file is not None:
        try:
            patch = file.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError):
            raise ParameterError(f"{file.name} cannot be read.", "Check the path after --patch-file.") from None
    return () if patch is None else (read_edit(patch, reason, by, key),)


def _confirmed_topic(old: Plan, settings: Settings) -> str | None:
    """The topic of the plan that is edited, unless it is to be the workflow's own."""
    own = settings.workflows.get(old.events[0].workflow_id)
    is_own = not old.is_other_topic and own is not None and own.topic is not None
    return None if old.target.kind == "http" or is_own else old.target.address


def _make(
    directory: Path,
    selection: Selection,
    settings: Settings,
    edits: Sequence[Edit],
    *,
    by: str,
    topic: str | None,
    confirmed_topic: str | None,
    use_http: bool,
    max_rate: float | None,
    snapshot: str | None,
    as_json: bool,
    leave_out_claimed: bool = False,
    claimed: dict[str, str] | None = None,
    replaces: Plan | None = None,
    most: int | None = None,
    engine: str = "auto",
) -> None:
    """Plan, claim, write, show."""
    from dlqkit.evidence.folder import open_incident
    from dlqkit.report.planning import plan_incident
    from dlqkit.republish.approval import keep_plan, next_plan_id, refuse_begun
    from dlqkit.republish.event_names import names_by_key
    from dlqkit.republish.registry import open_registry

    check_engine(engine)
    folder = open_incident(directory, snapshot=snapshot, engine=engine)
    with open_registry(directory, settings.republish.registry) as registry:
        if replaces is not None:
            refuse_begun(directory, replaces)
        # An event that an edit names is meant: whoever has it is named, and the edit is not lost unseen.
        meant = {edit.event_key for edit in edits}

        def held(dead: pd.DataFrame) -> dict[str, str]:
            names = names_by_key(dead)
            instead_of = None if replaces is None else replaces.plan_id
            found = registry.held_elsewhere(list(names), instead_of=instead_of, names=names)
            return {key: str(claim) for key, claim in found.items() if key not in meant}

        made, outlook = plan_incident(
            folder, selection, settings, plan_id=next_plan_id(directory), edits=edits, most=most, claimed=claimed,
            held=held if leave_out_claimed or most is not None else None, topic=topic,
            confirmed_topic=confirmed_topic, use_http=use_http, max_rate=max_rate,
            replaces=None if replaces is None else replaces.plan_id,
        )  # fmt: skip
        path = keep_plan(registry, made, outlook, by=by)
    _show(directory, made, outlook, path, as_json=as_json)
    raise typer.Exit(exit_code_of(folder.records_coverage.completeness))


def _show(directory: Path, made: Plan, outlook: dict[str, Any], path: Path, *, as_json: bool) -> None:
    from dlqkit.report.plan_tables import show_edits, show_left_out_counts, show_plan, show_planned
    from dlqkit.republish.next_steps import approve_command

    if as_json:
        reasons = Counter(one.reason for one in made.left_out)
        write_json({"plan": made.plan_id, "hash": made.hash, "path": str(path), "replaces": made.replaces,
                    "planned": len(made.events), "left_out": dict(sorted(reasons.items())),
                    "unknowns": list(made.unknowns), "warnings": list(made.warnings), "outlook": outlook})  # fmt: skip
        return
    text = show_plan(made, outlook)
    lines = [*for_terminal_lines(text.title, screen_width(), 2), "─" * screen_width(), text.to_text(screen_width())]
    for table in (show_left_out_counts(made), show_edits(made, ROWS), show_planned(made, ROWS)):
        if table.rows:
            lines += ["", f"{table.title}:", table.to_text(screen_width())]
    if len(made.events) > ROWS:
        lines += [f"… and {len(made.events) - ROWS:,} more"]
    lines += ["", f"All of it: {for_terminal(path)}", "Nothing is sent. When you have read it:"]
    command = approve_command(directory, made.plan_id, made.unknowns, made.outcome_deadline_s)
    typer.echo("\n".join([*lines, for_terminal(command)]))


@app.command("diff", cls=WholeCommand)
def diff(
    context: typer.Context,
    directory: Directory,
    plan_id: PlanName,
    snapshot: Annotated[
        str | None, typer.Option(help="Compare with this snapshot; the newest by default.", autocompletion=snapshots)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what changed since the plan was made; exits with 4 where a planned event is affected. Offline.

    Take a new snapshot first by dlqkit collect. Example: dlqkit republish diff incidents/orders plan-001
    """
    from dlqkit.evidence.folder import open_incident
    from dlqkit.report.plan_tables import show_plan_diff
    from dlqkit.report.planning import changes_since
    from dlqkit.republish.plan import read_plan

    settings = load(context)
    old = read_plan(directory, plan_id)
    folder = open_incident(directory, snapshot=snapshot)
    changes = changes_since(folder, old, settings)
    planned = {event.event_key for event in old.events}
    stale = int(changes.loc[changes["event_key"].isin(planned), "event_key"].nunique())
    if as_json:
        rows = changes.astype("str").to_dict("records")
        write_json({"plan": plan_id, "planned_on": old.snapshot, "snapshot": folder.snapshot, "changes": rows,
                    "planned_events_affected": stale})  # fmt: skip
    else:
        typer.echo(f"{plan_id} rests on snapshot {old.snapshot}; compared with snapshot {folder.snapshot}.")
        counts = changes["change"].astype("str").value_counts()
        typer.echo("\n".join(f"{count:>7,} {name}" for name, count in counts.items()) or "Nothing changed.")
        if len(changes):
            typer.echo(show_plan_diff(changes.head(ROWS)).to_text(screen_width()))
        if len(changes) > ROWS:
            typer.echo(f"… and {len(changes) - ROWS:,} more; --json shows all.")
        if stale:
            events = "1 planned event is" if stale == 1 else f"{stale:,} planned events are"
            typer.echo(f"{events} affected: make a new plan before anything is sent.")
    raise typer.Exit(STALE if stale else 0)


app.command("approve", cls=WholeCommand)(approve)
app.command("cancel", cls=WholeCommand)(cancel)
app.command("export", cls=WholeCommand)(export)
for _command in (run, status, resolve, prove):
    app.command(_command.__name__, cls=WholeCommand)(_command)
