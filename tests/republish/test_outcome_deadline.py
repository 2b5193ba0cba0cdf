"""How long an outcome may take is read off the evidence, or nobody knows."""

from __future__ import annotations

from dlqkit.republish.outcome_deadline import find_outcome_deadline
from tests.frames import dead, good, lines, records


def test_half_as_long_again_as_the_longest_time_from_first_to_last_attempt() -> None:
    """Event a: begun 1 s before 10 s, done at 50 s, 41 s in all; event b took less."""
    rows = [
        good(10, event_key="a", status="failed", attempts=1, action_duration_ms=1000.0, last_error="x"),
        good(20, event_key="a", status="failed", attempts=2, last_error="x"),
        dead(50, event_key="a", attempts=3),
        good(10, event_key="b", status="failed", attempts=1, last_error="x"),
        good(12, event_key="b", attempts=2),
    ]

    assert find_outcome_deadline(records(rows)) == 1.5 * 41


def test_two_executions_of_an_event_are_not_one_long_one() -> None:
    """It died at attempt 2, and was sent again an hour later."""
    rows = [good(0, event_key="a", status="failed", attempts=1, action_duration_ms=0.0, last_error="x"),
            dead(4, event_key="a", attempts=2), good(3600, event_key="a", attempts=3)]  # fmt: skip

    assert find_outcome_deadline(records(rows)) == 6


def test_where_an_event_has_one_record_the_logs_have_its_attempts() -> None:
    logs = lines([{"at": at, "trace_id": "t", "workflow_id": "wf", "attempts": n, "message": "m"}
                  for n, at in ((1, 0), (2, 3), (3, 9))])  # fmt: skip

    assert find_outcome_deadline(records([dead(9)])) is None
    assert find_outcome_deadline(records([dead(9)]), logs) == 13.5


def test_nothing_known_is_unknown() -> None:
    assert find_outcome_deadline(records([])) is None
    assert find_outcome_deadline(records([good(1), good(2)])) is None
