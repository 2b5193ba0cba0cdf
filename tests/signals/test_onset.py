from __future__ import annotations

import numpy as np

from dlqkit.signals.onset import find_elevated


def test_a_burst_is_found_from_its_first_to_its_last_point() -> None:
    """Ten events within five minutes of eight quiet hours."""
    at = np.concatenate([[3000.0], np.linspace(14_000, 14_300, 10), [25_000.0]])

    found = find_elevated(at, np.ones(12), 0, 8 * 3600)

    assert [(run.first, run.last) for run in found] == [(1, 10)]
    assert found[0].size == 10
    assert found[0].confidence > 0.9


def test_a_steady_rate_is_no_incident() -> None:
    """One dead letter each ten minutes, all day, is how it always is."""
    at = np.arange(0, 8 * 3600, 600.0)

    assert find_elevated(at, np.ones(len(at)), 0, 8 * 3600) == []


def test_two_bursts_far_apart_are_two_incidents_and_near_ones_are_one() -> None:
    """Retries tear holes into a rate; an hour of quiet does not come from retries."""
    burst = np.linspace(0, 300, 20)
    apart = np.concatenate([5000 + burst, 20_000 + burst])
    near = np.concatenate([5000 + burst, 5900 + burst])

    assert len(find_elevated(apart, np.ones(40), 0, 8 * 3600)) == 2
    assert len(find_elevated(near, np.ones(40), 0, 8 * 3600)) == 1


def test_ends_are_exact_where_there_are_more_points_than_are_searched() -> None:
    """Four thousand points: the ends are refined to the point, not to every fourth."""
    rng = np.random.default_rng(3)
    quiet = rng.uniform(0, 8 * 3600, 300)
    burst = np.concatenate([[10_001.0], rng.uniform(10_001, 12_399, 3998), [12_399.0]])
    at = np.sort(np.concatenate([quiet[(quiet < 9_900) | (quiet > 12_500)], burst]))

    found = find_elevated(at, np.ones(len(at)), 0, 8 * 3600)

    assert len(found) == 1
    assert (at[found[0].first], at[found[0].last]) == (10_001.0, 12_399.0)


def test_random_quiet_days_raise_no_alarm() -> None:
    """Of three hundred eight-hour windows with one dead letter an hour none is called an incident."""
    rng = np.random.default_rng(11)
    alarms = 0
    for _ in range(300):
        at = np.sort(rng.uniform(0, 8 * 3600, rng.poisson(8)))
        alarms += bool(find_elevated(at, np.ones(len(at)), 0, 8 * 3600))

    assert alarms <= 2
