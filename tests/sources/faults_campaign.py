"""Read a faulty API under many schedules, and count what was lost, doubled, altered, or called whole and was not."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from dlqkit.errors import SourceError
from dlqkit.frames import RECORDS, Coverage, Loaded, empty_frame
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.execution_logs import ExecutionLogs
from tests.sources.faulty_server import PAGE, STYLES, FaultyApi, Row, Schedule, faulty

__all__ = ["CHANGES", "Tally", "recoverable", "recoverable_schedules"]

KEY = "k3y-of-the-tests"
# What may happen to the list of each style while it is read, and be made good.
CHANGES: dict[str, tuple[str | None, ...]] = {
    "none": (None,),
    "offset": (None, "grows", "shrinks", "moves", "changes", "overlaps", "lowers its limit"),
    "page": (None, "grows", "shrinks", "moves", "changes", "overlaps", "repeats", "lowers its limit"),
    "cursor": (None, "grows", "shrinks", "changes", "overlaps", "repeats", "lowers its limit"),
    "link": (None, "grows", "shrinks", "changes", "overlaps", "repeats", "lowers its limit"),
}


@dataclass
class Tally:
    """What a campaign found: how much it tried, and what must be nought."""

    schedules: int = 0
    records: int = 0
    requests: int = 0
    unverified: int = 0
    lost: int = 0
    doubled: int = 0
    altered: int = 0
    broken_off: int = 0
    falsely_complete: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    where: list[Schedule] = field(default_factory=list)
    """Schedules in which something was wrong, to be looked at one by one."""

    @property
    def wrong(self) -> dict[str, int]:
        """What must be nought and is not."""
        names = ("lost", "doubled", "altered", "broken_off", "falsely_complete")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def recoverable_schedules(seeds: Iterable[int], styles: Iterable[str] = STYLES) -> Iterator[Schedule]:
    """A schedule for each seed and style, of faults that pass and changes that can be made good."""
    for style in styles:
        for seed in seeds:
            draw = random.Random(f"{style} {seed}")
            yield Schedule(
                style, seed, records=draw.choice([0, 1, PAGE - 1, PAGE, PAGE + 1, 47, 3 * PAGE, 63]),
                rate=draw.choice([0.1, 0.3, 0.6]), change=CHANGES[style][seed % len(CHANGES[style])],
                says=draw.choice(["nothing", "total", "more"]),
            )  # fmt: skip


def recoverable(schedules: Iterable[Schedule]) -> Tally:
    """Read once under each schedule."""
    tally = Tally()
    for schedule in schedules:
        with faulty(schedule) as api:
            try:
                loaded = read(api)
            except SourceError as error:
                missing = Coverage(completeness="partial", missing=(error.problem,))
                loaded = Loaded(empty_frame(RECORDS), missing, "")
            _hold(tally, api, loaded)
    return tally


def read(api: FaultyApi, **client_options: Any) -> Loaded:
    """The records, by a client that waits for an answer half a second rather than a minute, and does not sleep."""
    style = api.schedule.style
    settings = ExecutionLogsSettings(
        # Every third time the style is set, else it is found out.
        pagination=style if api.schedule.seed % 3 == 0 else "auto",  # type: ignore[arg-type]
        page_limit=100 if style == "none" else PAGE,
        max_requests=100,
    )
    options: dict[str, Any] = {"deadline_s": 0.5, "read_timeout_s": 0.4, "sleep": lambda _: None, **client_options}
    return ExecutionLogs(api.url, KEY, settings=settings, **options).load()


def _hold(tally: Tally, api: FaultyApi, loaded: Loaded) -> None:
    """Hold what came against what is served: each state that came must have been offered as it is."""
    before = tally.wrong
    frame, coverage = loaded.frame, loaded.coverage
    tally.schedules += 1
    tally.records += len(api.stayed)
    tally.requests += api.asked
    tally.faults.update(api.faults)
    came = [_seen(row) for row in frame.to_dict("records")]
    # A record in two states is there once with each.
    tally.doubled += len(came) - len(set(came))
    tally.altered += len(set(came) - api.offered)
    lost = {Row(number).record_id for number in api.stayed} - set(frame["record_id"])
    tally.lost += len(lost)
    tally.unverified += coverage.completeness == "unverified"
    tally.broken_off += coverage.completeness == "partial"
    tally.falsely_complete += bool(lost) and coverage.completeness == "complete"
    if tally.wrong != before:
        tally.where.append(api.schedule)


def _seen(row: dict[str, Any]) -> tuple[Any, ...]:
    at = row["recorded_at"]
    return (row["record_id"], row["trace_id"], row["attempts"], row["last_error"], row["payload_snapshot"],
            None if pd.isna(at) else at.to_pydatetime())  # fmt: skip
