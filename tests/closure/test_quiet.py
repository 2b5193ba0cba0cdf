"""Quiet is weighed: how long, at which traffic, against the incident's own rhythm."""

from __future__ import annotations

import pandas as pd
import pytest

from dlqkit.closure.quiet import Incidence, longest_pause, weigh_quiet
from tests.frames import at

START = at(0).to_pydatetime()


def after(minutes: float, incidence: Incidence | None, ended: float | None = 1000) -> tuple[str, str]:
    return weigh_quiet(START, at(minutes * 60).to_pydatetime(), incidence, ended)


@pytest.mark.parametrize(
    ("minutes", "state"), [(14.9, "unknown"), (15.0, "yes")],
)  # fmt: skip
def test_a_quarter_of_an_hour_is_the_least(minutes: float, state: str) -> None:
    assert after(minutes, Incidence(60.0, 0.5))[0] == state


def test_quiet_between_two_bursts_is_not_the_end() -> None:
    """Every two hours a burst of hundreds died: half an hour of quiet, at full traffic, is a pause like the others."""
    bursts = pd.Series([at(hour * 7200 + n) for hour in range(3) for n in range(200)])
    incidence = Incidence(150.0, 0.2, longest_pause(bursts))

    assert incidence.pause == pd.Timedelta(seconds=7200 - 199)
    state, why = after(30, incidence)
    assert (state, "there were none for 1.9 hours either" in why) == ("unknown", True)
    assert after(121, incidence)[0] == "yes"


def test_the_longest_pause_needs_no_order_and_no_time_that_is_missing() -> None:
    assert longest_pause(pd.Series([at(60), pd.NaT, at(0), at(90)])) == pd.Timedelta(seconds=60)
    assert longest_pause(pd.Series([at(60)])) is None
    assert longest_pause(pd.Series([], dtype="datetime64[us, UTC]")) is None


@pytest.mark.parametrize("ended", [None, 0])
def test_quiet_without_traffic_shows_nothing(ended: float | None) -> None:
    assert after(600, Incidence(60.0, 0.5), ended)[0] == "unknown"


def test_an_incident_of_unknown_rate_cannot_be_told_from_its_absence() -> None:
    state, why = after(600, Incidence())

    assert (state, "how often the incident made some is not known" in why) == ("unknown", True)


def test_three_expected_are_the_least_of_which_none_is_no_chance() -> None:
    """exp(-3.0) is 5 %: at one in an hour it takes three hours."""
    assert after(179, Incidence(1.0, None))[0] == "unknown"
    assert after(180, Incidence(1.0, None))[0] == "yes"


def test_where_it_was_no_incident_of_dead_letters_none_was_to_come() -> None:
    """A spike of the action's duration: quiet and traffic are all that is asked."""
    assert after(20, None)[0] == "yes"


def test_the_rates_that_the_data_still_allow_are_the_exact_upper_limits() -> None:
    """Of 0 in two hours: -ln(0.05) / 2 = 1.5 an hour; of 0 in 300: 1 - 0.05^(1/300) = 0.99 %."""
    _, why = after(120, Incidence(60.0, 0.5), 300)

    assert "fewer than 1.5 an hour die now, and fewer than 0.99% of the events" in why
