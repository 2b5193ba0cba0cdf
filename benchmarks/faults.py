"""Read sources that break, by seed, and count what is lost, doubled, altered or wrongly called whole."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Measure
from dlqkit.errors import DlqkitError
from dlqkit.sources.prometheus_decode import decode_answer, frames_of
from dlqkit.sources.record_decode import decode_page
from dlqkit.sources.worker_logs import WorkerLogs
from tests.evidence import broken_sources, killed_collects
from tests.sources import faults_campaign
from tests.sources.faulty_server import STYLES
from tests.sources.hostile_records import CASES, GOOD
from tests.sources.hostile_texts import LOG_LINES, PROMETHEUS_BODIES

SEEDS, LASTING_SEEDS, KILLS, SEED = 200, 10, 100, 20_261_126
COUNTED = {
    "lost": "records lost under faults that pass",
    "doubled": "records that came twice in one state",
    "altered": "records that came otherwise than served",
    "broken_off": "readings that broke off under faults that pass",
    "falsely_complete": "readings called complete that were not",
}


def run(seeds: int = SEEDS, lasting: int = LASTING_SEEDS, kills: int = KILLS) -> Iterator[Measure]:
    """A measure for each thing that must not happen, after those that say how hard it was tried."""
    yield from _passing(seeds)
    yield from _hostile()
    with tempfile.TemporaryDirectory() as folder:
        yield from _lasting(Path(folder), lasting)
    with tempfile.TemporaryDirectory() as folder:
        yield from _killed(Path(folder), kills)


def _passing(seeds: int) -> Iterator[Measure]:
    began = time.monotonic()
    tally = faults_campaign.recoverable(faults_campaign.recoverable_schedules(range(seeds)))
    faults = sum(count for fault, count in tally.faults.items() if fault != "none")
    detail = (
        f"{seeds} seeds × {len(STYLES)} pagination styles; {tally.records:,} records, {tally.requests:,} requests, "
        f"{faults:,} faults of {len(tally.faults) - 1} kinds, {time.monotonic() - began:.0f} s"
    )
    yield Measure("schedules of faults that pass", tally.schedules, seeds * 5, seeds * 5, True, detail)
    for name, text in COUNTED.items():
        yield Measure(text, getattr(tally, name), 0, 0, False, _first(tally.where))
    yield Measure("readings called unverified, nothing lost", tally.unverified, None, None, False, "lists that changed")


def _hostile() -> Iterator[Measure]:
    crashes, unequal, slowest = 0, 0, 0.0
    for case in CASES:
        began = time.monotonic()
        try:
            page = decode_page(b"[" + b",".join([GOOD, case.raw, GOOD]) + b"]")
            unequal += page.received != 3 or len(page.frame) + len(page.quarantined) != 3
        except Exception:  # noqa: BLE001 - whatever it is, it is what is counted
            crashes += 1
        slowest = max(slowest, time.monotonic() - began)
    for body in PROMETHEUS_BODIES:
        began = time.monotonic()
        try:
            frames_of(decode_answer(body).series)
        except DlqkitError:
            pass  # refused in words
        except Exception:  # noqa: BLE001
            crashes += 1
        slowest = max(slowest, time.monotonic() - began)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "worker.log"
        path.write_bytes(b"\n".join(LOG_LINES))
        began = time.monotonic()
        try:
            loaded = WorkerLogs(path).load()
            unequal += len(loaded.frame) != loaded.coverage.details["lines"]
        except Exception:  # noqa: BLE001
            crashes += 1
        slowest = max(slowest, time.monotonic() - began)
    texts = f"{len(CASES)} records, {len(PROMETHEUS_BODIES)} answers of a Prometheus, {len(LOG_LINES)} lines of a log"
    yield Measure("hostile texts", len(CASES) + len(PROMETHEUS_BODIES) + len(LOG_LINES), 500, 500, True, texts)
    yield Measure("of them neither kept nor put apart", unequal, 0, 0, False, "kept + put apart = served")
    yield Measure("of them that crashed", crashes, 0, 0, False, "any error but a refusal in words")
    yield Measure("slowest of them, s", slowest, 10, 10, False, "wall clock")


def _lasting(folder: Path, seeds: int) -> Iterator[Measure]:
    began = time.monotonic()
    tally = broken_sources.campaign(folder, broken_sources.lasting_schedules(range(seeds)))
    kinds = len(broken_sources.LASTING)
    codes = ", ".join(f"{count} with exit code {code}" for code, count in sorted(tally.by_code.items()))
    detail = (
        f"{kinds} faults × {seeds} seeds, each a process: {codes}; {tally.whole_pages:,} whole pages, "
        f"{time.monotonic() - began:.0f} s"
    )
    yield Measure("collects under faults that stay", tally.collects, 15 * seeds, 15 * seeds, True, detail)
    yield Measure("of them with anything wrong", sum(tally.wrong.values()), 0, 0, False, _first(tally.where))
    yield Measure(
        "slowest, s", tally.slowest_s, broken_sources.MOST_S, broken_sources.MOST_S, False, "answers cut at 1 s"
    )
    most = broken_sources.MOST_BYTES / 1e6
    yield Measure(
        "largest growth in memory, MB", tally.most_bytes / 1e6, most, most, False, "with a gzip bomb among them"
    )


def _killed(folder: Path, kills: int) -> Iterator[Measure]:
    began = time.monotonic()
    tally = killed_collects.campaign(folder, kills=kills, seed=SEED)
    detail = (
        f"{tally.kills_by_clock} at a moment of the clock, the others before a step on the disk; "
        f"{tally.folders} folders, {time.monotonic() - began:.0f} s"
    )
    yield Measure("kill -9 of a collect", tally.kills, kills, kills, True, detail)
    yield Measure("of them with other evidence", sum(tally.wrong.values()), 0, 0, False, _first(tally.where))


def _first(where: list[object] | list[str] | list[faults_campaign.Schedule]) -> str:
    return "; ".join(str(one) for one in where[:5]) or "none"
