from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.frames import SAMPLES, conform
from dlqkit.signals.signals import INCIDENTS, find_incidents
from tests.frames import START, at, counter

NAMES = ("worker_dlq_total", "worker_success_total", "worker_failure_total", "worker_action_duration_seconds")
VALUES = st.one_of(st.integers(0, 1000), st.just(float("nan")), st.floats(0, 1e9))
ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 90), VALUES, st.sampled_from(NAMES)), max_size=60)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_whatever_was_scraped_the_answer_is_a_whole_frame(rows: list[tuple[int, int, float, str]]) -> None:
    """Out of order, twice, falling at every scrape, missing: each row has its times in order, or there is none."""
    table = [{"series_id": number, "sampled_at": START + pd.Timedelta(seconds=15 * step), "value": value,
              "metric": name, "workflow_id": f"wf{number % 2}"} for number, step, value, name in rows]  # fmt: skip
    columns = ["series_id", "sampled_at", "value", "metric", "workflow_id"]

    found = find_incidents(conform(pd.DataFrame(table, columns=columns), SAMPLES))

    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == dict(INCIDENTS)
    known = found.dropna(subset=["onset_low_at", "onset_high_at"])
    assert ((known["onset_low_at"] <= known["onset_at"]) & (known["onset_at"] <= known["onset_high_at"])).all()
    earliest = found["onset_low_at"].fillna(found["onset_at"])
    assert (found["end_at"].isna() | (found["end_at"] >= earliest)).all()
    assert found["confidence"].between(0, 1).all()


def test_one_scrape_one_row_and_no_row_say_nothing() -> None:
    one = counter("worker_dlq_total", [500], workflow_id="wf")

    assert find_incidents(one).empty
    assert find_incidents(one[:0]).empty
    assert find_incidents(one[:0], now=at(100)).empty


def test_a_counter_that_resets_at_every_scrape_is_read_as_new_processes() -> None:
    """Each scrape sees another process with one dead letter less than the one before: never an error."""
    found = find_incidents(counter("worker_dlq_total", list(np.arange(400, 0, -1)), workflow_id="wf"))

    assert len(found) <= 1


def test_all_failed_all_the_time_began_before_the_evidence() -> None:
    lost = counter("worker_dlq_total", list(range(400)), workflow_id="wf")
    won = counter("worker_success_total", [7.0] * 400, series_id=1, workflow_id="wf")

    found = find_incidents(pd.concat([lost, won]))

    assert found["signal"].tolist() == ["dead_letters"]
    assert "100%" in found["evidence"].iloc[0]


def test_none_failed_is_no_incident() -> None:
    assert find_incidents(counter("worker_success_total", list(range(400)), workflow_id="wf")).empty


def test_the_order_of_the_rows_does_not_matter() -> None:
    lost = np.cumsum([6.0 if 100 <= number < 150 else 0.0 for number in range(600)]).tolist()
    samples = counter("worker_dlq_total", lost, workflow_id="wf")

    mixed = samples.sample(frac=1, random_state=1)

    pd.testing.assert_frame_equal(find_incidents(samples), find_incidents(mixed))
