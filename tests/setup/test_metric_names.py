from __future__ import annotations

from dlqkit.setup.metric_names import find_metrics, series_names, similar_names
from dlqkit.signals.counters import METRICS


def test_a_metric_is_found_with_what_clients_add_to_its_name() -> None:
    """OpenMetrics drops _total from a family's name; a histogram is three names."""
    names = {"worker_dlq", "worker_success_total", "worker_action_duration_seconds_bucket",
             "worker_action_duration_seconds_count", "worker_failures_total"}  # fmt: skip

    found = find_metrics(names, METRICS)

    assert found == {
        "dlq": ("worker_dlq",),
        "success": ("worker_success_total",),
        "duration": ("worker_action_duration_seconds_bucket", "worker_action_duration_seconds_count"),
    }
    assert series_names(found["duration"])[0] == "worker_action_duration_seconds_count"


def test_names_that_are_alike_are_of_a_worker_and_of_its_family() -> None:
    """Failures of the network and of scrapes are none of actions; what shares the first word comes alone."""
    names = {"jobs_failed_total", "other_failed_total", "go_failures_total", "prometheus_failed_total", "jobs_failed",
             "jobs_dlq_failed_total"}  # fmt: skip

    assert similar_names(names, "failure") == ["jobs_failed_total", "other_failed_total"]
    assert similar_names(names, "failure", taken=["jobs_success_total"]) == ["jobs_failed_total"]
    assert similar_names(names, "dlq") == ["jobs_dlq_failed_total"]
    assert similar_names(names, "success") == []


def test_a_duration_in_another_unit_is_not_taken_for_seconds() -> None:
    names = {"jobs_duration_milliseconds_sum", "jobs_duration_seconds_bucket", "jobs_duration_seconds_count"}

    assert similar_names(names, "duration") == ["jobs_duration_seconds"]
