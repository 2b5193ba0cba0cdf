"""Whether a column numbers the events (an id, a sequence, a clock) rather than describes them."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.decision.subgroups.features import RARE

__all__ = ["number_at_end", "numbers_events"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# Fewer numbers are in order by chance too often.
_FEWEST, _FEWEST_OF_A_SIDE = 20, 10
# Rank correlation with the order of the records, from which on numbers that hardly repeat count them.
_IN_ORDER = 0.9
# Of numbers that never repeat nearly every step goes the same way: a clock may be set back, a source be late.
_SAME_WAY = 0.99
# An event that is sent again under another key has its number twice.
_DIFFERENT = 0.5
_ID_WORDS = re.compile(r"(?:^|[._])(?:id|uuid|guid|seq|sequence|offset|number|no)$|_(?:id|key|no|num|number)$", re.I)
# More digits than a float tells apart are no number.
_END = re.compile(r"(?<![0-9])[0-9]{1,15}$")


def numbers_events(column: str, numbers: Floats, failing: Bools, compared: int) -> bool:
    """Whether the numbers tell the events apart.

    Parameters
    ----------
    column : str
        Its name: whole numbers that never repeat under the name of an id are ids in any order.
    numbers : array of float
        Of the compared records by time, then of those of the baseline by time.
    failing : array of bool
        Which of them failed.
    compared : int
        How many of them are of compared records.

    Notes
    -----
    Judged among the compared records alone, and with the baseline before them: the baseline may hold the first try of
    an event that was tried again, and the compared ones alone may be too few.
    """
    if _are_in_order(column, numbers[:compared], failing[:compared]):
        return True
    earlier_first = np.roll(np.arange(len(numbers)), len(numbers) - compared)
    return compared < len(numbers) and _are_in_order(column, numbers[earlier_first], failing[earlier_first])


def _are_in_order(column: str, numbers: Floats, failing: Bools) -> bool:
    if len(numbers) < _FEWEST:
        return False
    values, counts = np.unique(numbers, return_counts=True)
    is_whole = bool((values == np.floor(values)).all())
    if len(values) == len(numbers):
        steps = np.diff(numbers)
        if (is_whole and _ID_WORDS.search(column)) or max((steps > 0).mean(), (steps < 0).mean()) > _SAME_WAY:
            return True
    # A number on as many records as a cause needs may be one; what is no whole number is measured, not counted.
    if not is_whole or counts.max() >= RARE or len(values) < _DIFFERENT * len(numbers):
        return False
    # Events that were done again later come between newer ones; each side by itself is in order all the same.
    parts = [_first_of_each(part) for part in (numbers[failing], numbers[~failing])]
    orders = [_order(part) for part in parts if len(part) >= _FEWEST_OF_A_SIDE]
    return bool(orders) and abs(sum(orders)) > _IN_ORDER * len(orders)


def _first_of_each(numbers: Floats) -> Floats:
    first = np.unique(numbers, return_index=True)[1]
    out: Floats = numbers[np.sort(first)]
    return out


def _order(numbers: Floats) -> float:
    """Rank correlation with their places."""
    return float(np.corrcoef(np.argsort(np.argsort(numbers)), np.arange(len(numbers)))[0, 1])


def number_at_end(texts: npt.NDArray[np.object_]) -> Floats | None:
    """The number with which each text ends, such as 17 of ``order-17``; None where some end otherwise."""
    # Most columns are told by their first text.
    if not len(texts) or not _END.search(texts[0]):
        return None
    found = pd.Series(texts, dtype="str").str.extract(f"({_END.pattern})", expand=False)
    return None if found.isna().any() else found.to_numpy(dtype=np.float64)
