"""The bins of the figure of the signals, as a frame."""

from __future__ import annotations

import pandas as pd
import pytest

from dlqkit.plots.rates import signal_rates
from tests.frames import at, counter


def test_growth_between_scrapes_is_spread_over_the_minutes() -> None:
    """Scraped every 30 s: 4 in the first minute, 6 in the second, and nothing of the other counters."""
    samples = counter("worker_dlq_total", [0, 2, 4, 7, 10], every_s=30, workflow_id="wf")

    rates = signal_rates(samples, workflow_id="wf")

    assert rates["at"].tolist() == [at(0), at(60)]
    assert rates["end_at"].tolist() == [at(60), at(120)]
    assert rates["dead_letters_per_min"].tolist() == pytest.approx([4.0, 6.0])
    assert rates["successes_per_min"].isna().all()


def test_a_minute_without_scrapes_is_not_known() -> None:
    """Ten minutes of failed scrapes: their bins are NA, not the mean of what came in the meantime."""
    values = [0.0] * 11 + [None] * 40 + [5.0] * 10
    samples = counter("worker_failure_total", values, every_s=15, workflow_id="wf")

    rates = signal_rates(samples)

    known = rates.set_index("at")["failures_per_min"]
    assert known[at(60)] == 0.0
    assert pd.isna(known[at(300)])
    assert pd.isna(known[at(600)])


def test_without_samples_there_is_no_row() -> None:
    rates = signal_rates(counter("worker_dlq_total", [None, 1.0]).iloc[:0])

    assert list(rates.columns) == ["at", "end_at", "dead_letters_per_min", "failures_per_min", "successes_per_min"]
    assert rates.empty
