from __future__ import annotations

import numpy as np
import pytest

from dlqkit.decision.classes import classify_failures
from dlqkit.errors import ParameterError
from dlqkit.executions.comparison import compare_durations
from dlqkit.executions.limits import check_limit
from dlqkit.prevention.timeout import timeout_effects
from tests.frames import at, dead, records


@pytest.mark.parametrize("value", [-1, 0, "30s", True, float("inf"), float("nan"), {"wf": 0}])
def test_a_limit_that_is_no_positive_number_is_refused_by_name(value: object) -> None:
    """Against a timeout of nothing every action would have run into it."""
    with pytest.raises(ParameterError, match="timeout_ms"):
        check_limit(value, "timeout_ms")


@pytest.mark.parametrize("value", [5.5, 0, "5"])
def test_nobody_tries_half_a_time(value: object) -> None:
    with pytest.raises(ParameterError, match="max_attempts"):
        check_limit(value, "max_attempts", whole=True)


def test_what_is_known_and_what_is_not_are_both_let_through() -> None:
    for value in (None, 1, 30_000.0, np.int64(5), np.float64(30), {"wf": None, "other": 5}):
        check_limit(value, "timeout_ms")


def test_each_function_that_takes_a_limit_checks_it() -> None:
    frame = records([dead(n) for n in range(5)])

    for call in (
        lambda: classify_failures(frame, timeout_ms=0),
        lambda: classify_failures(frame, max_attempts=0),
        lambda: compare_durations(frame, onset_at=at(0), timeout_ms=-1),
        lambda: timeout_effects(frame, 0),
    ):
        with pytest.raises(ParameterError, match=r"(positive|whole) number"):
            call()
