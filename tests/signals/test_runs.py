from __future__ import annotations

import numpy as np
import pytest

from dlqkit.signals.dispersion import Points, blocks_of, dispersion, place_in
from dlqkit.signals.runs import find_runs, likelihood


def points(counts: list[float]) -> Points:
    """Counts of scrapes, each of exposure 1."""
    weight = np.array(counts, dtype=np.float64)
    seen = np.flatnonzero(weight > 0)
    edges = blocks_of(0, len(weight), 2)
    return Points(weight[seen], seen + 0.0, seen + 1.0, float(len(weight)), edges, place_in(edges, seen + 0.5))


def test_the_likelihood_ratio_is_that_of_two_rates_over_one() -> None:
    """8 events in 1 hour and 8 in 7 hours: 8 ln 4 + 8 ln (4/7) = 11.09 − 4.48."""
    assert likelihood(8, 1, 8, 7) == pytest.approx(6.613, abs=0.001)
    assert likelihood(1, 1, 8, 7) == 0


def test_two_runs_with_a_small_one_between_them_are_three() -> None:
    """The small one lies in the pause of the large ones and is not lost with it."""
    counts = [0.0] * 600
    counts[100:130], counts[300:320], counts[450:490] = [20.0] * 30, [1.0] * 20, [20.0] * 40

    found = find_runs(points(counts))

    assert [run.size for run in found] == [600, 20, 800]


def test_an_incident_that_fills_most_of_the_window_is_found() -> None:
    """From scrape 200 of 1,000 to the end, two events every fifth scrape."""
    counts = [0.0] * 1000
    counts[200::5] = [2.0] * 160

    assert [(run.size, run.first) for run in find_runs(points(counts))] == [(320, 0)]


def test_a_rate_that_varies_more_than_chance_is_no_incident() -> None:
    """Dead letters that come in lumps all day: the lumps are how it always is."""
    rng = np.random.default_rng(4)
    level = np.repeat(rng.gamma(1.0, 1.0, 100), 10)

    own = points(rng.poisson(2 * level).astype(float).tolist())

    assert dispersion(own) > 3
    assert len(find_runs(own)) <= 1


def test_poisson_numbers_are_not_dispersed() -> None:
    rng = np.random.default_rng(4)

    assert dispersion(points(rng.poisson(2, 1000).astype(float).tolist())) < 1.5


def test_nothing_is_no_run() -> None:
    assert find_runs(points([0.0] * 50)) == []
    assert find_runs(points([4.0])) == []
