from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dlqkit.errors import FrameError
from dlqkit.signals.scrapes import read_scrapes
from dlqkit.signals.signals import find_incidents
from tests.frames import START, at, counter


def test_a_hand_made_frame_is_read_like_a_loaded_one() -> None:
    """Text as objects, whole-number ids, plain floats and times without a zone: the same series, the same order."""
    loaded = pd.concat([counter("worker_dlq_total", [1, 2], workflow_id="b"),
                        counter("worker_dlq_total", [5, 7], series_id=1, workflow_id="a")])  # fmt: skip
    made = pd.DataFrame(
        {
            "series_id": loaded["series_id"].to_numpy(dtype="int64"),
            "sampled_at": loaded["sampled_at"].dt.tz_localize(None).astype("datetime64[ns]"),
            "value": loaded["value"].to_numpy(dtype="float64"),
            "metric": loaded["metric"].astype(object),
            "workflow_id": loaded["workflow_id"].astype(object),
        }
    )

    for frame in (loaded, made, made.drop(columns="series_id"), made.iloc[::-1]):
        scrapes = read_scrapes(frame)
        assert scrapes.label("workflow_id").tolist() == ["a", "b"]
        assert scrapes.value.tolist() == [5, 7, 1, 2]
        assert scrapes.at_s[0] == START.timestamp()


def test_series_that_are_numbered_anew_in_each_workflow_are_kept_apart() -> None:
    """Two workflows whose only series is number 0 in both frames."""
    both = pd.concat([counter("worker_dlq_total", [1, 2], workflow_id="a"),
                      counter("worker_dlq_total", [9, 9], workflow_id="b")])  # fmt: skip

    assert np.diff(read_scrapes(both).first).tolist() == [2, 2]


def test_of_two_values_at_one_time_the_larger_is_taken() -> None:
    """A clock that went back: the counter did not fall, so nobody sees a restart."""
    samples = counter("worker_dlq_total", [5, 7])
    samples.loc[1, "sampled_at"] = at(0)

    assert read_scrapes(samples).value.tolist() == [7]


@pytest.mark.parametrize("name", ["sampled_at", "value", "metric"])
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(FrameError, match=name):
        read_scrapes(counter("worker_dlq_total", [1]).drop(columns=name))


def test_times_that_are_numbers_are_refused_with_the_way_to_convert_them() -> None:
    """Seconds or milliseconds: the frame does not say."""
    samples = counter("worker_dlq_total", [1, 2]).assign(sampled_at=[1, 2])

    with pytest.raises(FrameError, match="to_datetime"):
        read_scrapes(samples)


def test_values_that_are_no_numbers_are_refused() -> None:
    samples = counter("worker_dlq_total", [1, 2]).astype({"value": object})
    samples["value"] = ["1", "many"]

    with pytest.raises(FrameError, match="value"):
        read_scrapes(samples)


def test_the_clock_goes_on_where_a_process_is_replaced_under_a_new_name() -> None:
    """No series is there all the time; together they are."""
    old = counter("worker_dlq_total", [1, 1, 1], pod="a")
    new = counter("worker_dlq_total", [None, None, None, 1, 1], series_id=1, pod="b")

    assert len(read_scrapes(pd.concat([old, new])).clock_s) == 5


def test_the_clock_has_no_hole_where_one_counter_of_a_new_process_appears_later() -> None:
    """A process is replaced after scrape 2; the successes of the new one are there at once, its dead letters later."""
    old = counter("worker_success_total", [1, 1, 1], pod="a")
    rare = counter("worker_dlq_total", [*[None] * 6, 1, 1], series_id=1, pod="b")
    new = counter("worker_success_total", [None, None, None, 1, 1, 1, 1, 1], series_id=2, pod="b")

    assert len(read_scrapes(pd.concat([old, rare, new])).clock_s) == 8


@pytest.mark.parametrize("absent", [None, ""])
def test_events_that_name_no_workflow_are_not_dropped(absent: str | None) -> None:
    """The label is there and empty in every row, as a malformed event leaves it."""
    lost = counter("worker_dlq_total", [3.0 * max(number - 240, 0) for number in range(480)])
    won = counter("worker_success_total", [10.0 * number for number in range(480)], series_id=1)

    found = find_incidents(pd.concat([lost, won]).assign(workflow_id=absent))

    assert found["size"].tolist() == [717]
    assert found["workflow_id"].isna().all()


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_value_that_is_no_number_is_a_scrape_that_is_missing(value: float) -> None:
    lost = [3.0 * max(number - 240, 0) for number in range(480)]
    lost[100] = value
    samples = counter("worker_dlq_total", lost, workflow_id="wf")

    assert find_incidents(samples)["size"].tolist() == [717]
