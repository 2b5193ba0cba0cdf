"""Watching ends when what is measured holds, when events die anew, or when its time is up."""

from __future__ import annotations

from typing import Any

import pytest

from dlqkit.closure.checklist import Closure, Item, judge
from dlqkit.closure.watching import Watched, watch
from dlqkit.errors import SourceError, SourceUnavailable
from tests.frames import at

DOWN = SourceUnavailable("Prometheus does not answer.", "Try again.")


def look(state: str, *, count: float = 0, newest: float | None = None, since: str = "fix") -> Closure:
    newest_at = None if newest is None else at(newest).isoformat()
    measured = Item("metrics", "", state, "", since=since, count=count, newest_at=newest_at)  # type: ignore[arg-type]
    others = [Item("records", "", "yes", ""), Item("confirmation", "", "person", ""), Item("ticket", "", "person", "")]
    return judge([measured, *others])


def watching(answers: list[Closure | SourceError], timeout_s: float = 1000) -> tuple[Watched, list[float], list[Any]]:
    """One look a minute; how it ended, how long it slept, what it told."""
    now, slept, told, left = [0.0], [], [], iter(answers)

    def next_look() -> Closure:
        answer = next(left)
        if isinstance(answer, SourceError):
            raise answer
        return answer

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    done = watch(next_look, interval_s=60, timeout_s=timeout_s, on_look=told.append, clock=lambda: now[0], sleep=sleep)
    return done, slept, told


def test_it_ends_when_what_is_measured_holds_although_people_have_not_spoken() -> None:
    """Nobody is waited for: the analyst is told that it is time to ask."""
    done, slept, told = watching([look("unknown"), look("unknown"), look("yes")])

    assert (done.ended, done.looks, slept, len(told)) == ("holds", 3, [60, 60], 2)
    assert done.closure.verdict == "not closable"


def test_what_holds_at_once_is_looked_at_once() -> None:
    assert watching([look("yes")])[0].looks == 1


def test_a_dead_letter_in_what_had_been_quiet_ends_it() -> None:
    done, _, _ = watching([look("unknown"), look("no", count=1, newest=100), look("yes")])

    assert (done.ended, done.looks) == ("regression", 2)


def test_more_dead_letters_since_a_fix_that_people_named_end_it() -> None:
    """One since the fix was there when watching began; a second one says that the fix did not help."""
    first = look("no", count=1, newest=100)

    assert watching([first, first, look("no", count=2, newest=200)])[0].looks == 3


def test_an_incident_that_still_goes_on_is_waited_for() -> None:
    """No fix is named: the quarter of an hour that is looked at moves on with the evidence."""
    answers = [look("no", count=9, newest=100, since="a"), look("no", count=12, newest=200, since="b"),
               look("unknown", since="c"), look("yes", since="c")]  # fmt: skip

    assert (watching(answers)[0].ended, watching(answers)[0].looks) == ("holds", 4)


def test_time_is_up_before_the_look_that_would_come_too_late() -> None:
    done, slept, _ = watching([look("unknown")] * 9, timeout_s=150)

    assert (done.ended, done.looks, slept) == ("timeout", 3, [60, 60])


def test_a_source_that_is_down_for_a_look_is_asked_again() -> None:
    done, _, told = watching([DOWN, look("unknown"), DOWN, look("yes")])

    assert (done.ended, done.looks, done.failed) == ("holds", 2, 2)
    assert told[0] is DOWN


def test_a_source_that_is_down_all_the_time_is_an_error_and_no_verdict() -> None:
    with pytest.raises(SourceUnavailable):
        watching([DOWN] * 9, timeout_s=150)


def test_dead_letters_around_a_look_that_failed_are_not_passed_over() -> None:
    assert watching([look("unknown"), DOWN, look("no", count=1, newest=100)])[0].ended == "regression"
