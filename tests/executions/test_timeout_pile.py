from __future__ import annotations

import numpy as np

from dlqkit.executions.timeout_pile import piled_records, propose_timeout
from tests.frames import dead, good, records


def test_a_pile_with_nothing_above_is_proposed_as_the_timeout() -> None:
    """Twenty actions were cut between 30.0 and 30.2 s."""
    rows = [dead(n, action_duration_ms=30_000 + 10 * n) for n in range(20)]
    rows += [good(n, action_duration_ms=200 + n) for n in range(50)]

    proposal = propose_timeout(records(rows))

    assert proposal.value == 30_000
    assert "20 failed records" in proposal.basis


def test_where_successes_take_longer_the_pile_is_no_timeout() -> None:
    """All are refused within three milliseconds; what succeeds takes fifty times as long, so nothing cuts at three."""
    rows = [dead(n, action_duration_ms=3) for n in range(40)]
    rows += [good(n, action_duration_ms=120 + n) for n in range(50)]

    proposal = propose_timeout(records(rows))

    assert proposal.value is None
    assert "50 of 50 successes took longer" in proposal.basis


def test_of_failures_alone_a_pile_of_milliseconds_is_no_timeout() -> None:
    """Everything is refused within three milliseconds, and nothing succeeded that tells how long an action may take."""
    refused = propose_timeout(records([dead(n, action_duration_ms=3) for n in range(40)]))
    named = propose_timeout(
        records([dead(n, action_duration_ms=50, last_error="gave up after 50 ms") for n in range(40)])
    )
    cut = propose_timeout(records([dead(n, action_duration_ms=30_000) for n in range(40)]))

    assert (refused.value, named.value, cut.value) == (None, 50, 30_000)
    assert "no successes tell" in refused.basis


def test_the_records_of_the_pile_are_those_that_ended_with_it() -> None:
    rows = [dead(n, action_duration_ms=30_000 + n) for n in range(20)] + [
        dead(n, action_duration_ms=5 * n) for n in range(40)
    ]

    assert piled_records(records(rows))["action_duration_ms"].min() == 30_000
    assert piled_records(records([dead(1)])).empty


def test_one_slow_success_does_not_hide_a_timeout() -> None:
    """A clock that jumped made one of two hundred successes look as if it had lasted a minute."""
    rows = [dead(n, action_duration_ms=30_000 + n) for n in range(20)]
    rows += [good(n, action_duration_ms=200 + n) for n in range(199)] + [good(200, action_duration_ms=60_000)]

    assert propose_timeout(records(rows)).value == 30_000


def test_a_smooth_distribution_is_no_timeout() -> None:
    rng = np.random.default_rng(2)
    rows = [dead(n, action_duration_ms=float(value)) for n, value in enumerate(rng.lognormal(6, 0.5, 300))]

    assert propose_timeout(records(rows)).value is None


def test_too_few_records_tell_no_timeout() -> None:
    assert propose_timeout(records([dead(1, action_duration_ms=30_000)])).value is None


def test_sums_of_cut_attempts_pile_up_at_several_timeouts() -> None:
    """Ten events with a record for each of three attempts of 60 s, added up: the timeout is 60 s, not 180 s."""
    rows = [dead(n, event_key=f"e{n}", attempts=attempt, action_duration_ms=60_010.0 * attempt)
            for n in range(10) for attempt in (1, 2, 3)]  # fmt: skip

    proposal = propose_timeout(records(rows))

    assert proposal.value == 60_000
    assert "mean of their attempts" in proposal.basis


def test_the_limit_that_the_errors_name_is_the_timeout_and_not_the_edge_of_the_pile() -> None:
    """Ten ended after 60,103 to 60,112 ms, and each names 60000 ms: the timeout is 60 s, not 60.1 s."""
    text = "ActionTimeout: action orders-sync did not finish within 60000 ms"
    rows = [dead(n, action_duration_ms=60_103.0 + n, attempts=1, last_error=text) for n in range(10)]

    proposal = propose_timeout(records(rows))

    assert proposal.value == 60_000
    assert proposal.basis == ("10 failed records ended between 60,103 and 60,112 ms, and their errors name 60,000 ms")


def test_sums_of_cut_attempts_have_the_limit_that_the_errors_name() -> None:
    """Three attempts of 60,100 ms, added up; the text names one of 60 seconds."""
    rows = [dead(n, event_key=f"e{n}", attempts=attempt, action_duration_ms=60_104.0 * attempt,
                 last_error="timed out after 60 s") for n in range(10) for attempt in (1, 2, 3)]  # fmt: skip

    proposal = propose_timeout(records(rows))

    assert proposal.value == 60_000
    assert "as the mean of their attempts, and their errors name 60,000 ms" in proposal.basis


def test_one_record_of_several_attempts_has_the_limit_of_one_that_the_errors_name() -> None:
    """300,500 ms after five attempts, "within 60000 ms" each."""
    rows = [dead(n, action_duration_ms=300_500.0 + n, last_error="no answer within 60000 ms") for n in range(10)]

    assert propose_timeout(records(rows)).value == 60_000


def test_a_duration_that_each_error_measured_by_itself_is_no_limit() -> None:
    """Each text names what it took: the pile's lower edge, to three digits, stands."""
    rows = [dead(n, action_duration_ms=60_103.0 + n, attempts=1, last_error=f"gave up after {60_103 + n} ms")
            for n in range(10)]  # fmt: skip

    assert propose_timeout(records(rows)).value == 60_100


def test_a_limit_that_did_not_cut_the_pile_is_not_taken_for_it() -> None:
    """All ended after 62 s; a limit of 60 s would have ended them two seconds earlier."""
    rows = [dead(n, action_duration_ms=62_000.0 + n, attempts=1, last_error="budget 60000 ms") for n in range(10)]

    assert propose_timeout(records(rows)).value == 62_000
