from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dlqkit.errors import ParameterError
from dlqkit.incident import Incident, parse_duration, parse_time

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


def test_window_the_wrong_way_round_is_refused_with_a_next_step() -> None:
    """A window that ends before it starts is said to, and how to mend it."""
    with pytest.raises(ParameterError, match="before it starts") as caught:
        Incident(NOW, NOW - timedelta(hours=1))

    assert caught.value.next_step == "Swap the start and the end."
    assert caught.value.exit_code == 2


def test_time_without_zone_is_refused() -> None:
    """A time without an offset could be any of 26 hours, so it is not guessed."""
    with pytest.raises(ParameterError, match="has no zone"):
        parse_time("2026-03-02T14:00")
    with pytest.raises(ParameterError, match="no time zone"):
        Incident(datetime(2026, 3, 2), NOW)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00", "1969-12-31T23:59:59Z", "2262-01-01T00:00:00Z"]
)
def test_a_time_that_no_frame_holds_is_refused(text: str) -> None:
    """Some of them are no times at all in UTC."""
    with pytest.raises(ParameterError, match="is out of range") as caught:
        parse_time(text)
    assert caught.value.next_step == "Write one of the years 1970 to 2261."
    with pytest.raises(ParameterError, match="is out of range"):
        Incident(datetime.fromisoformat(text), NOW)
    assert parse_time("2261-12-31T23:59:59Z").year == 2261


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("2h", NOW - timedelta(hours=2)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("2026-03-02T17:00+03:00", NOW),
        ("2026-03-02T14:00Z", NOW),
    ],
)
def test_times_are_read_as_ages_or_with_an_offset(text: str, expected: datetime) -> None:
    """An age counts back from now; an offset is honoured; all become UTC."""
    assert parse_time(text, now=NOW) == expected


@pytest.mark.parametrize("text", ["", "h", "-2h", "2 parsecs", "0s", "99999d", "2026-13-40T00:00Z"])
def test_nonsense_is_no_time(text: str) -> None:
    """What is neither an age nor a time is refused."""
    with pytest.raises(ParameterError):
        parse_time(text, now=NOW)


def test_durations_add_up() -> None:
    """1h30m is ninety minutes."""
    assert parse_duration("1h30m") == timedelta(minutes=90)
