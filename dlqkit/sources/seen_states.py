"""Which states of records were met on earlier pages, at eight bytes each, a tenth of what a Python set takes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

__all__ = ["SeenStates"]

_LONGEST_RUN = 1 << 20
_Keys = npt.NDArray[np.uint64]


class SeenStates:
    """A set of 64-bit keys that only grows.

    Notes
    -----
    Kept as sorted runs, each at most half as long as the one before, so that a page costs about the same however many
    came before it. Runs of a million are left as they are: to join them takes as much memory again.
    """

    def __init__(self) -> None:
        self._runs: list[_Keys] = []

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    def known(self, keys: Iterable[int]) -> npt.NDArray[np.bool_]:
        """For each key whether it was met."""
        wanted = np.fromiter(keys, np.uint64)
        found = np.zeros(len(wanted), bool)
        for run in self._runs:
            place = np.searchsorted(run, wanted)
            found |= run[np.minimum(place, len(run) - 1)] == wanted
        return found

    def add(self, keys: Iterable[int]) -> npt.NDArray[np.bool_]:
        """Remember the keys; for each whether this is the first time that it is met."""
        wanted = np.fromiter(keys, np.uint64)
        fresh = np.zeros(len(wanted), bool)
        fresh[np.unique(wanted, return_index=True)[1]] = True
        fresh &= ~self.known(wanted)
        if fresh.any():
            self._runs.append(np.sort(wanted[fresh]))
        while len(self._runs) > 1 and len(self._runs[-2]) < min(2 * len(self._runs[-1]), _LONGEST_RUN):
            both = np.concatenate([self._runs.pop(), self._runs.pop()])
            both.sort()
            self._runs.append(both)
        return fresh
