"""What a workflow's dead letters are divided by: its volume of events, or time with its days and nights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dlqkit.signals.growth import Steps

__all__ = ["Exposure", "by_time", "by_volume", "with_profile"]

Floats = npt.NDArray[np.float64]

DAY_S = 86_400.0
# Volume counts where it is seen; a little time beside it keeps a stretch without any volume from dividing by zero.
TIME_SHARE, TIME_EVENTS = 0.02, 20.0
# Fewer events outside the incidents cannot tell a day from a night.
PROFILE_EVENTS = 40.0
PROFILE_BLOCKS = 96
# Standard deviation of the log rate's daily wave before anything is seen: a factor of 1.6 up or down. It keeps a
# part of a day from taking an incident for an afternoon.
WAVE = 0.5
NEWTON_ROUNDS = 12


@dataclass(frozen=True, slots=True)
class Exposure:
    """A curve that never falls: how much could have gone wrong up to a time."""

    at_s: Floats
    so_far: Floats
    by_steps: bool = False
    """Whether it grows at the scrapes only (volume) and not evenly between them (time)."""
    daily: bool = False
    """Whether a daily wave is in it."""

    def until(self, at_s: Floats) -> Floats:
        """Exposure up to and with these times."""
        if not self.by_steps:
            curve: Floats = np.interp(at_s, self.at_s, self.so_far)
            return curve
        place = np.searchsorted(self.at_s, at_s, side="right") - 1
        steps: Floats = np.where(place >= 0, self.so_far[np.maximum(place, 0)], 0.0)
        return steps

    @property
    def total(self) -> float:
        """All of it."""
        return float(self.so_far[-1]) if len(self.so_far) else 0.0


def by_time(start_s: float, end_s: float) -> Exposure:
    """Each second counts the same."""
    return Exposure(np.array([start_s, max(end_s, start_s + 1)]), np.array([0.0, max(end_s - start_s, 1.0)]))


def by_volume(parts: Sequence[Steps], start_s: float, end_s: float) -> Exposure:
    """Each event counts the same, however many there are in a second: a surge is no incident."""
    at = np.concatenate([part.at_s for part in parts])
    grown = np.concatenate([part.grown for part in parts])
    if len(at) > 1 and not bool((np.diff(at) >= 0).all()):
        order = np.argsort(at, kind="stable")
        at, grown = at[order], grown[order]
    volume = np.cumsum(grown)
    total = float(volume[-1]) if len(volume) else 0.0
    share = max(TIME_SHARE * total, TIME_EVENTS) / max(end_s - start_s, 1.0)
    if not len(at) or at[-1] < end_s:
        at, volume = np.append(at, end_s), np.append(volume, total)
    return Exposure(at, volume + share * np.clip(at - start_s, 0, None), by_steps=True)


def with_profile(steps: Steps, start_s: float, end_s: float, outside: Sequence[tuple[float, float]]) -> Exposure:
    """Time weighted by a daily wave that is fitted to what was seen outside the given stretches.

    Notes
    -----
    A Poisson regression of block counts on one cosine and sine of the day, with a prior on their size; without
    enough events each second counts the same.
    """
    edges = np.linspace(start_s, end_s, PROFILE_BLOCKS + 1)
    middle, length = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    counts = np.histogram(steps.at_s, edges, weights=steps.grown)[0]
    free = np.ones(len(middle), dtype=bool)
    for low, high in outside:
        free &= (edges[1:] < low) | (edges[:-1] > high)
    if counts[free].sum() < PROFILE_EVENTS or free.sum() < PROFILE_BLOCKS / 4:
        return by_time(start_s, end_s)
    angle = 2 * np.pi * (middle - start_s) / DAY_S
    waves = np.column_stack([np.ones(len(middle)), np.cos(angle), np.sin(angle)])
    wave = _fit(waves[free], counts[free])
    rate = np.exp(waves[:, 1:] @ wave[1:])
    return Exposure(edges, np.concatenate([[0.0], np.cumsum(rate / rate.mean() * length)]), daily=True)


def _fit(waves: Floats, counts: Floats) -> Floats:
    prior = np.diag([0.0, WAVE**-2, WAVE**-2])
    # Blocks of one incident that is not known yet must not weigh like a day's: counts are cut at four times the usual.
    usual = max(float(np.median(counts)), 1.0)
    counts = np.minimum(counts, 4 * usual)
    weights = np.array([np.log(counts.mean()), 0.0, 0.0])
    for _ in range(NEWTON_ROUNDS):
        rate = np.exp(np.clip(waves @ weights, -20, 20))
        slope = waves.T @ (counts - rate) - prior @ weights
        move = np.linalg.solve((waves * rate[:, None]).T @ waves + prior, slope)
        weights = weights + np.clip(move, -1, 1)
        if float(np.abs(move).max()) < 1e-4:
            break
    fitted: Floats = weights
    return fitted
