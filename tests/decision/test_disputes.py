from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from dlqkit.decision.classes import classify_failures
from tests.frames import dead, records

REFUSED = "could not connect to server: Connection refused"
INVALID = "ValidationError: amount is required"


def classified(**more: Any) -> pd.Series:
    """One dead letter, with MAX_ATTEMPTS 5 and a timeout of 30 s."""
    return classify_failures(records([dead(1, **more)]), max_attempts=5, timeout_ms=30_000).iloc[0]


def test_not_retryable_but_connection_refused_is_a_probable_mis_flag() -> None:
    """It is disputed, and never planned for a republish by itself."""
    row = classified(retryable=False, attempts=1, last_error=REFUSED)

    assert row["failure_class"] == "business"
    assert row["disputed"]
    assert "could not connect" in row["counter_evidence"]
    assert "retryable may be wrongly false" in row["counter_evidence"]
    assert row["republish"] == "look_first"


def test_attempts_used_up_on_a_payload_that_cannot_pass_is_disputed() -> None:
    row = classified(last_error=INVALID)

    assert (row["failure_class"], row["disputed"], row["republish"]) == ("infrastructure", True, "look_first")


def test_between_infrastructure_and_timeout_there_is_nothing_to_dispute() -> None:
    """Either way the same payload may pass later; the difference is shown and nothing more."""
    row = classified(last_error="ReadTimeout: Read timed out.")

    assert (row["failure_class"], row["suggested_class"]) == ("infrastructure", "timeout")
    assert not row["disputed"]
    assert "too slow" in row["counter_evidence"]
    assert row["republish"] == "after_repair"


def test_a_timeout_whose_text_names_what_is_down_is_not_cured_by_a_longer_one() -> None:
    row = classified(action_duration_ms=30_000, last_error=REFUSED)

    assert (row["failure_class"], row["names_dependency"], row["disputed"]) == ("timeout", True, False)
    assert "longer timeout would not help" in row["republish_reason"]
    assert "longer timeout would not help" in row["counter_evidence"]


def test_a_worker_that_was_refused_access_may_well_not_try_again() -> None:
    """403 with retryable false is no mis-flag, but the payload may pass once access is restored."""
    row = classified(retryable=False, attempts=1, last_error="403 Client Error: Forbidden for url: https://x/")

    assert (row["disputed"], row["names_dependency"], row["republish"]) == (False, False, "no")
    assert "refused access" in row["counter_evidence"]
    assert row["about_access"]


def test_a_refused_connection_or_payload_is_not_about_access() -> None:
    """A whole group is about access only where each of its events says so."""
    for text in (REFUSED, INVALID, "KeyError: 'email'", 'duplicate key value violates unique constraint "orders"'):
        assert not classified(last_error=text)["about_access"]


def test_single_words_dispute_nothing() -> None:
    assert not classified(retryable=False, attempts=1, last_error="the connection, hm")["disputed"]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"retryable": False, "attempts": 5}, "It was tried 5 times"),
        ({"retryable": False, "attempts": 1, "action_duration_ms": 30_000}, "as long as the timeout allows"),
        ({"attempts": None}, "does not tell its attempts"),
        ({"attempts": 7}, "It was tried 7 times, more often than MAX_ATTEMPTS"),
    ],
)
def test_attempts_and_duration_that_do_not_fit_are_said(more: dict[str, Any], sentence: str) -> None:
    assert sentence in classified(last_error="hm", **more)["counter_evidence"]


def test_nothing_speaks_against_an_event_whose_text_fits() -> None:
    assert classified(last_error=REFUSED)["counter_evidence"] == ""


def test_an_unknown_max_attempts_is_said() -> None:
    row = classify_failures(records([dead(1)])).iloc[0]

    assert row["counter_evidence"] == "MAX_ATTEMPTS is not known, so its attempts may not be used up."


@pytest.mark.parametrize(
    ("more", "answer"),
    [
        ({"retryable": False, "attempts": 1, "last_error": INVALID}, "no"),
        ({"last_error": REFUSED}, "after_repair"),
        ({"retryable": None, "last_error": "hm"}, "look_first"),
        ({"attempts": 2, "last_error": "hm"}, "look_first"),
    ],
)
def test_each_class_says_whether_the_event_may_be_run_again(more: dict[str, Any], answer: str) -> None:
    row = classified(**more)

    assert row["republish"] == answer
    assert row["republish_reason"]


def test_what_speaks_against_a_class_is_sentences_with_one_space_between_them() -> None:
    """The text, the attempts and the duration all do; what does not leaves no gap."""
    row = classified(retryable=False, attempts=4, action_duration_ms=30_000, last_error=REFUSED)
    used_up = classified(attempts=7, last_error=INVALID)

    assert row["counter_evidence"] == (
        f'The text says "{row["text_says"]}": what was down would heal it, so retryable may be wrongly false in the '
        "worker. It was tried 4 times, and a failure that is not retryable is usually tried once. It ran as long as "
        "the timeout allows."
    )
    assert used_up["counter_evidence"] == (
        f'The text says "{used_up["text_says"]}": the same payload would fail again, so retryable may be wrongly true '
        "in the worker. It was tried 7 times, more often than MAX_ATTEMPTS allows."
    )
