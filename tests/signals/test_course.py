from __future__ import annotations

import numpy as np
import pytest

from dlqkit.signals.course import Counted, explain_rise


def counted(events: list[float], usual: float = 0.01) -> Counted:
    """Growth of one process that is scraped once a second."""
    seen = np.flatnonzero(events)
    edges = np.arange(len(events) + 1.0)
    expected = np.full(len(events), usual)
    return Counted(edges, expected, edges[seen], edges[seen + 1], seen, np.array(events)[seen], expected[seen])


@pytest.mark.parametrize(
    "course",
    [
        [12, 11, 13, 12, 10, 12, 14, 12, 11, 12, 13, 12],
        [8, 6, 9, 10, 12, 11, 15, 17, 20, 24, 22, 30],
        [20, 18, 15, 12, 11, 9, 7, 6, 5, 4, 3, 2],
        [10, 9, 11, 0, 0, 0, 0, 12, 9, 10, 0, 0],
    ],
    ids=["flat", "growing", "fading", "flapping"],
)
def test_whatever_course_a_rise_takes_it_began_where_it_is_first_seen(course: list[float]) -> None:
    """Twenty scrapes of nothing, then eight or more in a scrape: what comes later moves the onset by one at most."""
    rise = explain_rise(counted([0.0] * 20 + course), 30, 4)

    assert abs(int(np.argmax(np.logaddexp(rise.at_edge, rise.swelling))) - 20) <= 1


def test_a_single_poison_event_before_a_rise_is_not_its_onset() -> None:
    """One event, ten quiet scrapes, then two a scrape: quiet so long is less likely than one event by itself."""
    rise = explain_rise(counted([0.0] * 10 + [1.0] + [0.0] * 10 + [2.0] * 20), 30, 4)

    assert int(np.argmax(rise.at_edge)) == 21


def test_a_rise_that_swells_is_dated_to_where_it_began_to_swell() -> None:
    """It gains half an event a scrape in each scrape, from nothing: no step explains that as well."""
    course = [0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0, 6.0, 6.0, 7.0, 7.0, 8.0] + [8.0] * 10
    rise = explain_rise(counted([0.0] * 20 + course), 30, 4)

    assert rise.swelling.max() > rise.at_edge.max()
    assert abs(int(np.argmax(rise.swelling)) - 20) <= 1


def test_two_processes_scraped_in_turn_narrow_the_interval() -> None:
    """One is scraped at the full second, the other at the half. The first counts no more than half of its usual share
    at second 10, the other all of it at 10.5: the rise began at about 9.5.
    """
    at = np.concatenate([np.arange(10, 31.0), np.arange(10, 31.0) + 0.5])
    order = np.argsort(at)
    events = np.concatenate([[10.0], np.full(20, 20.0), np.full(21, 20.0)])[order]
    at = at[order]
    edges = np.arange(33.0)
    step = np.searchsorted(edges, at) - 1
    own = Counted(edges, np.full(32, 0.01), at - 1, at, step, events, np.full(len(at), 0.01))

    rise = explain_rise(own, 20, 4)

    assert abs(rise.moments[int(np.argmax(rise.within))] - 9.5) <= 0.25


def test_an_onset_inside_a_long_gap_is_found_from_its_end() -> None:
    """Thirty scrapes are missing and bring two hundred events; twenty a scrape follow: ten scrapes before the end."""
    edges = np.concatenate([np.arange(10.0), [39.0], 39.0 + np.arange(1, 21)])
    events = np.array([200.0, *[20.0] * 20])
    step = np.arange(9, 30)
    usual = 0.01 * np.diff(edges)

    rise = explain_rise(Counted(edges, usual, edges[step], edges[step + 1], step, events, usual[step]), 15, 4)

    assert abs(rise.moments[int(np.argmax(rise.within))] - 29) < 2
