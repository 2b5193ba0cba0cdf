"""What another timeout would have done."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.errors import ParameterError
from dlqkit.prevention.survival import are_alike, finished_between
from dlqkit.prevention.timeout import limits_in_force, timeout_effects
from tests.frames import dead, good, records


def cut(n, timeout_ms=30_000, **more):
    text = {"last_error": "action timed out"} | more
    return dead(n, attempts=1, action_duration_ms=timeout_ms + 10.0, **text)


def only(frame):
    assert len(frame) == 1
    return frame.iloc[0]


def test_a_shorter_timeout_costs_the_successes_beyond_it() -> None:
    """Of a hundred successes from 0.1 to 10 s ten took more than 9 s; five failing ones end 21 s earlier each."""
    rows = [good(n, action_duration_ms=100.0 * (n + 1)) for n in range(100)] + [cut(n) for n in range(5)]

    row = only(timeout_effects(records(rows), 30_000, candidates=[9_000]))

    assert (row["answer"], row["successes"], row["cut"], row["cut_share"]) == ("counted", 100, 10, 0.1)
    assert (row["cut_low"], row["cut_high"]) == (pytest.approx(0.0552, abs=1e-4), pytest.approx(0.1744, abs=1e-4))
    assert row["saved_s"] == pytest.approx(5 * 21.01)


def test_a_longer_timeout_is_not_answerable_where_there_was_only_one() -> None:
    row = only(timeout_effects(records([good(1), cut(2)]), 30_000, candidates=[60_000]))

    assert row["answer"] == "not answerable"
    assert pd.isna(row["finished_share"]) and pd.isna(row["cut"])
    assert "not answerable from these data: nothing was let run beyond 30 s" in row["sentence"]


def two_timeouts(long_values, short_values):
    """Workflow a under 1 s, b under 4 s."""
    rows = [cut(n, 1_000, workflow_id="a") if value > 1_000 else good(n, workflow_id="a", action_duration_ms=value)
            for n, value in enumerate(short_values)]  # fmt: skip
    rows += [cut(n, 4_000, workflow_id="b") if value > 4_000 else good(n, workflow_id="b", action_duration_ms=value)
             for n, value in enumerate(long_values)]  # fmt: skip
    return records(rows)


VALUES = [100.0 * n for n in range(1, 61)]


def test_a_longer_timeout_is_estimated_where_some_ran_under_it() -> None:
    """Of fifty that ran beyond 1 s under the longer timeout ten ended by 2 s: a fifth."""
    frame = two_timeouts(VALUES, VALUES)
    limits = limits_in_force(frame, "workflow_id", {"a": 1_000, "b": 4_000})

    row = only(timeout_effects(frame, 1_000, candidates=[2_000], limits=limits))

    assert row["answer"] == "estimated"
    assert row["finished_share"] == pytest.approx(0.2)
    assert row["finished_low"] < 0.2 < row["finished_high"]
    assert "if they are like the 50 that ran so long" in row["sentence"]


def test_another_kind_of_action_is_no_measure() -> None:
    """Those under the longer timeout are ten times slower altogether."""
    frame = two_timeouts([1_000 + 40 * value for value in range(60)], [10.0 * n for n in range(1, 160)])
    limits = limits_in_force(frame, "workflow_id", {"a": 1_000, "b": 4_000})

    row = only(timeout_effects(frame, 1_000, candidates=[2_000], limits=limits))

    assert row["answer"] == "not answerable"
    assert "plainly other times" in row["sentence"]


def test_beyond_every_timeout_nothing_is_known() -> None:
    frame = two_timeouts(VALUES, VALUES)
    limits = limits_in_force(frame, "workflow_id", {"a": 1_000, "b": 4_000})

    assert only(timeout_effects(frame, 1_000, candidates=[8_000], limits=limits))["answer"] == "not answerable"


def test_timeouts_that_nobody_set_are_read_from_where_durations_pile_up() -> None:
    """Ten of each workflow were cut: at 1 s and at 4 s."""
    rows = [cut(n, 1_000, workflow_id="a") for n in range(10)] + [cut(n, 4_000, workflow_id="b") for n in range(10)]

    limits = limits_in_force(records([*rows, good(1, workflow_id="c")]), "workflow_id")

    assert limits.tolist()[:20] == [1_010.0] * 10 + [4_010.0] * 10
    assert pd.isna(limits.iloc[20])


def test_a_sum_of_attempts_says_nothing_of_one_action() -> None:
    """Durations add up; of the two successes only that of a single attempt is one action's."""
    rows = [dead(n, attempts=5, action_duration_ms=150_050.0) for n in range(10)]
    rows += [good(1, attempts=1, action_duration_ms=500), good(2, attempts=3, action_duration_ms=61_000.0)]

    row = only(timeout_effects(records(rows), 30_000, candidates=[1_000]))

    assert (row["successes"], row["cut"]) == (1, 0)
    assert row["saved_s"] == pytest.approx(10 * (150.05 - 5))


@pytest.mark.parametrize("candidates", [5, "30s", ["30s"], [-1.0], [0]])
def test_a_timeout_that_cannot_be_set_is_not_asked_for(candidates: object) -> None:
    """It was left out in silence, as if nobody had asked."""
    with pytest.raises(ParameterError, match=r"[Cc]andidate"):
        timeout_effects(records([good(1)]), 30_000, candidates=candidates)


def test_candidates_are_proposed_where_none_are_given() -> None:
    """Those that cut 5 %, 1 %, 0.1 % and none of a thousand successes, to two digits; and twice today's."""
    rows = [good(n, action_duration_ms=float(n + 1)) for n in range(1000)]

    assert timeout_effects(records(rows), 30_000)["timeout_ms"].tolist() == [950, 990, 1_000, 60_000]


@pytest.mark.parametrize("rows", [[], [good(1)], [dead(1)], [dead(1, action_duration_ms=None)]])
def test_few_records_are_answered_too(rows) -> None:
    frame = timeout_effects(records(rows), 30_000, candidates=[100.0, 60_000.0])

    assert len(frame) == 2
    assert frame["sentence"].str.len().min() > 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.one_of(st.none(), st.floats(allow_nan=False))), max_size=30),
    st.one_of(st.none(), st.just(30_000.0)),
)
def test_odd_durations_break_no_answer(rows, timeout_ms) -> None:
    """Negative, endless, enormous and missing ones are there or left out, and every share lies between 0 and 1."""
    frame = timeout_effects(
        records([(dead if is_dead else good)(n, action_duration_ms=value) for n, (is_dead, value) in enumerate(rows)]),
        timeout_ms,
    )

    shares = frame["cut_share"].dropna().astype(float)
    assert ((shares >= 0) & (shares <= 1)).all()


def test_the_survival_estimate_is_kaplan_and_meiers() -> None:
    """At risk beyond 10: 6. One of 6 ends at 20, one is cut at 25, one of 4 ends at 30: 1 − 5/6 · 3/4 = 0.375."""
    found = finished_between(
        np.array([5.0, 20, 25, 30, 40, 50, 60]), np.array([True, True, False, True, True, True, True]), 10, 35
    )

    assert found is not None
    assert found.share == pytest.approx(0.375)
    assert found.actions == 6
    assert 0 < found.low < 0.375 < found.high < 1


def test_nothing_that_ran_so_long_is_no_estimate() -> None:
    assert finished_between(np.array([1.0]), np.array([True]), 10, 20) is None


def test_groups_are_held_against_each_other_below_the_shorter_timeout() -> None:
    one = np.arange(1.0, 201.0)

    assert are_alike(one, one + 3, 150)
    assert not are_alike(one, one + 100, 150)
