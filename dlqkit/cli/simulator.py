"""``dlqkit simulator``: a worker platform on loopback, until stopped; ``records``: what a lake holds of one."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from dlqkit.cli.commands import WholeCommand, WholeGroup
from dlqkit.cli.completion import one_of
from dlqkit.errors import ParameterError
from dlqkit.suggestions import did_you_mean
from dlqkit.untrusted import for_terminal

__all__ = ["app"]

# A lake's clock stands still, or the same seed would not be the same bytes.
LAKE_END = "2026-03-02T12:00Z"
_TOLD_EVERY = 5_000_000

app = typer.Typer(
    name="simulator",
    cls=WholeGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def simulator(
    context: typer.Context,
    scenario: Annotated[
        str,
        typer.Option(
            help="infrastructure, business, timeout, mixed, shared, silence or quiet.",
            autocompletion=one_of("infrastructure", "business", "timeout", "mixed", "shared", "silence", "quiet"),
        ),
    ] = "infrastructure",
    seed: Annotated[int, typer.Option(help="Same seed, same platform.", min=0)] = 7,
    events: Annotated[int, typer.Option(help="Events in the simulated day.", min=1000, max=2_000_000)] = 20_000,
    pagination: Annotated[str, typer.Option(help="none, offset, page, cursor, link; auto draws one.")] = "auto",
    now: Annotated[str | None, typer.Option(help="What time it is there, in UTC; the present by default.")] = None,
    republish: Annotated[
        str, typer.Option(help="How an event that is published again is shown: usual; drawn takes it from the seed.")
    ] = "usual",
    port: Annotated[int, typer.Option(help="Port of HTTP; 0 takes a free one.", min=0, max=65535)] = 0,
    logs_dir: Annotated[Path | None, typer.Option(help="Where worker logs are written.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Write here what is true, for tests.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as JSON.")] = False,
) -> None:
    """Serve a simulated worker platform on loopback until stopped, so that everything else can be tried.

    Example: dlqkit simulator --scenario timeout
    """
    if context.invoked_subcommand is not None:
        _refuse_options_of_the_platform(context)
        return
    from dlqkit.incident import parse_time
    from dlqkit.simulator.dialect import PAGINATIONS, RepublishDialect, draw_republish_dialect
    from dlqkit.simulator.platform import SCENARIOS, Platform
    from dlqkit.simulator.server import Server
    from dlqkit.simulator.traffic import BUSIEST_S

    if scenario not in SCENARIOS:
        step = did_you_mean(scenario, SCENARIOS, f"Choose of {', '.join(SCENARIOS)}.")
        raise ParameterError(f"There is no scenario {scenario[:30]!r}.", step)
    if pagination not in {"auto", *PAGINATIONS}:
        raise ParameterError(
            f"There is no pagination {pagination[:30]!r}.", f"Choose of auto, {', '.join(PAGINATIONS)}."
        )
    if republish not in {"usual", "drawn"}:
        raise ParameterError(f"There is no way {republish[:30]!r} to show a republish.", "Choose usual or drawn.")
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    platform = Platform(
        seed=seed, scenario=scenario, events=events, pagination=pagination,
        now=time.time() if now is None else parse_time(now).timestamp(),
        republish=RepublishDialect() if republish == "usual" else draw_republish_dialect(seed),
        # Who names a time asks for its hour too.
        busiest=None if now is None else BUSIEST_S,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="dlqkit-simulator-") as scratch:
        try:
            server = Server(platform, port=port, logs_dir=logs_dir or Path(scratch) / "logs")
        except OSError as error:
            raise ParameterError(
                f"Port {port} cannot be used: {error.strerror}.", "Name another port, or 0 for a free one."
            ) from error
        server.start()
        try:
            described = server.describe()
            if truth is not None:
                truth.write_text(json.dumps(platform.truth()), encoding="utf-8")
            _tell(described, as_json)
            stopped.wait()
        finally:
            server.stop()


@app.command("records", cls=WholeCommand)
def records(
    out: Annotated[Path, typer.Option(help="Folder for the Parquet files and for what is true of them.")],
    count: Annotated[int, typer.Option(help="Records.", min=1000, max=500_000_000)] = 1_000_000,
    seed: Annotated[int, typer.Option(help="Same seed, count and end: the same bytes.", min=0)] = 7,
    end: Annotated[str, typer.Option(help="When the last event arrives; records are of the day before.")] = LAKE_END,
    as_json: Annotated[bool, typer.Option("--json", help="Print what is true as JSON.")] = False,
) -> None:
    """Write execution records of a simulated day straight to Parquet, as a data lake holds them.

    Example: dlqkit simulator records --out lake --count 10000000
    """
    from dlqkit.incident import parse_time
    from dlqkit.simulator.lake.write import write_lake

    def tell(done: int) -> None:
        if done < count and done // _TOLD_EVERY > told[-1]:
            told.append(done // _TOLD_EVERY)
            typer.echo(f"{done:,} of {count:,} records", err=True)

    told = [0]
    try:
        truth = write_lake(out, records=count, seed=seed, end_s=parse_time(end).timestamp(), on_file=tell)
    except FileExistsError as error:
        raise ParameterError(
            f"There are files in {for_terminal(error.args[0])} already.",
            "Name a folder that is new, or empty this one.",
        ) from error
    if as_json:
        typer.echo(json.dumps(truth))
        return
    size = sum(path.stat().st_size for path in (out / "records").glob("*.parquet"))
    typer.echo(
        f"{truth['records']:,} records of {truth['events']:,} events, {truth['dead_letters']:,} of them dead letters."
    )
    typer.echo(f"Parquet, {size / 1e6:,.1f} MB: {for_terminal(out / 'records')}")
    typer.echo(f"What is true of them: {for_terminal(out / 'truth.json')}")


def _refuse_options_of_the_platform(context: typer.Context) -> None:
    given = [
        name for name in context.params if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    ]
    if given:
        command = f"dlqkit simulator {context.invoked_subcommand}"
        raise ParameterError(
            f"--{given[0].replace('_', '-')} before {context.invoked_subcommand} is of the platform that is served.",
            f"Write the options behind it: {command} --help shows which it has.",
        )


def _tell(described: dict[str, object], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(described))
    else:
        environment = described["environment"]
        assert isinstance(environment, dict)
        typer.echo("A simulated worker platform, on this machine alone. In another terminal:\n")
        for name, value in environment.items():
            typer.echo(f"export {name}='{for_terminal(value)}'")
        typer.echo("\ndlqkit investigate --since 4h\n")
        typer.echo(f"Worker logs: {for_terminal(described['logs_dir'])}")
        typer.echo(f"Remove the cause: curl -X POST {described['control_url']}/heal")
        typer.echo(f"Run the dead events again: curl -X POST {described['control_url']}/republish-all")
        typer.echo(f"Take its database away again: curl -X POST {described['control_url']}/outage")
        topics = described["topics"]
        assert isinstance(topics, dict)
        typer.echo("For a republish this stands in dlqkit.toml:\n\n[republish]\nmax_rate = 20")
        typer.echo(f"allowed_topics = {json.dumps(sorted(topics.values()))}")
        for workflow_id, topic in topics.items():
            typer.echo(f'[workflows."{workflow_id}"]\ntopic = "{topic}"')
        typer.echo("\nStop: Ctrl-C")
    sys.stdout.flush()
