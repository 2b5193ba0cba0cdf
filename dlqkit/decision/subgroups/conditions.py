"""Conditions as people read them: values, exact bounds of numbers, and other columns that would say the same."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from dlqkit import language
from dlqkit.decision.subgroups.features import Condition
from dlqkit.decision.subgroups.likelihood import log_likelihood_gain
from dlqkit.decision.subgroups.search import Table
from dlqkit.language import listing, mark

__all__ = ["condition_value", "equivalents", "refine", "say"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

# Two columns say the same if they agree on all but one in fifty of the records that either names.
_SAME = 0.98
_MOST_ALSO = 5
# Values that are none of a record's own, as they are said behind the column.
_PREDICATES = {
    "(missing)": mark("is missing"),
    "(present)": mark("is present"),
    "(null)": mark("is null"),
    "(number)": mark("is number"),
    "(text)": mark("is text"),
    "(true or false)": mark("is true or false"),
    "(object)": mark("is object"),
    "(list)": mark("is list"),
    "(not JSON)": mark("is not JSON"),
}
_LIKE = "(like "


def condition_value(table: Table, condition: Condition) -> Any:
    """The value as it stands in an answer."""
    feature = table.features[condition.feature]
    if condition.above is None or condition.up_to is None:
        return feature.value(condition.lo, condition.hi)
    bounds = [f"> {condition.above:.12g}"] if condition.above > -math.inf else []
    bounds += [f"<= {condition.up_to:.12g}"] if condition.up_to < math.inf else []
    return f"{feature.what} {' and '.join(bounds)}".strip()


def say(conditions: dict[str, Any]) -> str:
    """The conditions as a phrase."""
    return _chained([_phrase(column, value) for column, value in conditions.items()])


def _phrase(column: str, value: Any) -> str:
    if not isinstance(value, str):
        return f"{column} = {value}"
    if value in _PREDICATES:
        return f"{column} {language.say(_PREDICATES[value])}"
    if value.startswith(_LIKE):
        form = value.removeprefix(_LIKE).rstrip(")")
        return f"{column} " + language.say("is like {form}", form=form)
    bounds = value.removeprefix("length ")
    if bounds != value:
        return language.say("{column}'s length {bounds}", column=column, bounds=_chained(bounds.split(" and ")))
    return f"{column} {_chained(value.split(' and '))}" if value.startswith(("> ", "<= ")) else f"{column} = {value}"


def _chained(parts: list[str]) -> str:
    return reduce(lambda before, last: listing([before, last]), parts) if parts else ""


def refine(table: Table, rows: Ints, conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """The same conditions with each bound of a number moved to where it explains most, and rounded."""
    refined = list(conditions)
    for place, condition in enumerate(conditions):
        if condition.above is None or condition.up_to is None:
            continue
        others = np.ones(len(rows), dtype=bool)
        for other in (*refined[:place], *refined[place + 1 :]):
            others &= table.holds(other)[rows]
        condition = _move(table, rows, others, condition, "above")
        refined[place] = _move(table, rows, others, condition, "up_to")
    return tuple(refined)


def _move(table: Table, rows: Ints, others: Bools, condition: Condition, end: str) -> Condition:
    """One bound where it explains most, no farther away than the neighbouring cuts."""
    feature = table.features[condition.feature]
    above, up_to = _bounds(condition)
    bound = above if end == "above" else up_to
    if math.isinf(bound) or feature.numbers is None or feature.cuts is None:
        return condition
    numbers = feature.numbers[rows]
    place = int(np.searchsorted(feature.cuts, bound))
    lowest = float(feature.cuts[place - 1]) if place else -math.inf
    highest = float(feature.cuts[place + 1]) if place + 1 < len(feature.cuts) else math.inf
    lowest, highest = (lowest, min(highest, up_to)) if end == "above" else (max(lowest, above), highest)
    near = np.unique(numbers[(numbers >= lowest) & (numbers <= highest)])
    if len(near) < 2:
        return condition
    failing = table.failing[rows]
    rest = others & table.holds(_with_bound(condition, end, -math.inf if end == "above" else math.inf))[rows]
    n, k = (_beyond(np.sort(part), near[:-1], end) for part in (numbers[rest], numbers[rest & failing]))
    total, all_failing = np.array([float(len(rows))]), np.array([float(failing.sum())])
    index = int(np.argmax(log_likelihood_gain(n[:, None], k[:, None], total, all_failing)))
    # The bound lies between two neighbouring numbers; any between them is right, so the roundest one is said.
    return _with_bound(condition, end, _roundest(float(near[index]), float(near[index + 1])))


def _bounds(condition: Condition) -> tuple[float, float]:
    above, up_to = condition.above, condition.up_to
    return (-math.inf if above is None else above, math.inf if up_to is None else up_to)


def _with_bound(condition: Condition, end: str, bound: float) -> Condition:
    return replace(condition, above=bound) if end == "above" else replace(condition, up_to=bound)


def _beyond(ordered: Floats, cuts: Floats, end: str) -> Floats:
    up_to = np.searchsorted(ordered, cuts, side="right").astype(np.float64)
    return len(ordered) - up_to if end == "above" else up_to


def _roundest(low: float, high: float) -> float:
    """The number of fewest digits in ``[low, high)``."""
    size = max(abs(low), abs(high))
    for exponent in range(math.ceil(math.log10(size)) if size else 0, -16, -1):
        step = 10.0**exponent
        number = math.ceil(round(low / step, 9)) * step
        if low <= number < high:
            return float(f"{number:.12g}") if low <= float(f"{number:.12g}") < high else low
    return low


def equivalents(table: Table, rows: Ints, conditions: tuple[Condition, ...]) -> dict[str, dict[str, Any]]:
    """For the column of each condition, the columns that would say the same, as far as these records tell."""
    out: dict[str, dict[str, Any]] = {}
    for place, condition in enumerate(conditions):
        inside = rows
        for other in (*conditions[:place], *conditions[place + 1 :]):
            inside = inside[table.holds(other)[inside]]
        own = inside[table.holds(condition)[inside]]
        both, either = _counts(table, own), _counts(table, inside)
        agree = both / np.maximum(either + len(own) - both, 1)
        taken = {table.features[one.feature].column for one in conditions}
        for number in np.argsort(-agree, kind="stable"):
            if agree[number] < _SAME:
                break
            found = table.condition(int(number))
            column = table.features[found.feature].column
            named = out.setdefault(table.features[condition.feature].column, {})
            if column not in taken and column not in named and len(named) < _MOST_ALSO:
                named[column] = condition_value(table, found)
    return {column: named for column, named in out.items() if named}


def _counts(table: Table, rows: Ints) -> Ints:
    counts = np.bincount(table.codes[rows].ravel(), minlength=int(table.starts[-1]))
    sums = np.concatenate([[0], np.cumsum(counts)])
    out: Ints = sums[table.hi] - sums[table.lo]
    return out
