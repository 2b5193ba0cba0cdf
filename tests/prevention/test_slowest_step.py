"""Where an action's time goes, by its log lines."""

from __future__ import annotations

import pytest

from dlqkit.prevention.slowest_step import slowest_step
from tests.frames import lines

FAILING = {f"bad{n}" for n in range(10)}
HEALTHY = {f"good{n}" for n in range(10)}


def run(trace, number, *steps, attempts=1):
    """Lines of one attempt: pairs of seconds since its start and message."""
    return [{"at": 100 * number + seconds, "trace_id": trace, "workflow_id": "wf", "attempts": attempts,
             "message": message} for seconds, message in steps]  # fmt: skip


def logs(failing, healthy, attempts=1):
    rows = [row for n in range(10) for row in run(f"bad{n}", n, *failing, attempts=attempts)]
    return lines(rows + [row for n in range(10) for row in run(f"good{n}", n, *healthy, attempts=attempts)])


USUAL = ((0, "load customer 7"), (1, "call payments"), (1.5, "payments answered"), (2, "done"))


def test_the_call_that_never_returned_is_the_slowest_step() -> None:
    """Healthy runs wait half a second for payments, failing ones thirty, and then give up."""
    failing = ((0, "load customer 8"), (1, "call payments"), (31, "timed out"))

    found = slowest_step(logs(failing, USUAL), FAILING, HEALTHY)

    assert found.verdict == "found"
    assert found.step == "call payments"
    row = found.steps.iloc[0]
    assert (row["failing_ms"], row["healthy_ms"], row["growth_ms"]) == (30_000, 500, 29_500)
    assert (row["next_failing"], row["next_healthy"]) == ("timed out", "payments answered")
    assert row["share"] == pytest.approx(30 / 31)


def test_a_step_that_healthy_runs_never_take_is_lost_time() -> None:
    failing = ((0, "load customer 8"), (1, "reconnecting"), (21, "call payments"), (21.5, "refused"))

    found = slowest_step(logs(failing, USUAL), FAILING, HEALTHY)

    assert found.step == "reconnecting"
    assert "healthy ones have no such line" in found.sentence


def test_runs_that_are_alike_have_no_slowest_step() -> None:
    found = slowest_step(logs(USUAL, USUAL), FAILING, HEALTHY)

    assert found.verdict == "no step grew"
    assert found.step is None


def test_one_line_per_attempt_tells_nothing() -> None:
    """The wait between two attempts is not a part of the action."""
    rows = [row for n in range(10) for attempt in (1, 2, 3)
            for row in run(f"bad{n}", n, (20 * attempt, "action failed"), attempts=attempt)]  # fmt: skip

    found = slowest_step(lines(rows), FAILING, HEALTHY)

    assert found.verdict == "the logs do not tell"
    assert "single line" in found.sentence


def test_without_healthy_runs_only_the_longest_is_named() -> None:
    rows = [row for n in range(10) for row in run(f"bad{n}", n, (0, "call payments"), (30, "timed out"))]

    found = slowest_step(lines(rows), FAILING, set())

    assert (found.verdict, found.step) == ("longest", "call payments")
    assert "not known" in found.sentence


def test_lines_may_come_in_any_order() -> None:
    frame = logs(((0, "call payments"), (30, "timed out")), USUAL)

    assert slowest_step(frame.iloc[::-1], FAILING, HEALTHY).step == "call payments"


def test_a_trace_on_both_sides_is_on_neither() -> None:
    found = slowest_step(logs(((0, "a"), (9, "b")), USUAL), FAILING, FAILING)

    assert found.verdict == "the logs do not tell"


@pytest.mark.parametrize("rows", [[], [{"at": 0, "trace_id": None, "message": "x"}]])
def test_no_lines_tell_nothing(rows) -> None:
    frame = lines(rows) if rows else lines([{"at": 0}]).iloc[:0]

    assert slowest_step(frame, FAILING, HEALTHY).verdict == "the logs do not tell"
