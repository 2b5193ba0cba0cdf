"""A rate is a ceiling: over any stretch of time, and from the first event on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlqkit.republish.pace import MOMENT_S, Pace


class Clock:
    """A clock that goes as far as it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@given(rate=st.floats(0.05, 5000), steps=st.lists(st.floats(0.0, 3.0), max_size=40))
def test_no_stretch_of_time_holds_more_than_the_rate_and_a_moment_of_it(rate: float, steps: list[float]) -> None:
    clock = Clock()
    pace, sent = Pace(rate, clock), []
    for step in steps:
        clock.now += step
        count = pace.most()
        pace.take(count)
        sent.append((clock.now, count))

    for first, (begin, _) in enumerate(sent):
        for last in range(first, len(sent)):
            span = sent[last][0] - begin
            assert sum(count for _, count in sent[first : last + 1]) <= rate * span + max(1.0, rate * MOMENT_S) + 1e-6
    # From the beginning on there is not even a moment's worth to spare.
    assert sum(count for _, count in sent) <= rate * (clock.now - 100.0) + 1e-6


@pytest.mark.parametrize("rate", [0.5, 3.0, 20.0])
def test_whoever_waits_as_long_as_told_may_send_one(rate: float) -> None:
    clock = Clock()
    pace = Pace(rate, clock)
    for _ in range(5):
        assert pace.most() == 0
        clock.now += pace.wait_s()
        assert pace.most() == 1
        pace.take(1)

    assert clock.now == pytest.approx(100.0 + 5 / rate)
