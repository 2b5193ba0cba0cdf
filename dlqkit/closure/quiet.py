"""What quiet proves: whether dead letters would have been seen by now, and which rate the data still allow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from dlqkit.closure import sentences
from dlqkit.closure.checklist import State
from dlqkit.closure.since import QUIET

__all__ = ["CERTAINTY", "LEAST_EXPECTED", "Incidence", "longest_pause", "weigh_quiet"]

CERTAINTY = 0.95
# Of so many that were to come none is seen with a probability of 5 %: the exact upper limit of a Poisson count of 0,
# -ln(0.05) = 2.996 (Garwood, Biometrika 28, 1936).
LEAST_EXPECTED = -math.log(1 - CERTAINTY)


@dataclass(frozen=True, slots=True)
class Incidence:
    """How the incident made dead letters; None where that is not known."""

    per_hour: float | None = None
    share: float | None = None
    """Of the events that came to an end."""
    pause: timedelta | None = None
    """The longest time without a dead letter after which they went on."""


def longest_pause(died_at: pd.Series) -> timedelta | None:
    """The longest time between two dead letters of the incident; None where there are fewer than two.

    Parameters
    ----------
    died_at : Series of datetime64[us, UTC]
        Dead letters from the onset to the end, in any order.
    """
    pauses = died_at.dropna().sort_values().diff().dropna()
    if pauses.empty:
        return None
    longest: timedelta = pauses.max().to_pytimedelta()
    return longest


def weigh_quiet(
    start: datetime, end: datetime, incidence: Incidence | None, ended: float | None
) -> tuple[State, str]:  # fmt: skip
    """Whether so long a quiet, at such traffic, shows that the incident is over.

    Parameters
    ----------
    start, end : datetime
        In which no dead letter was seen, and one would have been.
    incidence : Incidence or None
        What the incident would have made meanwhile; None where it was none of dead letters.
    ended : float or None
        Events that came to an end meanwhile; None where that is not known.

    Returns
    -------
    (state, str)
        ``yes`` or ``unknown``, and why in a sentence.

    Notes
    -----
    The rates that the data still allow are the exact upper limits where none is seen: of a Poisson count (Garwood 1936)
    by the hour, of a binomial one (Clopper and Pearson, Biometrika 26, 1934) by the event.
    """
    hours = (end - start) / timedelta(hours=1)
    if end - start < QUIET:
        return "unknown", sentences.quiet_too_short(start, end, QUIET)
    if ended is None:
        return "unknown", sentences.traffic_unknown(start, end)
    if ended <= 0:
        return "unknown", sentences.nothing_done(start, end)
    if incidence is not None:
        if incidence.pause is not None and end - start <= incidence.pause:
            return "unknown", sentences.quiet_within_habit(start, end, incidence.pause)
        if incidence.share is None and incidence.per_hour is None:
            return "unknown", sentences.incidence_unknown(start, end)
        # How much is done may have changed since; what the cause does to an event has not.
        expected = incidence.share * ended if incidence.share is not None else (incidence.per_hour or 0.0) * hours
        if expected < LEAST_EXPECTED:
            needed = timedelta(hours=hours * LEAST_EXPECTED / expected) if expected else None
            return "unknown", sentences.quiet_too_rare(start, end, ended, expected, needed)
    share = 1 - (1 - CERTAINTY) ** (1 / ended)
    return "yes", sentences.quiet_holds(start, end, ended, CERTAINTY, LEAST_EXPECTED / hours, share)
