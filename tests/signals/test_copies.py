from __future__ import annotations

import pandas as pd
import pytest

from dlqkit.signals.copies import without_copies
from dlqkit.signals.counters import metric_samples
from dlqkit.signals.signals import find_incidents
from tests.frames import counter

SCRAPES = 480


def scraped_by(server: str, label: str, *, late_s: float, **labels: str) -> pd.DataFrame:
    """Two hours of a worker that loses three events a scrape in the second one, as one server saw it."""
    lost = [3.0 * max(number - 240, 0) for number in range(SCRAPES)]
    won = [10.0 * number for number in range(SCRAPES)]
    parts = [counter("worker_dlq_total", lost, series_id=int(late_s), workflow_id="wf", **labels),
             counter("worker_success_total", won, series_id=10 + int(late_s), workflow_id="wf", **labels)]  # fmt: skip
    out = pd.concat(parts, ignore_index=True).assign(**{label: server})
    return out.assign(sampled_at=out["sampled_at"] + pd.Timedelta(seconds=late_s))


@pytest.mark.parametrize("label", ["prometheus_replica", "replica"])
def test_what_two_servers_scraped_is_counted_once(label: str) -> None:
    """The second server scrapes five seconds after the first; one of them missed the first scrapes."""
    first = scraped_by("a", label, late_s=0, instance="w1")
    second = scraped_by("b", label, late_s=5, instance="w1")
    both = pd.concat([first[first["sampled_at"] > first["sampled_at"].min()], second])

    assert find_incidents(both)["size"].tolist() == [717]
    assert metric_samples(both, "dlq")[label].unique().tolist() == ["b"]


def test_replicas_of_the_worker_are_summed() -> None:
    """Without an instance or pod nothing says that the label is the server's."""
    both = pd.concat([scraped_by("0", "replica", late_s=0), scraped_by("1", "replica", late_s=5)])

    assert len(without_copies(both)) == len(both)
    assert find_incidents(both)["size"].tolist() == [1434]
