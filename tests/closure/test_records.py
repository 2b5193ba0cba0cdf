"""§7, item 2: the records show no new dead letter, and reach from the fix to the end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from dlqkit.closure.quiet import Incidence
from dlqkit.closure.records import Reach, check_records, find_gap
from dlqkit.closure.since import Since
from tests.frames import START, at, dead, good, records

FIX, NOW = at(15 * 60).to_pydatetime(), at(2 * 3600).to_pydatetime()
OFTEN = Incidence(per_hour=60.0, share=0.5)
WHOLE = Reach(START.to_pydatetime(), NOW)


def of_records(rows: list[dict[str, Any]], incidence: Incidence = OFTEN, **reach: Any) -> Any:
    values = {"known_from": WHOLE.known_from, "known_to": NOW, **reach}
    return check_records(records(rows), Since(FIX, "the fix"), NOW, incidence, Reach(**values))


def healthy(count: int = 21, until: float = 7200) -> list[dict[str, Any]]:
    """Evenly from a quarter of an hour after the start."""
    step = (until - 1000) / (count - 1)
    return [good(1000 + step * n, record_id=f"g{n}", event_key=f"g{n}", trace_id=f"g{n}") for n in range(count)]


def test_records_without_a_new_dead_letter_hold_where_enough_came_to_an_end() -> None:
    """Half of the events died: of 21 more than ten were to, and none did. 1 - 0.05^(1/21) is 13.3 %."""
    found = of_records([dead(10), *healthy()])

    assert (found.state, "21 events came to an end" in found.why) == ("yes", True)
    assert "fewer than 1.7 an hour die now, and fewer than 13.29% of the events" in found.why


@pytest.mark.parametrize(
    ("rows", "reach", "state", "words"),
    [
        ([dead(10), dead(1000)], {}, "no", "1 in the"),
        ([dead(10), dead(1000)], {"known_from": None}, "no", "At least 1 in the"),
        ([dead(10), dead(1000)], {"quarantined": 1}, "no", "At least 1 in the"),
        ([dead(10)], {"has_records": False}, "unknown", "No execution records"),
        ([dead(10)], {"known_from": None}, "unknown", "not whole"),
        ([dead(10)], {"known_from": FIX + timedelta(minutes=1)}, "unknown", "not whole"),
        ([dead(10)], {"known_to": at(3600).to_pydatetime()}, "unknown", "do not reach"),
        ([dead(10)], {"quarantined": 2}, "unknown", "2 records could not be read"),
        ([dead(10)], {"is_workflow": False}, "unknown", "Only records of the trace"),
        ([dead(10, recorded_at=pd.NaT)], {}, "unknown", "1 dead letter has no time that can be read"),
    ],
)
def test_records_that_do_not_cover_the_time_are_no_yes(
    rows: list[dict[str, Any]], reach: dict[str, Any], state: str, words: str
) -> None:
    found = of_records(rows + (healthy() if state == "unknown" else []), **reach)

    assert found.state == state
    assert words in found.why


def test_an_answer_that_was_cut_before_the_fix_is_whole_enough() -> None:
    """An API without pages gives its newest hundred: they reach back beyond the fix, and what is older is not asked."""
    assert of_records([dead(10), *healthy()], known_from=FIX).state == "yes"


def test_an_api_that_stopped_taking_records_shows_no_dead_letters_either() -> None:
    """21 records in the first 34 min 50 s and none in the 85 minutes since: 20 · 5100 / 2090 = 49 were to come."""
    found = of_records([dead(10), *healthy(20, until=900 + 20 * 60)])

    assert found.state == "unknown"
    assert "The newest record of any kind is of 2026-03-02 12:35:00 UTC, and 49 were to come since" in found.why


def test_an_api_of_which_nothing_came_since_the_fix_is_behind_by_what_came_before() -> None:
    found = of_records([dead(10), *(good(n * 10, event_key=f"b{n}") for n in range(80))])

    assert (found.state, "the API may be behind" in found.why) == ("unknown", True)


def test_a_single_record_tells_no_rate_and_so_not_whether_the_api_keeps_up() -> None:
    found = of_records([good(10, event_key="a")])

    assert (found.state, "how many were to come since is not known" in found.why) == ("unknown", True)


def test_events_that_are_still_being_tried_again_are_not_dead_yet() -> None:
    """Before the fix half of the events died. Ten succeed, and ten have failed twice and wait for the next attempt."""
    failing = [
        good(6000 + n, event_key=f"f{n % 10}", status="failed", retryable=True, attempts=1 + n // 10)
        for n in range(20)
    ]  # fmt: skip

    found = of_records([dead(10), *healthy(10), *failing])
    assert found.state == "unknown"
    assert "10 events have failed since and are being tried again, while 10 succeeded" in found.why
    # Two of twenty is what happens on any day, and what came through at last is no failure.
    later = [good(6100 + n, event_key=f"f{n}") for n in range(8)]
    assert of_records([dead(10), *healthy(10), *failing, *later]).state == "yes"


def test_failures_that_do_not_say_whether_they_are_dead_letters_may_be_some() -> None:
    """The API leaves queued_to_dlq out: no record is a dead letter, and three events have failed for good."""
    failed = [good(6000 + n, event_key=f"f{n}", status="failed", queued_to_dlq=pd.NA) for n in range(3)]

    found = of_records([dead(10), *healthy(), *failed])

    assert (found.state, "3 failed records do not say whether they are dead letters" in found.why) == ("unknown", True)


def test_where_events_are_rare_the_newest_record_is_where_quiet_ends() -> None:
    """Two records an hour, the newest half an hour old: that is their rhythm, and quiet is counted up to it."""
    found = of_records([dead(10), good(1500, event_key="a"), good(5400, event_key="b")], Incidence(9.0, None))

    assert (found.state, "in the 75 minutes since" in found.why) == ("yes", True)


def test_the_newest_dead_letter_is_named_and_counted() -> None:
    found = of_records([dead(10), dead(1000), dead(1300)])

    assert (found.count, found.newest_at) == (2, at(1300).isoformat())
    assert "the newest of 2026-03-02 12:21:40 UTC" in found.why


def test_it_is_said_whether_they_died_of_the_same() -> None:
    """One of an error that has nothing to do with it is for somebody to accept; one of the incident's is no end."""
    frame = records([dead(10), dead(1000), dead(1300), *healthy()])
    frame["signature_id"] = ["refused", "bad zip", "refused", *[pd.NA] * 21]

    def why(*ids: str) -> str:
        return check_records(frame, Since(FIX, "x"), NOW, OFTEN, WHOLE, signatures=ids).why

    assert why("refused").endswith(" 1 of them with an error of the incident's.")
    assert why("timed out").endswith(" None of them with an error of the incident's.")


def test_what_may_be_missing_is_also_asked_of_the_time_since_the_closing() -> None:
    rows = records([dead(10), *healthy()])

    assert find_gap(rows, WHOLE, at(3600).to_pydatetime(), NOW) == ""
    assert "not whole" in find_gap(rows, Reach(None, NOW), at(3600).to_pydatetime(), NOW)


def test_records_that_end_before_the_quiet_is_looked_at_tell_nothing_of_it() -> None:
    """Few records come at all, and the last is older than what is asked; "in the -2 minutes since" tells nobody."""
    found = of_records([dead(-20_000), good(800)], known_from=at(-21_000).to_pydatetime())

    assert found.state == "unknown"
    assert found.why == (
        "The newest record is of 2026-03-02 12:13:20 UTC; none tells of the time since 2026-03-02 12:15:00 UTC."
    )
