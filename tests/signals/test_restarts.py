from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dlqkit.signals.counters import increase
from dlqkit.signals.growth import falls, growth
from dlqkit.signals.scrapes import read_scrapes
from dlqkit.signals.signals import find_incidents
from tests.frames import counter

SCRAPES = 480


def flat(value: float, **other: float) -> list[float | None]:
    """A counter that stands still, but for the scrapes that are given (``s300=0``)."""
    out: list[float | None] = [value] * SCRAPES
    for name, read in other.items():
        out[int(name[1:])] = read
    return out


def grown(values: list[float | None]) -> float:
    """Events by the arrays; the frame's function must say the same."""
    samples = counter("worker_dlq_total", values)
    total = growth(read_scrapes(samples)).steps.total
    assert increase(samples)["increase"].sum() == pytest.approx(total)
    return total


@pytest.mark.parametrize(
    "values",
    [flat(500, s300=0), flat(20, s300=0), flat(500, s300=490, s301=490), flat(500, s100=0, s120=0),
     flat(40, s300=39.99999999999), flat(500, s300=480, s301=470, s302=480)],
    ids=["read as 0", "small", "behind for two scrapes", "twice", "rounded", "falling on"],
)  # fmt: skip
def test_a_counter_that_is_right_again_after_a_wrong_scrape_has_not_grown(values: list[float | None]) -> None:
    """No process comes back from zero to just where it was."""
    assert grown(values) == pytest.approx(0, abs=1e-6)


def test_a_counter_that_goes_on_from_a_wrong_scrape_has_grown_by_what_is_usual() -> None:
    """Ten a scrape, and one scrape reads eight less than it was."""
    values: list[float | None] = [3000.0 + 10 * number for number in range(SCRAPES)]
    values[300] = 5982.0

    assert grown(values) == 10 * (SCRAPES - 1)


@pytest.mark.parametrize(
    ("values", "events"),
    [([2.0] * 40 + [0.0, 15.0] + [30.0] * 5, 30), ([1.0, 0.0, 1.0], 1),
     ([12.0 + 10 * number for number in range(5)] + [3.0 + 10 * number for number in range(40)], 433),
     ([30.0, 25.0, 31.0, 24.0, 33.0, 29.0, 38.0], 102)],
    ids=["a burst after it", "a single event", "a busy worker", "a crash loop"],
)  # fmt: skip
def test_a_restart_that_soon_counts_more_than_before_is_a_restart(values: list[float | None], events: float) -> None:
    """What comes after it is more than usually grows, or as much as a new process would have counted."""
    assert grown(values) == events


def test_a_scrape_that_went_wrong_is_no_incident() -> None:
    good = counter("worker_success_total", np.arange(SCRAPES * 10.0)[::10].tolist(), series_id=1, workflow_id="wf")

    found = find_incidents(pd.concat([counter("worker_dlq_total", flat(500, s300=0), workflow_id="wf"), good]))

    assert found.empty


def test_where_another_counter_of_the_process_fell_for_good_it_restarted() -> None:
    """The dead letters come back to twenty within a scrape, and the successes begin anew."""
    rare = counter("worker_dlq_total", flat(20, s300=0), instance="w1")
    success = [100.0 + number if number < 300 else number - 299.0 for number in range(SCRAPES)]
    samples = pd.concat([rare, counter("worker_success_total", success, series_id=1, instance="w1")])
    scrapes = read_scrapes(samples)
    dead, counted = (scrapes.of({f"worker_{name}_total"}) for name in ("dlq", "success"))

    assert growth(dead, [falls(counted, growth(counted))]).steps.total == 20
    assert increase(rare, among=samples)["increase"].sum() == 20


def test_a_counter_that_did_not_move_over_a_gap_is_no_restart_because_of_anothers() -> None:
    """Without labels one worker's restart looks like another's; 500 dead letters in three scrapes are not usual."""
    still = counter("worker_dlq_total", [500.0] * 300 + [None] * 3 + [500.0] * 100)
    success = [100.0 + number if number < 301 else number - 300.0 for number in range(403)]
    samples = pd.concat([still, counter("worker_success_total", success, series_id=1)])

    assert increase(still, among=samples)["increase"].sum() == 0
