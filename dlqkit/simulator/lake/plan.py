"""What a lake's records are of: a day of some workflows, and three causes from one moment on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlqkit.simulator.mixing import Array
from dlqkit.simulator.traffic import DAY_S, day_and_night
from dlqkit.simulator.workflows import CLIENTS, Workflow, draw_workflows

__all__ = [
    "BACKGROUND_SHARE",
    "MOST_RECORDS",
    "OUTAGE_SHARE",
    "REFUSED_SHARE",
    "ROWS_PER_FILE",
    "SLOW_SHARE",
    "LakePlan",
    "draw_plan",
]

ROWS_PER_FILE = 200_000
# From here on the business keys of events have nine digits, each as long as the others.
FIRST_EVENT, MOST_RECORDS = 90_000_000, 500_000_000
PROJECT = "simulated-project"
# Of the busiest workflow's events after the cause, how many meet the unavailable database.
OUTAGE_SHARE = 0.6
# Of the next workflow's, how many run into its timeout each time.
SLOW_SHARE = 0.7
BACKGROUND_SHARE = 0.008
REFUSED_SHARE = 0.001
_GRID_S = 60.0
# The seeds of lakes are apart from those of platforms.
_LAKE = 0x1A4E


@dataclass(frozen=True, slots=True)
class LakePlan:
    """Everything that is drawn once; each file's records follow from it and the file's number."""

    seed: int
    records: int
    files: int
    salt: int
    workflows: tuple[Workflow, ...]
    """The busiest is hit by the outage and the client's change, the next one by the slow action."""
    client_shares: tuple[float, ...]
    broken_client: int
    """Its payloads are wrong from the cause on."""
    change: str
    """How they are: ``number_as_text``, ``field_renamed`` or ``field_empty``."""
    max_attempts: int
    start_s: float
    end_s: float
    cause_at_s: float

    def rows_of(self, file: int) -> int:
        """How many records the file holds; files differ by one record at most."""
        share, more = divmod(self.records, self.files)
        return share + (file < more)

    def first_event_of(self, file: int) -> int:
        """The number of the file's first event; an event has a record at least, so numbers are never used twice."""
        return FIRST_EVENT + self.rows_before(file)

    def rows_before(self, file: int) -> int:
        """How many records the files before this one hold."""
        share, more = divmod(self.records, self.files)
        return share * file + min(file, more)

    def arrivals(self, file: int, units: Array) -> Array:
        """Arrival times in the file's part of the day, in seconds since 1970, of numbers in [0, 1)."""
        grid, per_event = self._grid()
        events = _area(day_and_night(grid), grid)
        # Retries make more records of an event, so equal files are unequal parts of the day.
        records = _area(day_and_night(grid) * per_event, grid)
        edges = [self.rows_before(number) / self.records * records[-1] for number in (file, file + 1)]
        low, high = np.interp(np.interp(edges, records, grid), grid, events)
        times: Array = np.interp(low + units * (high - low), events, grid)
        return times

    def _grid(self) -> tuple[Array, Array]:
        """Times over the day, and how many records an event that arrives then has on average."""
        steps = int((self.end_s - self.start_s) / _GRID_S) + 1
        # The cause twice, for the step that the number of records takes there.
        grid = np.sort(np.append(np.linspace(self.start_s, self.end_s, steps), [self.cause_at_s] * 2))
        hit = self.workflows[0].share * OUTAGE_SHARE + self.workflows[1].share * SLOW_SHARE
        per_event = np.where(grid >= self.cause_at_s, 1 + hit * (self.max_attempts - 1), 1.0)
        per_event[np.searchsorted(grid, self.cause_at_s)] = 1.0
        return grid, per_event


def _area(rate: Array, grid: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(grid))])


def draw_plan(seed: int, records: int, end_s: float, rows_per_file: int = ROWS_PER_FILE) -> LakePlan:
    """The plan of a lake: the same for the same arguments.

    Parameters
    ----------
    seed : int
        Of everything that is drawn.
    records : int
        How many are to be written.
    end_s : float
        When the last event arrives, in seconds since 1970; the day before it is the lake's.
    rows_per_file : int, optional
        Records in a file at most.
    """
    rng = np.random.default_rng([seed, _LAKE])
    workflows = draw_workflows(rng, PROJECT)
    shares = np.sort(rng.dirichlet(np.full(len(CLIENTS), 2.0)))[::-1]
    return LakePlan(
        seed=seed,
        records=records,
        files=-(-records // rows_per_file),
        salt=int(rng.integers(1 << 62)),
        workflows=workflows,
        client_shares=tuple(shares.tolist()),
        # Not the largest clients, whose events would hide the outage.
        broken_client=int(rng.integers(3, 5)),
        change=str(rng.choice(["number_as_text", "field_renamed", "field_empty"])),
        max_attempts=int(rng.integers(3, 7)),
        start_s=end_s - DAY_S,
        end_s=end_s,
        cause_at_s=end_s - 3600 * float(np.round(rng.uniform(3, 8), 3)),
    )
