from __future__ import annotations

import numpy as np

from dlqkit.signals.placing import place_onset

GRID = np.arange(0, 41 * 15, 15.0)


def test_a_plain_step_began_between_two_scrapes() -> None:
    """Nothing up to scrape 20, then thirty a scrape."""
    grown = np.where(np.arange(40) >= 20, 30.0, 0.0)

    onset = place_onset(GRID, grown, np.full(40, 15.0), 1e-4, (0, 30), 39, 15)

    assert (onset.low_s, onset.high_s) == (300, 315)
    assert 300 <= onset.at_s <= 315


def test_a_thin_step_leaves_open_when_it_began() -> None:
    """One event every third scrape from scrape 20 on: it may have begun some scrapes before the first of them."""
    grown = np.where((np.arange(40) >= 20) & (np.arange(40) % 3 == 2), 1.0, 0.0)

    onset = place_onset(GRID, grown, np.full(40, 15.0), 1e-5, (0, 30), 39, 15)

    assert onset.low_s < 300
    assert onset.high_s - onset.low_s >= 45


def test_an_onset_in_a_gap_of_scraping_lies_as_far_back_as_its_events_take() -> None:
    """Forty scrapes are missing; a hundred events come out of it, ten a scrape follow: 150 s before its end."""
    grid = np.concatenate([np.arange(0, 150, 15.0), 735 + np.arange(0, 300, 15.0)])
    grown = np.array([0.0] * 9 + [100.0] + [10.0] * 19)

    onset = place_onset(grid, grown, np.diff(grid), 1e-5, (0, 20), 28, 15)

    assert abs(onset.at_s - (735 - 150)) < 0.1
    assert onset.low_s <= 135
    assert onset.high_s == 735
