from __future__ import annotations

import numpy as np
import pandas as pd

from dlqkit.decision.subgroups.comparable import stretches
from tests.frames import at


def times(*seconds: float) -> pd.Series:
    return pd.Series([at(second) for second in seconds])


def test_failures_of_today_and_successes_of_yesterday_cannot_be_compared() -> None:
    """Ten succeed in the first ten seconds, ten fail a day later; any condition might be the day's."""
    found = stretches(times(*range(10), *range(86_400, 86_410)), np.arange(20) >= 10)

    assert "different times" in found.reason


def test_successes_of_the_first_moments_only_are_not_said_to_be_of_another_time() -> None:
    """Six succeed among the first failures, then a hundred fail alone: the same time, but not the time of most."""
    found = stretches(times(*range(6), *range(106)), np.arange(112) >= 6)

    assert found.reason == (
        "Most of the failing records are of times in which nothing succeeded; 6 succeeded while others failed."
    )


def test_with_nothing_healthy_or_hardly_a_failure_there_is_nothing_to_compare() -> None:
    assert "No record succeeded, so" in stretches(None, np.ones(50, dtype=bool)).reason
    assert "Only 3 records failed" in stretches(None, np.arange(50) < 3).reason
    assert stretches(None, np.arange(50) < 1).reason == "Only 1 record failed; 5 are needed to compare."
    assert stretches(None, np.arange(50) > 0).reason == (
        "Only 1 record succeeded, so there is nothing to compare with."
    )


def test_an_even_failure_rate_is_one_stretch() -> None:
    found = stretches(times(*range(400)), np.arange(400) % 10 == 0)

    assert found.reason == ""
    assert set(found.of) == {0}


def test_an_outage_is_a_stretch_apart_from_the_quiet_time_before_it() -> None:
    """Every other record fails from second 300 on; none before."""
    seconds = np.arange(400)

    found = stretches(times(*seconds), (seconds >= 300) & (seconds % 2 == 0))

    assert not set(found.of[seconds < 300]) & set(found.of[seconds >= 300])


def test_failures_at_the_same_hour_of_several_days_leave_the_hour_to_be_compared() -> None:
    """A record every ten minutes for four days; all fail between two and three o'clock."""
    seconds = np.arange(0, 4 * 86_400, 600)
    hour = (seconds // 3600 + 12) % 24

    assert stretches(times(*seconds), hour == 2).repeats_daily
