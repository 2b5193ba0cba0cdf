"""Windows of a fourth structure: shares that drift, poison in batches of up to three, samples lost one by one."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.onset_oracle import by_number
from benchmarks.signal_cases import SCRAPES, START_S, Case, Truth, frame

__all__ = ["drifting"]


def drifting(rng: np.random.Generator, incidents: int) -> Case:
    """One workflow of any size, whose usual share of dead letters goes up and down by a fifth."""
    scrape_s = float(rng.choice([15, 60]))
    number = np.arange(SCRAPES)
    at = START_S + rng.uniform(0, 86_400) + scrape_s * (number + rng.uniform(-0.02, 0.02, SCRAPES))
    load = rng.choice([0.3, 3, 30, 150]) * (1 + 0.7 * np.sin(2 * np.pi * at / 86_400 + 1))
    load = load * np.repeat(rng.lognormal(0, 0.25, SCRAPES // 20 + 1), 20)[:SCRAPES]
    usual = load * rng.choice([0, 0, 0.001, 0.005, 0.02]) * np.exp(0.2 * np.sin(2 * np.pi * number / 400))
    lost = rng.poisson(usual).astype(np.float64)
    for _ in range(int(rng.integers(0, 4))):
        lost[rng.integers(0, SCRAPES)] += rng.integers(1, 4)
    truths, drawn = [], []
    for one in range(incidents):
        room = SCRAPES // incidents
        length = min(int(rng.integers(10, 180)), room - 130)
        low = one * room + int(rng.integers(60, max(61, room - length - 50)))
        excess = max(float(10 ** rng.uniform(-0.6, 1.3)), 12 / length, 1.5 * float(usual[low : low + length].mean()))
        lost[low : low + length] += rng.poisson(excess, length)
        drawn.append((low, low + length, excess))
        truths.append(Truth("wf", float(at[low]), float(at[min(low + length, SCRAPES - 1)]), excess))
    counts = {
        "worker_dlq_total": lost,
        "worker_success_total": rng.poisson(load).astype(np.float64),
        "worker_failure_total": 3 * lost + rng.poisson(0.05 * load),
    }
    series = []
    for metric, count in counts.items():
        value = np.cumsum(count)
        for reset in np.sort(rng.integers(1, SCRAPES, 2)) if rng.random() < 0.5 else []:
            value[reset:] -= value[reset - 1]
        seen = (rng.random(SCRAPES) > 0.01) & (value > 0)
        if seen.any():
            series.append((metric, {"workflow_id": "wf", "job": "worker"}, at[seen], value[seen]))
    all_of_them = np.cumsum(lost), np.ones(SCRAPES, dtype=bool)
    known = tuple(
        partial(by_number, at, *all_of_them, usual, low, high, partial(np.full_like, fill_value=excess))
        for low, high, excess in drawn
    )
    return Case(frame(series), tuple(truths), scrape_s, "drifting", known)
