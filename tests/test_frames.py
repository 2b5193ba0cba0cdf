from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from dlqkit.errors import FrameError
from dlqkit.frames import RECORDS, check_frame, conform


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
