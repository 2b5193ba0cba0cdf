"""``dlqkit demo``: the runbook on a simulated incident, no configuration."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from dlqkit import language
from dlqkit.cli.completion import one_of
from dlqkit.cli.shared import PARTIAL, Language, speak_for, zone_of
from dlqkit.errors import ParameterError, SourceUnavailable
from dlqkit.suggestions import did_you_mean
from dlqkit.untrusted import for_file_name, for_terminal

__all__ = ["demo"]

SCENARIOS = ("infrastructure", "business", "timeout", "mixed", "shared", "silence", "quiet")
WINDOW = timedelta(hours=4)
STOP_S = 10


def demo(
    context: typer.Context,
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Incident folder to make; demo/SCENARIO by default.")
    ] = None,
    scenario: Annotated[
        str,
        typer.Option(help=f"One of {', '.join(SCENARIOS)}.", autocompletion=one_of(*SCENARIOS)),
    ] = "infrastructure",
    events: Annotated[int, typer.Option(help="Events in the simulated day.", min=1000, max=2_000_000)] = 20_000,
    seed: Annotated[int, typer.Option(help="Same seed, same platform.")] = 7,
    republish: Annotated[bool, typer.Option(help="Then remove the cause and send the dead events again.")] = True,
    fix: Annotated[bool, typer.Option(help="--no-fix sends them with the cause still there, and stops.")] = True,
    lang: Language = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Carry out the runbook on a simulated incident: post-mortem, then the republish. Loopback only.

    Example: dlqkit demo --scenario business
    """
    from dlqkit.cli.demo_republish import republish_settings, show_republish
    from dlqkit.cli.investigate import run_investigation
    from dlqkit.incident import Incident
    from dlqkit.settings import load_settings

    if scenario not in SCENARIOS:
        step = did_you_mean(scenario, SCENARIOS, f"Choose of {', '.join(SCENARIOS)}.")
        raise ParameterError(f"There is no scenario {scenario[:30]!r}.", step)
    folder = directory or _free(Path("demo") / for_file_name(scenario))
    # Each platform is a new one: a second snapshot would tell of other events under the same ids.
    if (folder / "incident.toml").exists():
        raise ParameterError(
            f"{folder} holds an incident already, and a demo is a new one.",
            f"Give another DIR, or look at that one: dlqkit triage {shlex.quote(str(folder))}",
        )
    with (
        tempfile.TemporaryDirectory(prefix="dlqkit-demo-") as scratch,
        _platform(scenario, events, seed, Path(scratch)) as served,
    ):
        names = served["workflow_names"].items()
        environment = served["environment"] | {f"DLQKIT_WORKFLOWS__{key}__NAME": name for key, name in names}
        environment |= republish_settings(served)
        os.environ.update(environment)
        now = datetime.now(UTC)
        logs = (
            sorted(str(path) for path in Path(served["logs_dir"]).glob("*") if path.is_file())
            if served.get("logs_dir")
            else []
        )
        settings = load_settings(environ=environment, start=Path(scratch))
        speak_for(context, lang, settings)

        def finish(result: Any) -> dict[str, Any]:
            if not as_json:
                path = language.say("The post-mortem: {path}", path=result.paths["html"].resolve())
                look = language.say("Look around in it: dlqkit lab {directory}", directory=folder)
                typer.echo(f"\n{for_terminal(path)}")
                typer.echo(for_terminal(look))
            if not republish:
                return {}
            workflow_id, state = result.facts["workflow"]["id"], result.facts["state"]["value"]
            shown = show_republish(folder, settings, served, workflow_id, fix=fix, quiet=as_json,
                                   is_wrong=state != "nothing")  # fmt: skip
            return {"republish": shown}

        result = run_investigation(
            Incident(now - WINDOW, now), settings, folder,
            as_json=as_json, worker_logs=tuple(logs), zone=zone_of(context), finish=finish,
        )  # fmt: skip
    if not result.complete:
        raise typer.Exit(PARTIAL)


def _free(path: Path) -> Path:
    found, number = path, 2
    while found.exists():
        found, number = path.with_name(f"{path.name}-{number}"), number + 1
    return found


@contextmanager
def _platform(scenario: str, events: int, seed: int, scratch: Path) -> Iterator[dict[str, Any]]:
    """The simulator in a process of its own, as any outside world is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dlqkit", "simulator", "--json", "--scenario", scenario, "--events", str(events),
         "--seed", str(seed), "--logs-dir", str(scratch / "logs")],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith("{"):
            raise SourceUnavailable("The simulator did not start.", "Run dlqkit simulator by itself to see why.")
        yield json.loads(line)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
