from __future__ import annotations

import numpy as np
import pandas as pd

from dlqkit.signals.signals import find_incidents
from tests.frames import at, counter

SCRAPES = 1000


def window(dead: list[float], good: list[float] | None = None, **more: list[float]) -> pd.DataFrame:
    """Counters from events a scrape."""
    parts = {"worker_dlq_total": dead, "worker_success_total": good, **more}
    return pd.concat(
        [counter(name, np.cumsum(one).tolist(), series_id=number, workflow_id="wf")
         for number, (name, one) in enumerate(parts.items()) if one is not None]
    )  # fmt: skip


def dead_letters(samples: pd.DataFrame) -> pd.DataFrame:
    found = find_incidents(samples)
    return found[found["signal"] == "dead_letters"].sort_values("onset_at").reset_index(drop=True)


def stretch(first: int, last: int, each: float) -> list[float]:
    return [each if first <= number < last else 0.0 for number in range(SCRAPES)]


def test_a_surge_of_everything_is_no_incident() -> None:
    """Five times the events and five times the dead letters: one in a hundred, as always."""
    rng = np.random.default_rng(2)
    load = np.where((np.arange(SCRAPES) >= 400) & (np.arange(SCRAPES) < 500), 100, 20)

    assert dead_letters(window(rng.poisson(0.01 * load).tolist(), rng.poisson(load).tolist())).empty


def test_less_success_alone_is_no_incident() -> None:
    """Successes stop, and the few dead letters come as before: their share rises, their rate does not."""
    rng = np.random.default_rng(2)
    good = np.where(np.arange(SCRAPES) < 600, 50, 0)

    assert dead_letters(window(rng.poisson(0.1, SCRAPES).tolist(), rng.poisson(good).tolist())).empty


def test_single_poison_events_are_no_incident() -> None:
    """Four events that die alone, and three at once."""
    dead = [0.0] * SCRAPES
    for place in (100, 300, 500, 900):
        dead[place] = 1
    dead[700] = 3

    assert dead_letters(window(dead)).empty
    assert dead_letters(window(dead, [5.0] * SCRAPES)).empty


def test_several_incidents_have_a_row_each_with_onset_and_end() -> None:
    dead = np.array(stretch(200, 260, 6)) + stretch(600, 640, 9)

    found = dead_letters(window(dead.tolist(), [10.0] * SCRAPES))

    assert found["size"].tolist() == [360, 360]
    assert (found["onset_at"] - pd.Series([at(200 * 15), at(600 * 15)])).abs().max() <= pd.Timedelta(seconds=15)
    assert found["end_at"].tolist() == [at(259 * 15), at(639 * 15)]


def test_what_flaps_is_one_incident() -> None:
    """On for ten scrapes and off for ten, eight times."""
    dead = [5.0 if 300 <= number < 460 and number % 20 < 10 else 0.0 for number in range(SCRAPES)]

    found = dead_letters(window(dead, [5.0] * SCRAPES))

    assert found["size"].tolist() == [400]


def test_what_was_going_on_before_and_what_still_goes_on() -> None:
    """One began before the first scrape, the other has no end."""
    found = dead_letters(window((np.array(stretch(0, 100, 4)) + stretch(900, SCRAPES, 4)).tolist(), [9.0] * SCRAPES))

    assert found["onset_at"].iloc[0] <= at(15)
    assert "going on when the evidence begins" in found["evidence"].iloc[0]
    assert found["end_at"].isna().tolist() == [False, True]


def test_many_dead_letters_every_day_are_no_incident() -> None:
    """Two in a hundred events, all day long."""
    rng = np.random.default_rng(5)
    load = 50 * (1 + 0.6 * np.cos(2 * np.pi * np.arange(SCRAPES) / SCRAPES))

    assert dead_letters(window(rng.poisson(0.02 * load).tolist(), rng.poisson(load).tolist())).empty


def test_without_a_volume_a_day_and_its_night_are_no_incident() -> None:
    """Only dead letters are counted, once a minute for a day; by day there are four times as many as by night."""
    rng = np.random.default_rng(5)
    times = np.arange(1440)
    dead = rng.poisson(1 + 0.6 * np.cos(2 * np.pi * times / 1440))

    assert dead_letters(counter("worker_dlq_total", np.cumsum(dead).tolist(), every_s=60, workflow_id="wf")).empty


def test_an_incident_that_grows_did_not_begin_before_its_first_dead_letter() -> None:
    """Ten a scrape at scrape 400, forty at scrape 460: the growth does not pull the onset into the quiet before."""
    dead = [10.0 + (number - 400) / 2 if 400 <= number < 460 else 0.0 for number in range(SCRAPES)]

    found = dead_letters(window(dead, [20.0] * SCRAPES))

    assert at(399 * 15) <= found["onset_at"].iloc[0] <= at(400 * 15)


def test_an_onset_is_never_after_the_end() -> None:
    """Two pods without a success counter, of which the second is seen only from scrape 600 on."""
    first = counter("worker_dlq_total", [min(float(number), 40) for number in range(1, 300)], workflow_id="wf", pod="a")
    second = counter(
        "worker_dlq_total", [None] * 600 + [1.0] * 300, series_id=1, workflow_id="wf", pod="b"
    )  # fmt: skip

    found = dead_letters(pd.concat([first, second]))

    assert (found["onset_at"] <= found["end_at"].fillna(at(SCRAPES * 15))).all()
