"""The workers' metrics as they were scraped: counters with resets, durations, versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from dlqkit.simulator.mixing import Array
from dlqkit.simulator.platform import Platform

__all__ = ["SCRAPE_S", "Series", "instance_name", "page", "scrape_all"]

SCRAPE_S = 15.0
BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
JOB = "workflow-worker"


@dataclass(frozen=True, slots=True)
class Series:
    """One series: labels with its name, when it was scraped (milliseconds), and what was read."""

    labels: Mapping[str, str]
    at_ms: Array
    value: Array


def instance_name(number: int) -> str:
    """How a worker's metrics name it."""
    return f"worker-{number + 1}:8000"


def _scrape_times(platform: Platform, instance: int) -> Array:
    count = int((platform.horizon - platform.start) / SCRAPE_S)
    phase = 3.1 + 4.7 * instance
    # Scrapers are a few milliseconds late, each time another few.
    late = (platform.bits[: count % len(platform.bits)].astype(np.float64) % 7) if count < len(platform.bits) else 0.0
    times = platform.start + phase + SCRAPE_S * np.arange(count) + np.resize(late, count) / 1000
    for stopped, started, _ in platform.restarts[instance]:
        times = times[(times < stopped) | (times >= started)]
    for begins, ends in platform.unscraped:
        times = times[(times < begins) | (times >= ends)]
    if platform.stops_scraping:
        times = times[(times < platform.fault.begins + 20) | (times >= platform.fault.ends)]
    kept: Array = times
    return kept


def _base(times: Array, scrapes: Array, starts: list[float]) -> tuple[Array, Array]:
    """Events before each scrape, and before the start of the process that was scraped."""
    counted = np.searchsorted(times, scrapes, side="right")
    if not starts:
        return counted, np.zeros(len(scrapes), dtype=np.int64)
    before = np.concatenate([[0], np.searchsorted(times, np.array(starts), side="right")])
    return counted, before[np.searchsorted(np.array(starts), scrapes, side="right")]


def _counter(labels: dict[str, str], times: Array, scrapes: Array, starts: list[float]) -> Series | None:
    counted, before = _base(times, scrapes, starts)
    value = counted - before
    # A labelled counter is not on the page before its first event.
    there = value > 0
    if not there.any():
        return None
    return Series(labels, np.rint(scrapes[there] * 1000).astype(np.int64), value[there].astype(np.float64))


def scrape_all(platform: Platform) -> list[Series]:
    """Every series of every instance, up to the horizon."""
    out: list[Series] = []
    for instance in range(platform.instances):
        scrapes = _scrape_times(platform, instance)
        starts = [started for _, started, _ in platform.restarts[instance]]
        common = {"instance": instance_name(instance), "job": JOB}
        out += [one for one in _of_instance(platform, instance, common, scrapes, starts) if one is not None]
    return out


def _of_instance(
    platform: Platform, instance: int, common: dict[str, str], scrapes: Array, starts: list[float]
) -> Iterator[Series | None]:
    rows = platform.attempts
    own = rows.instance == instance
    for number, workflow in enumerate(platform.workflows):
        mine = own & (platform.workflow_of[rows.event] == number)
        labels = {**common, "workflow_id": workflow.workflow_id}
        for name, mask in (("dlq", rows.dead), ("failure", rows.failed), ("success", ~rows.failed)):
            yield _counter({"__name__": f"worker_{name}_total", **labels}, rows.ended[mine & mask], scrapes, starts)
        yield from _durations(platform, mine, labels, scrapes, starts)
    at_ms = np.rint(scrapes * 1000).astype(np.int64)
    begun = np.array([platform.first_start[instance], *starts])
    versions = ["1.8.2", *(version for *_, version in platform.restarts[instance])]
    process = np.searchsorted(np.array(starts), scrapes, side="right")
    yield Series({"__name__": "process_start_time_seconds", **common}, at_ms, np.round(begun[process], 2))
    yield Series({"__name__": "up", **common}, at_ms, np.ones(len(at_ms)))
    for version in dict.fromkeys(versions):
        there = np.array([versions[number] == version for number in process], dtype=bool)
        labels = {"__name__": "worker_build_info", **common, "version": version}
        yield Series(labels, at_ms[there], np.ones(int(there.sum())))


def _durations(
    platform: Platform, mine: Array, labels: dict[str, str], scrapes: Array, starts: list[float]
) -> Iterator[Series | None]:
    rows, name = platform.attempts, "worker_action_duration_seconds"
    ended, seconds = rows.ended[mine], rows.duration_ms[mine] / 1000
    if platform.dialect.duration_metric == "gauge":
        last = np.searchsorted(ended, scrapes, side="right") - 1
        there = last >= 0
        at_ms = np.rint(scrapes[there] * 1000).astype(np.int64)
        yield Series({"__name__": name, **labels}, at_ms, seconds[last[there]]) if there.any() else None
        return
    if platform.dialect.duration_metric == "histogram":
        for bound in BUCKETS_S:
            bucket = {"__name__": f"{name}_bucket", **labels, "le": f"{bound:g}"}
            yield _counter(bucket, ended[seconds <= bound], scrapes, starts)
        yield _counter({"__name__": f"{name}_bucket", **labels, "le": "+Inf"}, ended, scrapes, starts)
    yield _counter({"__name__": f"{name}_count", **labels}, ended, scrapes, starts)
    counted, before = _base(ended, scrapes, starts)
    total = np.concatenate([[0.0], np.cumsum(seconds)])
    there = counted > before
    if there.any():
        value = total[counted[there]] - total[before[there]]
        yield Series({"__name__": f"{name}_sum", **labels}, np.rint(scrapes[there] * 1000).astype(np.int64), value)


def page(platform: Platform, instance: int, now: float) -> str:
    """An instance's own page: the values of this moment."""
    scrapes = np.array([now])
    starts = [started for _, started, _ in platform.restarts[instance] if started <= now]
    kinds = {"worker_dlq_total": "counter", "worker_success_total": "counter", "worker_failure_total": "counter",
             "worker_action_duration_seconds": platform.dialect.duration_metric}  # fmt: skip
    lines: list[str] = []
    said: set[str] = set()
    everything = [
        one for one in _of_instance(platform, instance, {}, scrapes, starts) if one is not None and len(one.value)
    ]
    for series in sorted(everything, key=lambda one: one.labels["__name__"]):
        name = series.labels["__name__"]
        if name == "up":
            continue
        family = next((known for known in kinds if name.startswith(known)), name)
        if family not in said:
            said.add(family)
            lines.append(f"# TYPE {family} {kinds.get(family, 'gauge')}")
        labels = ",".join(f'{key}="{text}"' for key, text in series.labels.items() if key != "__name__")
        lines.append(f"{name}{{{labels}}} {series.value[0]:.17g}")
    return "\n".join(lines) + "\n"
