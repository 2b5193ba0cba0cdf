"""Kill collects with SIGKILL at random moments, go on with the same command, and compare with an unbroken one."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from dlqkit.evidence.folder import open_incident
from tests.evidence.forked import Ended, Run, forker
from tests.evidence.service import QUESTION, Service, record, serving
from tests.evidence.test_interrupted import evidence_of, is_whole

__all__ = ["Tally", "campaign"]

RECORDS = 37
MOST_KILLS = 3
"""Of one folder; after them the command is left alone."""


@dataclass
class Tally:
    """What a campaign found; every number of ``wrong`` must be nought."""

    folders: int = 0
    kills: int = 0
    kills_by_clock: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    where: list[str] = field(default_factory=list)


def campaign(folder: Path, *, kills: int, seed: int) -> Tally:
    """So many kills: half at a moment of the clock, half before a step on the disk."""
    draw, tally = random.Random(seed), Tally()
    records = [record(number, 55 - number, dead=number % 3 > 0) for number in reversed(range(RECORDS))]
    with serving(records=records) as service, forker() as run:
        whole = _collect(run, service, folder / "whole", kill_before=1_000_000)
        steps = int(re.findall(r"([0-9]+) steps on the disk", whole.text)[-1])
        evidence = evidence_of(open_incident(folder / "whole"))
        while tally.kills < kills:
            directory = folder / f"{tally.folders:04d}"
            tally.folders += 1
            for _ in range(draw.randint(1, MOST_KILLS)):
                if tally.kills % 2:
                    ended = _collect(run, service, directory, kill_after_s=draw.uniform(0, whole.seconds))
                else:
                    ended = _collect(run, service, directory, kill_before=draw.randint(1, steps))
                tally.kills += ended.killed
                tally.kills_by_clock += ended.killed and bool(tally.kills % 2 == 0)
                if not ended.killed:
                    break
            if ended.killed:
                ended = _collect(run, service, directory)
            _hold(tally, directory, evidence, ended)
    return tally


def _hold(tally: Tally, directory: Path, evidence: list[str], ended: Ended) -> None:
    if ended.exit_code != 0:
        _miss(tally, "not gone on to its end", directory, ended.text[-500:])
        return
    if open_incident(directory).completeness != "complete":
        _miss(tally, "not complete", directory, open_incident(directory).manifest["sources"])
    if evidence_of(open_incident(directory)) != evidence:
        _miss(tally, "other evidence", directory, len(open_incident(directory).records().frame))
    try:
        is_whole(directory)
    except AssertionError as error:
        _miss(tally, "not whole", directory, error)


def _miss(tally: Tally, what: str, directory: Path, detail: object) -> None:
    tally.wrong[what] += 1
    tally.where.append(f"{what}: {directory.name}: {str(detail)[:300]}")


def _collect(run: Run, service: Service, directory: Path, **how: object) -> Ended:
    return run(
        arguments=["collect", str(directory), "--workflow", "wf", "--start", QUESTION.start.isoformat(),
                   "--end", QUESTION.end.isoformat()],
        environ={"DLQKIT_EXECUTION_LOGS__URL": f"{service.url}/execution-logs",
                 "DLQKIT_EXECUTION_LOGS__PAGE_LIMIT": "4",
                 "DLQKIT_PROMETHEUS__URL": service.url,
                 "DLQKIT_WORKER__METRICS_URLS": json.dumps([f"{service.url}/metrics"])},
        **how,
    )  # fmt: skip
