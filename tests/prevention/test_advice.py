"""Prevention in words."""

from __future__ import annotations

from dlqkit.executions.comparison import compare_durations
from dlqkit.prevention.advice import advise_prevention
from dlqkit.prevention.payload_proposal import propose_schema
from dlqkit.prevention.slowest_step import slowest_step
from dlqkit.prevention.timeout import limits_in_force, timeout_effects
from tests.frames import dead, good, lines, records
from tests.prevention.test_timeout import VALUES, two_timeouts

CUT = records([good(n, action_duration_ms=float(n % 100 + 1)) for n in range(1000)]
              + [dead(n, attempts=1, action_duration_ms=30_010.0) for n in range(10)])  # fmt: skip


def test_nothing_looked_at_gives_no_advice() -> None:
    assert advise_prevention().empty


def test_a_shorter_timeout_is_named_where_it_cuts_no_success() -> None:
    """A thousand successes took at most 100 ms; ten hung for 30 s."""
    row = advise_prevention(effects=timeout_effects(CUT, 30_000)).iloc[0]

    assert row["sentence"].startswith("A timeout of 100 ms would fail sooner, and cut no success that is known")
    assert row["unknown"] == "How long the actions that were cut would have taken."


def test_no_other_timeout_is_advised_while_a_dependency_is_down() -> None:
    """The error is named once, whole: what told its class may be no more than a code."""
    row = advise_prevention(effects=timeout_effects(CUT, 30_000), dependency_down="no route to host <host>").iloc[0]

    assert row["sentence"] == "Leave the timeout as it is: a longer one only waits longer for what is down."
    assert row["evidence"] == "What is down, by the errors: “no route to host <host>”."


def test_events_that_were_refused_say_nothing_for_a_timeout() -> None:
    frame = records([good(n, action_duration_ms=100.0) for n in range(20)]
                    + [dead(n, attempts=1, action_duration_ms=1.0) for n in range(20)])  # fmt: skip

    advice = advise_prevention(effects=timeout_effects(frame, 30_000), durations=compare_durations(frame))

    assert advice["sentence"].iloc[0] == "The timeout is not what failed these events: leave it."
    assert "were cut" not in advice["unknown"].iloc[0]


def test_no_word_is_said_of_a_slow_part_of_actions_that_were_not_slow() -> None:
    """Payloads were refused as fast as good ones were done, and the log has one line for each attempt."""
    frame = records([good(n, action_duration_ms=100.0) for n in range(20)]
                    + [dead(n, attempts=1, action_duration_ms=100.0) for n in range(20)])  # fmt: skip
    silent = slowest_step(lines([{"at": 0}]), set(), set())

    fast = advise_prevention(slowest=silent, durations=compare_durations(frame))
    unknown = advise_prevention(slowest=silent)

    assert fast["sentence"].iloc[0].startswith("Failing actions were not slow; ")
    assert unknown["sentence"].iloc[0] == "The logs do not tell which part of the action is slow."
    assert unknown["evidence"].iloc[0] == "No log line belongs to a failing event."


def test_shorter_timeouts_that_are_not_advised_are_no_evidence() -> None:
    """Two of the ten successes took long: every shorter timeout would have cut one, and none is advised."""
    frame = records([good(n, action_duration_ms=20_000.0 if n < 2 else 100.0) for n in range(10)]
                    + [dead(n, attempts=1, action_duration_ms=30_010.0) for n in range(10)])  # fmt: skip

    row = advise_prevention(effects=timeout_effects(frame, 30_000)).iloc[0]

    assert row["sentence"].startswith("These data give no reason for another timeout")
    assert row["evidence"] == (
        "What a longer timeout of 60 s would do is not answerable from these data: nothing was let run beyond 30 s."
    )


def test_where_the_timeout_ended_the_actions_the_advice_is_that_of_the_first_screen() -> None:
    """Ten of ten were cut at 30 s: "no reason for another timeout" would contradict "raise its timeout"."""
    frame = records([good(n, action_duration_ms=100.0) for n in range(400)]
                    + [dead(n, attempts=1, action_duration_ms=30_010.0) for n in range(10)])  # fmt: skip
    durations = compare_durations(frame, timeout_ms=30_000)

    row = advise_prevention(effects=timeout_effects(frame, 30_000), durations=durations).iloc[0]

    assert row["sentence"] == (
        "The timeout ended most of the failing actions: make the action faster, or raise the timeout; how long it "
        "would have to be these data do not say."
    )
    assert "nothing was let run beyond 30 s" in row["evidence"]


def test_an_estimate_for_a_longer_timeout_is_offered_with_its_condition() -> None:
    frame = two_timeouts(VALUES, VALUES)
    limits = limits_in_force(frame, "workflow_id", {"a": 1_000, "b": 4_000})

    row = advise_prevention(effects=timeout_effects(frame, 1_000, candidates=[2_000], limits=limits)).iloc[0]

    assert row["sentence"] == "A timeout of 2 s may be worth trying."
    assert "if they are like the 50" in row["evidence"]


def test_every_topic_has_its_evidence_and_its_limit() -> None:
    """Also where the answer is that nothing is known."""
    silent = slowest_step(lines([{"at": 0}]), set(), set())

    advice = advise_prevention(schema=propose_schema(CUT), effects=timeout_effects(CUT, 30_000), slowest=silent)

    assert advice["topic"].tolist() == ["validate", "timeout", "optimise"]
    assert (advice[["sentence", "evidence", "unknown"]].map(len) > 0).all(axis=None)


def test_no_timeout_is_spoken_of_where_none_ended_an_action() -> None:
    """Slow and dead, but at no common duration: nothing shows that a timeout was in force."""
    frame = records([good(n, action_duration_ms=100.0) for n in range(200)]
                    + [dead(n, attempts=1, action_duration_ms=5_000.0 + 900 * n) for n in range(20)])  # fmt: skip

    advice = advise_prevention(effects=timeout_effects(frame), durations=compare_durations(frame))

    assert advice["sentence"].iloc[0] == "No failing action is known to have been ended by a timeout: leave it."
    assert "were cut" not in advice["unknown"].iloc[0]
