"""One report beside the truth of its platform, and what both say of the same time."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tests.whole.accuracy import clock_options, run_dlqkit, simulator

SCRAPE = timedelta(seconds=15)
# Times are rounded to a millisecond by some platforms.
ROUNDING = timedelta(seconds=1)
Loss = Mapping[str, Any]
Wrong = Iterator[str]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@dataclass(frozen=True)
class Scene:
    """What a report says (``facts``) and what is true (``truth``), of one seed of one scenario."""

    facts: Mapping[str, Any]
    truth: Mapping[str, Any]
    reports: Sequence[Mapping[str, Any]]
    """What was handed to dlqkit of the list of clients' reports."""

    @property
    def scenario(self) -> str:
        return str(self.truth["scenario"])

    @property
    def kind(self) -> str | None:
        return None if self.facts["state"]["kind"] is None else str(self.facts["state"]["kind"])

    @property
    def has_dead(self) -> bool:
        """Whether the incident is one of dead letters."""
        return self.truth["workflow_id"] is not None

    @property
    def is_cut(self) -> bool:
        """Whether the API gives its newest records only."""
        return bool(self.truth["pagination"] == "none")

    @property
    def hides_timeout(self) -> bool:
        """Whether an event has one record with the sum of its attempts: five timeouts then look like one long one."""
        dialect = self.truth["dialect"]
        is_sum = dialect["duration_is_sum"] and not dialect["record_per_attempt"]
        return bool(is_sum and self.scenario == "timeout")

    @property
    def is_blind(self) -> bool:
        """Whether the scraping stopped together with the worker, so that the silence is of metrics alone."""
        return bool(self.scenario == "silence" and self.truth["scraping_stops"])

    @property
    def as_of(self) -> datetime:
        return moment(self.facts["as_of"])

    @property
    def workflow_id(self) -> str:
        return str(self.truth["workflow_id"])

    @cached_property
    def own(self) -> list[Loss]:
        """Every dead letter of the workflow that a report could know of."""
        return [one for one in self.truth["losses"]
                if one["workflow_id"] == self.truth["workflow_id"] and moment(one["at"]) <= self.as_of]  # fmt: skip

    @cached_property
    def lost(self) -> list[Loss]:
        """Its dead letters from the onset to the end, background ones included."""
        if not self.has_dead:
            return []
        return [one for one in self.own if moment(one["at"]) >= moment(self.truth["onset_at"])
                and (self.truth["end_at"] is None or moment(one["at"]) <= moment(self.truth["end_at"]))]  # fmt: skip

    def lost_between(self, start: datetime, end: datetime) -> list[Loss]:
        """Its dead letters after one moment, up to and with another."""
        return [one for one in self.own if start < moment(one["at"]) <= end]

    def unseen(self, times: Sequence[datetime], since: datetime) -> int:
        """How many of these no scrape can have seen: just before the report ends, or before a process stopped."""
        stops = [moment(one["stopped_at"]) for own in self.truth["processes"].values() for one in own]
        ends = [self.as_of, *(stop for stop in stops if since - SCRAPE <= stop <= self.as_of)]
        return sum(any(end - SCRAPE - ROUNDING <= at <= end for end in ends) for at in times)

    @property
    def span(self) -> tuple[float, float]:
        """From the report's onset to its end, or to where its evidence ends; seconds since 1970."""
        end = self.facts["end"]["at"]
        return moment(self.facts["onset"]["at"]).timestamp(), (self.as_of if end is None else moment(end)).timestamp()

    @cached_property
    def tries(self) -> dict[str, Any]:
        """Every attempt of the busiest workflow up to the report's end, as arrays; ``sum_ms`` adds up an event's."""
        columns = {name: np.array(values) for name, values in self.truth["tries"].items()}
        keep = columns["ended_s"] <= self.as_of.timestamp()
        columns = {name: values[keep] for name, values in columns.items()}
        totals: dict[int, float] = {}
        sums = []
        for event, duration in zip(columns["event"], columns["duration_ms"], strict=True):
            totals[event] = totals.get(event, 0.0) + float(duration)
            sums.append(totals[event])
        columns["sum_ms"] = np.array(sums)
        if not self.truth["dialect"]["record_per_attempt"]:
            # Such an API holds an event once, by its last attempt.
            last = {int(event): place for place, event in enumerate(columns["event"])}
            places = np.array(sorted(last.values()), dtype=int)
            columns = {name: values[places] for name, values in columns.items()}
        return columns

    def times_of(self, *outcomes: str) -> list[datetime]:
        """When attempts of the busiest workflow ended so, each attempt counted."""
        tries = self.truth["tries"]
        return [datetime.fromtimestamp(at, self.as_of.tzinfo)
                for at, outcome in zip(tries["ended_s"], tries["outcome"], strict=True)
                if outcome in outcomes and at <= self.as_of.timestamp()]  # fmt: skip


def make_scene(
    scenario: str, seed: int, folder: Path, *, always_reported: bool = False, now: datetime | None = None
) -> Scene:
    """Serve the scenario, collect it from outside by its ports, files and the clients' list, and read the report.

    Clients report where events die, or ``always_reported``. At the present time each run draws another platform; at
    another ``now`` it is the same one each time.
    """
    logs = folder / "logs"
    clock, window = clock_options(now)
    options = ["--scenario", scenario, "--seed", str(seed), "--logs-dir", str(logs), *clock]
    with simulator(folder, *options) as (served, environment, path):
        truth = json.loads(path.read_text())
        names = {f"DLQKIT_WORKFLOWS__{key}__NAME": name for key, name in served["workflow_names"].items()}
        if names_clients(seed):
            names |= {f"DLQKIT_WORKFLOWS__{key}__ENTITY_KEY": '["payload.client_id"]' for key in served["topics"]}
        reports = _reported(truth, seed, always=always_reported)
        files = [part for file in sorted(logs.glob("*")) for part in ("--worker-logs", str(file))]
        if reports:
            write_reports(reports, folder / "reports.csv")
            files += ["--reported", "reports.csv"]
        given = environment | names
        done = run_dlqkit(given, "collect", "incident", *window, "--json", *files, cwd=folder)
        assert done.returncode in {0, 3}, done.stderr
    told = run_dlqkit(given, "triage", "incident", "--json", cwd=folder)
    assert told.returncode in {0, 3}, told.stderr
    return Scene(json.loads(told.stdout), truth, reports)


def names_clients(seed: int) -> bool:
    """Whether the analyst has set which field of a payload names the client; every second one has."""
    return seed % 2 == 0


def _reported(truth: Mapping[str, Any], seed: int, *, always: bool) -> list[Mapping[str, Any]]:
    # Nothing is wrong where nobody complains.
    if truth["workflow_id"] is None and not always:
        return []
    # With a field of clients set, a business key is looked for in that field alone.
    return [row for row in truth["reports"] if row["trace_id"] or not names_clients(seed)]


def write_reports(reports: Sequence[Mapping[str, Any]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = ("reported_at", "trace_id", "business_key")
        writer.writerow(names)
        writer.writerows([[row[name] or "" for name in names] for row in reports])
