"""APIs that break in every way: what can be had is had once and unchanged, and nothing is called whole that is not."""

from __future__ import annotations

import time

import pytest

from dlqkit.errors import SourceUnavailable, UnexpectedAnswer
from tests.sources.faults_campaign import read, recoverable, recoverable_schedules
from tests.sources.faulty_answers import HARMLESS, PASSING
from tests.sources.faulty_server import STYLES, Schedule, faulty

SEEDS = 14


@pytest.mark.parametrize("style", STYLES)
def test_every_record_comes_once_and_unchanged_whatever_passes(style: str) -> None:
    """Faults of up to three in a row, and lists that change meanwhile; make bench-reliability tries 200 seeds."""
    tally = recoverable(recoverable_schedules(range(SEEDS), [style]))

    assert tally.schedules == SEEDS
    assert tally.records > 100
    assert tally.wrong == {}, tally.where


@pytest.mark.parametrize("fault", [*PASSING, *HARMLESS])
def test_a_fault_that_passes_costs_no_record(fault: str) -> None:
    """Each kind by itself, at each question up to three times in a row."""
    with faulty(Schedule("cursor", 3, records=23, rate=1.0, in_a_row=1, passing=(fault,))) as api:
        loaded = read(api)

    assert (len(loaded.frame), loaded.coverage.completeness) == (23, "complete")
    assert api.faults[fault] >= 3


def test_the_same_schedule_gives_the_same_faults() -> None:
    """A schedule in which something was lost can be looked at again."""
    seen = []
    for _ in range(2):
        with faulty(Schedule("offset", 8, rate=0.5, change="moves")) as api:
            read(api)
        seen.append((api.faults, api.whole))

    assert seen[0] == seen[1]


def test_a_login_page_is_said_after_four_tries() -> None:
    """A proxy's page may pass, a wrong address does not; neither is asked for until the budget is gone."""
    waits: list[float] = []
    page = Schedule("none", 1, rate=0.0, lasting="200 with a page")
    with faulty(page) as api, pytest.raises(UnexpectedAnswer, match="Sign in"):
        read(api, sleep=waits.append)

    assert api.asked == 4
    assert sum(waits) < 4


def test_waits_count_as_time_spent() -> None:
    """Twice a day each time: the second wait is more than is left of 45 seconds, so it is not begun."""
    waits: list[float] = []
    began = time.monotonic()
    with (
        faulty(Schedule("none", 1, rate=0.0, lasting="429 tomorrow")) as api,
        pytest.raises(SourceUnavailable, match="fewer"),
    ):
        read(api, sleep=waits.append)

    assert waits == [30.0]
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(("style", "change"), [("page", "shrinks"), ("page", "moves"), ("offset", "moves")])
def test_a_record_that_moved_is_found_or_the_evidence_says_unverified(style: str, change: str) -> None:
    """Lists that are read by places, thirty seeds without any other fault."""
    tally = recoverable(Schedule(style, seed, records=47, rate=0.0, change=change) for seed in range(30))

    assert tally.wrong == {}, tally.where
