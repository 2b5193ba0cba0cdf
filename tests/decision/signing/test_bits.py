from __future__ import annotations

import numpy as np
import pytest

from dlqkit.decision.signing.bits import after, before, count_until, flood_back, overflow, pack, places, unpack


def stream(*marked: int, size: int = 192) -> np.ndarray:
    flags = np.zeros(size, dtype=np.bool_)
    flags[list(marked)] = True
    return pack(flags)


def test_a_flood_reaches_the_beginning_of_its_run_and_no_further() -> None:
    runs = stream(1, 2, 3, 4, 6, 7)

    assert sorted(places(flood_back(stream(3, 6), runs))) == [1, 2, 3, 6]


@pytest.mark.parametrize("start", [60, 63, 64, 0])
@pytest.mark.parametrize("end", [189, 191, 128, 127])
def test_a_flood_crosses_from_word_to_word(start: int, end: int) -> None:
    """Runs longer than a word of 64 places are one run all the same."""
    runs = stream(*range(start, end + 1))

    assert sorted(places(flood_back(stream(end), runs))) == list(range(start, end + 1))


def test_a_run_without_a_mark_stays_dry_between_two_that_have_one() -> None:
    runs = stream(*range(10, 64), *range(65, 130), *range(131, 191))

    assert sorted(places(flood_back(stream(63, 190), runs))) == [*range(10, 64), *range(131, 191)]


def test_several_marks_in_a_run_are_as_the_last_of_them() -> None:
    runs = stream(*range(50, 140))

    assert sorted(places(flood_back(stream(70, 71, 99), runs))) == list(range(50, 100))


def test_flags_fill_whole_words() -> None:
    """What is behind the last flag is not marked."""
    assert [word.bit_count() for word in pack(np.ones(70, dtype=np.bool_)).tolist()] == [64, 6]


def test_an_overflow_is_set_right_behind_each_run_that_has_a_mark() -> None:
    """Of the places outside the runs no other one is."""
    runs = stream(*range(2, 5), *range(10, 64), *range(70, 150))
    summed = overflow(stream(3, 4, 70, 99), runs)

    assert sorted(places(summed & ~runs)) == [5, 150]


def test_neighbours_and_counts_cross_words_too() -> None:
    marks = stream(0, 63, 64, 191)

    assert sorted(places(after(marks))) == [1, 64, 65]
    assert sorted(places(before(marks))) == [62, 63, 190]
    assert sorted(places(before(marks, 2))) == [61, 62, 189]
    assert count_until(marks, np.array([0, 1, 64, 65, 191])).tolist() == [0, 1, 2, 3, 3]
    assert np.flatnonzero(unpack(marks)).tolist() == [0, 63, 64, 191]
