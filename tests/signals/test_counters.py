from __future__ import annotations

import pandas as pd

from dlqkit.signals.counters import increase, metric_samples
from tests.frames import START, at, counter


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
    steps = increase(late, seen_from=START)

    assert steps["increase"].tolist() == [2, 1]
    assert steps["previous_at"].iloc[0] == at(20 * 15 - 15)
    assert increase(late)["increase"].isna().iloc[0]


def test_metrics_are_found_by_the_runbooks_names_or_the_settings() -> None:
    """A counter may be exported with or without ``_total``, or be called otherwise; ``_created`` is none of them."""
    samples = pd.concat([
        counter("worker_dlq_total", [1]), counter("worker_dlq_created", [5]), counter("my_dead", [7], series_id=2),
    ])  # fmt: skip

    assert metric_samples(samples, "dlq")["value"].tolist() == [1]
    assert metric_samples(samples, "dlq", {"dlq": "my_dead"})["value"].tolist() == [7]
