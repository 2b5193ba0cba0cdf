from __future__ import annotations

import numpy as np
import pytest

from dlqkit.decision.bits import after, before, count_until, flood, flood_back, overflow, pack, places, unpack


def stream(*marked: int, size: int = 192) -> np.ndarray:
    flags = np.zeros(size, dtype=np.bool_)
    flags[list(marked)] = True
    return pack(flags)


def test_a_flood_reaches_the_end_of_its_run_and_no_further() -> None:
    runs = stream(1, 2, 3, 4, 6, 7)

    assert sorted(places(flood(stream(2), runs))) == [2, 3, 4]
    assert sorted(places(flood_back(stream(3, 6), runs))) == [1, 2, 3, 6]


@pytest.mark.parametrize("start", [60, 63, 64, 0])
def test_a_flood_crosses_from_word_to_word(start: int) -> None:
    """Runs longer than a word of 64 places are one run all the same."""
    runs = stream(*range(start, 190))

    assert sorted(places(flood(stream(start), runs))) == list(range(start, 190))
    assert sorted(places(flood_back(stream(189), runs))) == list(range(start, 190))


def test_several_marks_in_a_run_are_as_the_first_of_them() -> None:
    runs = stream(*range(50, 140))

    assert sorted(places(flood(stream(70, 71, 99), runs))) == list(range(70, 140))


def test_an_overflow_is_set_right_behind_each_run_that_has_a_mark() -> None:
    """Of the places outside the runs no other one is."""
    runs = stream(*range(2, 5), *range(10, 64), *range(70, 150))
    summed = overflow(stream(3, 4, 70, 99), runs)

    assert sorted(places(summed & ~runs)) == [5, 150]


def test_neighbours_and_counts_cross_words_too() -> None:
    marks = stream(0, 63, 64, 191)

    assert sorted(places(after(marks))) == [1, 64, 65]
    assert sorted(places(before(marks))) == [62, 63, 190]
    assert count_until(marks, np.array([0, 1, 64, 65, 191])).tolist() == [0, 1, 2, 3, 3]
    assert np.flatnonzero(unpack(marks)).tolist() == [0, 63, 64, 191]
