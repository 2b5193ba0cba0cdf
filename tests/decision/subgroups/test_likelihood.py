from __future__ import annotations

import math

import numpy as np
import pytest

from dlqkit.decision.subgroups.likelihood import log_likelihood_gain, log_p_value, risk_difference


def gain(inside: list[float], inside_failing: list[float], total: list[float], failing: list[float]) -> float:
    values = (np.array(part, dtype=float) for part in (inside, inside_failing))
    return float(log_likelihood_gain(*(part[None, :] for part in values), np.array(total), np.array(failing))[0])


def test_a_subgroup_that_holds_all_failures_gains_what_a_coin_for_each_record_costs() -> None:
    """Ten records, five failed, and they are just the subgroup: one rate gives (1/2)^10, two rates give 1."""
    assert gain([5.0], [5.0], [10.0], [5.0]) == pytest.approx(10 * math.log(2), rel=1e-4)


def test_a_lower_rate_inside_is_no_cause() -> None:
    assert gain([5.0], [1.0], [10.0], [6.0]) == 0.0


def test_a_client_that_is_merely_active_while_all_fail_more_gains_nothing() -> None:
    """It has 80 of 100 records in the outage (half fail) and 10 of 100 outside it (one in ten fails), as all do."""
    together = gain([90.0], [41.0], [200.0], [60.0])
    apart = gain([80.0, 10.0], [40.0, 1.0], [100.0, 100.0], [50.0, 10.0])

    assert together > 5
    assert apart == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("n", "k", "total", "failing"), [(5, 5, 40, 8), (20, 12, 200, 30), (90, 40, 200, 50), (30, 30, 90, 30)]
)
def test_the_p_value_is_never_smaller_than_the_exact_one(n: int, k: int, total: int, failing: int) -> None:
    """Fisher's exact test of the same table, summed by hand from binomials."""
    ways = math.comb(total, failing)
    exact = sum(math.comb(n, i) * math.comb(total - n, failing - i) for i in range(k, min(n, failing) + 1)) / ways

    bound = math.exp(log_p_value(gain([n], [k], [total], [failing]), total, failing))

    assert exact <= bound <= 100 * exact


def test_the_interval_of_a_risk_difference_is_newcombes() -> None:
    """56 of 70 against 48 of 80, the example of Newcombe (1998), method 10: 0.2, from 0.0524 to 0.3339."""
    effect, low, high = risk_difference(56, 70, 48, 80)

    assert (effect, low, high) == (
        pytest.approx(0.2),
        pytest.approx(0.0524, abs=1e-4),
        pytest.approx(0.3339, abs=1e-4),
    )
