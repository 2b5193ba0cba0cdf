from __future__ import annotations

import pandas as pd

from dlqkit.signals.counters import increase, metric_samples, steps_within
from tests.frames import at, counter


def test_a_fall_is_a_restart_from_zero() -> None:
    """3, 5, then 2 after a restart: it grew by 2 and by 2 again."""
    steps = increase(counter("worker_dlq_total", [3, 5, 2, 2]))

    assert steps["increase"].tolist()[1:] == [2, 2, 0]
    assert pd.isna(steps["increase"].iloc[0])
    assert steps["reset"].tolist() == [False, False, True, False]


def test_a_gap_is_told_and_its_growth_kept() -> None:
    """What happened while nobody scraped shows at the next scrape, with how long that was."""
    steps = increase(counter("worker_dlq_total", [3, None, None, 9]))

    assert steps["increase"].iloc[1] == 6
    assert steps["gap_s"].iloc[1] == 45


def test_a_counter_that_is_born_later_counts_from_zero() -> None:
    """A labelled counter is on the page from its first event on, so its first value is events too."""
    late = counter("worker_dlq_total", [None] * 20 + [2, 3])
    steps = increase(late, among=pd.concat([late, counter("worker_success_total", range(22), series_id=2)]))

    assert steps["increase"].tolist() == [2, 1]
    assert steps["previous_at"].iloc[0] == at(20 * 15 - 15)
    assert increase(late)["increase"].isna().iloc[0]


def test_a_counter_that_comes_back_after_a_restart_was_at_zero_until_the_scrape_before() -> None:
    """Of two events since a restart long ago it is known that they came within the last scrape."""
    rare = counter("worker_dlq_total", [7, 7, 7, *[None] * 20, 2])
    steps = increase(rare, among=pd.concat([rare, counter("worker_success_total", range(24), series_id=2)]))

    assert steps["increase"].tolist()[1:] == [0, 0, 2]
    assert steps["previous_at"].iloc[3] == at(22 * 15)


def test_a_restart_is_seen_though_the_counter_comes_back_no_lower() -> None:
    """Two dead letters before a restart and three soon after it are five, if the process's successes fell meanwhile."""
    rare = counter("worker_dlq_total", [2, 2, 2, None, None, None, 3])
    went_on = counter("worker_success_total", [5, 6, 7, 8, 9, 10, 11], series_id=2)
    restarted = counter("worker_success_total", [5, 6, 7, 1, 2, 3, 4], series_id=2)

    assert increase(rare, among=pd.concat([rare, went_on]))["increase"].tolist()[1:] == [0, 0, 1]
    steps = increase(rare, among=pd.concat([rare, restarted]))
    assert steps["increase"].tolist()[1:] == [0, 0, 3]
    assert steps["reset"].tolist() == [False, False, False, True]
    assert steps["previous_at"].iloc[3] == at(5 * 15)


def test_what_grew_in_a_window_is_in_the_steps_that_touch_it() -> None:
    """Growth between two scrapes may be of any moment between them, so the steps at the edges belong to the window."""
    steps = increase(counter("worker_dlq_total", [0, 1, 3, 6, 10]))

    assert steps_within(steps, at(20), at(40))["increase"].tolist() == [2, 3]
    assert steps_within(steps, at(15), at(30))["increase"].tolist() == [2]


def test_metrics_are_found_by_the_runbooks_names_or_the_settings() -> None:
    """A counter may be exported with or without ``_total``, or be called otherwise; ``_created`` is none of them."""
    samples = pd.concat([
        counter("worker_dlq_total", [1]), counter("worker_dlq_created", [5]), counter("my_dead", [7], series_id=2),
    ])  # fmt: skip

    assert metric_samples(samples, "dlq")["value"].tolist() == [1]
    assert metric_samples(samples, "dlq", {"dlq": "my_dead"})["value"].tolist() == [7]
