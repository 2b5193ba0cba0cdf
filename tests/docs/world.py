"""Where the examples of the documentation are run: a folder as an analyst has it, beside a simulated platform."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import dlqkit
from dlqkit.cli.demo import _platform
from dlqkit.cli.main import main
from dlqkit.resources import find_template

EVENTS = 2000
# What an own process is started for; all else is a command of dlqkit, and is called in this one.
_OF_A_SHELL = set("|<>&;$`=*")


@dataclass(frozen=True, slots=True)
class World:
    """A platform, an incident collected from it, and the variables that lead to it."""

    base: Path
    served: dict[str, Any]
    workflow_id: str
    environment: dict[str, str]


@contextmanager
def open_world(place: Path, like: World | None = None) -> Iterator[World]:
    """A platform with one incident, collected; its cause is gone. ``like``: beside what was collected from another."""
    with _platform("infrastructure", EVENTS, 7, place / "scratch") as served:
        environment = served["environment"] | {
            "DLQKIT_REPUBLISH__ALLOWED_TOPICS": json.dumps(sorted(served["topics"].values())),
            "DLQKIT_REPUBLISH__MAX_RATE": "200",
            "DLQKIT_REPUBLISH__STEPS": "[1, 5, 100000]",
            "DLQKIT_REPUBLISH__OUTCOME_DEADLINE_S": "60",
            **{f"DLQKIT_WORKFLOWS__{key}__TOPIC": topic for key, topic in served["topics"].items()},
        }
        base, workflow_id = (like.base, like.workflow_id) if like else _collected(place / "base", environment)
        with urllib.request.urlopen(f"{served['control_url']}/heal", data=b"", timeout=10):
            pass
        yield World(base, served, workflow_id, environment)


def _collected(base: Path, environment: dict[str, str]) -> tuple[Path, str]:
    base.mkdir()
    with _inside(base, environment):
        code, out = call(["investigate", "--since", "4h", "--dir", "incidents/orders", "--json"])
        assert code in {0, 3}, out
    facts = json.loads(out)["facts"]
    # Every page and every person shows dead letters: where the world has none, that is said here, not by each of them.
    told = [(row["kind"], row["completeness"], row["missing"]) for row in facts["coverage"]]
    assert facts["events"]["affected"]["value"], (facts["state"], told)
    sources = [row for row in told if row[0].startswith(("records", "prometheus"))]
    assert {completeness for _, completeness, _ in sources} == {"complete"}, sources
    return base, str(facts["workflow"]["id"])


@contextmanager
def page_folder(world: World, place: Path) -> Iterator[Path]:
    """What a reader of one page has: the incident under the names that pages give it, settings, an alert, exports."""
    incidents = place / "incidents"
    shutil.copytree(world.base / "incidents", incidents)
    shutil.copytree(incidents / "orders", incidents / "2026-11-23-orders-sync")
    shutil.copytree(find_template("postmortem.ipynb").parent, place / "templates")
    # Where the sources are, the variables say: a file that is merely found may send no key to an address.
    (place / "dlqkit.toml").write_text("[worker]\nmax_attempts = 5\n", encoding="utf-8")
    exports = place / "exports" / "2026-11"
    exports.mkdir(parents=True)
    shutil.copy(next(incidents.glob("orders/evidence/001/records.parquet")), exports)
    label = {"alertname": "DeadLetters", "workflow_id": world.workflow_id}
    alert = {"version": "4", "status": "firing", "alerts": [
        {"status": "firing", "labels": label, "startsAt": json.loads(
            (incidents / "orders" / "report" / "facts.json").read_text(encoding="utf-8"))["onset"]["at"]}]}  # fmt: skip
    (place / "alert.json").write_text(json.dumps(alert), encoding="utf-8")
    with _inside(place, world.environment):
        yield place


@contextmanager
def _inside(place: Path, environment: dict[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


def call(words: list[str]) -> tuple[int, str]:
    """A command of dlqkit in this process: its exit code and what it printed."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(sys, "argv", ["dlqkit", *words])
        with contextlib.redirect_stderr(printed), pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0), printed.getvalue()


def run_line(line: str) -> tuple[int, str]:
    """One line as a shell takes it."""
    words = shlex.split(line, comments=True)
    if words and words[0] == "dlqkit" and not _OF_A_SHELL & set("".join(_unquoted(line))):
        return call(words[1:])
    return run_shell(line)


def run_shell(script: str) -> tuple[int, str]:
    """A script by bash, with ``dlqkit`` and ``papermill`` of this environment."""
    bin_folder = Path.cwd() / ".bin"
    bin_folder.mkdir(exist_ok=True)
    for name, module in (("dlqkit", "dlqkit"), ("papermill", "papermill"), ("python", "")):
        starts = f"-m {module} " if module else ""
        (bin_folder / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {starts}"$@"\n')
        (bin_folder / name).chmod(0o755)
    # The dlqkit that is tested, wherever another one is installed.
    own = {"PATH": f"{bin_folder}:{os.environ['PATH']}", "PYTHONPATH": str(Path(dlqkit.__file__).parents[1])}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False, timeout=120,
        env=os.environ | own,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def _unquoted(line: str) -> Iterator[str]:
    """What of a line a shell itself would read: no text in quotes, no comment, and no ``=`` of an option."""
    for word in shlex.split(line, comments=True, posix=False):
        if word[0] not in "'\"" and not word.endswith(("'", '"')):
            yield word.replace("=", "") if not word[0].isupper() else word
