from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from dlqkit.frames import HISTOGRAMS, conform
from dlqkit.signals.signals import find_incidents
from tests.frames import at, counter, good, records

SCRAPES = 800
NAME = "worker_action_duration_seconds"


def seconds(first: int = 400, last: int = 520) -> list[float]:
    """A fifth of a second, and two seconds from one scrape to another."""
    return [2.0 if first <= number < last else 0.2 for number in range(SCRAPES)]


def buckets() -> pd.DataFrame:
    """A classic histogram of two actions a scrape."""
    parts = []
    for number, (le, bound) in enumerate((("0.25", 0.25), ("1", 1.0), ("2.5", 2.5), ("+Inf", np.inf))):
        count = np.cumsum([2.0 * (took <= bound) for took in seconds()])
        parts.append(counter(f"{NAME}_bucket", count.tolist(), series_id=number, workflow_id="wf", le=le))
    return pd.concat(parts)


def spikes(samples: pd.DataFrame, **more: pd.DataFrame) -> pd.DataFrame:
    found = find_incidents(samples, **more)
    return found[found["signal"] == "duration"]


def test_a_histogram_shows_when_and_how_much_slower() -> None:
    """By its buckets: from between 0 and 0.25 s to between 1 and 2.5 s, for half an hour."""
    found = spikes(buckets())

    assert len(found) == 1
    assert abs((found["onset_at"].iloc[0] - at(400 * 15)).total_seconds()) <= 45
    assert abs((found["end_at"].iloc[0] - at(520 * 15)).total_seconds()) <= 45
    assert found["size"].iloc[0] > 5
    assert "histogram buckets" in found["evidence"].iloc[0]


def test_two_short_spikes_with_a_longer_pause_between_them_are_one_that_is_seen() -> None:
    """Two minutes slow, nine as usual, two slow again: most of the time between first and last is as usual."""
    took = [2.0 if 400 <= number < 408 or 444 <= number < 452 else 0.2 for number in range(SCRAPES)]
    parts = []
    for number, (le, bound) in enumerate((("0.25", 0.25), ("1", 1.0), ("2.5", 2.5), ("+Inf", np.inf))):
        count = np.cumsum([6.0 * (one <= bound) for one in took])
        parts.append(counter(f"{NAME}_bucket", count.tolist(), series_id=number, workflow_id="wf", le=le))

    found = spikes(pd.concat(parts))

    assert len(found) == 1
    assert abs((found["onset_at"].iloc[0] - at(400 * 15)).total_seconds()) <= 45
    assert abs((found["end_at"].iloc[0] - at(452 * 15)).total_seconds()) <= 45
    assert found["size"].iloc[0] > 5


def test_retries_that_fail_fast_do_not_make_the_usual_time_look_slow() -> None:
    """In half an hour twelve times as many actions as usual fail at once; all other time they take as long as ever."""
    samples = []
    for number, bound in enumerate((0.25, 1.0, 2.5)):
        took = [(0.2, 12) if 400 <= scrape < 520 else (0.8, 1) for scrape in range(SCRAPES)]
        count = np.cumsum([float(actions * (duration <= bound)) for duration, actions in took])
        samples.append(counter(f"{NAME}_bucket", count.tolist(), series_id=number, workflow_id="wf", le=f"{bound:g}"))

    assert spikes(pd.concat(samples)).empty


def test_a_gauge_and_a_summary_show_it_too() -> None:
    rng = np.random.default_rng(1)
    noisy = (np.array(seconds()) * rng.lognormal(0, 0.2, SCRAPES)).tolist()

    assert len(spikes(counter(NAME, noisy, workflow_id="wf"))) == 1
    quantiles = [counter(NAME, noisy, series_id=number, workflow_id="wf", quantile=text)
                 for number, text in enumerate(("0.5", "0.99"))]  # fmt: skip
    assert "0.5 quantile" in spikes(pd.concat(quantiles))["evidence"].iloc[0]


def test_a_native_histogram_shows_it_from_a_frame_of_its_own() -> None:
    """Cumulative counts of two buckets, one action a scrape."""
    fast = np.cumsum([took < 1 for took in seconds()])
    slow = np.cumsum([took >= 1 for took in seconds()])
    rows = [{"series_id": 0, "sampled_at": at(15 * number), "metric": NAME, "workflow_id": "wf",
             "buckets_json": json.dumps({"buckets": [[0, "0.1", "0.3", str(fast[number])],
                                                     [0, "1.5", "2.5", str(slow[number])]]})}
            for number in range(SCRAPES)]  # fmt: skip

    found = spikes(counter("up", [1.0] * SCRAPES), histograms=conform(pd.DataFrame(rows), HISTOGRAMS))

    assert len(found) == 1
    assert found["workflow_id"].iloc[0] == "wf"


def test_records_show_it_where_there_is_no_metric() -> None:
    rows = [good(15 * number, action_duration_ms=1000 * took) for number, took in enumerate(seconds())]

    assert len(spikes(counter("up", [1.0] * SCRAPES), records=records(rows))) == 1


def test_an_action_that_always_varies_and_one_slow_action_are_no_spike() -> None:
    """A heavy tail in a mean of few actions, and a gauge that stands still at its one slow action."""
    rng = np.random.default_rng(8)
    took = 0.2 * (1 + rng.pareto(1.5, SCRAPES))
    mean = pd.concat([counter(f"{NAME}_sum", np.cumsum(took).tolist(), workflow_id="wf"),
                      counter(f"{NAME}_count", list(range(1, SCRAPES + 1)), series_id=1, workflow_id="wf")],
                     ignore_index=True)  # fmt: skip
    still = [9.0 if 300 <= number < 420 else 0.2 + 0.01 * (number % 7) for number in range(SCRAPES)]

    assert spikes(mean).empty
    assert spikes(counter(NAME, still, workflow_id="wf")).empty


def test_a_day_of_slower_and_faster_hours_is_no_spike() -> None:
    """Every two minutes for a day: by day 1.5 times as long as usual, by night half as long."""
    took = [0.4 * (1 + 0.5 * np.cos(2 * np.pi * number / 720)) for number in range(720)]

    assert spikes(counter(NAME, took, every_s=120, workflow_id="wf")).empty


@pytest.mark.parametrize("values", [[], [0.2], [float("nan")] * 30, [0.0] * 30])
def test_too_little_says_nothing(values: list[float]) -> None:
    samples = counter(NAME, values, workflow_id="wf") if values else counter("up", [1.0])

    assert spikes(samples).empty


def test_slow_actions_by_chance_just_before_a_spike_do_not_begin_it() -> None:
    """A hundred times as long as usual from scrape 400 on; the three scrapes before take three times as long."""
    took = [20.0 if 400 <= number < 520 else 0.6 if 397 <= number < 400 else 0.2 for number in range(SCRAPES)]
    noisy = np.array(took) * np.random.default_rng(3).lognormal(0, 0.2, SCRAPES)

    found = spikes(counter(NAME, noisy.tolist(), workflow_id="wf"))
    assert abs((found["onset_at"].iloc[0] - at(400 * 15)).total_seconds()) <= 30
    assert found["onset_high_at"].iloc[0] >= at(400 * 15)


def test_a_spike_says_in_which_time_its_usual_was_measured() -> None:
    """2 s against 200 ms, of 800 records of one each 60 s: from noon to 01:19 of the next day."""
    rows = [good(60 * number, action_duration_ms=1000 * took) for number, took in enumerate(seconds())]

    found = find_incidents(counter("up", [1.0]), records=records(rows))
    told = found[found["signal"] == "duration"]["evidence"].iloc[0]

    assert told == (
        "The action takes 2,000 ms, against usually 200 ms from 2026-03-02 12:00 UTC to 2026-03-03 01:19 UTC (10.0 "
        "times as long), by the execution records of 800 actions."
    )


def test_what_lies_beyond_the_last_bound_is_longer_than_it_and_no_guess() -> None:
    """Buckets end at 2.5 s and the action hangs for a minute; usually some 0.1 s: at least 20 times as long."""
    took = [60.0 if 400 <= number < 520 else 0.2 for number in range(SCRAPES)]
    parts = []
    for number, (le, bound) in enumerate((("0.25", 0.25), ("1", 1.0), ("2.5", 2.5), ("+Inf", np.inf))):
        count = np.cumsum([2.0 * (one <= bound) for one in took])
        parts.append(counter(f"{NAME}_bucket", count.tolist(), series_id=number, workflow_id="wf", le=le))

    found = spikes(pd.concat(parts))

    # The first bucket stands for half of its bound: 2,500 ms against 125 ms.
    assert found["evidence"].iloc[0] == (
        "The action takes longer than 2,500 ms, where the buckets end, against usually 125 ms from 12:00 to 15:19 UTC "
        "(at least 20.0 times as long), by histogram buckets of 1,598 actions."
    )
    assert found["size"].iloc[0] == pytest.approx(20)
