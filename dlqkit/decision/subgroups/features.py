"""Features: a column of records cut into atoms, so that every condition on it is a range of atoms.

Numbers come first and in order, then texts, then true and false, objects, lists, null, and last what is missing. So
"= x", "> x", "between", "is text", "is missing" and "is there" are each one range, and one running sum counts them all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["ABSENT", "MISSING", "NULL", "PRESENT", "RARE", "Condition", "Feature"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MISSING, PRESENT, NULL = "(missing)", "(present)", "(null)"
# A value on fewer records than this cannot be told from chance after any correction.
RARE = 5


class _Absent:
    """A field that is not there, as against one that is null."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Condition:
    """One column's atoms from ``lo`` to before ``hi``, or its numbers above one and up to another."""

    feature: int
    lo: int
    hi: int
    above: float | None = None
    up_to: float | None = None

    @property
    def bounds(self) -> tuple[float, ...]:
        """The numbers that the condition names as bounds, none for other conditions."""
        return tuple(bound for bound in (self.above, self.up_to) if bound is not None and math.isfinite(bound))


@dataclass(frozen=True, slots=True)
class Feature:
    """One column as codes; ``lo``, ``hi`` and ``choices`` are its conditions."""

    column: str
    codes: Ints
    atoms: int
    labels: tuple[Any, ...]
    """The value of each atom; None for a bin of numbers or the rare texts together."""
    lo: Ints
    hi: Ints
    choices: Floats
    """Among how many conditions of the column each was chosen."""
    names: dict[tuple[int, int], str]
    numbers: Floats | None = None
    """The numbers themselves, NaN where the value is none."""
    cuts: Floats | None = None
    """Atom ``i`` of the numbers is above ``cuts[i - 1]`` and up to ``cuts[i]``."""
    what: str = ""
    """``length`` where the numbers are lengths of texts."""

    def first(self, count: int) -> Feature:
        """The feature of the first records alone."""
        return replace(self, codes=self.codes[:count], numbers=None if self.numbers is None else self.numbers[:count])

    def holds(self, condition: Condition) -> Bools:
        """For which records the condition holds."""
        if condition.above is None or condition.up_to is None or self.numbers is None:
            return (self.codes >= condition.lo) & (self.codes < condition.hi)
        # NaN is neither above nor up to anything.
        return (self.numbers > condition.above) & (self.numbers <= condition.up_to)

    def bounds(self, lo: int, hi: int) -> tuple[float, float] | None:
        """Above which number and up to which, for a range of numbers; None for any other condition."""
        if self.cuts is None or (lo, hi) in self.names or hi > len(self.cuts) + 1:
            return None
        if hi - lo == 1 and self.labels[lo] is not None and not self.what:
            return None
        return (self.cuts[lo - 1] if lo else -math.inf, self.cuts[hi - 1] if hi <= len(self.cuts) else math.inf)

    def value(self, lo: int, hi: int) -> Any:
        """The value of a condition that is no range of numbers."""
        return self.names.get((lo, hi), self.labels[lo])
