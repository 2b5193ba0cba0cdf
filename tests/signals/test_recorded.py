from __future__ import annotations

import pandas as pd

from dlqkit.signals.signals import find_incidents
from tests.frames import at, counter, dead, good, records

NOTHING_SCRAPED = counter("up", [1.0])[:0]


def dead_letters(rows: list[dict[str, object]]) -> pd.DataFrame:
    found = find_incidents(NOTHING_SCRAPED, records=records(rows))
    return found[found["signal"] == "dead_letters"]


def test_successes_before_the_first_dead_letter_show_that_there_were_none() -> None:
    """An event each five seconds for four hours; from 02:05 on every second one dies, and it goes on."""
    rows = [(dead if number >= 1500 and number % 2 else good)(5 * number) for number in range(3000)]

    found = dead_letters(rows)

    assert found["onset_at"].tolist() == [at(5 * 1501)]
    assert found["size"].tolist() == [750]
    assert found["end_at"].isna().all()


def test_dead_letters_that_begin_where_the_records_begin_are_no_jump() -> None:
    """A list of dead letters alone does not say whether there were any before it."""
    assert dead_letters([dead(10 * number) for number in range(600)]).empty


def test_a_single_older_record_does_not_say_that_the_time_since_was_looked_at() -> None:
    """Somebody asked for one event of the day before; the list of dead letters begins a day later."""
    rows = [good(-86_400), *(dead(10 * number) for number in range(600))]

    assert dead_letters(rows).empty


def test_dead_letters_that_name_no_workflow_are_told_without_one() -> None:
    rows = [(dead if number >= 1500 and number % 2 else good)(5 * number, workflow_id=None) for number in range(3000)]

    found = dead_letters(rows)

    assert found["workflow_id"].isna().tolist() == [True]
    assert found["size"].tolist() == [750]


def test_two_counted_incidents_do_not_both_take_the_events_of_one_recorded_run() -> None:
    """Two jumps of a hundred, twelve minutes apart: their records come near enough to each other to be one run."""

    def grown(number: int) -> float:
        return 5.0 * (min(max(number - 400, 0), 20) + min(max(number - 468, 0), 20))

    samples = pd.concat([
        counter("worker_dlq_total", [5 + grown(number) for number in range(960)], workflow_id="wf"),
        counter("worker_success_total", [10.0 + 4 * number for number in range(960)], series_id=1, workflow_id="wf"),
    ])  # fmt: skip
    rows = [dead(15 * begin + 3 * number) for begin in (400, 468) for number in range(100)]

    found = find_incidents(samples, records=records(rows), records_complete_from=at(0))
    found = found[found["signal"] == "dead_letters"].sort_values("onset_at")

    assert found["size"].sum() == 200
    assert len(found) in {1, 2}
    assert found["onset_at"].is_unique
    assert abs((found["onset_at"].iloc[0] - at(15 * 400)).total_seconds()) <= 15


def test_a_run_whose_middle_is_slower_counts_each_event_once() -> None:
    """Forty dead letters of one error in ten minutes, five in the next twenty, forty in ten more: 85 by the records."""
    slow = [dead(5 * 1500 + 600 + 240 * number) for number in range(5)]
    fast = [dead(5 * 1500 + start + 15 * number) for start in (0, 1_800) for number in range(40)]
    rows = [*(good(5 * number) for number in range(3000)), *slow, *fast]

    found = dead_letters([{**row, "signature_id": "s"} if row.get("queued_to_dlq") else row for row in rows])

    assert found["size"].sum() == 85
