"""A list of answers: subgroups that together explain the failures, each of them some that the others do not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from dlqkit.decision.subgroups.conditions import refine
from dlqkit.decision.subgroups.features import Condition
from dlqkit.decision.subgroups.search import Subgroup, Table, find_subgroup, narrowed_subgroup

__all__ = ["all_hold", "find_answers", "weigh"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

# At most one quiet frame in a hundred may have an answer. That much holds by Bonferroni's correction alone; it counts
# answers that overlap as if they were apart, so that there are far fewer.
_ALPHA = 1e-2
# With many records a difference can be certain and mean nothing: a client that fails 1.1 times as often is no cause.
_LEAST_RATIO = 1.3
_LEAST_EXPLAINED = 0.01


def find_answers(table: Table, weights: Floats, most: int) -> list[Subgroup]:
    """Answers, best first; ``weights`` says for how many records each of the table's stands.

    What two causes have in common can explain more than either: two clients that fail on one version look like the
    version. So where records differ again within the first answer, the narrower one is tried as the first, and the
    list that is worth more is given.
    """
    rows = np.arange(len(table.failing))
    found = _cover(table, rows, weights, most, None)
    if not found or most == 1:
        return found
    within = rows[all_hold(table, found[0].conditions)]
    inner = find_subgroup(table, within)
    if inner is None or inner.log_p > math.log(_ALPHA):
        return found
    narrow = narrowed_subgroup(table, rows, found[0], inner)
    other = _cover(table, rows, weights, most, narrow) if narrow is not None else []
    return other if sum(one.worth for one in other) > sum(one.worth for one in found) else found


def _cover(table: Table, rows: Ints, weights: Floats, most: int, first: Subgroup | None) -> list[Subgroup]:
    """Answers one after the other, each among the records that the ones before do not explain."""
    found: list[Subgroup] = []
    while len(found) < most:
        one = first if first is not None and not found else find_subgroup(table, rows)
        if one is None or one.log_p > math.log(_ALPHA):
            break
        one = replace(one, conditions=refine(table, rows, one.conditions))
        inside = all_hold(table, one.conditions)
        if not _matters(*weigh(table, inside[rows], rows, weights)):
            break
        found.append(one)
        rows = rows[~inside[rows]]
    return found


def all_hold(table: Table, conditions: tuple[Condition, ...]) -> Bools:
    """For which records all the conditions hold."""
    out: Bools = np.logical_and.reduce([table.features[condition.feature].holds(condition) for condition in conditions])
    return out


def weigh(
    table: Table, inside: Bools, rows: Ints, weights: npt.NDArray[np.float64]
) -> tuple[float, float, float, float]:
    """Failing and all records inside and outside, as many as the sample stands for."""
    failing, weight = table.failing[rows], weights[rows]
    return (float(weight[inside & failing].sum()), float(weight[inside].sum()),
            float(weight[~inside & failing].sum()), float(weight[~inside].sum()))  # fmt: skip


def _matters(k: float, n: float, rest_k: float, rest_n: float) -> bool:
    """Whether the difference is large enough to be acted upon, among what is not explained yet."""
    rest_rate = rest_k / rest_n if rest_n else 0.0
    return rest_n > 0 and k / n >= _LEAST_RATIO * rest_rate and k - n * rest_rate >= _LEAST_EXPLAINED * (k + rest_k)
