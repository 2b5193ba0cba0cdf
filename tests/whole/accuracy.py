"""Run dlqkit against a simulated platform, by its ports alone, and compare what it says with the truth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SCENARIOS = ("infrastructure", "business", "timeout", "mixed", "silence", "quiet")
SCRAPE_S = 15
WINDOW = "4h"
LOOKED_BACK = timedelta(hours=4)
# A working day; at night an incident of few events has pauses of half an hour.
AFTERNOON = datetime(2026, 3, 2, 15, tzinfo=UTC)
# An API without pages gives its newest 50 or 100 records; some of them may be of before the incident, or of others.
GIVEN_AT_LEAST = 40


@dataclass(frozen=True, slots=True)
class Case:
    """One seed of one scenario: what was true, what dlqkit said, and each thing that is wrong."""

    scenario: str
    seed: int
    wrong: tuple[str, ...]
    wrong_exact_count: bool
    truth: Mapping[str, Any]
    facts: Mapping[str, Any]


@contextmanager
def simulator(folder: Path, *options: str) -> Iterator[tuple[dict[str, Any], dict[str, str], Path]]:
    """A running simulator: what it printed, an environment that knows its ports, and where its truth is."""
    truth = folder / "truth.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "dlqkit", "simulator", "--json", "--truth", str(truth), *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        served = json.loads(process.stdout.readline())
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DLQKIT_")}
        yield served, environment | served["environment"], truth
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def run_dlqkit(environment: Mapping[str, str], *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dlqkit", *arguments],
        env=dict(environment),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def clock_options(now: datetime | None) -> tuple[list[str], list[str]]:
    """Options of the simulator and of a command that looks at it; at ``now`` it has the traffic of that hour."""
    if now is None:
        return [], ["--since", WINDOW]
    return ["--now", now.isoformat()], ["--start", (now - LOOKED_BACK).isoformat(), "--end", now.isoformat()]


def run_case(scenario: str, seed: int, folder: Path, *, events: int = 20_000, now: datetime | None = None) -> Case:
    """Serve the scenario, collect and triage it from outside, and compare; at ``now`` it is the same each time."""
    clock, window = clock_options(now)
    options = ("--scenario", scenario, "--seed", str(seed), "--events", str(events), *clock)
    with simulator(folder, *options) as (_, environment, path):
        done = run_dlqkit(environment, "collect", "incident", *window, "--json", cwd=folder)
        assert done.returncode in {0, 3}, done.stderr
        truth = json.loads(path.read_text())
    told = run_dlqkit(environment, "triage", "incident", "--json", cwd=folder)
    assert told.returncode in {0, 3}, told.stderr
    facts = json.loads(told.stdout)
    wrong, exact = compare(facts, truth)
    return Case(scenario, seed, tuple(wrong), exact, truth, facts)


def compare(facts: Mapping[str, Any], truth: Mapping[str, Any]) -> tuple[list[str], bool]:
    """Each thing that is wrong, in a sentence; and whether a count that was called exact is."""
    scenario = truth["scenario"]
    state = facts["state"]
    if scenario == "quiet":
        wrong = [] if state["value"] == "nothing" else [f"quiet, but it says {state} of {facts['workflow']}"]
        return wrong, False
    wrong = []
    if facts["workflow"]["id"] != truth["workflow_id"]:
        wrong.append(f"workflow {facts['workflow']['id']} is not {truth['workflow_id']}")
    off = _seconds_off(facts["onset"]["at"], truth["onset_at"])
    if off is None or off > 2 * SCRAPE_S:
        wrong.append(f"onset {facts['onset']['at']} is not {truth['onset_at']}")
    kind = "silence" if scenario == "silence" else "dead_letters"
    if state["kind"] != kind:
        wrong.append(f"the signal is {state['kind']}, not {kind}")
    count = facts["events"]["total"]
    if scenario == "silence":
        if count["value"] is not None or facts["signatures"]:
            wrong.append(f"a silence has no events, but it says {count}")
        return wrong, False
    if (state["value"] == "going_on") != truth["going_on"]:
        wrong.append(f"it says {state['value']}, but going on is {truth['going_on']}")
    true_count = count_affected(truth, facts["as_of"])
    exact_is_wrong = count["bound"] == "exact" and count["value"] != true_count
    if exact_is_wrong or count["value"] is None or not 0 < count["value"] <= true_count:
        wrong.append(f"events {count}, but {true_count} were")
    # "At least one" is always true: it is an answer only where the API cuts, and then of all that it gives.
    elif count["bound"] != "exact" and (
        truth["pagination"] != "none" or count["value"] < min(true_count, GIVEN_AT_LEAST)
    ):
        wrong.append(f"events {count}, but {true_count} were, and pages go on by {truth['pagination']}")
    wrong += _wrong_class(facts, truth)
    return wrong, exact_is_wrong


def count_affected(truth: Mapping[str, Any], as_of: str) -> int:
    """Distinct events of the workflow that were dead-lettered in the incident, up to where the evidence ends."""
    moment = datetime.fromisoformat(as_of)
    return len({event for at, event in truth["dead_letters"] if datetime.fromisoformat(at) <= moment})


def _wrong_class(facts: Mapping[str, Any], truth: Mapping[str, Any]) -> list[str]:
    said = facts["class"]["value"]
    if truth["scenario"] != "mixed":
        return [] if said == truth["failure_class"] else [f"class {said} is not {truth['failure_class']}"]
    by_signature = {row["failure_class"] for row in facts["signatures"] if row["share"] >= 0.05}
    wanted = set(truth["classes"].values())
    return [] if by_signature == wanted else [f"classes by signature are {by_signature}, not {wanted}"]


def _seconds_off(said: str | None, true: str | None) -> float | None:
    if not said or not true:
        return None
    return abs((datetime.fromisoformat(said) - datetime.fromisoformat(true)).total_seconds())
