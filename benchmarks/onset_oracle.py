"""The best that can be known of an onset: where one who knows how a window was made would put it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Counts", "Known", "by_number", "in_time", "place"]

Floats = npt.NDArray[np.float64]

# Scrapes before and after the true onset among which it is looked for, and so many more that are looked at.
AROUND, MORE = 40, 20
# Places between two scrapes where an onset may be anywhere.
PARTS = 4
TINY = 1e-9
# Where the answer may be, in parts of a scrape.
ANSWERS = 8


@dataclass(frozen=True, slots=True)
class Known:
    """What is counted near an onset, and what is to be expected for each place of it.

    ``events`` and ``usual`` have a number for each step between two scrapes, ``excess`` a row for each of ``onset_s``.
    """

    events: Floats
    usual: Floats
    onset_s: Floats
    excess: Floats


@dataclass(frozen=True, slots=True)
class Counts:
    """Dead letters that one process counted in each step, and its part of all of them."""

    previous_s: Floats
    at_s: Floats
    events: Floats
    part: float


def place(known: Known, scrape_s: float) -> float:
    """The time within one scrape of which lies most of the chance; the middle of them where several do."""
    expected = np.maximum(known.usual + known.excess, TINY)
    score = np.log(expected) @ known.events - expected.sum(axis=1)
    chance = np.exp(score - score.max())
    answers = np.arange(known.onset_s[0], known.onset_s[-1] + scrape_s / 2, scrape_s / ANSWERS)
    answers = np.union1d(answers, known.onset_s)
    near = np.abs(answers[:, None] - known.onset_s) <= scrape_s * 1.001
    inside = near @ chance
    best = answers[inside >= inside.max() * (1 - TINY)]
    return float(best[len(best) // 2])


def by_number(
    at_s: Floats, value: Floats, seen: npt.NDArray[np.bool_], usual: Floats, low: int, high: int,
    course: Callable[[Floats], Floats],
) -> Known:  # fmt: skip
    """Of a window that is made scrape by scrape.

    ``value`` is the counter, ``usual`` what each scrape has without this incident, from scrape ``low`` to before
    ``high``; ``course`` the events of a scrape by its number since the onset.
    """
    begin, end = max(low - AROUND - MORE, 0), min(high, low + AROUND + 4 * MORE)
    rows = np.flatnonzero(seen)
    rows = rows[(rows >= begin) & (rows < end)]
    grown = np.diff(value[rows])
    grown = np.where(grown < 0, value[rows[1:]], grown)
    first = np.arange(max(low - AROUND, begin), min(low + AROUND, end - 1) + 1)
    number = np.arange(begin, end) - first[:, None]
    raised = np.where(number >= 0, course(np.maximum(number, 0).astype(np.float64)), 0.0)
    excess = np.diff(_so_far(raised)[:, rows - begin + 1], axis=1)
    expected = np.diff(_so_far(usual[None, begin:end])[:, rows - begin + 1], axis=1)[0]
    return Known(grown, expected, at_s[first], excess)


def _so_far(values: Floats) -> Floats:
    out: Floats = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
    return out


def in_time(
    processes: Sequence[Counts], usual: Callable[[Floats], Floats], course: Callable[[Floats, Floats], Floats],
    delays_s: Floats, low_s: float, high_s: float, scrape_s: float,
) -> Known:  # fmt: skip
    """Of a window that is made of single events: ``usual`` are those up to a time without this incident, and
    ``course`` those of the incident up to a time, by onset; each is counted after one of the delays.
    """
    end_s = min(high_s, low_s + (AROUND + 4 * MORE) * scrape_s)
    events, expected, raised = [], [], []
    onset = low_s + scrape_s * np.arange(-AROUND * PARTS, AROUND * PARTS + 1) / PARTS
    onset = onset[onset < end_s - scrape_s]
    for one in processes:
        near = (one.previous_s >= low_s - (AROUND + MORE) * scrape_s) & (one.at_s <= end_s)
        edges = (one.previous_s[near], one.at_s[near])
        before, after = (
            np.mean([course(np.minimum(edge - delay, high_s), onset[:, None]) for delay in delays_s], axis=0)
            for edge in edges
        )
        events.append(one.events[near])
        raised.append(one.part * (after - before))
        expected.append(one.part * (usual(edges[1]) - usual(edges[0])))
    return Known(np.concatenate(events), np.concatenate(expected), onset, np.concatenate(raised, axis=1))
