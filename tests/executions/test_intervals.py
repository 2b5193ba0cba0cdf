"""Intervals from counting."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dlqkit.executions.intervals import median_interval, share_interval


def test_the_median_of_ten_lies_between_the_second_and_the_ninth() -> None:
    """The usual table of order statistics: ranks 2 and 9 hold it with 97.9 %."""
    assert median_interval(np.arange(1.0, 11.0)) == (5.5, 2.0, 9.0)


def test_the_median_of_a_hundred_lies_between_the_fortieth_and_the_sixty_first() -> None:
    assert median_interval(np.arange(1.0, 101.0)) == (50.5, 40.0, 61.0)


def test_five_values_do_not_hold_the_median() -> None:
    middle, low, high = median_interval(np.arange(1.0, 6.0))

    assert middle == 3 and math.isnan(low) and math.isnan(high)


def test_half_unknown_leaves_the_median_unknown() -> None:
    assert median_interval(np.array([1.0] * 3 + [np.inf] * 5))[0] == np.inf


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"), [(0, 100, 0.0, 0.0370), (1, 10, 0.0179, 0.4042), (10, 10, 0.7225, 1.0)]
)
def test_a_share_has_wilsons_interval(part, whole, low, high) -> None:
    """Values of the usual table."""
    assert share_interval(part, whole) == pytest.approx((low, high), abs=1e-4)


def test_nothing_seen_may_be_any_share() -> None:
    assert share_interval(0, 0) == (0.0, 1.0)
