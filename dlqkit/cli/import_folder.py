"""``dlqkit import``: an incident folder out of a zip."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from dlqkit.cli.shared import AsJson, write_json
from dlqkit.errors import EvidenceError
from dlqkit.untrusted import for_terminal

__all__ = ["import_folder"]

NAMED = 20
"""Files that were left out and are named on the screen: a zip may hold some ten thousand."""


def import_folder(
    source: Annotated[Path, typer.Argument(metavar="ZIP", help="Zip of one incident folder.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Incident folder to make; nothing may be there.")],
    as_json: AsJson = False,
) -> None:
    """Unpack an incident folder that somebody sent as a zip, as data, and verify it. Offline.

    Evidence, plans and what people wrote are taken; notebooks, reports and anything else are left out, and the first
    twenty named. Exit code 4 if the zip is refused, or if anything in the folder changed since it was collected.

    Example: dlqkit import orders.zip incidents/orders
    """
    from dlqkit.evidence.manifest import verify
    from dlqkit.evidence.zip_import import find_unfinished, import_zip
    from dlqkit.republish.tampering import verify_republish

    with _ended_in_order():
        done = import_zip(source, directory)
    changes = list(dict.fromkeys((*verify(directory), *verify_republish(directory))))
    if as_json:
        write_json({"directory": str(directory), "files": len(done.taken), "left_out": list(done.left_out),
                    "zip_sha256": done.zip_sha256, "changes": [asdict(one) for one in changes]})  # fmt: skip
    else:
        typer.echo(f"{len(done.taken)} files were taken into {for_terminal(directory)}.")
        for name in done.left_out[:NAMED]:
            typer.echo(for_terminal(f"{name}: left out"))
        if len(done.left_out) > NAMED:
            typer.echo(f"… and {len(done.left_out) - NAMED:,} more were left out; --json names all.")
        for path in find_unfinished(directory):
            typer.echo(for_terminal(f"{path} is of an import that was killed; remove it unless that one still runs."))
        for change in changes:
            typer.echo(for_terminal(f"{change.path}: {change.what}"))
        if not changes:
            typer.echo(f"Nothing changed: the evidence in {for_terminal(directory)} is as it was collected.")
    raise typer.Exit(EvidenceError.exit_code if changes else 0)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM, and a terminal that is closed, end the command as an error does: what is half there is removed."""
    known = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    # What was started not to hear a signal, as by nohup, does not.
    before = {number: handler for number, handler in known.items() if handler is not signal.SIG_IGN}

    def end(number: int, _: object) -> None:
        for one in before:
            signal.signal(one, signal.SIG_IGN)  # a second one would break off the removing
        sys.exit(128 + number)

    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
