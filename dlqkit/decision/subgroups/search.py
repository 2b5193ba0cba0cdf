"""The subgroup of records that explains the failures best: a search over conditions on up to three columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dlqkit.decision.subgroups.features import Condition, Feature
from dlqkit.decision.subgroups.likelihood import log_likelihood_gain, log_p_value

__all__ = ["MOST_CONDITIONS", "Subgroup", "Table", "find_subgroup", "make_table", "narrowed_subgroup"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MOST_CONDITIONS = 3
# What one level of the search may read: record times column, which is about a second.
_CELLS = 2e8
_WIDEST, _NARROWEST = 60, 8
# Neighbouring cuts of a number make nearly the same subgroup; more of them would crowd out other columns.
_RANGES_EACH = 2
_FINALISTS = 4
# A further condition, or a second bound of a number, has to be worth this much more than chance would make the best
# of all: then few of them are one too many.
_DOUBT = 1.5


@dataclass(frozen=True, slots=True)
class Subgroup:
    """Conditions that hold together, and how much they explain."""

    conditions: tuple[Condition, ...]
    gain: float
    comparisons: float
    log_p: float
    """Logarithm of the p-value after correction for the comparisons."""
    worth: float
    """The gain less what had to be tried for it, by which lists of answers are weighed against each other."""
    numbers: frozenset[int]


@dataclass(frozen=True)
class Table:
    """The features of the records side by side, ready to be counted."""

    features: tuple[Feature, ...]
    codes: npt.NDArray[np.int32]
    starts: Ints
    lo: Ints
    hi: Ints
    feature_of: Ints
    column_of: Ints
    log_choices: Floats
    is_range: Bools
    failing: Bools
    stratum: Ints
    strata: int
    columns: int
    masks: dict[int, Bools] = field(default_factory=dict)

    def condition(self, number: int) -> Condition:
        """The condition behind a number of the search."""
        feature = int(self.feature_of[number])
        lo, hi = (int(part[number] - self.starts[feature]) for part in (self.lo, self.hi))
        above, up_to = self.features[feature].bounds(lo, hi) or (None, None)
        return Condition(feature, lo, hi, above, up_to)

    def holds(self, condition: Condition) -> Bools:
        """For which records the condition holds."""
        return self.features[condition.feature].holds(condition)

    def mask(self, number: int) -> Bools:
        """``holds``, remembered."""
        if number not in self.masks:
            self.masks[number] = self.holds(self.condition(number))
        return self.masks[number]

    def comparisons(self, conditions: Iterable[tuple[int, float]]) -> float:
        """Logarithm of the number of answers of as many conditions on as many columns with as many values."""
        choices = [log_choices for _, log_choices in conditions]
        return math.log(MOST_CONDITIONS * math.comb(max(self.columns, len(choices)), len(choices))) + sum(choices)


def make_table(features: Sequence[Feature], failing: Bools, stratum: Ints) -> Table:
    """Put features together; ``stratum`` is the stretch of time of each record."""
    starts = np.concatenate([[0], np.cumsum([feature.atoms for feature in features])]).astype(np.int64)
    codes = np.empty((len(failing), len(features)), dtype=np.int32)
    names: dict[str, int] = {}
    for number, feature in enumerate(features):
        codes[:, number] = feature.codes + starts[number]
        names.setdefault(feature.column, len(names))
    sizes = [len(feature.lo) for feature in features]
    lo, hi = (
        np.concatenate([getattr(feature, end) + starts[i] for i, feature in enumerate(features)])
        for end in ("lo", "hi")
    )
    return Table(
        features=tuple(features), codes=codes, starts=starts, lo=lo, hi=hi,
        feature_of=np.repeat(np.arange(len(features)), sizes),
        column_of=np.repeat([names[feature.column] for feature in features], sizes),
        log_choices=np.log(np.concatenate([feature.choices for feature in features])),
        is_range=hi - lo > 1, failing=failing, stratum=stratum, strata=int(stratum.max()) + 1 if len(stratum) else 1,
        columns=len(names),
    )  # fmt: skip


class _Search:
    """One search among some of the records."""

    def __init__(self, table: Table, rows: Ints) -> None:
        self.table, self.rows = table, rows
        self.total, self.failing = self._strata(rows), self._strata(rows[table.failing[rows]])
        # A stretch of time in which all or none failed has nothing to compare.
        self.used = (self.failing > 0) & (self.failing < self.total)
        self.gains: dict[frozenset[int], float] = {}

    def _strata(self, rows: Ints) -> Floats:
        return np.bincount(self.table.stratum[rows], minlength=self.table.strata).astype(np.float64)

    def _count(self, rows: Ints) -> Floats:
        """Records of each condition among these, by stratum."""
        table = self.table
        atoms = int(table.starts[-1])
        codes = table.codes[rows]
        if table.strata > 1:
            codes = codes * np.int64(table.strata) + table.stratum[rows][:, None]
        counts = np.bincount(codes.ravel(), minlength=atoms * table.strata).reshape(atoms, table.strata)[:, self.used]
        sums = np.concatenate([np.zeros((1, counts.shape[1])), np.cumsum(counts, axis=0)])
        out: Floats = sums[table.hi] - sums[table.lo]
        return out

    def score(self, rows: Ints) -> Floats:
        """The gain of each condition together with those that gave these rows; 0 where it changes nothing."""
        inside, inside_failing = self._count(rows), self._count(rows[self.table.failing[rows]])
        size = inside.sum(axis=1)
        gain = log_likelihood_gain(inside, inside_failing, self.total[self.used], self.failing[self.used])
        gain[(size == size.max(initial=0)) & (size == self._strata(rows)[self.used].sum())] = 0.0
        return gain

    def gain_of(self, numbers: frozenset[int]) -> float:
        """The gain of these conditions together."""
        if numbers not in self.gains:
            rows = self.rows_of(numbers)
            inside, inside_failing = self._strata(rows), self._strata(rows[self.table.failing[rows]])
            self.gains[numbers] = float(
                log_likelihood_gain(inside[None, self.used], inside_failing[None, self.used], self.total[self.used],
                                    self.failing[self.used])[0]
            )  # fmt: skip
        return self.gains[numbers]

    def rows_of(self, numbers: Iterable[int]) -> Ints:
        """The records for which all of these hold."""
        rows = self.rows
        for number in numbers:
            rows = rows[self.table.mask(number)[rows]]
        return rows

    def cost(self, numbers: frozenset[int]) -> float:
        """Logarithm of the comparisons that an answer of these conditions stands for."""
        return self.table.comparisons((number, float(self.table.log_choices[number])) for number in numbers)

    def worth(self, numbers: frozenset[int]) -> float:
        """The gain less what had to be tried for it."""
        bounds = sum(len(self.table.condition(number).bounds) or 1 for number in numbers)
        return self.gain_of(numbers) - self.cost(numbers) - _DOUBT * bounds

    def best(self, gains: Floats, limit: int, taken: frozenset[int] = frozenset()) -> list[int]:
        """The conditions of most gain on columns that are not taken."""
        table = self.table
        gains = np.where(np.isin(table.column_of, table.column_of[list(taken)]), 0.0, gains)
        order = np.argsort(-(gains), kind="stable")[: 40 * limit]
        seen: dict[int, int] = {}
        chosen: list[int] = []
        for number in order[gains[order] > 0].tolist():
            feature = int(table.feature_of[number])
            if table.is_range[number]:
                seen[feature] = seen.get(feature, 0) + 1
                if seen[feature] > _RANGES_EACH:
                    continue
            chosen.append(number)
            if len(chosen) == limit:
                break
        return chosen

    def beam(self) -> list[frozenset[int]]:
        """Sets of conditions worth a closer look, the best first."""
        per_member = max(len(self.rows) * len(self.table.features) * 0.3, 1)
        width = int(np.clip(_CELLS / per_member, _NARROWEST, _WIDEST))
        gains = self.score(self.rows)
        level = [frozenset([number]) for number in self.best(gains, width)]
        self.gains.update({numbers: float(gains[next(iter(numbers))]) for numbers in level})
        every = list(level)
        for _ in range(1, MOST_CONDITIONS):
            grown: set[frozenset[int]] = set()
            for numbers in level:
                gains = self.score(self.rows_of(numbers))
                for number in self.best(gains, width // 2, numbers):
                    child = numbers | {number}
                    self.gains[child] = float(gains[number])
                    grown.add(child)
            level = sorted(grown, key=lambda numbers: (-self.gains[numbers], sorted(numbers)))[:width]
            every += level
        return sorted(every, key=lambda numbers: (-self.worth(numbers), sorted(numbers)))

    def climb(self, numbers: frozenset[int]) -> frozenset[int]:
        """Drop, add or exchange a condition as long as that is worth it."""
        while True:
            tries = [numbers - {number} for number in numbers if len(numbers) > 1]
            for rest in [numbers, *(numbers - {number} for number in numbers)]:
                if len(rest) < MOST_CONDITIONS:
                    gains = self.score(self.rows_of(rest))
                    weighed = np.where(gains > 0, np.maximum(gains - self.table.log_choices + 100, 1e-9), 0.0)
                    for number in {*self.best(gains, 3, rest), *self.best(weighed, 3, rest)}:
                        self.gains[rest | {number}] = float(gains[number])
                        tries.append(rest | {number})
            better = min(tries, key=lambda numbers: (-self.worth(numbers), sorted(numbers)))
            if self.worth(better) <= self.worth(numbers) + 1e-9:
                return numbers
            numbers = better

    def subgroup(self, numbers: frozenset[int]) -> Subgroup:
        """These conditions with their figures."""
        gain, cost = self.gain_of(numbers), self.cost(numbers)
        log_p = log_p_value(gain, float(self.total[self.used].sum()), float(self.failing[self.used].sum()))
        conditions = tuple(self.table.condition(number) for number in sorted(numbers))
        return Subgroup(
            conditions, gain, math.exp(min(cost, 700.0)), min(0.0, log_p + cost), self.worth(numbers), numbers
        )


def find_subgroup(table: Table, rows: Ints) -> Subgroup | None:
    """The subgroup among these records that explains most failures for the fewest comparisons; None where none does."""
    search = _Search(table, rows)
    if not search.used.any() or not len(table.lo):
        return None
    finalists = list(dict.fromkeys(search.climb(numbers) for numbers in search.beam()[:_FINALISTS]))
    if not finalists:
        return None
    return search.subgroup(min(finalists, key=lambda numbers: (-search.worth(numbers), sorted(numbers))))


def narrowed_subgroup(table: Table, rows: Ints, wide: Subgroup, inner: Subgroup) -> Subgroup | None:
    """What both together say of these records; None where that is too many conditions or a column twice."""
    numbers = wide.numbers | inner.numbers
    if len(numbers) > MOST_CONDITIONS or len({int(table.column_of[number]) for number in numbers}) < len(numbers):
        return None
    search = _Search(table, rows)
    return search.subgroup(numbers)
