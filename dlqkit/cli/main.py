"""The ``dlqkit`` command: options before any command, errors as two sentences, exit codes of the design."""

from __future__ import annotations

import errno
import gc
import json
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from dlqkit import __version__
from dlqkit.cli.commands import CommandGroup
from dlqkit.cli.shared import Shared, find_zone, screen_width
from dlqkit.cli.usage import usage_error
from dlqkit.errors import DlqkitError, ParameterError, StorageError
from dlqkit.imports import leave_out_grammars
from dlqkit.invocation import called_with, with_options
from dlqkit.untrusted import for_terminal, for_terminal_lines

__all__ = ["app", "main"]

INTERRUPTED = 130
# Payloads that are read are many objects and no cycles: Python would look through all of them at every 700 new ones,
# which is a twentieth of the time of a report.
OBJECTS_BETWEEN_LOOKS = 50_000
# Typer brings its own copy of click in some versions, so the class is taken from what it exports.
_UsageError: type[Any] = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")


class _Interrupted(Exception):
    """Ctrl-C: typer itself would end with 130 and without a word."""


class _Commands(CommandGroup):
    """The commands, and who interrupts one is told."""

    def invoke(self, ctx: Any) -> Any:
        """Run what was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            raise _Interrupted from stop


app = typer.Typer(
    name="dlqkit",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain help can be copied and is there at once: what draws boxes around it takes longer to import than all else.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dlqkit {__version__}")
        raise typer.Exit


@app.callback()
def _before_any_command(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="Settings file to use, and no other.")] = None,
    profile: Annotated[
        str | None, typer.Option(help="Name below “profiles” in the settings, whose table to use.")
    ] = None,
    tz: Annotated[str | None, typer.Option(help="Show local time beside UTC, such as Europe/Berlin.")] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """From a dead-letter alert to a post-mortem on the ticket.

    Example: dlqkit demo

    Example: dlqkit investigate --since 2h
    """
    context.obj = Shared(config=config, profile=profile, zone=find_zone(tz))
    called_with(config, profile)


def _tell(error: DlqkitError) -> None:
    next_step = with_options(error.next_step)
    if "--json" in sys.argv:
        print(json.dumps({"error": {"problem": error.problem, "next_step": next_step}}), file=sys.stdout)  # noqa: T201
    # The problem is read, an id in it may be copied as the command of the next step may.
    width = screen_width()
    problem = "\n".join(for_terminal_lines(error.problem, width, break_words=False))
    step = f"Next: {next_step}"
    lines = [for_terminal(step)] if "dlqkit " in step else for_terminal_lines(step, width, break_words=False)
    print("\n".join([problem, *lines]), file=sys.stderr)  # noqa: T201


def _check_text(arguments: Sequence[str]) -> None:
    # Python hands on bytes that are no UTF-8 as halves of characters, which no frame and no file can hold.
    if any("\ud800" <= sign <= "\udfff" for text in arguments for sign in text):
        raise ParameterError("An argument has bytes that are no text in UTF-8.", "Type it anew, or rename the file.")


def _open_closed() -> None:
    """Where a shell closed standard input or output, as by ``>&-``, nobody looks; what is written goes nowhere."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free, which is this one; else the next file would be taken for the terminal.
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def _tell_crash(error: Exception) -> None:
    """A fault of ours, with its lines for whoever mends it; no secret that a library's message holds is among them."""
    told = "dlqkit has a fault, which is none of yours; what was collected is kept."
    step = "Next: run it again; if it ends so again, report it to dlqkit's maintainers with the lines above."
    try:
        text = "".join(traceback.format_exception(error))
        secrets = sys.modules.get("dlqkit.sources.secrets")
        lines = (secrets.mask_resolved(text) if secrets else text).splitlines()
    except Exception as fault:  # noqa: BLE001 - what could not be masked is not shown; names of classes hold no secret
        lines = [f"{type(error).__name__}, and {type(fault).__name__} while telling it"]
    # Where nothing can be written nobody reads it.
    with suppress(OSError, ValueError):
        print("\n".join([*map(for_terminal, lines), told, step]), file=sys.stderr)  # noqa: T201


def _tell_interrupted() -> int:
    with suppress(OSError, ValueError):
        print("Interrupted; what was collected is kept.", file=sys.stderr)  # noqa: T201
    return INTERRUPTED


def _let_go() -> None:
    """What cannot be written is dropped: Python would try again at exit, complain, and end with a code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # a stream that is closed is a ValueError
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run() -> int:
    """Run what was asked for, and tell what is wrong; the exit code."""
    try:
        _check_text(sys.argv)
        # Also for python -m dlqkit, so that a help text and a completion are of a command that there is.
        code = app(standalone_mode=False, prog_name="dlqkit")
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except DlqkitError as error:
        _tell(error)
        return error.exit_code
    except (_Interrupted, typer.Abort):
        return _tell_interrupted()
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM}:
            raise
        # The system's words: a library may have put others into the error, and a secret with them.
        problem = f"Writing failed: {os.strerror(error.errno)}."
        _tell(StorageError(problem, "Free some space, or name another folder."))
        return StorageError.exit_code
    except _UsageError as error:
        told = usage_error(error, sys.argv)
        if told is None:
            error.show()
        else:
            _tell(told)
        return int(error.exit_code)


def main() -> None:
    """Run the command line; the process ends with the exit code of the design."""
    _open_closed()
    leave_out_grammars()
    gc.set_threshold(OBJECTS_BETWEEN_LOOKS)
    # Around the telling as well: what goes wrong in it would be shown by Python, after the error that was to be told.
    try:
        sys.exit(_run())
    except KeyboardInterrupt:
        sys.exit(_tell_interrupted())
    except BrokenPipeError:
        # The reader of our output is gone, and knows it.
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - not to go on, but so that no secret is in what is shown
        _tell_crash(error)
        sys.exit(1)
    finally:
        _let_go()
