from __future__ import annotations

import numpy as np
import pandas as pd

from dlqkit.signals.signals import find_incidents
from tests.frames import at, counter

SCRAPES = 480  # two hours


def stretch(first: int, last: int, each: float) -> list[float]:
    """A counter that stands still but from the first to the last scrape."""
    return np.cumsum([each if first <= number < last else 0.0 for number in range(SCRAPES)]).tolist()


def dead_letters(dead: list[float], good: list[float]) -> pd.DataFrame:
    samples = pd.concat([counter("worker_dlq_total", dead, workflow_id="wf"),
                         counter("worker_success_total", good, series_id=1, workflow_id="wf")])  # fmt: skip
    found = find_incidents(samples)
    return found[found["signal"] == "dead_letters"]


def test_a_batch_that_all_fails_began_with_the_batch_and_not_before_the_evidence() -> None:
    """Nothing for an hour, then three dead letters a scrape and not one success."""
    row = dead_letters(stretch(240, SCRAPES, 3), [7.0] * SCRAPES).iloc[0]

    assert at(238 * 15) <= row.onset_low_at <= row.onset_at <= row.onset_high_at <= at(240 * 15)
    assert row["size"] == 720
    assert "before the evidence" not in row.evidence
    assert "none came in" in row.evidence


def test_a_batch_that_all_failed_and_is_over_has_its_end() -> None:
    row = dead_letters(stretch(240, 300, 3), [7.0] * SCRAPES).iloc[0]

    assert abs(row.onset_at - at(240 * 15)) <= pd.Timedelta(seconds=15)
    assert row.end_at == at(299 * 15)


def test_a_loss_from_the_first_scrape_on_that_is_over_has_its_end() -> None:
    """Half of the events of the first half hour; then nothing comes any more."""
    row = dead_letters(stretch(1, 120, 2), stretch(1, 120, 2)).iloc[0]

    assert (row.onset_at, row.end_at) == (at(0), at(119 * 15))
    assert "before the evidence" in row.evidence


def test_a_tenth_of_the_events_all_day_long_is_a_habit() -> None:
    assert dead_letters(stretch(0, SCRAPES, 1), stretch(0, SCRAPES, 9)).empty


def test_a_workflow_that_never_succeeded_is_lost_though_its_success_counter_was_never_created() -> None:
    """Ten dead letters a scrape for two hours; another workflow succeeds, so successes are counted."""
    lost = counter("worker_dlq_total", stretch(1, SCRAPES, 10), workflow_id="wf")
    other = counter("worker_success_total", stretch(1, SCRAPES, 10), series_id=1, workflow_id="other")

    row = find_incidents(pd.concat([lost, other])).iloc[0]

    assert (row.workflow_id, row["size"], row.onset_at) == ("wf", 4790, at(0))
    assert "No success of it is counted" in row.evidence


def test_where_failures_are_counted_and_no_success_is_known_the_loss_is_told_with_a_doubt() -> None:
    """Fifty failed attempts and ten dead letters a scrape; the successes may have another name."""
    lost = counter("worker_dlq_total", stretch(1, SCRAPES, 10), workflow_id="wf")
    failed = counter("worker_failure_total", stretch(1, SCRAPES, 50), series_id=1, workflow_id="wf")

    row = find_incidents(pd.concat([lost, failed])).iloc[0]

    assert row.confidence < 0.5
    assert "give it in metrics" in row.evidence


def test_dead_letters_that_are_all_that_is_counted_tell_no_share() -> None:
    assert find_incidents(counter("worker_dlq_total", stretch(1, SCRAPES, 10), workflow_id="wf")).empty
