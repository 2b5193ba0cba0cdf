"""Failing, healthy and usual durations side by side."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.errors import ParameterError
from dlqkit.executions.comparison import compare_durations
from tests.frames import at, dead, good, records

ONSET_S = 1000


def before(values):
    return [good(n, action_duration_ms=value) for n, value in enumerate(values)]


def since(values, **more):
    return [dead(ONSET_S + n, action_duration_ms=value, **more) for n, value in enumerate(values)]


def healthy(values):
    return [good(ONSET_S + n, action_duration_ms=value) for n, value in enumerate(values)]


def compared(rows, **more):
    return compare_durations(records(rows), onset_at=at(ONSET_S), **more)


def row(comparison, name):
    return comparison.groups.set_index("group").loc[name]


USUAL = [100.0 + n for n in range(20)]


def test_slow_actions_that_die_are_told_from_the_usual() -> None:
    """Usually 110 ms; the dead ones took 5 s and more on their only attempt."""
    comparison = compared(before(USUAL) + since([5_000.0 + n for n in range(11)], attempts=1))

    assert comparison.verdict == "slow then dead"
    assert comparison.reference == "baseline"
    assert row(comparison, "failing")["p50_ms"] == 5_005
    assert "healthy ones before the onset" in comparison.sentence


def test_refused_events_die_at_once() -> None:
    """Two milliseconds against a usual 110: nothing was tried that could be slow."""
    comparison = compared(before(USUAL) + since([2.0] * 10, attempts=1))

    assert comparison.verdict == "dead at once"


def test_failures_that_take_as_long_as_successes_are_no_difference() -> None:
    assert compared(before(USUAL) + since(USUAL, attempts=1)).verdict == "no difference"


def test_what_the_timeout_ended_is_unknown_above_it() -> None:
    """Eight of ten were ended at 30 s: their median is at least that, and no number."""
    comparison = compared(before(USUAL) + since([100.0, 120.0] + [30_010.0] * 8, attempts=1), timeout_ms=30_000)

    failing = row(comparison, "failing")
    assert comparison.verdict == "slow then dead"
    assert failing["censored"] == 8
    assert pd.isna(failing["p50_ms"])
    assert failing["unknown_above_ms"] == 30_000
    assert "80% of the failing actions were ended by the timeout of 30 s" in comparison.sentence


def test_a_success_as_long_as_the_timeout_was_not_cut() -> None:
    """It came to its end, so its duration is known."""
    comparison = compared(before([30_000.0] * 10) + since([1.0] * 10, attempts=1), timeout_ms=30_000)

    assert row(comparison, "baseline")["censored"] == 0
    assert row(comparison, "baseline")["p50_ms"] == 30_000


def test_an_event_that_died_and_passed_later_is_no_healthy_one() -> None:
    """Nine that were never in danger took 100 to 108 ms; the nine that died pass after the mend, in 5 ms each."""
    died = [{**one, "event_key": f"order-{n}"} for n, one in enumerate(since([30_010.0] * 9, attempts=1))]
    sent_again = [{**one, "recorded_at": at(2 * ONSET_S), "status": "success", "queued_to_dlq": False,
                   "last_error": None, "action_duration_ms": 5.0} for one in died]  # fmt: skip

    comparison = compared(died + healthy([100.0 + n for n in range(9)]) + sent_again, timeout_ms=30_000)

    assert (row(comparison, "healthy")["records"], row(comparison, "healthy")["p50_ms"]) == (9, 104)


def test_two_kinds_of_failures_are_not_averaged() -> None:
    """Half are refused in 1 ms, half hang for 10 s: a median between the two would be of neither."""
    comparison = compared(before(USUAL) + since([1.0] * 10 + [10_000.0] * 10, attempts=1))

    assert comparison.verdict == "both"


def test_healthy_actions_that_slowed_down_as_well_are_named() -> None:
    """Then the whole workflow is slow, not these events."""
    comparison = compared(before(USUAL) + since([900.0] * 10, attempts=1) + healthy([880.0] * 10))

    assert comparison.verdict == "slow then dead"
    assert comparison.sentence.endswith(
        "The 10 healthy ones of the same time are slower as well: 880 ms against 110 ms before."
    )


CUT = [60_010.0 + n for n in range(20)]
SLOW = [52_000.0, 56_000.0, 48_000.0, 54_000.0, 50_000.0, 58_000.0]


def test_what_a_timeout_ended_is_held_against_what_was_usual_before_the_incident() -> None:
    """136 ms by the worker's metrics; the six that still succeed take 53 s, and are named with their number alone."""
    comparison = compared(since(CUT, attempts=1) + healthy(SLOW), timeout_ms=60_000, usual_ms=136.0)

    assert comparison.sentence == (
        "100% of the failing actions were ended by the timeout of 60 s; usually an action takes 136 ms. "
        "The 6 healthy ones of the same time are slower as well: 53 s against 136 ms before."
    )
    assert row(comparison, "healthy")["p50_ms"] == 53_000


def test_records_of_before_the_incident_tell_what_is_usual_where_there_are_some() -> None:
    """Twenty of before take 110 ms by their own records, whatever a metric says."""
    comparison = compared(before(USUAL) + since(CUT, attempts=1) + healthy(SLOW), timeout_ms=60_000, usual_ms=136.0)

    assert comparison.sentence == (
        "100% of the failing actions were ended by the timeout of 60 s; healthy ones before the onset take 110 ms. "
        "The 6 healthy ones of the same time are slower as well: 53 s against 110 ms before."
    )


def test_healthy_ones_of_the_same_time_alone_are_not_taken_for_what_is_usual() -> None:
    """Nothing tells of before: 53 s beside a timeout of 60 s may be slow, too."""
    comparison = compared(since(CUT, attempts=1) + healthy(SLOW), timeout_ms=60_000)

    assert comparison.sentence == (
        "100% of the failing actions were ended by the timeout of 60 s; the 6 healthy ones of the same time take 53 s, "
        "and what was usual before is not known."
    )


def test_healthy_ones_that_take_as_long_as_usual_are_not_called_slower() -> None:
    comparison = compared(since(CUT, attempts=1) + healthy([130.0] * 6), timeout_ms=60_000, usual_ms=136.0)

    assert comparison.sentence.endswith("usually an action takes 136 ms.")


def test_a_usual_duration_that_is_none_is_refused() -> None:
    with pytest.raises(ParameterError, match="usual_ms"):
        compared(since(CUT), usual_ms=-1.0)


def test_without_an_onset_healthy_ones_of_the_same_time_are_the_measure() -> None:
    comparison = compare_durations(records(before(USUAL) + since([2.0] * 10, attempts=1)))

    assert comparison.verdict == "dead at once"
    assert comparison.reference == "healthy"
    assert row(comparison, "baseline")["records"] == 0


def test_a_reading_that_would_turn_the_answer_is_no_answer() -> None:
    """500 ms after five attempts is slow if it is the last attempt's, and usual if it is the sum of five."""
    assert compared(before(USUAL) + since([500.0] * 10)).verdict == "cannot tell"


def test_a_reading_that_changes_only_the_number_is_said_beside_it() -> None:
    """5 s are 46 times the usual 110 ms; if they add up five attempts, one took 1 s, which is nine times as long."""
    comparison = compared(before(USUAL) + since([5_000.0] * 10))

    assert comparison.verdict == "slow then dead"
    assert "5 s or less" in comparison.sentence
    assert "if so, half of the failing ones took 1 s or less an attempt, 9.1 times as long" in comparison.sentence


def test_durations_that_never_fall_are_sums() -> None:
    """Ten events with three records each, 100 ms more every time: an attempt took 100 ms."""
    rows = [dead(ONSET_S + event, event_key=f"e{event}", attempts=attempt, action_duration_ms=100.0 * attempt)
            for event in range(10) for attempt in (1, 2, 3)]  # fmt: skip
    comparison = compared(before(USUAL) + rows)

    assert comparison.basis == "sum"
    assert comparison.verdict == "no difference"
    assert row(comparison, "failing")["p50_ms"] == 100
    assert "add up" in comparison.sentence


def test_durations_that_fall_are_of_one_attempt() -> None:
    """A sum cannot fall from one attempt to the next."""
    rows = [dead(ONSET_S + event, event_key=f"e{event}", attempts=attempt, action_duration_ms=3000.0 / attempt)
            for event in range(10) for attempt in (1, 2, 3)]  # fmt: skip

    assert compared(before(USUAL) + rows).basis == "attempt"


def test_a_sum_of_cut_attempts_is_held_against_one_timeout() -> None:
    """150 s after five attempts of at most 30 s each: every attempt was cut."""
    comparison = compared(before(USUAL) + since([150_050.0] * 10), timeout_ms=30_000)

    assert comparison.basis == "sum"
    assert row(comparison, "failing")["censored"] == 10
    assert comparison.verdict == "slow then dead"


def test_too_few_failures_tell_nothing() -> None:
    """The median of five values is not known with 95 %."""
    comparison = compared(before(USUAL) + since([9_000.0] * 5, attempts=1))

    assert comparison.verdict == "cannot tell"
    assert pd.isna(row(comparison, "failing")["p90_ms"])


def test_one_signature_can_be_looked_at_by_itself() -> None:
    """Refused ones only, though others of the window hang."""
    rows = before(USUAL) + since([1.0] * 10, attempts=1) + since([9_000.0] * 10, attempts=1, last_error="hangs")
    frame = records(rows)

    comparison = compare_durations(frame, onset_at=at(ONSET_S), failing=frame["last_error"] == "connection refused")

    assert comparison.verdict == "dead at once"


def test_a_zero_may_be_an_unmeasured_one() -> None:
    assert "nothing was measured" in compared(before(USUAL) + since([0.0] * 10, attempts=1)).sentence


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [good(1)],
        [dead(1)],
        [dead(n) for n in range(30)],
        [good(n) for n in range(30)],
        [dead(n, action_duration_ms=None) for n in range(30)] + [good(n) for n in range(30)],
        [dead(n, action_duration_ms=-5.0) for n in range(30)] + [good(n) for n in range(30)],
    ],
    ids=["empty", "one success", "one dead letter", "all failed", "none failed", "no durations", "negative"],
)
def test_what_cannot_be_compared_is_said(rows) -> None:
    """No side, or no duration on it: the verdict is that nothing can be told, with the reason in words."""
    comparison = compare_durations(records(rows))

    assert comparison.verdict == "cannot tell"
    assert comparison.sentence
    assert comparison.groups["group"].tolist() == ["failing", "healthy", "baseline"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.one_of(st.none(), st.floats(allow_nan=False, width=64), st.integers(-5, 10**9).map(float)),
            st.one_of(st.none(), st.integers(0, 50)),
        ),
        max_size=40,
    ),
    st.sampled_from([None, 1.0, 30_000.0]),
)
def test_no_duration_however_odd_breaks_the_comparison(rows, timeout_ms) -> None:
    """Negative, endless, enormous and missing durations are answered like any other."""
    frame = records(
        [(dead if is_dead else good)(n, action_duration_ms=value, attempts=attempts)
         for n, (is_dead, value, attempts) in enumerate(rows)]
    )  # fmt: skip

    comparison = compare_durations(frame, onset_at=at(5), timeout_ms=timeout_ms)

    known = comparison.groups["p50_ms"].dropna()
    assert np.isfinite(known.astype(float)).all() and (known >= 0).all()


def test_an_onset_without_a_zone_is_refused() -> None:
    with pytest.raises(ParameterError, match="onset_at has no time zone"):
        compare_durations(records([dead(1)]), onset_at=datetime(2026, 3, 2, 12))
