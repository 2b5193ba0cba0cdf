from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dlqkit.setup.checks import amount, counted
from dlqkit.setup.clocks import Asked, check_clock, possible_offsets, server_now, zone_name

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def asked(date: str | None, took_s: float = 1.0) -> Asked:
    return Asked(NOW, NOW + timedelta(seconds=took_s), date)


@pytest.mark.parametrize(
    ("date", "state", "said"),
    [
        ("Mon, 02 Mar 2026 12:00:00 GMT", "works", "agrees"),
        ("Mon, 02 Mar 2026 12:00:06 GMT", "works", "agrees"),
        ("Mon, 02 Mar 2026 12:00:08 GMT", "note", "7 s ahead of"),
        ("Mon, 02 Mar 2026 12:01:01 GMT", "note", "1 min ahead of"),
        ("Mon, 02 Mar 2026 12:01:02 GMT", "fails", "1 min 1 s ahead of"),
        ("Mon, 02 Mar 2026 11:59:54 GMT", "works", "agrees"),
        ("Mon, 02 Mar 2026 11:58:00 GMT", "fails", "1 min 59 s behind"),
        (None, "unknown", "does not say"),
        ("yesterday", "unknown", "does not say"),
        ("Fri, 31 Dec 9999 23:59:59 -0100", "unknown", "does not say"),
    ],
)
def test_a_clock_that_is_off_is_told_with_its_direction(date: str | None, state: str, said: str) -> None:
    """Asked at 12:00:00, answered a second later; five seconds are forgiven, and the second that a header cuts off.

    Up to a minute it is a note.
    """
    check = check_clock(asked(date))

    assert (check.state, said in check.said) == (state, True)
    assert bool(check.next_step) == (state in {"note", "fails"})


def test_an_answer_that_took_long_makes_no_clock_wrong() -> None:
    """A header of any moment between question and answer is right."""
    for second in (0, 10, 20):
        moment = f"Mon, 02 Mar 2026 12:00:{second:02d} GMT"
        assert check_clock(asked(moment, took_s=20)).state == "works"


def test_the_servers_time_is_its_own_where_it_says_one() -> None:
    assert server_now(asked("Mon, 02 Mar 2026 15:00:00 GMT")) == NOW + timedelta(hours=3)
    assert server_now(asked(None)) == NOW + timedelta(seconds=1)


def written(offset: timedelta, count: int = 50, pause_s: int = 20) -> list[datetime]:
    """Times of a busy worker as its wall clock writes them, the newest of ten seconds ago."""
    return [NOW + offset - timedelta(seconds=10 + pause_s * n) for n in range(count)]


@pytest.mark.parametrize("minutes", [0, 180, -300, 330, 345, 840])
def test_busy_records_leave_one_zone(minutes: int) -> None:
    """A record every twenty seconds: an hour away from now is of another zone, not of a pause."""
    assert possible_offsets(written(timedelta(minutes=minutes)), NOW) == (minutes,)


def test_records_with_long_pauses_leave_several_zones() -> None:
    """Every 50 minutes a record: the newest may be of now in UTC, or of an hour ago where it is an hour later."""
    found = possible_offsets(written(timedelta(0), pause_s=3000), NOW)

    assert found == (0, 60)
    assert possible_offsets([], NOW) == ()


def test_one_record_alone_says_only_that_it_is_not_of_the_future() -> None:
    found = possible_offsets([NOW + timedelta(hours=3)], NOW)

    assert min(found) == 180
    assert len(found) > 5


@pytest.mark.parametrize("minutes", [-300, 0, 180, 210, 330, 345, 570, 840])
def test_a_zones_name_has_its_offset(minutes: int) -> None:
    """POSIX counts westward: Etc/GMT-3 is three hours ahead."""
    zone = ZoneInfo(zone_name(minutes))

    assert datetime(2026, 11, 1, tzinfo=zone).utcoffset() == timedelta(minutes=minutes)


def test_lengths_and_counts_are_written_as_people_say_them() -> None:
    seconds = (0, -59, 60, 185, 3600, 12_000, 100_000, 172_800, 1_300_000)
    assert [amount(one) for one in seconds] == [
        "0 s", "59 s", "1 min", "3 min 5 s", "1 h", "3 h 20 min", "27 h 46 min", "2 days", "15 days",
    ]  # fmt: skip
    assert [counted(1, "record"), counted(2000, "record"), counted(2, "series")] == [
        "1 record",
        "2,000 records",
        "2 series",
    ]
