"""``dlqkit reveal``: what a pseudonym of a report stands for, in the folder that it was made in."""

from __future__ import annotations

from typing import Annotated

import typer

from dlqkit.cli.shared import AsJson, Directory, Snapshot, load, refuse_secrets, user_name, write_json
from dlqkit.untrusted import for_terminal

__all__ = ["reveal"]


def reveal(
    context: typer.Context,
    directory: Directory,
    pseudonym: Annotated[
        str, typer.Argument(metavar="PSEUDONYM", help="As the report has it, such as email-3f9a1c07.")
    ],
    snapshot: Snapshot = None,
    by: Annotated[str | None, typer.Option(help="Who asks; the user of this machine by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a pseudonym stands for. Offline; only where the folder's key is, and noted in the audit log.

    Example: dlqkit reveal incidents/orders email-3f9a1c07
    """
    from dlqkit.evidence.folder import open_incident
    from dlqkit.report.pseudonyms import reveal as look_up

    settings = load(context)
    refuse_secrets(context, settings)
    folder = open_incident(directory, snapshot=snapshot)
    value = look_up(folder, pseudonym, user_name(by), settings.report.personal_fields)
    if as_json:
        write_json({"pseudonym": pseudonym, "value": value})
    else:
        typer.echo(for_terminal(value))
