"""``dlqkit init``: asks for the addresses, tries each source live, writes ``dlqkit.toml``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlqkit.cli.shared import PARTIAL, Shared, find_zone, say, write_json
from dlqkit.errors import DlqkitError, ParameterError
from dlqkit.invocation import with_options
from dlqkit.untrusted import for_terminal

if TYPE_CHECKING:
    from dlqkit.cli.init_questions import Questions
    from dlqkit.setup.checks import Tried
    from dlqkit.setup.draft import Draft

__all__ = ["init"]

# The design's code for what somebody broke off.
INTERRUPTED = 130
_KEY_HELP = "Where its key is: env:NAME, file:/PATH, keyring:NAME or command:PROGRAM; never the key."


def init(
    context: typer.Context,
    execution_logs_url: Annotated[
        str | None, typer.Option(help="Address of the Execution Logs API.", envvar="DLQKIT_EXECUTION_LOGS__URL")
    ] = None,
    execution_logs_key: Annotated[str | None, typer.Option(help=_KEY_HELP)] = None,
    prometheus_url: Annotated[
        str | None, typer.Option(help="Address of Prometheus, before /api/v1/.", envvar="DLQKIT_PROMETHEUS__URL")
    ] = None,
    prometheus_key: Annotated[str | None, typer.Option(help="The same for its token or password.")] = None,
    prometheus_user: Annotated[str | None, typer.Option(help="User of Prometheus; its key is then a password.")] = None,
    metrics_url: Annotated[list[str] | None, typer.Option(help="A worker's own /metrics page; repeat it.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Authority of the certificates, where it is your own.")] = None,
    timezone: Annotated[
        str | None,
        typer.Option(help="Zone of record times that state none.", envvar="DLQKIT_EXECUTION_LOGS__TIMEZONE"),
    ] = None,
    field: Annotated[list[str] | None, typer.Option(help="A field by its column: recorded_at=when; repeat it.")] = None,
    metric: Annotated[list[str] | None, typer.Option(help="A metric by its key: dlq=my_dlq_total; repeat it.")] = None,
    max_attempts: Annotated[int | None, typer.Option(help="MAX_ATTEMPTS of the worker.", min=1)] = None,
    action_timeout_ms: Annotated[float | None, typer.Option(help="Timeout of an action, milliseconds.", min=1)] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take what is given and found.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Put a file that is there aside.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was seen as JSON; needs --yes.")] = False,
) -> None:
    """Ask for the addresses, try each source live, and write dlqkit.toml into your configuration folder.

    With --config FILE before it, into that file; with --profile NAME, as a profile into the file that is there. The key
    itself is never written, only where it is. Exit code 3 if a source does not work yet.

    Example: dlqkit init --execution-logs-url https://api.host/execution-logs --yes
    """
    from dlqkit.cli.init_questions import Given, Questions, pairs
    from dlqkit.cli.init_steps import settle_metrics_pages, settle_prometheus, settle_records, settle_worker
    from dlqkit.frames import RECORDS
    from dlqkit.settings import user_settings_file
    from dlqkit.setup.draft import Draft, write_draft
    from dlqkit.setup.keys import read_reference
    from dlqkit.signals.counters import METRICS

    find_zone(timezone)
    asks = not yes and sys.stdin.isatty()
    if not asks and not yes:
        raise ParameterError("dlqkit init asks, and nobody is at the terminal.", "Give the addresses, and --yes.")
    if as_json and asks:
        raise ParameterError("--json goes with --yes alone: questions have no place in it.", "Give --yes, too.")
    questions = Questions(asks, quiet=as_json)
    shared = context.obj if isinstance(context.obj, Shared) else Shared()
    path = (shared.config or user_settings_file()).expanduser().absolute()
    keys = {"execution_logs": execution_logs_key, "prometheus": prometheus_key}
    given = Given(
        urls={"execution_logs": execution_logs_url, "prometheus": prometheus_url},
        keys={name: None if text is None else read_reference(text) for name, text in keys.items()},
        user=prometheus_user, metrics_urls=tuple(metrics_url or ()),
        ca_file=None if ca_file is None else ca_file.expanduser().absolute(), timezone=timezone,
        fields=pairs(field or (), "--field", "recorded_at=when", tuple(RECORDS)),
        metrics=pairs(metric or (), "--metric", "dlq=my_dlq_total", tuple(METRICS)),
        max_attempts=max_attempts, action_timeout_ms=action_timeout_ms,
    )  # fmt: skip
    draft = Draft(profile=shared.profile, before=_before(path, shared.profile, replace, questions))
    questions.tell(f"dlqkit init: writes {path}, after each source was tried. Ctrl-C leaves everything as it is.")
    draft, records = settle_records(draft, given, questions)
    draft, prometheus = settle_prometheus(draft, given, questions)
    draft, pages = settle_metrics_pages(draft, given, questions)
    tried = [one for one in (records, prometheus, *pages) if one is not None]
    if not tried:
        raise ParameterError(
            "No address was given, so there is nothing to write.",
            "Give --execution-logs-url or --prometheus-url; try dlqkit demo without any.",
        )
    draft = settle_worker(draft, given, questions)
    if not questions.agree(f"Write {for_terminal(path)}?"):
        typer.echo("Nothing was written.", err=True)
        raise typer.Exit(INTERRUPTED)
    kept = write_draft(draft, path)
    _tell(draft, path, kept, tried, as_json=as_json)
    raise typer.Exit(0 if all(one.works for one in tried) else PARTIAL)


def _before(path: Path, profile: str | None, replace: bool, questions: Questions) -> str | None:
    """The text that a profile is added to; a file is put aside only where somebody says so."""
    if profile is not None:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise ParameterError(
                f"There are no settings in {path} that a profile could differ from.",
                "Run dlqkit init without --profile.",
            ) from None
    if path.exists() and not replace:
        is_agreed = questions.asks and questions.agree(
            f"{for_terminal(path)} is there. Put it aside and write a new one?", default=False
        )
        if not is_agreed:
            raise ParameterError(
                f"{path} is there, and stays as it is.",
                "Give --replace to put it aside, --config FILE for another one, or --profile NAME to add a profile.",
            )
    return None


def _tell(draft: Draft, path: Path, kept: Path | None, tried: list[Tried], *, as_json: bool) -> None:
    from dlqkit.cli.tried_text import tried_json

    if as_json:
        write_json({"file": str(path), "profile": draft.profile, "kept": None if kept is None else str(kept),
                    "sources": [tried_json(one) for one in tried]})  # fmt: skip
        return
    if kept is not None:
        typer.echo(f"The old settings are kept: {for_terminal(kept)}")
    typer.echo(f"Written, for you alone: {for_terminal(path)}")
    _tell_of_others(path, draft.profile)
    if all(one.works for one in tried):
        typer.echo(with_options("Next:  dlqkit signals"))
    else:
        typer.echo(with_options("Mend what fails, there or at its place, and look again.\nNext:  dlqkit doctor"))


def _tell_of_others(path: Path, profile: str | None) -> None:
    """A word where another file would be used from here."""
    from dlqkit.settings import load_settings, user_settings_file

    if path != user_settings_file():
        return
    try:
        used = load_settings(profile=profile).file
    except DlqkitError as error:
        say(f"From this folder it is not used: {error}")
        return
    if used != path:
        say(f"From this folder {used} goes before it.")
