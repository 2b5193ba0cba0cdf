from __future__ import annotations

import pandas as pd
import pytest

from dlqkit.republish.outlook import forecast, live_rate
from tests.frames import counter, good, records
from tests.republish.cases import event, small_plan


def test_a_forecast_counts_what_is_sent_and_how_long_it_takes() -> None:
    """Three events at five a second, two waits of 30 s between three steps, and a rate of 2 that grows by 250 %."""
    plan = small_plan(
        events=(event(1, "a", "яя", ordering_key="k1"), event(2, "b", "xx", ordering_key="k1"),
                event(3, "c", "y", ordering_key="")),
        steps=(1, 1, 1),
    )  # fmt: skip

    assert forecast(plan, 2.0, "records") == {
        "events": 3,
        "bytes": 7,
        "topic": "projects/p/topics/orders",
        "ordering_keys": 1,
        "largest_key": 2,
        "seconds": 0.6,
        "seconds_at_most": 60.6,
        "rate_per_s": 2.0,
        "rate_basis": "records",
        "added_share": 2.5,
    }


@pytest.mark.parametrize("rate", [None, 0.0])
def test_what_is_not_known_stays_unknown(rate: float | None) -> None:
    """No rate, no share; no deadline, no longest time; an unknown ordering key is not none."""
    plan = small_plan(events=(event(1, "a", ordering_key=None), event(2, "b")), outcome_deadline_s=None)

    outlook = forecast(plan, rate, "nothing tells it")

    assert (outlook["added_share"], outlook["seconds_at_most"], outlook["ordering_keys"]) == (None, None, None)


def test_the_rate_now_is_of_the_newest_ten_minutes_of_counters() -> None:
    """120 successes and 30 failures more in the last 600 s are 0.25 a second; the hour before does not count."""
    successes = [0.0] + [100.0 * n for n in range(1, 41)] + [4000.0 + 3 * n for n in range(1, 41)]
    failures = [0.0] * 41 + [0.75 * n for n in range(1, 41)]
    samples = pd.concat(
        [counter("worker_success_total", successes, workflow_id="wf"),
         counter("worker_failure_total", failures, workflow_id="wf", series_id=1),
         counter("worker_success_total", [9.0 * n for n in range(81)], workflow_id="other", series_id=2)]
    )  # fmt: skip

    rate, basis = live_rate("wf", records([]), samples)

    assert rate == pytest.approx(150 / 600)
    assert "counters" in basis


def test_without_counters_the_records_of_the_last_ten_minutes_tell_the_rate() -> None:
    """Six events in ten minutes before the newest record; none is invented where the records are not whole."""
    frame = records([*(good(3000 + 100 * n) for n in range(6)), good(10)])

    assert live_rate("wf", frame)[0] == pytest.approx(6 / 600)
    assert live_rate("wf", frame, records_are_whole=False)[0] is None
    assert live_rate("nobody", frame)[0] is None
