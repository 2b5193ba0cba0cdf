from __future__ import annotations

import numpy as np

from dlqkit.executions.durations import duration_histogram
from tests.frames import dead, good, records


def test_the_timeout_is_an_edge_and_what_it_cut_is_a_row_of_its_own() -> None:
    """Three actions were cut at 30 s, one took 29 s, one 40 s."""
    rows = [dead(n, action_duration_ms=30_000 + 10 * n) for n in range(3)]
    rows += [good(5, action_duration_ms=29_000), good(6, action_duration_ms=40_000)]

    frame = duration_histogram(records(rows), timeout_ms=30_000)

    cut = frame[frame["censored"]]
    assert (cut["low_ms"].tolist(), cut["records"].tolist(), cut["outcome"].tolist()) == ([30_000], [3], ["dead"])
    assert frame["records"].sum() == 5
    assert 30_000 in set(frame["high_ms"]) | set(frame["low_ms"])
    assert ((frame["high_ms"] <= 30_000) | (frame["low_ms"] >= 30_000)).all()


def test_bins_have_equal_widths_on_a_logarithmic_scale() -> None:
    frame = duration_histogram(records([good(n, action_duration_ms=10.0 ** (1 + n / 10)) for n in range(30)]))

    widths = np.log10(frame["high_ms"].astype(float)) - np.log10(frame["low_ms"].astype(float))
    assert np.allclose(widths, 0.1)


def test_absent_and_impossible_durations_are_left_out() -> None:
    frame = duration_histogram(records([good(1, action_duration_ms=None), good(2, action_duration_ms=0), good(3)]))

    assert frame["records"].sum() == 1


def test_no_durations_are_an_empty_frame() -> None:
    assert duration_histogram(records([good(1, action_duration_ms=None)])).empty


def test_of_a_sum_the_mean_of_an_attempt_is_counted() -> None:
    """150.05 s over five attempts are five that the timeout of 30 s cut."""
    frame = duration_histogram(records([dead(1, action_duration_ms=150_050)]), timeout_ms=30_000, basis="sum")

    assert frame["censored"].tolist() == [True]
    assert frame["low_ms"].tolist() == [30_000]


def test_the_time_since_1970_is_no_duration() -> None:
    """A start that was never set makes an action of fifty years."""
    assert duration_histogram(records([good(1, action_duration_ms=1.77e12), good(2)]))["records"].sum() == 1


def test_a_failure_that_ends_a_moment_early_was_cut_and_a_success_was_not() -> None:
    """At a limit of 30 s two failures end at 29.8 s: cut, as in the table beside the picture; 30.1 s succeeded."""
    rows = [dead(n, action_duration_ms=29_800) for n in range(2)]
    rows += [dead(2, action_duration_ms=30_050), dead(3, action_duration_ms=29_000)]

    frame = duration_histogram(records([*rows, good(5, action_duration_ms=30_100)]), timeout_ms=30_000)

    assert frame.loc[frame["censored"], "records"].tolist() == [3]
    assert frame.loc[~frame["censored"], "outcome"].tolist() == ["dead", "succeeded"]
