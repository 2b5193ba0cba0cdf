"""Spikes of the action's duration: stretches plainly above the day's course and above what is around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.language import clock, date_and_time, mark, say
from dlqkit.signals.durations import RECORDED, Durations
from dlqkit.signals.points import Found

__all__ = ["find_spikes"]

Floats = npt.NDArray[np.float64]

# Steps are put together until so many actions are behind one, so that a heavy tail is seldom all of it.
GROUP_ACTIONS, GROUP_VALUES = 5.0, 2
LEAST_GROUPS = 12
# One group says no more than this many standard deviations, however slow its actions were.
CLIP = 3.0
SHIFTS = (1.0, 2.0, 3.0)
# A spike has surely begun where this log-likelihood ratio of a shift of two standard deviations is reached (3,000 to 1:
# durations have heavier tails than the normal numbers that this is worked out for).
SURE_SHIFT, SURE = 2.0, 8.0
FLOOR = 18.0
# A spike is at least so much slower than usual and than the time around it, by at least so many milliseconds, and
# lasts at least so many groups.
LEAST_FACTOR, LEAST_LOCAL, LEAST_MS = 1.5, 1.4, 20.0
LEAST_RUN = 3
# Groups before and after a stretch that it is compared with, as parts of its own length.
AROUND = 1.0
DAY_S = 86_400.0
# Standard deviation of the log duration's daily wave before anything is seen (as ``exposure.WAVE``).
WAVE = 0.5
# Neighbouring groups say much the same of the day's course, so all together count as so many.
INDEPENDENT = 12.0
WAVE_ROUNDS = 4
# A pause without an action makes one group long; beyond this quantile of all it counts no more. A group of actions that
# ended at one moment counts a little.
LONGEST, SHORTEST_S = 0.9, 1.0
# Lags, in groups, at which noise is measured: what wanders slowly is more than neighbours show.
LAGS, ENOUGH_MEANS = (1, 4, 12), 16
# Makes the median of absolute differences of normal numbers their standard deviation.
MAD, SMALLEST_NOISE = 1.4826, 0.05
# Pauses of up to so many groups, or seconds, do not end a spike.
NEAR_GROUPS, NEAR_S = 4, 600.0

_TAKES = mark(
    "The action takes {now:,.0f} ms, against usually {usual:,.0f} ms from {start} to {end} ({factor:.1f} times as"
    " long), by {source} of {actions:,.0f} actions."
)
_LONGER = mark(
    "The action takes longer than {now:,.0f} ms, where the buckets end, against usually {usual:,.0f} ms from {start} to"
    " {end} (at least {factor:.1f} times as long), by {source} of {actions:,.0f} actions."
)


@dataclass(frozen=True, slots=True)
class _Groups:
    begin_s: Floats
    end_s: Floats
    log_ms: Floats

    def __len__(self) -> int:
        return len(self.log_ms)


def find_spikes(durations: Mapping[str | None, Durations], end_s: float) -> list[Found]:
    """Stretches in which a workflow's action takes longer than usual, of each workflow."""
    out = []
    for workflow_id, own in durations.items():
        groups = _grouped(own)
        if len(groups) >= LEAST_GROUPS:
            out += list(_of_workflow(workflow_id, own, groups, end_s))
    return out


def _grouped(own: Durations) -> _Groups:
    """Neighbouring steps together, weighted by their actions."""
    needed = GROUP_ACTIONS if float(own.count.max()) > 1 or own.source == RECORDED else GROUP_VALUES
    so_far = np.cumsum(own.count)
    number = np.floor((so_far - own.count / 2) / needed).astype(np.int64)
    begin = np.concatenate([[0], np.flatnonzero(np.diff(number)) + 1])
    weight = np.minimum(own.count, needed)
    logs = np.add.reduceat(own.log_ms * weight, begin) / np.add.reduceat(weight, begin)
    last = np.concatenate([begin[1:], [len(number)]]) - 1
    return _Groups(own.previous_s[begin], own.at_s[last], logs)


def _of_workflow(workflow_id: str | None, own: Durations, groups: _Groups, end_s: float) -> Iterator[Found]:
    usual, scores, runs = _settle(groups)
    for parts, ratio in _merged(runs, groups):
        (first, begun), last = parts[0], parts[-1][1]
        # Pauses between the parts are of the usual time, and would make the whole look so.
        slow = np.concatenate([np.arange(begin, end + 1) for begin, end in parts])
        inside, level = float(np.median(groups.log_ms[slow])), float(np.median(usual[slow]))
        if not _is_spike(groups, runs, first, last, inside, level):
            continue
        rise = _rise(groups.log_ms[first : begun + 1], usual[first : begun + 1], inside - level) + first
        begin, low = float(groups.begin_s[rise]), float(groups.begin_s[max(first - 1, 0)])
        high = float(groups.end_s[max(rise, _surely_begun(scores, first, begun))])
        goes_on = last >= len(groups) - 2
        # An open bucket counts as some length; it tells no more than that it was longer than its lower end.
        now = min(float(np.exp(inside)), own.told_to_ms)
        factor = now / float(np.exp(level))
        text = say(
            _LONGER if now == own.told_to_ms else _TAKES,
            now=now, usual=np.exp(level), factor=factor, source=say(own.source), actions=own.count.sum(),
            **_measured_in(groups),
        )  # fmt: skip
        sure = float(1 / (1 + np.exp(-(ratio - FLOOR + 4) / 3)))
        yield Found(workflow_id, "duration", begin, low, high, None if goes_on else float(groups.end_s[last]),
                    high - low, factor, float(np.exp(level)), sure, text)  # fmt: skip


def _measured_in(groups: _Groups) -> dict[str, str]:
    """From when to when what is usual was measured: evidence of another window has another usual."""
    start, end = (pd.Timestamp(at, unit="s", tz="UTC") for at in (groups.begin_s[0], groups.end_s[-1]))
    if start.date() == end.date():
        return {"start": clock(start, seconds=False), "end": f"{clock(end, seconds=False)} UTC"}
    return {"start": date_and_time(start, seconds=False), "end": date_and_time(end, seconds=False)}


def _rise(log_ms: Floats, usual: Floats, height: float) -> int:
    """The group from which on they are rather as slow as in the spike than as usual: some are slow by chance before."""
    off = np.clip(log_ms - usual, 0, height)
    so_far = np.concatenate([[0.0], np.cumsum(off**2 - (height - off) ** 2)])
    return int(np.argmin(so_far[:-1]))


def _surely_begun(scores: Floats, first: int, last: int) -> int:
    """The group at whose end it is sure that the spike has begun: a slow action or two may precede it by chance."""
    so_far = np.cumsum(SURE_SHIFT * scores[first : last + 1] - SURE_SHIFT**2 / 2)
    return first + min(int(np.argmax(so_far >= SURE)) if (so_far >= SURE).any() else 0, last - first)


def _settle(groups: _Groups) -> tuple[Floats, Floats, list[tuple[int, int, float]]]:
    """The usual log duration at each group, how far each is above it, and the runs above it; in two rounds."""
    free = np.ones(len(groups), dtype=bool)
    runs: list[tuple[int, int, float]] = []
    usual = scores = np.zeros(len(groups))
    for _ in range(2):
        usual = _usual(groups, free)
        # In a spike that a timeout ends all take the same time, which is no measure of noise.
        noise = _noise((groups.log_ms - usual)[free])
        scores = np.clip((groups.log_ms - usual) / noise, -CLIP, CLIP)
        runs = list(_runs(scores, 0))
        free = np.ones(len(groups), dtype=bool)
        for first, last, _ in runs:
            free[first : last + 1] = False
        if free.sum() < max(LEAST_GROUPS / 2, 0.2 * len(free)):
            break
    return usual, scores, sorted(runs)


def _usual(groups: _Groups, free: npt.NDArray[np.bool_]) -> Floats:
    """The day's course: a level and one wave, fitted so that what is far off counts little.

    A group counts by how long it took to come about: retries of an incident make many groups of little time.
    """
    middle = (groups.begin_s + groups.end_s) / 2
    angle = 2 * np.pi * (middle - middle[0]) / DAY_S
    waves = np.column_stack([np.ones(len(groups)), np.cos(angle), np.sin(angle)])
    lasting = groups.end_s - groups.begin_s
    lasting = np.minimum(lasting, np.quantile(lasting[free], LONGEST)) + SHORTEST_S
    level = _weighted_median(groups.log_ms[free], lasting[free])
    spread = max(MAD * _weighted_median(np.abs(groups.log_ms[free] - level), lasting[free]), SMALLEST_NOISE)
    fitted = np.array([level, 0.0, 0.0])
    strength = (spread / WAVE) ** 2 * max(len(groups) / INDEPENDENT, 1.0)
    prior = np.diag([0.0, strength, strength])
    for _ in range(WAVE_ROUNDS):
        off = groups.log_ms - waves @ fitted
        weight = np.where(free, lasting / np.mean(lasting[free]) / np.maximum(np.abs(off) / spread, 1.0), 0.0)
        weighted = waves * weight[:, None]
        fitted = np.linalg.solve(weighted.T @ waves + prior + 1e-9 * np.eye(3), weighted.T @ groups.log_ms)
    course: Floats = waves @ fitted
    return course


def _weighted_median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values)
    so_far = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(so_far, so_far[-1] / 2)])


def _noise(off: Floats) -> float:
    """Standard deviation of a group, as neighbours and groups further apart show it."""
    worst = SMALLEST_NOISE
    for lag in LAGS:
        if lag > 1 and len(off) < ENOUGH_MEANS * lag:
            continue
        means = np.add.reduceat(off, np.arange(0, len(off) - len(off) % lag, lag))[: len(off) // lag] / lag
        # The mean of several groups is as much less noisy as they are many, if they are independent.
        worst = max(worst, MAD * float(np.median(np.abs(np.diff(means)))) / np.sqrt(2) * np.sqrt(lag))
    return worst


def _runs(scores: Floats, offset: int) -> Iterator[tuple[int, int, float]]:
    """Stretches of the largest log-likelihood ratio of a shift, one after the other."""
    if len(scores) < LEAST_RUN:
        return
    best, ends = 0.0, (0, 0)
    for shift in SHIFTS:
        sums = np.concatenate([[0.0], np.cumsum(shift * scores - shift**2 / 2)])
        rise = sums[1:] - np.minimum.accumulate(sums[:-1])
        last = int(np.argmax(rise))
        if rise[last] > best:
            best, ends = float(rise[last]), (int(np.argmin(sums[: last + 1])), last)
    if best < FLOOR:
        return
    first, last = ends
    if last - first + 1 >= LEAST_RUN:
        yield offset + first, offset + last, best
    yield from _runs(scores[:first], offset)
    yield from _runs(scores[last + 1 :], offset + last + 1)


def _merged(runs: list[tuple[int, int, float]], groups: _Groups) -> list[tuple[list[tuple[int, int]], float]]:
    """Runs near to each other as one spike: its parts, and how unlikely they are together."""
    out: list[tuple[list[tuple[int, int]], float]] = []
    for first, last, ratio in runs:
        parts, total = [(first, last)], ratio
        if out:
            before = out[-1][0][-1][1]
            if first - before <= NEAR_GROUPS or groups.begin_s[first] - groups.end_s[before] <= NEAR_S:
                earlier, sum_so_far = out.pop()
                parts, total = [*earlier, (first, last)], sum_so_far + ratio
        out.append((parts, total))
    return out


def _is_spike(
    groups: _Groups, runs: list[tuple[int, int, float]], first: int, last: int, inside: float, level: float
) -> bool:
    if inside - level < np.log(LEAST_FACTOR) or np.exp(inside) - np.exp(level) < LEAST_MS:
        return False
    width = max(int(AROUND * (last - first + 1)), 2 * LEAST_RUN)
    near = np.zeros(len(groups), dtype=bool)
    near[max(first - width, 0) : first] = True
    near[last + 1 : last + 1 + width] = True
    for begin, end, _ in runs:
        near[begin : end + 1] = False
    # Where nothing usual is around it there is nothing that it could be no slower than.
    if near.sum() < LEAST_RUN:
        return True
    return bool(inside - float(np.median(groups.log_ms[near])) >= np.log(LEAST_LOCAL))
