"""The two items of §7 that are measured: the counter does not grow, and no new dead letters are in the records.

That nothing is seen proves something only where something would have been seen: so each item says since when it was
looked at, at which traffic, and how many dead letters the incident would have made in that time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from dlqkit.closure.checklist import Item
from dlqkit.signals.counters import increase, metric_samples, steps_within

__all__ = ["QUIET", "Incidence", "Since", "check_counter", "check_records", "find_since"]

QUIET = timedelta(minutes=15)
"""Shorter quiet is not looked at; some sixty scrapes at the usual 15 seconds."""
CERTAINTY = 0.95
# Of so many that were to come none is seen with a probability of 5 %: the exact upper limit of a Poisson count of 0,
# -ln(0.05) = 2.996 (Garwood, Biometrika 28, 1936).
LEAST_EXPECTED = -math.log(1 - CERTAINTY)
# A source that ends so long before the moment that is asked for tells nothing of it.
STALE = timedelta(minutes=5)
_METRICS = "Metrics are back to normal: the dead-letter counter does not grow."
_RECORDS = "The execution logs show no new dead letters for the workflow."


@dataclass(frozen=True, slots=True)
class Since:
    """From when on quiet is asked for, and why from then."""

    at: datetime
    basis: str


@dataclass(frozen=True, slots=True)
class Incidence:
    """How often the incident made dead letters; None where it is not known."""

    per_hour: float | None = None
    share: float | None = None
    """Of the events that came to an end."""


def find_since(fixed_at: datetime | None, end_at: datetime | None, as_of: datetime) -> Since:
    """The fix, as people say; else the incident's end, as it was measured; else the last quarter of an hour."""
    if fixed_at is not None and fixed_at <= as_of:
        return Since(fixed_at, "the fix, by judgement.yaml")
    if end_at is not None and end_at <= as_of:
        return Since(end_at, "the last dead letter of the incident; no fix is named in judgement.yaml")
    return Since(as_of - QUIET, "the last 15 minutes of the evidence: the incident goes on, and no fix is named")


def check_counter(
    samples: pd.DataFrame,
    workflow_id: str | None,
    since: Since,
    as_of: datetime,
    incidence: Incidence,
    *,
    names: Mapping[str, str] | None = None,
    evidence: str = "",
) -> Item:
    """Whether the dead-letter counter has stood still since then.

    Parameters
    ----------
    samples : DataFrame
        ``frames.SAMPLES`` with ``metric`` and labels, up to ``as_of``.
    workflow_id : str or None
        None: of all.
    since, as_of
        What is looked at.
    incidence : Incidence
        What the incident would have made meanwhile.
    names : mapping, optional
        Metrics whose names differ from the runbook's.
    evidence : str
        Ids of the sources.

    Returns
    -------
    Item
        Unknown where no scrape tells of the whole time, where nothing was done in it, or where quiet proves nothing.
    """

    def item(state: str, why: str) -> Item:
        return Item("metrics", _METRICS, state, why, evidence, since.at.isoformat())  # type: ignore[arg-type]

    own = _of(samples, "dlq", workflow_id, names)
    steps = increase(own, among=samples) if len(own) else own
    begin, end = pd.Timestamp(since.at), pd.Timestamp(as_of)
    # A step that began before may have held the incident's last dead letter.
    inside = steps[(steps["previous_at"] >= begin) & (steps["sampled_at"] <= end)] if len(steps) else steps
    if len(inside) == 0:
        return item("unknown", f"No two scrapes of the counter since {_clock(since.at)}.")
    grown = float(inside["increase"].sum())
    if grown:
        return item("no", f"It grew by {grown:,.0f} in the {_span(since, as_of)} since {_clock(since.at)}.")
    scraped_to = inside["sampled_at"].max()
    if scraped_to < end - STALE:
        return item("unknown", f"The last scrape of the counter is of {_clock(scraped_to)}, {_span(scraped_to, as_of)} "
                               "before the end.")  # fmt: skip
    ended = _grown(samples, "success", workflow_id, begin, end, names)
    if ended is not None and ended == 0:
        return item("unknown", f"It did not grow since {_clock(since.at)}, but no event succeeded either: nothing is "
                               "being done, so nothing can fail.")  # fmt: skip
    return item(*_weigh("It did not grow", since, as_of, incidence, ended))


def check_records(
    records: pd.DataFrame,
    since: Since,
    as_of: datetime,
    incidence: Incidence,
    *,
    known_to: datetime,
    has_records: bool,
    is_whole: bool,
    evidence: str = "",
) -> Item:
    """Whether the records show no dead letter since then.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of the workflow, up to ``as_of``.
    since, as_of, incidence
        As for ``check_counter``.
    known_to : datetime
        Until when the records tell of dead letters.
    has_records : bool
        Whether any source of records answered.
    is_whole : bool
        Whether no dead letter is missing from what they tell.
    evidence : str
        Ids of the sources.

    Returns
    -------
    Item
        Unknown where the records do not cover the time, or where quiet proves nothing.
    """

    def item(state: str, why: str) -> Item:
        return Item("records", _RECORDS, state, why, evidence, since.at.isoformat())  # type: ignore[arg-type]

    if not has_records:
        return item("unknown", "No execution records were collected.")
    dead = records[records["queued_to_dlq"].fillna(False).astype(bool)]
    fresh = int((dead["recorded_at"] > pd.Timestamp(since.at)).sum())
    if fresh:
        least = "" if is_whole else "At least "
        return item("no", f"{least}{fresh:,} in the {_span(since, as_of)} since {_clock(since.at)}.")
    undated = int(dead["recorded_at"].isna().sum())
    if undated:
        return item("unknown", f"{undated:,} dead letters have no time that can be read, so they may be new.")
    if known_to < as_of - STALE:
        return item("unknown", "The records do not reach to the end of the evidence, so newer ones may be missing.")
    if not is_whole:
        return item("unknown", "The records are not whole, so some may be missing.")
    after = records[records["recorded_at"] > pd.Timestamp(since.at)]
    return item(*_weigh("There are none", since, as_of, incidence, float(after["event_key"].nunique())))


def _weigh(what: str, since: Since, as_of: datetime, incidence: Incidence, ended: float | None) -> tuple[str, str]:
    """Whether quiet of that length and traffic proves anything."""
    hours = (as_of - since.at) / timedelta(hours=1)
    quiet = f"{what} in the {_span(since, as_of)} since {_clock(since.at)}"
    if as_of - since.at < QUIET:
        return "unknown", f"{quiet}; less than {QUIET // timedelta(minutes=1)} minutes of quiet show nothing."
    traffic = "" if ended is None else f", while {ended:,.0f} events came to an end"
    expected = None if incidence.per_hour is None else incidence.per_hour * hours
    if incidence.share is not None and ended:
        expected = incidence.share * ended  # how much is done may have changed since; what it does to an event has not
    if expected is not None and expected < LEAST_EXPECTED:
        needed = f"; {hours * LEAST_EXPECTED / expected:,.1f} hours of such quiet would" if expected else ""
        return "unknown", (
            f"{quiet}{traffic}; at the incident's rate {expected:.1f} were to come, so that their absence does not show"
            f" that it is over{needed}."
        )
    bound = f"with {CERTAINTY:.0%} certainty fewer than {LEAST_EXPECTED / hours:,.1f} an hour"
    if ended:
        bound += f", and fewer than {1 - (1 - CERTAINTY) ** (1 / ended):.2%} of the events"
    return "yes", f"{quiet}{traffic}: {bound} die now."


def _of(samples: pd.DataFrame, name: str, workflow_id: str | None, names: Mapping[str, str] | None) -> pd.DataFrame:
    own = metric_samples(samples, name, names)
    return own[own["workflow_id"] == workflow_id] if workflow_id and "workflow_id" in own.columns else own


def _grown(
    samples: pd.DataFrame, name: str, workflow_id: str | None, begin: pd.Timestamp, end: pd.Timestamp,
    names: Mapping[str, str] | None,
) -> float | None:  # fmt: skip
    own = _of(samples, name, workflow_id, names)
    return float(steps_within(increase(own, among=samples), begin, end)["increase"].sum()) if len(own) else None


def _clock(at: datetime | pd.Timestamp) -> str:
    return f"{pd.Timestamp(at).tz_convert('UTC'):%Y-%m-%d %H:%M:%S} UTC"


def _span(since: Since | pd.Timestamp, as_of: datetime) -> str:
    seconds = (pd.Timestamp(as_of) - pd.Timestamp(since.at if isinstance(since, Since) else since)).total_seconds()
    if seconds < 5400:
        return f"{seconds / 60:,.0f} minutes"
    return f"{seconds / 3600:,.1f} hours"
