from __future__ import annotations

import pytest

from dlqkit.decision.classes import CLASSIFIED, classify_error, classify_failures, propose_max_attempts
from tests.frames import dead, good, records


@pytest.mark.parametrize(
    ("more", "failure_class"),
    [
        ({"retryable": False}, "business"),
        ({"retryable": False, "action_duration_ms": 30_000}, "business"),
        ({}, "infrastructure"),
        ({"attempts": None}, "infrastructure"),
        ({"attempts": 3}, "unknown"),
        ({"action_duration_ms": 28_500}, "timeout"),
        ({"action_duration_ms": 28_499}, "infrastructure"),
        ({"retryable": None}, "unknown"),
    ],
)
def test_the_class_follows_the_fields_in_the_runbooks_order(more: dict[str, object], failure_class: str) -> None:
    """retryable false; then fewer attempts than MAX_ATTEMPTS; then 0.95 of the timeout; then infrastructure."""
    frame = classify_failures(records([dead(1, **more)]), max_attempts=5, timeout_ms=30_000)

    assert frame["failure_class"].tolist() == [failure_class]
    assert frame["reason"].iloc[0]


def test_durations_that_add_up_the_attempts_are_held_against_as_many_timeouts() -> None:
    """Five attempts of 30 s are 150 s; 40 s in five attempts is no timeout. A hang of 300 s is no sum."""
    sums = [dead(1, action_duration_ms=150_000), dead(2, action_duration_ms=40_000)]
    hang = [dead(1, action_duration_ms=300_000), dead(2, action_duration_ms=40_000)]

    assert classify_failures(records(sums), timeout_ms=30_000)["failure_class"].tolist() == [
        "timeout",
        "infrastructure",
    ]
    assert classify_failures(records(hang), timeout_ms=30_000)["failure_class"].tolist() == ["timeout", "timeout"]


def test_the_last_attempt_alone_is_held_against_the_timeout_where_the_one_before_has_its_record() -> None:
    """21 + 30 + 30 s are no three timeouts of 30 s, but the last attempt was cut: 81 s less the 51 s before it."""
    cut = [dead(n, attempts=3, action_duration_ms=90_000, event_key=f"c{n}") for n in range(4)]
    last = dead(9, attempts=3, action_duration_ms=81_000, event_key="e")
    before = {**last, "at": 8, "attempts": 2, "action_duration_ms": 51_000, "queued_to_dlq": False}

    for rows, failure_class in (([*cut, last], "infrastructure"), ([*cut, last, before], "timeout")):
        frame = classify_failures(records(rows), timeout_ms=30_000).set_index("event_key")
        assert frame.loc["e", "failure_class"] == failure_class
        assert frame.loc["e", "timeout_ms"] == 90_000


def test_without_known_limits_neither_attempts_nor_durations_decide() -> None:
    frame = classify_failures(records([dead(1, attempts=1, action_duration_ms=1e9)]))

    assert frame["failure_class"].tolist() == ["infrastructure"]


def test_a_text_that_contradicts_the_fields_is_a_dispute_and_not_the_class() -> None:
    """The fields say infrastructure, the text speaks of a payload."""
    rows = [dead(1, last_error="payload.amount is not valid"), dead(2), dead(3, last_error="hm")]

    frame = classify_failures(records(rows))

    assert frame["failure_class"].tolist() == ["infrastructure"] * 3
    assert frame["suggested_class"].tolist() == ["business", "infrastructure", "unknown"]
    assert frame["disputed"].tolist() == [True, False, False]


def test_an_event_is_classified_once_by_its_last_dead_letter() -> None:
    rows = [dead(1, event_key="e"), dead(2, event_key="e", retryable=False), good(3, event_key="e")]

    assert classify_failures(records(rows))["failure_class"].tolist() == ["business"]


@pytest.mark.parametrize(
    ("text", "failure_class"),
    [
        ("could not connect to server: Connection refused", "infrastructure"),
        ("timed out waiting for a connection from the pool", "infrastructure"),
        ("upstream answered 503", "infrastructure"),
        ("action did not finish within 30000 ms", "timeout"),
        ("DEADLINE_EXCEEDED", "timeout"),
        ("ValidationError: amount is required", "business"),
        ("account 4503 is closed", "business"),
        ("hm", "unknown"),
        ("", "unknown"),
    ],
)
def test_words_suggest_a_class(text: str, failure_class: str) -> None:
    assert classify_error(text) == failure_class


def test_max_attempts_is_where_retryable_dead_letters_stop() -> None:
    """Business errors stop at the first attempt and tell nothing."""
    rows = [dead(n, attempts=4) for n in range(6)] + [dead(9, retryable=False, attempts=1)]

    assert propose_max_attempts(records(rows)).value == 4
    assert propose_max_attempts(records(rows[:3])).value is None
    assert propose_max_attempts(records([*rows, dead(10, attempts=7)])).value is None


def test_each_workflow_is_held_against_its_own_limits() -> None:
    """A workflow without a known limit is not held against another's."""
    rows = [dead(n, workflow_id=name, attempts=3, action_duration_ms=30_000) for n, name in enumerate("abc")]

    frame = classify_failures(
        records(rows), max_attempts={"a": 5, "b": 3, "c": None}, timeout_ms={"a": 30_000, "b": 30_000}
    )

    assert frame["failure_class"].tolist() == ["unknown", "timeout", "infrastructure"]
    assert frame["rule"].tolist() == ["attempts_left", "ran_into_timeout", "attempts_used_up"]
    assert frame["max_attempts"].isna().tolist() == [False, False, True]
    assert frame["timeout_ms"].isna().tolist() == [False, False, True]


def test_durations_of_one_workflow_do_not_make_sums_of_anothers() -> None:
    sums = [dead(n, workflow_id="a", action_duration_ms=150_000) for n in range(2)]
    single = [dead(9, workflow_id="b", action_duration_ms=30_000)]

    frame = classify_failures(records([*sums, *single]), timeout_ms=30_000)

    assert frame["timeout_ms"].tolist() == [150_000, 150_000, 30_000]
    assert frame["failure_class"].tolist() == ["timeout"] * 3


def test_flag_attempts_duration_and_text_stand_side_by_side() -> None:
    frame = classify_failures(records([dead(1, last_error="Connection refused by db")]), max_attempts=5)

    row = frame.iloc[0]
    assert list(frame.columns) == list(CLASSIFIED)
    assert (row["retryable"], row["attempts"], row["max_attempts"], row["action_duration_ms"]) == (True, 5, 5, 120.0)
    assert (row["suggested_class"], row["text_says"]) == ("infrastructure", "connection refused")


def test_records_without_attempts_durations_or_codes_are_classified_by_what_they_have() -> None:
    bare = records([dead(1)]).drop(columns=["attempts", "action_duration_ms", "error_type", "error_code"])

    frame = classify_failures(bare, max_attempts=5, timeout_ms=30_000)

    assert frame["failure_class"].tolist() == ["infrastructure"]
    assert frame[["attempts", "action_duration_ms"]].isna().all(axis=None)


def test_no_dead_letters_are_no_classes() -> None:
    frame = classify_failures(records([good(1)]), max_attempts={"wf": 5})

    assert frame.empty
    assert list(frame.columns) == list(CLASSIFIED)


def test_one_slow_record_does_not_make_all_durations_sums() -> None:
    """A hundred end at the timeout, one a tenth above it: they are attempts, and it is one too."""
    own = records([dead(n, action_duration_ms=30_000.0) for n in range(100)] + [dead(200, action_duration_ms=33_100.0)])

    classes = classify_failures(own, timeout_ms=30_000)

    assert (classes["failure_class"] == "timeout").all()
