from __future__ import annotations

import pandas as pd

from dlqkit.signals.counters import increase
from dlqkit.signals.growth import falls, growth
from dlqkit.signals.scrapes import read_scrapes
from dlqkit.signals.signals import find_incidents
from tests.frames import START, counter


def test_the_workers_of_a_workflow_are_summed_by_time() -> None:
    """Worker 1 grows by 2 at scrape 1, worker 2 by 1 then and by 4 at scrape 2."""
    samples = pd.concat([counter("worker_dlq_total", [0, 2, 2], workflow_id="a", instance="w1"),
                         counter("worker_dlq_total", [7, 8, 12], series_id=1, workflow_id="a", instance="w2")],
                        ignore_index=True)  # fmt: skip

    points = growth(read_scrapes(samples)).of("a").points()

    assert points.grown.tolist() == [3, 4]
    assert (points.at_s - START.timestamp()).tolist() == [15, 30]


def test_counters_that_reset_at_every_scrape_count_what_each_process_had() -> None:
    """5, 4, 3, 2: four processes, of which the first was there before."""
    grown = growth(read_scrapes(counter("worker_dlq_total", [5, 4, 3, 2])))

    assert grown.steps.grown.tolist() == [0, 4, 3, 2]
    assert grown.reset.tolist() == [False, True, True, True]


def test_a_series_is_born_with_the_events_of_the_interval_before_it() -> None:
    """Successes were scraped from the start; the dead-letter counter appears with 3 at scrape 10."""
    samples = pd.concat([counter("worker_success_total", list(range(20)), workflow_id="a"),
                         counter("worker_dlq_total", [None] * 10 + [3, 3], series_id=1, workflow_id="a")])  # fmt: skip

    points = growth(read_scrapes(samples).of({"worker_dlq_total"})).of("a").points()

    assert points.grown.tolist() == [3]
    assert (points.previous_s[0], points.at_s[0]) == (START.timestamp() + 135, START.timestamp() + 150)


def test_an_old_process_seen_for_the_first_time_brings_no_events() -> None:
    """A counter that appears with 50,000 and then grows by one was not born in this interval."""
    samples = pd.concat([counter("worker_success_total", list(range(20)), workflow_id="a"),
                         counter("worker_dlq_total", [None] * 10 + [50_000, 50_001], series_id=1, workflow_id="a")],
                        ignore_index=True)  # fmt: skip

    assert growth(read_scrapes(samples).of({"worker_dlq_total"})).totals() == {"a": 1}


def test_a_series_of_a_process_scraped_at_its_own_moment_is_born_one_scrape_before() -> None:
    """Worker 1 is scraped at 0, 15, 30...; worker 2's counter appears at 156, so its events came after 141."""
    born = counter("worker_dlq_total", [None] * 10 + [3, 3], series_id=1, workflow_id="a", instance="w2")
    born["sampled_at"] += pd.Timedelta(seconds=6)
    samples = pd.concat([counter("worker_success_total", list(range(20)), workflow_id="a", instance="w1"), born])

    points = growth(read_scrapes(samples).of({"worker_dlq_total"})).of("a").points()

    assert (points.previous_s[0], points.at_s[0]) == (START.timestamp() + 141, START.timestamp() + 156)


def test_a_restart_is_seen_though_the_counter_comes_back_no_lower() -> None:
    """Two dead letters before a restart and three soon after it are five, if the process's successes fell meanwhile."""
    rare = counter("worker_dlq_total", [0, 2, 2, None, None, None, 3], instance="w1")
    success = counter("worker_success_total", [5, 6, 7, 1, 2, 3, 4], series_id=2, instance="w1")
    scrapes = read_scrapes(pd.concat([rare, success]))
    dead, counted = (scrapes.of({f"worker_{name}_total"}) for name in ("dlq", "success"))
    restarts = falls(counted, growth(counted))

    assert growth(dead).totals() == {None: 3}
    points = growth(dead, [restarts]).of(None).points()
    assert points.grown.tolist() == [2, 3]
    assert (points.at_s - points.previous_s).tolist() == [15, 15]


def renamed(dead: float, *, dead_from: int = 240) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A worker that is scraped as w1 for an hour and then as w2; its dead letters stand still, its successes go on."""
    success: list[float | None] = [300.0 + 10 * number for number in range(480)]
    nothing: list[float | None] = [None] * 480
    still = [*nothing[:dead_from], *([dead] * (480 - dead_from))]
    lost = counter("worker_dlq_total", still, series_id=1, instance="w2", workflow_id="wf")
    parts = [
        counter("worker_success_total", success[:240], series_id=2, instance="w1", workflow_id="wf"),
        counter("worker_success_total", nothing[:240] + success[240:], series_id=3, instance="w2", workflow_id="wf"),
        counter("worker_dlq_total", [dead] * 240, series_id=4, instance="w1", workflow_id="wf"),
        lost,
    ]
    return pd.concat(parts), lost


def test_a_worker_that_is_scraped_under_a_new_name_brings_no_dead_letters() -> None:
    """Its forty dead letters are of the days before; its 2,700 successes show that it is no new process."""
    samples, lost = renamed(40)

    assert find_incidents(samples).empty
    assert increase(lost, among=samples)["increase"].sum() == 0


def test_a_counter_that_an_old_worker_creates_later_is_of_that_moment() -> None:
    """The worker is known for half an hour when its first forty dead letters come."""
    samples, lost = renamed(40, dead_from=360)

    assert find_incidents(samples)["size"].tolist() == [40]
    assert increase(lost, among=samples)["increase"].sum() == 40
