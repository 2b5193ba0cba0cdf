"""``dlqkit doctor``: what of the settings no longer works, and why."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from dlqkit.cli.shared import PARTIAL, load, say, write_json
from dlqkit.invocation import with_options

__all__ = ["doctor"]

# The design's code for a check that says no.
NO = 4


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    strict: Annotated[bool, typer.Option(help="Exit with 3 where something could not be looked at.")] = False,
) -> None:
    """Ask every configured source and say what no longer works, and why. Needs the network; writes nothing.

    Exit code 4 if something fails.

    Example: dlqkit doctor
    """
    from dlqkit.cli.tried_text import print_tried, tried_json
    from dlqkit.setup.examine import examine

    settings = load(context, need="source")
    found = examine(settings, os.environ, on_source=lambda name: say(f"Asking {name} …"))
    failing = [one for one in found if not one.works]
    unseen = any(check.state == "unknown" for one in found for check in one.checks)
    if as_json:
        write_json({"works": not failing, "sources": [tried_json(one) for one in found]})
    else:
        for one in found:
            print_tried(one)
            typer.echo()
        if failing:
            count = sum(check.state == "fails" for one in failing for check in one.checks)
            names = ", ".join(dict.fromkeys(one.name for one in failing))
            typer.echo(f"{count} {'check fails' if count == 1 else 'checks fail'}: {names}.")
        else:
            typer.echo(with_options("Everything that was asked works.\nNext:  dlqkit signals"))
    raise typer.Exit(NO if failing else PARTIAL if strict and unseen else 0)
