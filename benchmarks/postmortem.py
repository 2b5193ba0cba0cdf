"""The wall time of a post-mortem of 100,000 records, against Papermill and nbconvert on an empty notebook."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.harness import Figure, Measure
from dlqkit.evidence.folder import open_incident
from tests.whole.accuracy import simulator

# A day of so many events, of which the workflow in trouble has 100,000 records in the time that is asked for; a seed
# whose API gives a thousand records at once.
EVENTS, SEED, WINDOW = 540_000, 10, timedelta(hours=3)
# The load follows the day: a fixed end keeps the window within the budget of requests.
END = datetime(2026, 3, 2, 14, tzinfo=UTC)
ROUNDS = 7
EMPTY = {"cells": [], "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
         "nbformat": 4, "nbformat_minor": 5}  # fmt: skip
OURS = (["dlqkit", "postmortem", "incident", "--format", "ipynb", "--format", "html", "--format", "md"],)
THEIRS = (["papermill", "empty.ipynb", "out.ipynb"], ["nbconvert", "--to", "html", "out.ipynb"])


@dataclass(frozen=True)
class Spent:
    """What commands took, one after the other: of the wall clock, of all cores, and memory of the largest process."""

    wall_s: float
    cpu_s: float
    memory_mb: int


def run() -> list[Figure | Measure]:
    """Whole processes, as a person starts them; Python's own compiled files are there, as a wheel's are."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        first_s, whole_s = _investigate(folder)
        records = len(open_incident(folder / "incident").records().frame)
        assert 100_000 <= records < 110_000, records
        (folder / "empty.ipynb").write_text(json.dumps(EMPTY))
        spent: dict[str, list[Spent]] = {"ours": [], "theirs": []}
        for number in range(ROUNDS + 1):
            pair = [("ours", OURS), ("theirs", THEIRS)]
            for name, commands in pair if number % 2 else reversed(pair):
                took = _spend(commands, folder, environment)
                if number:  # the first round compiles
                    spent[name].append(took)
    triage = Figure(
        f"investigate, {records:,} records: triage on the screen, and the post-mortem after it",
        "triage", "post-mortem", "wall", first_s, whole_s, whole_s / first_s, whole_s / first_s, whole_s / first_s, 1,
    )  # fmt: skip
    return [_measure(records, spent["ours"], spent["theirs"]), triage]


def _measure(records: int, ours: Sequence[Spent], theirs: Sequence[Spent]) -> Measure:
    ratios = [own.wall_s / other.wall_s for own, other in zip(ours, theirs, strict=True)]
    detail = (
        f"facts, figures, ipynb, html and md; {_told(ours)} against {_told(theirs)}; {ROUNDS} rounds, "
        f"{min(ratios):.2f} to {max(ratios):.2f}"
    )
    name = f"post-mortem of {records:,} records, share of papermill + nbconvert on an empty notebook"
    return Measure(name, statistics.median(ratios), 1.0, 0.8, higher_is_better=False, detail=detail)


def _told(spent: Sequence[Spent]) -> str:
    wall, cpu, memory = (
        statistics.median(getattr(one, name) for one in spent) for name in ("wall_s", "cpu_s", "memory_mb")
    )
    return f"{wall:.1f} s, {cpu:.1f} s of CPU, {memory:,.0f} MB in the largest process"


def _spend(commands: Sequence[Sequence[str]], folder: Path, environment: dict[str, str]) -> Spent:
    """Run modules in a process of their own, which alone can say what its children took."""
    code = (
        "import json, resource, subprocess, sys\n"
        "for command in json.loads(sys.argv[1]):\n"
        "    subprocess.run([sys.executable, '-m', *command], check=True, capture_output=True)\n"
        "spent = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(spent.ru_utime + spent.ru_stime, spent.ru_maxrss)"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code, json.dumps(commands)], cwd=folder, env=environment, check=True,
                          capture_output=True, text=True)  # fmt: skip
    wall_s = time.monotonic() - began
    cpu_s, peak = done.stdout.split()
    return Spent(wall_s, float(cpu_s), int(peak) // 1024)


def _investigate(folder: Path) -> tuple[float, float]:
    """Collect the incident; when the triage was on the screen, and when all was done."""
    with simulator(
        folder, "--events", str(EVENTS), "--seed", str(SEED), "--pagination", "cursor", "--now", END.isoformat()
    ) as (_, environment, _path):
        # Twenty thousand original messages are more than are read of a subscription, and no part of this figure.
        del environment["DLQKIT_DEAD_LETTER_SUBSCRIPTION__NAME"]
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "dlqkit", "investigate", "--start", (END - WINDOW).isoformat(), "--end",
             END.isoformat(), "--dir", "incident"],
            env=environment, cwd=folder, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            if "collecting the rest" in line:
                first_s = time.monotonic() - began
        assert process.wait() == 0
        return first_s, time.monotonic() - began
