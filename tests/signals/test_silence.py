from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dlqkit.signals.signals import find_incidents
from tests.frames import at, counter, good, lines, records

SCRAPES = 960


def flow(each: list[float], number: int = 0, workflow_id: str = "wf") -> pd.DataFrame:
    return counter("worker_success_total", np.cumsum(each).tolist(), series_id=number, workflow_id=workflow_id)


def silences(samples: pd.DataFrame, **more: object) -> pd.DataFrame:
    found = find_incidents(samples, **more)  # type: ignore[arg-type]
    return found[found["signal"] == "silence"].reset_index(drop=True)


def without(first: int, last: int, each: float = 1.0) -> list[float]:
    return [0.0 if first <= number < last else each for number in range(SCRAPES)]


def test_a_silence_that_is_over_has_an_end() -> None:
    """Nothing for twenty minutes, then as before."""
    found = silences(flow(without(400, 480)))

    assert (found["onset_at"].iloc[0], found["end_at"].iloc[0]) == (at(399 * 15), at(479 * 15))
    assert found["what"].iloc[0] == "events"


def test_events_to_come_are_counted_once_where_attempts_are_counted_too() -> None:
    """Four a minute for 100 minutes, then nothing for 100: 400 were to come, by successes alone or with attempts."""
    each = without(400, 800)[:800]
    success = flow(each)
    attempts = counter("worker_action_duration_seconds_count", np.cumsum(each).tolist(), series_id=1, workflow_id="wf")

    alone, both = silences(success), silences(pd.concat([success, attempts]))

    assert alone["size"].iloc[0] == pytest.approx(400, rel=0.01)
    assert both["size"].tolist() == alone["size"].tolist()
    assert "where 400 events were to come" in both["evidence"].iloc[0]
    assert both["onset_at"].tolist() == alone["onset_at"].tolist() == [at(399 * 15)]


def test_retries_before_a_silence_are_no_events_to_come() -> None:
    """Each event takes five attempts in the hour before the worker stops; a fifth of the attempts were to come."""
    each = without(400, 800)[:800]
    success = flow(each)
    tried = counter(
        "worker_action_duration_seconds_count", (5 * np.cumsum(each)).tolist(), series_id=1, workflow_id="wf"
    )

    assert silences(pd.concat([success, tried]))["size"].iloc[0] == pytest.approx(400, rel=0.01)


def test_a_last_attempt_that_fails_is_a_sign_of_life() -> None:
    """The last success is at scrape 399, five more attempts until 419: the worker is silent since the last of them."""
    attempts = without(400, 800)[:800]
    attempts[403:420:4] = [1.0] * 5
    found = silences(
        pd.concat(
            [
                flow(without(400, 800)[:800]),
                counter(
                    "worker_action_duration_seconds_count", np.cumsum(attempts).tolist(), series_id=1, workflow_id="wf"
                ),
            ]
        )
    )

    assert found["onset_at"].tolist() == [at(419 * 15)]
    assert found["size"].iloc[0] <= 380


def test_a_worker_without_a_counter_of_successes_is_silent_by_its_attempts() -> None:
    each = without(400, 800)[:800]
    attempts = counter("worker_action_duration_seconds_count", np.cumsum(each).tolist(), workflow_id="wf")

    assert silences(attempts)["size"].iloc[0] == pytest.approx(400, rel=0.01)


def test_one_of_two_workflows_is_silent_by_itself() -> None:
    found = silences(pd.concat([flow(without(400, 700), 0, "a"), flow(without(0, 0), 1, "b")]))

    assert found["workflow_id"].tolist() == ["a"]


def test_a_gap_in_scraping_is_no_silence_where_the_counter_went_on() -> None:
    """Prometheus was away for half an hour; the counter shows afterwards that the worker was not."""
    samples = flow(without(0, 0))

    assert silences(samples[(samples["sampled_at"] < at(6000)) | (samples["sampled_at"] > at(7800))]).empty


def test_what_pauses_by_habit_is_not_silent() -> None:
    """A batch each quarter of an hour, an event an hour, and an evening that fades away."""
    batches = [50.0 if number % 60 == 0 else 0.0 for number in range(SCRAPES)]
    sleepy = [1.0 if number % 240 == 0 else 0.0 for number in range(SCRAPES)]
    rng = np.random.default_rng(1)
    night = rng.poisson(10 * np.exp(-np.arange(SCRAPES) / 90)).astype(float).tolist()

    for each in (batches, sleepy, night):
        assert silences(flow(each)).empty


def test_a_worker_that_only_fails_is_not_silent() -> None:
    """No success for half an hour, but failures all along."""
    failing = counter("worker_failure_total", list(range(SCRAPES)), series_id=1, workflow_id="wf")

    assert silences(pd.concat([flow(without(600, 720)), failing])).empty


def test_dead_letters_that_stop_are_good_news() -> None:
    dead = counter("worker_dlq_total", np.cumsum(without(300, SCRAPES, 3)).tolist(), workflow_id="wf")

    assert silences(dead).empty


def test_records_that_stop_while_the_counter_goes_on_are_said_as_that() -> None:
    """The API has no new records for an hour; the worker works."""
    rows = [good(30 * number, workflow_id="a" if number % 2 else "b") for number in range(360)]

    found = silences(flow(without(0, 0)), records=records(rows))

    assert found["what"].tolist() == ["records"]
    assert "not the worker is silent" in found["evidence"].iloc[0]


def test_scrapes_that_stop_while_the_worker_logs_are_said_as_that() -> None:
    logs = lines([{"at": 10 * number, "message": "done"} for number in range(1440)])
    samples = flow(without(0, 0))

    found = silences(samples[samples["sampled_at"] < at(9000)], worker_logs=logs)

    assert found["what"].tolist() == ["scrapes"]
