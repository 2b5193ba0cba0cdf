"""Collect from an API that breaks for good, and hold what is kept, what is said and what it cost against bounds."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlqkit.evidence.folder import open_incident
from dlqkit.evidence.manifest import find_snapshots, verify
from tests.evidence.forked import Ended, forker
from tests.sources.faulty_answers import gzip_bomb
from tests.sources.faulty_server import FaultyApi, Schedule, faulty

__all__ = ["LASTING", "Tally", "campaign", "lasting_schedules"]

MARKED = ("cursor", "link")
PAGED = ("offset", "page", *MARKED)
# Each fault that stays, the styles of paging that it can happen to, and what the evidence says of it.
LASTING: dict[str, tuple[tuple[str, ...], str]] = {
    "reset within the answer": (PAGED, "broke off|cannot be reached"),
    "short body": (PAGED, "broke off"),
    "cut at close": (PAGED, "cut off or broken"),
    "corrupt gzip": (PAGED, "broke off|cannot be reached"),
    "trickle": (PAGED, "not done answering after|no answer in time"),
    "stall": (PAGED, "no answer in time"),
    "429 tomorrow": (PAGED, "asks for fewer requests"),
    "503 in a second": (PAGED, "broken or overloaded"),
    "200 with a page": (PAGED, "web page .*Sign in"),
    "200 with an error": (PAGED, "no list of records: backend restarts"),
    "sent away": (PAGED, "sends us on to another address"),
    "sent in a circle": (PAGED, "in a circle"),
    "401": (PAGED, "refuses access"),
    "403": (PAGED, "refuses access"),
    "404": (MARKED, "nothing at"),
    "huge body": (PAGED, "more than 64 MiB"),
    "many elements": (PAGED, "more than .* elements"),
    "deep nesting": (PAGED, "cut off or broken"),
    "gzip bomb": (PAGED, "more than 64 MiB"),
    "new records for ever": (PAGED, "budget of 100 requests"),
    "empty pages for ever": (MARKED, "50 pages in a row had no record"),
    "old records for ever": (
        PAGED,
        "only records that were there already|only pages that were there already|no way to go on",
    ),
    "a circle": (MARKED, "only pages that were there already|only records that were there already"),
}
MOST_S, MOST_BYTES = 30.0, 300_000_000
RECORDS = 57


@dataclass
class Tally:
    """What a campaign found; every number of ``wrong`` must be nought."""

    collects: int = 0
    whole_pages: int = 0
    slowest_s: float = 0.0
    most_bytes: int = 0
    by_code: Counter[int] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    where: list[str] = field(default_factory=list)

    def miss(self, what: str, schedule: Schedule, detail: object) -> None:
        """Note what was wrong, and under which schedule."""
        self.wrong[what] += 1
        self.where.append(f"{what}: {schedule.lasting}, {schedule.style}, seed {schedule.seed}: {str(detail)[:300]}")


def lasting_schedules(seeds: Iterable[int], kinds: Iterable[str] = tuple(LASTING)) -> Iterator[Schedule]:
    """Each fault with each seed: at first, or after a few pages, and with faults that pass before it."""
    for kind in kinds:
        for seed in seeds:
            draw = random.Random(f"{kind} {seed}")
            styles = LASTING[kind][0]
            style = styles[seed % len(styles)]
            # Whether an API pages by offset or number at all is found out with up to four questions.
            after = draw.choice([0, 2, 3]) if style in MARKED else draw.choice([0, 4, 5])
            if kind in ("new records for ever", "empty pages for ever", "old records for ever", "a circle"):
                after = max(after, 3)
            passing = ("short body", "500", "cut gzip", "429 soon", "gzip", "sent on")
            yield Schedule(
                style, seed, RECORDS, rate=draw.choice([0.0, 0.2]), passing=passing, lasting=kind, after=after
            )


def campaign(folder: Path, schedules: Iterable[Schedule]) -> Tally:
    """Collect once under each schedule, in a process of its own."""
    tally = Tally()
    gzip_bomb()
    with forker() as run:
        for number, schedule in enumerate(schedules):
            with faulty(schedule) as api:
                directory = folder / f"{number:04d}"
                ended = run(
                    arguments=["collect", str(directory), "--start", "2026-03-01T00:00Z", "--end", "2026-03-03T00:00Z",
                               "--strict"],
                    environ={"DLQKIT_EXECUTION_LOGS__URL": api.url, "DLQKIT_EXECUTION_LOGS__PAGE_LIMIT": "10",
                             "DLQKIT_EXECUTION_LOGS__MAX_REQUESTS": "100", "COLUMNS": "400"},
                    client={"deadline_s": 1.0, "read_timeout_s": 0.8}, kill_after_s=120.0,
                )  # fmt: skip
                _hold(tally, api, directory, ended)
    return tally


def _hold(tally: Tally, api: FaultyApi, directory: Path, ended: Ended) -> None:
    schedule = api.schedule
    tally.collects += 1
    tally.whole_pages += len(api.whole)
    tally.slowest_s = max(tally.slowest_s, ended.seconds)
    tally.most_bytes = max(tally.most_bytes, ended.grew_bytes)
    if ended.seconds > MOST_S:
        tally.miss("not bounded in time", schedule, ended.seconds)
    if ended.grew_bytes > MOST_BYTES:
        tally.miss("not bounded in memory", schedule, ended.grew_bytes)
    if api.keys:
        tally.miss("sent to another address", schedule, api.keys)
    if ended.killed:
        tally.miss("killed as it did not end", schedule, ended.text)
        return
    tally.by_code[int(ended.exit_code or 0)] += 1
    came, said, completeness = _evidence(directory)
    served = {row.record_id for rows in api.whole for row in rows}
    if ended.exit_code != (3 if came or served else 1):
        tally.miss("another exit code than 3 or 1", schedule, (ended.exit_code, completeness, said, ended.text[-300:]))
    if completeness == "complete":
        tally.miss("falsely complete", schedule, said)
    if not served <= came:
        tally.miss("whole pages that were not kept", schedule, sorted(served - came))
    told = said or " ".join(ended.text.split())
    if not re.search(LASTING[str(schedule.lasting)][1], told):
        tally.miss("without its reason", schedule, told)


def _evidence(directory: Path) -> tuple[set[str], str, str | None]:
    """Ids of the records that were kept, what is said to be missing, and the completeness."""
    if not find_snapshots(directory):
        return set(), "", None
    folder = open_incident(directory)
    assert verify(directory) == ()
    coverages: list[dict[str, Any]] = [source["coverage"] for source in folder.manifest["sources"]]
    said = " ".join(str(sentence) for coverage in coverages for sentence in coverage["missing"])
    return set(folder.records().frame["record_id"]), said, folder.completeness
