"""Windows with slow actions or with silence in them, and windows that only look so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from benchmarks.signal_cases import SCRAPES, START_S, Case, Truth, day_and_night, frame

__all__ = ["SILENCES", "SPIKES"]

Floats = npt.NDArray[np.float64]
BUCKETS_S = np.array([0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60])


def _spiked(rng: np.random.Generator, incidents: int, at: Floats) -> tuple[Floats, list[tuple[int, int]]]:
    """How many times as long as usual an action takes at each scrape."""
    factor = np.ones(len(at))
    where = []
    for number in range(incidents):
        room = len(at) // incidents
        length = int(rng.integers(30, min(200, room // 2)))
        low = number * room + int(rng.integers(30, room - length - 30))
        factor[low : low + length] *= float(rng.uniform(2, 8))
        where.append((low, low + length))
    return factor, where


def slow_by_scrapes(rng: np.random.Generator, incidents: int) -> Case:
    """Log-normal durations with a day and a heavy tail, exported as a histogram, a summary or a gauge."""
    scrape_s = float(rng.choice([15, 30, 60]))
    at = START_S + float(rng.uniform(0, 86_400)) + scrape_s * np.arange(SCRAPES)
    factor, where = _spiked(rng, incidents, at)
    kind = str(rng.choice(["histogram", "sum and count", "quantiles", "gauge"]))
    load = 10 ** rng.uniform(-0.3, 1.5) * day_and_night(at, float(rng.uniform(0, 0.6)))
    if kind == "gauge":
        load = np.maximum(load, 0.3)
    usual = float(10 ** rng.uniform(-1, 0.5)) * day_and_night(at + rng.uniform(0, 86_400), float(rng.uniform(0, 0.45)))
    spread = float(rng.uniform(0.3, 0.9))
    counts = rng.poisson(load)
    owner = np.repeat(np.arange(SCRAPES), counts)
    seconds = (usual * factor)[owner] * rng.lognormal(0, spread, len(owner))
    tail = rng.random(len(owner)) < rng.choice([0, 0.01, 0.03])
    seconds[tail] *= rng.pareto(1.5, int(tail.sum())) + 3
    labels = {"workflow_id": "wf", "instance": "w1"}
    name = "worker_action_duration_seconds"
    series = []
    if kind in {"histogram", "sum and count"}:
        total = np.bincount(owner, weights=seconds, minlength=SCRAPES)
        series = [(f"{name}_sum", labels, at, np.cumsum(total)), (f"{name}_count", labels, at, np.cumsum(counts) + 0.0)]
        for bound in [*BUCKETS_S, np.inf] if kind == "histogram" else []:
            below = np.bincount(owner[seconds <= bound], minlength=SCRAPES)
            text = "+Inf" if np.isinf(bound) else f"{bound:g}"
            series.append((f"{name}_bucket", {**labels, "le": text}, at, np.cumsum(below).astype(np.float64)))
    elif kind == "gauge":
        last = np.searchsorted(owner, np.arange(SCRAPES), side="right") - 1
        seen = last >= 0
        series = [(name, labels, at[seen], seconds[last[seen]])]
    else:
        for quantile in (0.5, 0.9, 0.99):
            recent = [seconds[(owner > number - 8) & (owner <= number)] for number in range(SCRAPES)]
            value = np.array([np.quantile(one, quantile) if len(one) else np.nan for one in recent])
            series.append((name, {**labels, "quantile": str(quantile)}, at, value))
    truths = tuple(Truth("wf", float(at[low]), float(at[high]), 5) for low, high in where)
    return Case(frame(series), truths, scrape_s, kind)


def slow_from_events(rng: np.random.Generator, incidents: int) -> Case:
    """Gamma durations of two kinds of events over several workers that restart; a slow dependency adds to each."""
    scrape_s = 15.0
    length = SCRAPES * scrape_s
    begin = START_S + float(rng.uniform(0, 86_400))
    at = np.sort(rng.uniform(begin, begin + length, rng.poisson(10 ** rng.uniform(2.6, 4))))
    grid = begin + scrape_s * np.arange(SCRAPES)
    factor, where = _spiked(rng, incidents, grid)
    large = rng.random(len(at)) < rng.uniform(0.02, 0.5)
    usual = float(10 ** rng.uniform(-1.2, 0.3))
    seconds = usual * np.where(large, 4, 1) * rng.gamma(2, 0.5, len(at))
    typical = usual * float(np.mean(np.where(large, 4, 1)))
    seconds += (factor[np.clip(((at - begin) / scrape_s).astype(int), 0, SCRAPES - 1)] - 1) * typical
    workers = int(rng.integers(1, 4))
    owner = rng.integers(0, workers, len(at))
    series = []
    for worker in range(workers):
        scraped = grid + rng.uniform(0, scrape_s)
        stop = float(rng.uniform(begin, begin + length))
        own, took = at[owner == worker], seconds[owner == worker]
        for metric, weight in (("_count", np.ones(len(own))), ("_sum", took)):
            total = np.concatenate([[0.0], np.cumsum(weight)])
            value = total[np.searchsorted(own, scraped)]
            value = value - np.where(scraped > stop, total[np.searchsorted(own, stop)], 0)
            labels = {"workflow_id": "wf", "instance": f"w{worker}"}
            series.append((f"worker_action_duration_seconds{metric}", labels, scraped, value))
    truths = tuple(Truth("wf", float(grid[low]), float(grid[high]), 5) for low, high in where)
    return Case(frame(series), truths, scrape_s)


def _flow(rng: np.random.Generator, at: Floats, kind: str) -> Floats:
    """Expected successes a scrape."""
    if kind == "sleepy":
        return np.full(len(at), 10 ** rng.uniform(-2.5, -1))
    load = 10 ** rng.uniform(-0.3, 1.7) * day_and_night(at, float(rng.uniform(0, 0.9)))
    if kind == "batches":
        period = int(rng.integers(10, 60))
        load = load * period * (np.arange(len(at)) % period == 0)
    if kind == "bursts":
        load = load * np.repeat(rng.gamma(0.7, 1 / 0.7, len(at) // 10 + 1), 10)[: len(at)]
    return load


def silent_by_scrapes(rng: np.random.Generator, incidents: int) -> Case:
    """Several workflows; one of them, or all, stop for a while although they are scraped."""
    scrape_s = float(rng.choice([15, 30]))
    at = START_S + float(rng.uniform(0, 86_400)) + scrape_s * np.arange(SCRAPES)
    workflows = int(rng.integers(1, 6))
    low = int(rng.integers(250, 700))
    high = SCRAPES if rng.random() < 0.4 else low + int(rng.integers(60, 200))
    everyone = rng.random() < 0.4 or workflows == 1
    seen = np.ones(SCRAPES, dtype=bool)
    if rng.random() < 0.3:
        gap = int(rng.integers(20, 180))
        seen[gap : gap + int(rng.integers(10, 60))] = False
    truths, series = [], []
    for number in range(workflows):
        kinds = ["steady", "steady", "sleepy", "batches", "bursts"]
        kind = "steady" if number == 0 else str(rng.choice(kinds))
        if incidents == 0:
            kind = str(rng.choice(kinds))
        load = _flow(rng, at, kind)
        silent = incidents > 0 and (number == 0 or everyone)
        if silent and number == 0:
            load = np.maximum(load, 60 / (min(high, SCRAPES) - low))
        if silent:
            load = load.copy()
            load[low:high] = 0
        good = np.cumsum(rng.poisson(load)).astype(np.float64)
        labels = {"workflow_id": f"wf{number}", "instance": "w1"}
        series.append(("worker_success_total", labels, at[seen], good[seen]))
        if rng.random() < 0.5:
            bad = np.cumsum(rng.poisson(0.01 * load)).astype(np.float64)
            series.append(("worker_failure_total", labels, at[seen], bad[seen]))
    if incidents:
        truths = [Truth("wf0", float(at[low]), float(at[min(high, SCRAPES) - 1]), 5)]
    return Case(frame(series), tuple(truths), scrape_s, "all" if everyone else "one")


def silent_from_events(rng: np.random.Generator, incidents: int) -> Case:
    """Events of a queue that a worker takes one after the other; it hangs, and then works off what has waited."""
    scrape_s = 15.0
    length = SCRAPES * scrape_s
    begin = START_S + float(rng.uniform(0, 86_400))
    depth = float(rng.uniform(0, 0.8))
    series, truths = [], []
    hang = begin + float(rng.uniform(0.3, 0.6)) * length
    back = hang + float(rng.uniform(900, 4000))
    for number in range(int(rng.integers(2, 5))):
        at = np.sort(rng.uniform(begin, begin + length, rng.poisson(10 ** rng.uniform(2.7, 4))))
        at = at[rng.random(len(at)) < day_and_night(at, depth) / (1 + depth)]
        if number == 0 and incidents:
            waiting = (at > hang) & (at < back)
            at[waiting] = back + np.sort(rng.uniform(0, 120, int(waiting.sum())))
            at = np.sort(at)
            truths = [Truth("wf0", hang, back, 5)]
        stop = float(rng.uniform(begin, begin + length))
        scraped = begin + 3.0 * number + scrape_s * np.arange(SCRAPES)
        down = (scraped > stop) & (scraped < stop + 60)
        value = np.searchsorted(at, scraped) - np.where(scraped > stop, np.searchsorted(at, stop), 0)
        labels = {"workflow_id": f"wf{number}", "instance": f"w{number}"}
        series.append(("worker_success_total", labels, scraped[~down], value[~down].astype(np.float64)))
    return Case(frame(series), tuple(truths), scrape_s, "queue")


SPIKES: dict[str, Callable[[np.random.Generator, int], Case]] = {
    "by scrapes": slow_by_scrapes,
    "from events": slow_from_events,
}
SILENCES: dict[str, Callable[[np.random.Generator, int], Case]] = {
    "by scrapes": silent_by_scrapes,
    "from events": silent_from_events,
}
