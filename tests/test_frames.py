from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from dlqkit.errors import FrameError
from dlqkit.frames import RECORDS, TIME, check_frame, conform, with_labels


@pytest.mark.parametrize(
    "times", [["03/02/2026 10:00"], ["2. März"], [1_772_000_000], [1_772_000_000.5]], ids=["slashes", "words", "s", "f"]
)
def test_a_time_that_could_be_read_in_two_ways_is_not_guessed(times: list[Any]) -> None:
    """The third of February in Berlin is the second of March in Boston, and seconds are no nanoseconds."""
    with pytest.raises(FrameError, match="recorded_at") as raised:
        conform(pd.DataFrame({"recorded_at": times}), RECORDS)

    assert "2026-03-02T14:00:00+00:00" in raised.value.next_step


@pytest.mark.parametrize(
    "times",
    [
        ["2026-03-02T14:00:00Z", "2026-03-02T14:00:00.5+00:00", None],
        [pd.Timestamp("2026-03-02T14:00:00"), pd.Timestamp("2026-03-02T14:00:00.5"), pd.NaT],
        ["2026-03-02 14:00:00", "2026-03-02 14:00:00.500", None],
    ],
)
def test_times_are_read_by_the_millisecond_and_without_a_zone_as_utc(times: list[Any]) -> None:
    frame = conform(pd.DataFrame({"recorded_at": times}), RECORDS)

    assert frame["recorded_at"].tolist()[:2] == [
        pd.Timestamp("2026-03-02T14:00:00Z"),
        pd.Timestamp("2026-03-02T14:00:00.5Z"),
    ]
    assert frame["recorded_at"].isna().tolist() == [False, False, True]


def test_a_frame_of_plain_columns_is_refused_with_the_way_to_make_it_one() -> None:
    """Read from a CSV, flags are plain truth values and durations plain numbers."""
    plain = pd.DataFrame({"queued_to_dlq": [True], "action_duration_ms": [1.5]})

    with pytest.raises(FrameError) as raised:
        check_frame(plain, RECORDS, ("queued_to_dlq",))

    assert "dlqkit.frames.conform" in raised.value.next_step
    check_frame(conform(plain, RECORDS), RECORDS, tuple(RECORDS))


def two_series(**labels: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {"series_id": pd.array([0, 1], dtype="Int32"), "metric": pd.Categorical(["up", "down"]), **labels}
    )


def three_samples(*series_id: Any) -> pd.DataFrame:
    at = pd.to_datetime(["2026-03-02T14:00Z", "2026-03-02T14:01Z", "2026-03-02T14:02Z"]).astype(TIME)
    return pd.DataFrame({"series_id": pd.array(series_id, dtype="Int32"), "sampled_at": at, "value": [1.0, 2.0, 3.0]})


@pytest.mark.parametrize("order", [[0, 1], [1, 0]], ids=["as they are numbered", "the other way round"])
def test_each_sample_gets_the_labels_of_its_own_series(order: list[int]) -> None:
    series = two_series(zone=["a", "b"]).iloc[order].reset_index(drop=True)

    frame = with_labels(three_samples(1, 0, 1).iloc[[2, 1]], series)

    assert frame.index.tolist() == [0, 1]
    assert frame["value"].tolist() == [3, 2]
    assert frame["zone"].tolist() == ["b", "a"]
    assert frame["metric"].tolist() == ["down", "up"]
    assert str(frame["metric"].dtype) == "category"


@pytest.mark.parametrize("number", [7, -1, None], ids=["unknown", "below zero", "absent"])
def test_a_sample_of_a_series_that_is_not_there_has_no_labels(number: int | None) -> None:
    frame = with_labels(three_samples(0, number, 1), two_series())

    assert frame["metric"].isna().tolist() == [False, True, False]
    assert frame["value"].tolist() == [1, 2, 3]


def test_a_series_that_is_there_twice_is_refused() -> None:
    """Which of the two has the labels of a sample cannot be told."""
    series = pd.concat([two_series(), two_series()], ignore_index=True)

    with pytest.raises(pd.errors.MergeError):
        with_labels(three_samples(0, 0, 1), series)


def test_what_is_changed_beside_the_labels_is_not_changed_in_the_samples() -> None:
    """The joined frame takes no second copy of the samples, and yet is one of its own."""
    samples = three_samples(0, 0, 1)

    frame = with_labels(samples, two_series())
    frame.loc[0, "value"] = 99.0

    assert samples["value"].tolist() == [1, 2, 3]
