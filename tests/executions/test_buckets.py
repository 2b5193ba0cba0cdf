"""The worker's own histogram."""

from __future__ import annotations

import json

import pandas as pd

from dlqkit.executions.buckets import bucket_histogram
from dlqkit.frames import HISTOGRAMS, SAMPLES, conform
from tests.frames import at

NAME = "worker_action_duration_seconds"


def bucket(le, values, *, series_id, instance="a", metric=f"{NAME}_bucket", workflow_id="wf"):
    return [{"series_id": series_id, "sampled_at": at(15 * n), "value": value, "metric": metric, "le": le,
             "instance": instance, "workflow_id": workflow_id}
            for n, value in enumerate(values) if value is not None]  # fmt: skip


def samples(*series):
    rows = [row for one in series for row in one]
    return conform(pd.DataFrame(rows, columns=None if rows else list(SAMPLES)), SAMPLES)


def found(frame):
    return [
        (row.low_ms, None if pd.isna(row.high_ms) else row.high_ms, row.actions)
        for row in frame.itertuples(index=False)
    ]


def test_buckets_are_counted_apart_though_they_are_exported_as_sums() -> None:
    """Of ten actions four took up to 0.1 s, three up to 1 s, three longer."""
    frame = bucket_histogram(samples(bucket("0.1", [0, 4], series_id=0), bucket("1", [0, 7], series_id=1),
                                     bucket("+Inf", [0, 10], series_id=2)))  # fmt: skip

    assert found(frame) == [(0, 100, 4), (100, 1000, 3), (1000, None, 3)]
    assert set(frame["source"]) == {"classic"}


def test_a_restart_loses_nothing_that_was_scraped() -> None:
    """Five before the restart, two after it."""
    frame = bucket_histogram(samples(bucket("1", [0, 5, 2], series_id=0), bucket("+Inf", [0, 5, 2], series_id=1)))

    assert found(frame) == [(0, 1000, 7)]


def test_only_what_was_counted_in_the_window_counts() -> None:
    """Scrapes at 0, 15 and 30 s; the window is (15 s, 30 s]."""
    frame = bucket_histogram(samples(bucket("+Inf", [0, 5, 9], series_id=0)), start=at(15), end=at(30))

    assert found(frame) == [(0, None, 4)]


def test_workers_with_other_buckets_are_joined_at_the_bounds_that_both_have() -> None:
    """One has 0.5 s and 1 s, the other only 1 s."""
    frame = bucket_histogram(
        samples(
            bucket("0.5", [0, 1], series_id=0),
            bucket("1.0", [0, 3], series_id=1),
            bucket("+Inf", [0, 4], series_id=2),
            bucket("1", [0, 5], series_id=3, instance="b"),
            bucket("+Inf", [0, 5], series_id=4, instance="b"),
        )
    )

    assert found(frame) == [(0, 1000, 8), (1000, None, 1)]


def test_another_workflow_is_left_out() -> None:
    both = samples(bucket("+Inf", [0, 5], series_id=0), bucket("+Inf", [0, 7], series_id=1, workflow_id="other"))

    assert found(bucket_histogram(both, workflow_id="wf")) == [(0, None, 5)]


def test_a_metric_in_milliseconds_is_taken_as_such() -> None:
    own = samples(bucket("250", [0, 5], series_id=0, metric="job_ms_bucket"),
                  bucket("+Inf", [0, 5], series_id=1, metric="job_ms_bucket"))  # fmt: skip

    assert found(bucket_histogram(own, metrics={"duration": "job_ms"})) == [(0, 250, 5)]


def test_a_bound_that_is_no_number_is_left_out() -> None:
    own = samples(bucket("x", [0, 5], series_id=0), bucket("+Inf", [0, 6], series_id=1))

    assert found(bucket_histogram(own)) == [(0, None, 6)]


def test_no_histogram_is_an_empty_frame() -> None:
    assert bucket_histogram(samples()).empty


def native(*scrapes, series_id=0):
    rows = [{"series_id": series_id, "sampled_at": at(15 * n), "metric": NAME, "workflow_id": "wf",
             "buckets_json": json.dumps({"count": str(count), "sum": "1", "buckets": buckets})}
            for n, (count, buckets) in enumerate(scrapes)]  # fmt: skip
    return conform(pd.DataFrame(rows), HISTOGRAMS)


def test_native_buckets_are_taken_between_scrapes() -> None:
    """Three then five in the bucket from 0.5 to 1 s, none then one from 1 to 2 s."""
    frame = bucket_histogram(
        samples(),
        histograms=native((3, [[0, "0.5", "1", "3"]]), (6, [[0, "0.5", "1", "5"], [0, "1", "2", "1"]])),
    )

    assert found(frame) == [(500, 1000, 2), (1000, 2000, 1)]
    assert set(frame["source"]) == {"native"}


def test_a_native_histogram_that_restarts_counts_what_it_shows_since() -> None:
    frame = bucket_histogram(samples(), histograms=native((9, [[0, "0.5", "1", "9"]]), (2, [[0, "1", "2", "2"]])))

    assert found(frame) == [(1000, 2000, 2)]


def test_a_native_histogram_that_halves_its_resolution_counts_on() -> None:
    """Two fine buckets of 2 and 3 become one of 5, then 8: three new ones."""
    fine = [[0, "0.5", "0.7", "2"], [0, "0.7", "1", "3"]]
    frame = bucket_histogram(samples(), histograms=native((5, fine), (8, [[0, "0.5", "1", "8"]])))

    assert found(frame) == [(500, 1000, 3)]


def test_unreadable_native_buckets_are_left_out() -> None:
    own = native((1, [[0, "0.5", "1", "1"]]), (4, [[0, "0.5", "1", "4"]]))
    own.loc[0, "buckets_json"] = "{"

    assert bucket_histogram(samples(), histograms=own)["actions"].sum() <= 4


def test_buckets_need_no_other_label() -> None:
    own = samples(bucket("1", [0, 5], series_id=0), bucket("+Inf", [0, 6], series_id=1))

    assert found(bucket_histogram(own.drop(columns=["instance", "workflow_id"]))) == [(0, 1000, 5), (1000, None, 1)]
