"""Windows with known incidents, made by generators of different structure, and how an answer is scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.onset_oracle import Counts, Known, by_number, in_time, place

__all__ = ["FAMILIES", "Case", "Score", "Truth", "by_scrapes", "from_events", "score"]

Floats = npt.NDArray[np.float64]
START_S = 1_772_452_800.0
SCRAPES = 1000


@dataclass(frozen=True, slots=True)
class Truth:
    """One incident: seconds since 1970, and how many events more than usual a scrape saw (a ramp: its first)."""

    workflow_id: str
    onset_s: float
    end_s: float
    excess: float

    @property
    def level(self) -> str:
        """How hard its onset is to place."""
        return "easy" if self.excess >= 5 else "medium" if self.excess >= 1 else "hard"


@dataclass(frozen=True, slots=True)
class Case:
    """One window: its samples, and what is true of it."""

    samples: pd.DataFrame
    truths: tuple[Truth, ...]
    scrape_s: float
    shape: str = ""
    known: tuple[Callable[[], Known], ...] = ()
    """For each truth, what one who knows how the window was made would place it by."""


def frame(series: Sequence[tuple[str, dict[str, str], Floats, Floats]]) -> pd.DataFrame:
    """``SAMPLES`` with metric and labels from (metric, labels, times, values) of each series."""
    names = sorted({name for _, labels, _, _ in series for name in labels})
    lengths = [len(at) for _, _, at, _ in series]
    columns: dict[str, object] = {
        "series_id": pd.array(np.repeat(np.arange(len(series), dtype=np.int32), lengths), dtype="Int32"),
        "sampled_at": pd.to_datetime((np.concatenate([at for _, _, at, _ in series]) * 1e6).astype(np.int64),
                                     unit="us", utc=True).astype("datetime64[us, UTC]"),
        "value": pd.array(np.concatenate([value for *_, value in series]), dtype="Float64"),
        "metric": pd.Categorical(np.repeat([metric for metric, *_ in series], lengths)),
    }  # fmt: skip
    for name in names:
        columns[name] = pd.Categorical(np.repeat([labels.get(name) for _, labels, _, _ in series], lengths))
    return pd.DataFrame(columns)


def day_and_night(at_s: Floats, depth: float) -> Floats:
    """Relative load, most at 14:00 UTC."""
    wave: Floats = 1 + depth * np.cos(2 * np.pi * (at_s - 14 * 3600) / 86_400)
    return wave


# --- by scrapes: counts drawn for each scrape interval, disturbances written into the counters


def by_scrapes(rng: np.random.Generator, incidents: int, *, scrapes: int = SCRAPES) -> Case:
    """Counts a scrape: Poisson or over-dispersed load, a share of it dead, a step, ramp or flapping on top."""
    scrape_s = float(rng.choice([15, 30, 60]))
    begin = START_S + float(rng.uniform(0, 86_400))
    at = begin + scrape_s * np.arange(scrapes) + rng.normal(0, 0.02 * scrape_s, scrapes).clip(-0.3, 0.3)
    load = 10 ** rng.uniform(0, 2) * day_and_night(at, float(rng.uniform(0, 0.6)))
    if rng.random() < 0.4:  # a surge of everything
        low = int(rng.integers(0, scrapes - 50))
        load[low : low + int(rng.integers(30, 200))] *= rng.uniform(2, 6)
    if rng.random() < 0.3:
        load = load * rng.gamma(8, 1 / 8, scrapes)
    background = float(rng.choice([0, 0, 0.001, 0.003, 0.01, 0.02]))
    lost = background * load
    truths, shape = [], ""
    drawn = []
    for low, high in places(rng, incidents, scrapes):
        excess = float(10 ** rng.uniform(-0.5, 1.5))
        excess = max(excess, 14 / (high - low), 1.2 * background * float(load[low:high].mean()))
        shape = str(rng.choice(["step", "step", "step", "ramp", "flapping"]))
        course = drawn_course(rng, shape, high - low)
        own = np.zeros(scrapes)
        own[low:high] = excess * course(np.arange(high - low, dtype=np.float64))
        drawn.append((low, high, own, partial(_times, excess, course)))
        lost = lost + own
        at_first = 2 * excess / max((high - low) // 3, 2) if shape == "ramp" else excess
        truths.append(Truth("wf", float(at[low]), float(at[min(high, scrapes - 1)]), at_first))
    dead = rng.poisson(lost).astype(np.float64)
    if rng.random() < 0.3:
        dead[rng.integers(0, scrapes, int(rng.integers(1, 4)))] += 1
    good = rng.poisson(load * (1 - background)).astype(np.float64)
    kind = str(rng.choice(["dlq", "dlq+success", "all"]))
    if kind == "dlq" and background:  # without a volume a surge cannot be told from an incident
        kind = "dlq+success"
    counts = {"worker_dlq_total": dead}
    if kind != "dlq":
        counts["worker_success_total"] = good
    if kind == "all":
        counts["worker_failure_total"] = 5 * dead + rng.poisson(0.02 * load)
    seen = np.ones(scrapes, dtype=bool)
    if rng.random() < 0.3:
        seen[rng.random(scrapes) < 0.03] = False
    if rng.random() < 0.25:
        low = int(rng.integers(0, scrapes - 60))
        seen[low : low + int(rng.integers(5, 40))] = False
    resets = np.sort(rng.integers(1, scrapes, int(rng.integers(0, 4)))) if rng.random() < 0.5 else np.array([], int)
    lazy = rng.random() < 0.5
    series = []
    for metric, count in counts.items():
        value = np.cumsum(count) + (0 if lazy else rng.integers(0, 500))
        for reset in resets:
            value[reset:] -= value[reset - 1]
        there = seen & ((value > 0) | (not lazy))
        series.append((metric, {"workflow_id": "wf", "instance": "w1"}, at[there], value[there]))
        if metric == "worker_dlq_total":
            counted = value
    kept = [one for one in series if len(one[2])]
    known = tuple(
        partial(by_number, at, counted, seen, lost - own, low, high, course) for low, high, own, course in drawn
    )
    return Case(frame(kept or series), tuple(truths), scrape_s, shape, known)


def _times(excess: float, course: Callable[[Floats], Floats], number: Floats) -> Floats:
    return excess * course(number)


def places(rng: np.random.Generator, incidents: int, scrapes: int) -> Iterator[tuple[int, int]]:
    """First and past-last scrape of each incident; some begin before the window or go on after it."""
    if incidents == 0:
        return
    room = scrapes // incidents
    for number in range(incidents):
        length = int(rng.integers(15, max(16, min(200, room // 2))))
        low = number * room + int(rng.integers(20, max(21, room - length - 80)))
        high = low + length
        if incidents == 1 and rng.random() < 0.15:
            high = scrapes
        elif incidents == 1 and rng.random() < 0.1:
            low, high = 0, length
        yield low, high


def drawn_course(rng: np.random.Generator, shape: str, length: int) -> Callable[[Floats], Floats]:
    """The course of an incident by the number of the scrape since its onset, 1 at its height."""
    if shape == "ramp":
        rise = max(length // 3, 1)
        return lambda number: np.minimum((number + 1) / rise, 1)
    if shape == "flapping":
        period = int(rng.integers(4, 16))
        return lambda number: ((number // period) % 2 == 0).astype(np.float64)
    return np.ones_like


# --- from events: every event has a time, a worker process, a number of attempts; counters are what processes hold


def from_events(rng: np.random.Generator, incidents: int, *, scrapes: int = SCRAPES) -> Case:
    """Events in continuous time over several workers that restart; dead letters are events that failed to the end."""
    scrape_s = float(rng.choice([10, 15, 30]))
    length = scrapes * scrape_s
    begin = START_S + float(rng.uniform(0, 86_400))
    rate = 10 ** rng.uniform(-0.7, 1.3) / scrape_s
    depth = float(rng.uniform(0, 0.7))
    wanted = rng.poisson(rate * length * (1 + depth))
    at = np.sort(rng.uniform(begin, begin + length, wanted))
    at = at[rng.random(len(at)) < day_and_night(at, depth) / (1 + depth)]
    second = begin + np.arange(0.0, length + scrape_s)
    load = rate * day_and_night(second, depth)
    if rng.random() < 0.3:
        low = rng.uniform(begin, begin + 0.8 * length)
        more = rng.uniform(low, low + 0.15 * length, rng.poisson(rate * 0.15 * length * rng.uniform(1, 4)))
        at = np.sort(np.concatenate([at, more]))
        load[(second >= low) & (second < low + 0.15 * length)] += len(more) / (0.15 * length)
    so_far = np.concatenate([[0.0], np.cumsum(load)])[:-1]
    chance = np.full(len(at), float(rng.choice([0, 0.001, 0.005, 0.02])))
    usual = float(chance[0]) if len(chance) else 0.0
    truths = []
    extra: list[Floats] = []
    raised: list[Callable[[Floats, Floats | float], Floats]] = []
    for low_scrape, high_scrape in places(rng, incidents, scrapes):
        low, high = begin + low_scrape * scrape_s + rng.uniform(0, scrape_s), begin + high_scrape * scrape_s
        inside = (at >= low) & (at < high)
        share = float(rng.uniform(0.3, 1.0))
        per_scrape = share * inside.sum() / (high_scrape - low_scrape)
        if share * inside.sum() < 14 or share < 5 * usual:  # an upstream that sends broken events on top
            per_scrape = max(
                14 / (high_scrape - low_scrape), float(10 ** rng.uniform(-0.3, 1)), 2 * usual * rate * scrape_s
            )
            extra.append(np.sort(rng.uniform(low, high, rng.poisson(per_scrape * (high_scrape - low_scrape)))))
            # Evenly from the onset on.
            raised.append(partial(_since, second, second * per_scrape * (high_scrape - low_scrape) / (high - low)))
        else:
            chance[inside] = share
            raised.append(partial(_since, second, so_far * (share - usual)))
        truths.append(Truth("wf", low, high, per_scrape))
    broken = np.concatenate([np.zeros(len(at)), *(np.ones(len(one)) for one in extra)])
    at = np.concatenate([at, *extra])
    order = np.argsort(at, kind="stable")
    at, broken = at[order], broken[order]
    dead = (rng.random(len(at)) < np.concatenate([chance, np.ones(len(at) - len(chance))])[order]) | (broken > 0)
    ended = at + rng.exponential(0.3, len(at)) + np.where(dead, rng.uniform(0, 0.3 * scrape_s), 0)
    workers = int(rng.integers(1, 5))
    owner = rng.integers(0, workers, len(at))
    series = []
    processes = []
    without_success = rng.random() < 0.15 and usual == 0
    for worker in range(workers):
        stops = np.sort(rng.uniform(begin, begin + length, int(rng.integers(0, 3))))
        scraped = begin + rng.uniform(0, scrape_s) + scrape_s * np.arange(scrapes) + rng.uniform(-0.05, 0.05, scrapes)
        for stop in stops:
            scraped = scraped[(scraped < stop) | (scraped > stop + rng.uniform(5, 90))]
        mine = owner == worker
        labels = {"workflow_id": "wf", "instance": f"worker-{worker}:8000"}
        for metric, which in (("worker_dlq_total", dead), ("worker_success_total", ~dead)):
            if metric == "worker_success_total" and without_success:
                continue
            times = np.sort(ended[mine & which])
            count = np.searchsorted(times, scraped, side="right").astype(np.float64)
            process = np.searchsorted(stops, scraped, side="right")
            base = np.concatenate([[0], np.searchsorted(times, stops, side="right")])[process]
            value = count - base
            there = value > 0
            if there.any():
                series.append((metric, labels, scraped[there], value[there]))
            if metric == "worker_dlq_total":
                again = np.diff(process) > 0
                grown = np.where(again, value[1:], np.diff(value))
                previous = np.where(again, stops[np.maximum(process[1:] - 1, 0)] if len(stops) else 0.0, scraped[:-1])
                processes.append(Counts(previous, scraped[1:], grown, 1 / workers))
    if not series:
        series = [
            (
                "worker_dlq_total",
                {"workflow_id": "wf", "instance": "worker-0:8000"},
                begin + scrape_s * np.arange(scrapes),
                np.zeros(scrapes),
            )
        ]
    delays = 0.3 + 0.3 * scrape_s * np.arange(0.1, 1, 0.2)
    known = []
    for number, truth in enumerate(truths):
        others = [(raised[one], other) for one, other in enumerate(truths) if one != number]
        usually = partial(_usually, second, usual * so_far, others)
        known.append(partial(in_time, processes, usually, raised[number], delays, truth.onset_s, truth.end_s, scrape_s))
    return Case(frame(series), tuple(truths), scrape_s, known=tuple(known))


def _since(second: Floats, so_far: Floats, at_s: Floats, onset_s: Floats | float) -> Floats:
    """What a cumulative curve gained from the onset on."""
    return np.interp(at_s, second, so_far) - np.interp(np.minimum(onset_s, at_s), second, so_far)


def _usually(
    second: Floats, so_far: Floats, others: list[tuple[Callable[[Floats, Floats | float], Floats], Truth]],
    at_s: Floats,
) -> Floats:  # fmt: skip
    out: Floats = np.interp(at_s, second, so_far)
    for raised, truth in others:
        out = out + raised(np.clip(at_s, truth.onset_s, truth.end_s), truth.onset_s)
    return out


FAMILIES: dict[str, Callable[[np.random.Generator, int], Case]] = {"by scrapes": by_scrapes, "from events": from_events}


@dataclass(slots=True)
class Score:
    """Counts over many windows."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    quiet: int = 0
    alarms: int = 0
    onsets: dict[str, list[bool]] = field(default_factory=lambda: {"easy": [], "medium": [], "hard": []})
    best: dict[str, list[bool]] = field(default_factory=lambda: {"easy": [], "medium": [], "hard": []})
    """Whether one who knows how the windows were made places the same onsets within one scrape."""
    stated: list[tuple[float, bool]] = field(default_factory=list)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(2 * self.right + self.wrong + self.missed, 1)

    @property
    def alarms_per_1000(self) -> float:
        return 1000 * self.alarms / max(self.quiet, 1)

    def within(self, level: str) -> float:
        return float(np.mean(self.onsets[level])) if self.onsets[level] else float("nan")

    def at_best(self, level: str) -> float:
        return float(np.mean(self.best[level])) if self.best[level] else float("nan")


def score(total: Score, case: Case, found: pd.DataFrame) -> None:
    """Add one window: an answer is right that overlaps a true incident of its workflow, each counted once."""
    if not case.truths:
        total.quiet += 1
        total.alarms += len(found) > 0
        total.stated += [(float(one), False) for one in found["confidence"]]
        return
    onset = found["onset_at"].astype("int64").to_numpy() / 1e6
    end = np.where(found["end_at"].isna(), np.inf, found["end_at"].astype("int64").to_numpy() / 1e6)
    free = list(range(len(found)))
    right = 0
    for number, truth in enumerate(case.truths):
        fits = [
            one
            for one in free
            if onset[one] <= truth.end_s + case.scrape_s and end[one] >= truth.onset_s - case.scrape_s
        ]
        if not fits:
            total.missed += 1
            continue
        best = min(fits, key=lambda one: abs(onset[one] - truth.onset_s))
        free.remove(best)
        right += 1
        total.onsets[truth.level].append(abs(onset[best] - truth.onset_s) <= case.scrape_s * 1.001)
        if case.known:
            ideal = place(case.known[number](), case.scrape_s)
            total.best[truth.level].append(abs(ideal - truth.onset_s) <= case.scrape_s * 1.001)
        total.stated.append((float(found["confidence"].iloc[best]), True))
    total.right += right
    total.wrong += len(free)
    total.stated += [(float(found["confidence"].iloc[one]), False) for one in free]
