"""Windows of a fifth structure: a queue whose failed events are tried again, so that a dead letter trails its cause.

Kept aside until the onset's model was finished, and looked at once. After that look its usual rate was
bounded: some windows lost half of all events all through, which is an incident by docs/signals.md.
"""

from __future__ import annotations

import numpy as np

from benchmarks.signal_cases import SCRAPES, START_S, Case, Truth, frame

__all__ = ["queue"]


def queue(rng: np.random.Generator, incidents: int) -> Case:
    """Two to six processes, scraped by one timer or each by its own; dead letters at a rate that steps or swells."""
    scrape_s = float(rng.choice([5, 15, 60]))
    begin, length = START_S + float(rng.uniform(0, 86_400)), SCRAPES * scrape_s
    load = float(10 ** rng.uniform(-1, 1.5))
    usual = min(float(rng.choice([0, 0.002, 0.02, 0.1])), 0.1 * load) / scrape_s
    lost = [rng.uniform(begin, begin + length, rng.poisson(usual * length))]
    truths = []
    for number in range(incidents):
        room = SCRAPES // incidents
        lasting = int(rng.integers(15, min(200, room - 130)))
        low = begin + scrape_s * (number * room + rng.uniform(60, room - lasting - 50))
        high = low + lasting * scrape_s
        excess = max(float(10 ** rng.uniform(-0.6, 1.5)), 14 / lasting, 2 * usual * scrape_s)
        at = rng.uniform(low, high, rng.poisson(excess * lasting))
        if rng.random() < 0.25:  # what swells over the first third
            at = at[rng.random(len(at)) < np.minimum((at - low) / (high - low) * 3, 1)]
            # Of its first scrape, as in the other families: the mean of the second scrape's rate.
            excess = excess * min(2 * 3 / lasting, 1)
        truths.append(Truth("wf", low, high, excess))
        lost.append(at)
    dead = np.concatenate(lost)
    dead = dead + rng.exponential(0.1 * scrape_s, len(dead))  # the last of its attempts
    good = rng.uniform(begin, begin + length, rng.poisson(load * SCRAPES))
    processes, together = int(rng.integers(2, 7)), rng.random() < 0.5
    series = []
    for process in range(processes):
        offset = 0.0 if together else float(rng.uniform(0, scrape_s))
        scraped = begin + offset + scrape_s * np.arange(SCRAPES)
        scraped = scraped[rng.random(SCRAPES) > 0.005]
        labels = {"workflow_id": "wf", "instance": f"10.0.0.{process}:8000"}
        for metric, times, born in (("worker_dlq_total", dead, 1), ("worker_success_total", good, 0)):
            own = np.sort(times[rng.integers(0, processes, len(times)) == process])
            value = np.searchsorted(own, scraped, side="right").astype(np.float64)
            there = value >= born
            if there.any():
                series.append((metric, labels, scraped[there], value[there]))
    return Case(frame(series), tuple(truths), scrape_s, "queue")
