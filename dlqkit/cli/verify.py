"""``dlqkit verify``: whether any byte of the evidence changed."""

from __future__ import annotations

from dataclasses import asdict

import typer

from dlqkit.cli.shared import AsJson, Directory, write_json
from dlqkit.errors import EvidenceError
from dlqkit.untrusted import for_terminal

__all__ = ["verify"]


def verify(
    directory: Directory,
    as_json: AsJson = False,
) -> None:
    """Compare every byte of the evidence with its manifest and the audit log. Exit code 4 if anything changed.

    Example: dlqkit verify incidents/orders
    """
    from dlqkit.evidence.folder import read_question
    from dlqkit.evidence.manifest import find_snapshots
    from dlqkit.evidence.manifest import verify as find_changes

    read_question(directory)
    if not find_snapshots(directory):
        raise EvidenceError(f"{directory} holds no finished snapshot.", f"Finish it: dlqkit collect {directory}")
    changes = find_changes(directory)
    if as_json:
        write_json({"directory": str(directory), "changes": [asdict(change) for change in changes]})
    elif changes:
        for change in changes:
            typer.echo(for_terminal(f"{change.path}: {change.what}"))
    else:
        typer.echo(f"Nothing changed: the evidence in {for_terminal(directory)} is as it was collected.")
    raise typer.Exit(EvidenceError.exit_code if changes else 0)
