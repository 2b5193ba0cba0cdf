from __future__ import annotations

import pytest

from dlqkit.decision.timeout_proposal import believe_timeout
from dlqkit.frames import RECORDS
from tests.frames import dead, good, records


def proposal(text: str, took_ms: float):
    """Twenty events that ended so, among healthy ones of two hundred milliseconds."""
    rows = [dead(n, action_duration_ms=took_ms + n / 10, last_error=text) for n in range(20)]
    return believe_timeout(records(rows + [good(n, action_duration_ms=200 + n) for n in range(50)]))


@pytest.mark.parametrize(
    ("text", "took_ms"),
    [("connection refused by db:5432", 15_000), ("ValidationError: field email is required", 1_000)],
)
def test_what_is_refused_after_always_the_same_time_was_not_cut(text: str, took_ms: float) -> None:
    """Three back-offs make fifteen seconds each time; the errors say what it was, and no clock."""
    found = proposal(text, took_ms)

    assert found.value is None
    assert "but their errors say" in found.basis


def test_what_was_refused_sooner_says_nothing_of_those_that_were_cut() -> None:
    """Five of six were refused at all sorts of times; the sixth part ran thirty seconds and says that it timed out."""
    rows = [dead(n, action_duration_ms=30_000 + n, last_error="action timed out") for n in range(20)]
    rows += [dead(n, action_duration_ms=90.0 * 1.06**n, last_error="connection refused") for n in range(95)]

    assert believe_timeout(records(rows + [good(n) for n in range(50)])).value == 30_000


def test_what_failed_sooner_does_not_make_a_back_off_a_timeout() -> None:
    """Half were refused after the same back-offs; the other half say nothing, and all ended sooner."""
    rows = [dead(n, action_duration_ms=15_000 + n, last_error="connection refused") for n in range(50)]
    rows += [dead(n, action_duration_ms=90.0 * 1.06**n, last_error="hm") for n in range(80)]

    assert believe_timeout(records(rows + [good(n) for n in range(50)])).value is None


@pytest.mark.parametrize("text", ["action timed out", "deadline exceeded", "something went wrong", ""])
def test_an_error_that_names_a_timeout_or_nothing_leaves_the_pile_one(text: str) -> None:
    assert proposal(text, 30_000).value == 30_000


def test_without_failed_records_there_is_none() -> None:
    assert believe_timeout(records([good(1)])).value is None
    assert believe_timeout(records([])[list(RECORDS)]).value is None
