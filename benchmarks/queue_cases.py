"""Windows of a fifth structure: a queue whose failed events are tried again, so that a dead letter trails its cause.

Kept aside until the onset's model was finished, and looked at once. After that look its usual rate was
bounded: some windows lost half of all events all through, which is an incident by docs/signals.md.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from benchmarks.onset_oracle import Counts, in_time
from benchmarks.signal_cases import SCRAPES, START_S, Case, Truth, frame

__all__ = ["queue"]

Floats = npt.NDArray[np.float64]
# The delay of the last attempt, in scrapes, and places in its distribution.
DELAY, QUANTILES = 0.1, np.arange(0.125, 1, 0.25)


def queue(rng: np.random.Generator, incidents: int) -> Case:
    """Two to six processes, scraped by one timer or each by its own; dead letters at a rate that steps or swells."""
    scrape_s = float(rng.choice([5, 15, 60]))
    begin, length = START_S + float(rng.uniform(0, 86_400)), SCRAPES * scrape_s
    load = float(10 ** rng.uniform(-1, 1.5))
    usual = min(float(rng.choice([0, 0.002, 0.02, 0.1])), 0.1 * load) / scrape_s
    lost = [rng.uniform(begin, begin + length, rng.poisson(usual * length))]
    truths, raised = [], []
    for number in range(incidents):
        room = SCRAPES // incidents
        lasting = int(rng.integers(15, min(200, room - 130)))
        low = begin + scrape_s * (number * room + rng.uniform(60, room - lasting - 50))
        high = low + lasting * scrape_s
        excess = max(float(10 ** rng.uniform(-0.6, 1.5)), 14 / lasting, 2 * usual * scrape_s)
        at = rng.uniform(low, high, rng.poisson(excess * lasting))
        swells = rng.random() < 0.25
        raised.append(partial(_so_far, excess / scrape_s, (high - low) / 3 if swells else 0.0))
        if swells:  # over the first third
            at = at[rng.random(len(at)) < np.minimum((at - low) / (high - low) * 3, 1)]
            # Of its first scrape, as in the other families: the mean of the second scrape's rate.
            excess = excess * min(2 * 3 / lasting, 1)
        truths.append(Truth("wf", low, high, excess))
        lost.append(at)
    dead = np.concatenate(lost)
    dead = dead + rng.exponential(DELAY * scrape_s, len(dead))  # the last of its attempts
    good = rng.uniform(begin, begin + length, rng.poisson(load * SCRAPES))
    processes, together = int(rng.integers(2, 7)), rng.random() < 0.5
    series, counted = [], []
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
            if born:
                counted.append(Counts(scraped[:-1], scraped[1:], np.diff(value), 1 / processes))
    delays = -DELAY * scrape_s * np.log(1 - QUANTILES)
    # Incidents are so far apart that one does not reach into the next one's beginning.
    known = tuple(
        partial(in_time, counted, partial(np.multiply, usual), course, delays, one.onset_s, one.end_s, scrape_s)
        for one, course in zip(truths, raised, strict=True)
    )
    return Case(frame(series), tuple(truths), scrape_s, "queue", known)


def _so_far(rate: float, rise_s: float, at_s: Floats, onset_s: Floats) -> Floats:
    """Events up to each time of a rise that swells to a rate, or has it from the onset on."""
    since = np.maximum(at_s - onset_s, 0.0)
    out: Floats = rate * np.where(since < rise_s, since**2 / (2 * max(rise_s, 1e-9)), since - rise_s / 2)
    return out
