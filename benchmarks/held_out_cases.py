"""Windows of a third structure: many workflows, pods that are replaced.

Kept aside while thresholds were chosen; looked at once, after which a run needs five dead letters in three scrapes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from benchmarks.onset_oracle import by_number
from benchmarks.signal_cases import SCRAPES, START_S, Case, Truth, day_and_night, frame

__all__ = ["held_out"]

Floats = npt.NDArray[np.float64]
SCRAPE_S = 20.0


def _course(rng: np.random.Generator, length: int) -> Callable[[Floats], Floats]:
    """How an incident's dead letters go, by scrape: flat, fading, swelling, or in waves."""
    kind = int(rng.integers(0, 4))
    if kind == 0:
        return np.ones_like
    if kind == 1:
        return lambda number: np.exp(-2 * number / (length - 1))
    if kind == 2:
        return lambda number: 0.4 + 0.6 * number / (length - 1)
    waves = rng.uniform(2, 6)
    return lambda number: 1 + 0.7 * np.sin(2 * np.pi * number / (length - 1) * waves)


def _times(factor: float, course: Callable[[Floats], Floats], number: Floats) -> Floats:
    return factor * course(number)


def held_out(rng: np.random.Generator, incidents: int) -> Case:
    """Six workflows whose load wanders; pods are replaced under new names; poison comes in ones and twos."""
    begin = START_S + float(rng.uniform(0, 86_400))
    at = begin + SCRAPE_S * np.arange(SCRAPES)
    rollout = int(rng.integers(100, SCRAPES - 100)) if rng.random() < 0.5 else SCRAPES
    series = []
    truths, known = [], []
    chosen = rng.choice(6, size=incidents, replace=False)
    with_success = rng.random() < 0.7
    for number in range(6):
        name = f"00000000-0000-4000-8000-{number:012d}"
        wander = np.exp(np.repeat(np.cumsum(rng.normal(0, 0.15, SCRAPES // 50 + 1)), 50)[:SCRAPES])
        load = 10 ** rng.uniform(-1, 1.7) * day_and_night(at, 0.5) * (wander if with_success else 1.0)
        usual = float(rng.choice([0, 0.0005, 0.002, 0.01])) * load
        lost = rng.negative_binomial(3, 3 / (3 + np.maximum(usual, 1e-9))).astype(np.float64)
        for _ in range(int(rng.integers(0, 3))):
            lost[int(rng.integers(0, SCRAPES))] += int(rng.integers(1, 3))
        if number in chosen:
            length = int(rng.integers(12, 160))
            low = int(rng.integers(60, SCRAPES - length))
            course = _course(rng, length)
            excess = float(10 ** rng.uniform(-0.4, 1.4))
            excess = max(excess, 15 / length, 1.5 * float(usual[low : low + length].mean()))
            height = excess / float(course(np.arange(float(length))).mean())
            lost[low : low + length] += rng.poisson(height * course(np.arange(float(length))))
            watched = (np.arange(SCRAPES) < rollout) | (np.arange(SCRAPES) >= rollout + 3)
            known.append(
                partial(
                    by_number,
                    at,
                    np.cumsum(lost * watched),
                    watched,
                    usual,
                    low,
                    low + length,
                    partial(_times, height, course),
                )
            )
            truths.append(Truth(name, float(at[low]), float(at[low + length - 1]), excess))
        good = rng.poisson(load).astype(np.float64)
        pods = 2
        shares = rng.integers(0, pods, SCRAPES)
        for metric, count in (("worker_dlq_total", lost), ("worker_success_total", good)):
            if metric == "worker_success_total" and not with_success:
                continue
            for pod in range(pods):
                own = np.where(shares == pod, count, 0)
                for era, (first, last) in enumerate(((0, rollout), (rollout + 3, SCRAPES))):
                    value = np.cumsum(own[first:last])
                    there = value > 0
                    if there.any():
                        labels = {"workflow_id": name, "pod": f"worker-{era}-{pod}", "job": "worker"}
                        series.append((metric, labels, at[first:last][there] + 5.0 * pod, value[there]))
    if not series:
        series = [("worker_dlq_total", {"workflow_id": name, "pod": "worker-0-0", "job": "worker"}, at, 0 * at)]
    return Case(frame(series), tuple(truths), SCRAPE_S, "held out", tuple(known))
