"""How much counts vary from block to block, and the points that they are counts of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["COARSE", "Points", "blocks_of", "dispersion", "place_in", "together"]

Floats = npt.NDArray[np.float64]

# Dispersion is measured over blocks of so many events, where there are enough blocks. The largest quarter is left out:
# the edges of incidents. The mean of the rest is so much for Poisson numbers (simulated).
BLOCK_EVENTS = ((2.0, 0.438), (5.0, 0.385), (20.0, 0.374))
ENOUGH_BLOCKS = 40
MAXIMUM_BLOCKS = 1000
KEPT = 0.75
# The usual rate is the median of so many coarse blocks.
COARSE = 40
# Background events with which the assumption of no over-dispersion is weighed.
PRIOR_EVENTS = 30.0


@dataclass(frozen=True, slots=True)
class Points:
    """Where events were seen: their number, and the exposure (time or volume) up to before and after each point.

    ``until`` is the exposure up to each of the edges of blocks of equal time, which are no shorter than a scrape;
    ``block`` is the block of each point.
    """

    weight: Floats
    before: Floats
    after: Floats
    total: float
    until: Floats
    block: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.weight)

    def sums(self) -> Floats:
        """Events before each point, and at the end all."""
        return np.concatenate([[0.0], np.cumsum(self.weight)])


def blocks_of(start_s: float, end_s: float, step_s: float) -> Floats:
    """Edges of blocks of equal time, each a scrape or more."""
    count = int(np.clip((end_s - start_s) / max(step_s, 1e-9), 1, MAXIMUM_BLOCKS))
    return np.linspace(start_s, end_s, count + 1)


def place_in(edges: Floats, at_s: Floats) -> npt.NDArray[np.int64]:
    """The block of each time."""
    return np.clip(np.searchsorted(edges, at_s) - 1, 0, len(edges) - 2)


def dispersion(points: Points) -> float:
    """How much more the counts vary from block to block than Poisson numbers do; at least 1.

    Notes
    -----
    Of differences of neighbouring blocks, the largest left out: a step of the rate shows in two of them only, so an
    incident does not hide in the dispersion. Blocks are as long as the usual (median) rate needs; where usually
    there is next to nothing, nothing can be measured and Poisson is taken.
    """
    fine = np.bincount(points.block, weights=points.weight, minlength=len(points.until) - 1).astype(np.float64)
    room = np.diff(points.until)
    usual = float(np.median(together(fine, max(len(fine) // COARSE, 1)))) * COARSE
    worst = 1.0
    for events, poisson in BLOCK_EVENTS:
        count = int(min(usual / events, len(fine)))
        if count < ENOUGH_BLOCKS:
            continue
        width = -(-len(fine) // count)
        counts, exposure = together(fine, width), np.maximum(together(room, width), 1e-9)
        both, whole = counts[1:] + counts[:-1], exposure[1:] + exposure[:-1]
        share = exposure[1:] / whole
        seen = both > 0
        if seen.sum() < ENOUGH_BLOCKS / 2:
            continue
        away = (counts[1:] - both * share)[seen] ** 2 / (both * share * (1 - share))[seen]
        squares = np.sort(away)[: int(KEPT * len(away))]
        worst = max(worst, 1 + (float(squares.mean()) / poisson - 1) * usual / (usual + PRIOR_EVENTS))
    return worst


def together(fine: Floats, width: int) -> Floats:
    """Sums of neighbouring blocks."""
    sums: Floats = np.add.reduceat(fine, np.arange(0, len(fine), width))
    return sums
