"""What the measured items say: each sentence whole, in one place, so that it can be given in another language."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd

__all__ = [
    "absent_counter",
    "behind",
    "clock",
    "counter_grew",
    "counter_in_gap",
    "counter_unseen",
    "incidence_unknown",
    "new_dead_letters",
    "not_ended",
    "nothing_done",
    "open_signals",
    "quiet_holds",
    "quiet_too_rare",
    "quiet_too_short",
    "quiet_within_habit",
    "span",
    "still_retried",
    "still_silent",
    "traffic_unknown",
    "undated",
    "unreadable",
    "untold",
]


def clock(at: datetime | pd.Timestamp) -> str:
    """``2026-11-24 09:31:12 UTC``."""
    return f"{pd.Timestamp(at).tz_convert('UTC'):%Y-%m-%d %H:%M:%S} UTC"


def span(length: timedelta) -> str:
    """``33 minutes``, ``4.2 hours``."""
    seconds = pd.Timedelta(length).total_seconds()
    return f"{seconds / 60:,.0f} minutes" if seconds < 5400 else f"{seconds / 3600:,.1f} hours"


def counter_grew(by: float, start: datetime, end: datetime, newest: datetime) -> str:
    """The counter grew."""
    return f"It grew by {by:,.0f} in the {span(end - start)} since {clock(start)}, last before {clock(newest)}."


def counter_in_gap(by: float, low: datetime, high: datetime) -> str:
    """It grew between two scrapes far apart, and the fix lies between."""
    return (
        f"It grew by {by:,.0f} between {clock(low)} and {clock(high)}, without a scrape between; whether before or "
        "after the fix is not known."
    )


def counter_unseen(low: datetime, high: datetime, target: str) -> str:
    """A hole in the scrapes of a worker, or of all."""
    if not target:
        return f"No scrape of the counter tells of the {span(high - low)} from {clock(low)} to {clock(high)}."
    return f"No scrape of {target} tells of the {span(high - low)} from {clock(low)} to {clock(high)}."


def absent_counter(target: str, last: datetime) -> str:
    """A worker that had counted is gone, or exports the counter no more."""
    return (
        f"The counter of {target} is not seen after {clock(last)}: a worker that was restarted exports it again with "
        "its next dead letter only, and one that is gone never. Look at its own /metrics page."
    )


def new_dead_letters(
    count: int, alike: int | None, start: datetime, end: datetime, newest: datetime, *, is_whole: bool
) -> str:
    """The records have new ones; ``alike`` of them died of what the incident's did."""
    told = f"{count:,} in the {span(end - start)} since {clock(start)}, the newest of {clock(newest)}."
    if not is_whole:
        told = f"At least {told}"
    if alike is None:
        return told
    if alike == 0:
        return f"{told} None of them with an error of the incident's."
    return f"{told} {alike:,} of them with an error of the incident's."


def behind(newest: datetime, expected: float | None) -> str:
    """The records stopped coming, though events were to come."""
    if expected is None:
        return (
            f"The newest record of any kind is of {clock(newest)}, and how many were to come since is not known: the "
            "API may be behind, so newer dead letters may be missing."
        )
    return (
        f"The newest record of any kind is of {clock(newest)}, and {expected:,.0f} were to come since: the API may be "
        "behind, so newer dead letters may be missing."
    )


def untold(count: int) -> str:
    """Failures that may be dead letters."""
    if count == 1:
        return "1 failed record does not say whether it is a dead letter (queued_to_dlq)."
    return f"{count:,} failed records do not say whether they are dead letters (queued_to_dlq)."


def still_retried(retried: int, ended: int) -> str:
    """Events fail and are not dead yet."""
    return (
        f"No dead letter yet, but {retried:,} events have failed since and are being tried again, while {ended:,} "
        "succeeded: they may still die."
    )


def undated(count: int) -> str:
    """Dead letters without a time."""
    if count == 1:
        return "1 dead letter has no time that can be read, so it may be new."
    return f"{count:,} dead letters have no time that can be read, so they may be new."


def unreadable(count: int) -> str:
    """Records that were put aside."""
    if count == 1:
        return "1 record could not be read and may be a new dead letter; the table of evidence says of which source."
    return (
        f"{count:,} records could not be read and may be new dead letters; the table of evidence says of which source."
    )


def open_signals(names: Sequence[str]) -> str:
    """Another signal of the workflow goes on."""
    return f"Not back to normal: {', '.join(names)}, and that goes on at the end of the evidence."


def still_silent(why: str) -> str:
    """Where no event is done, none can die: that is no recovery."""
    return f"{why} But the workflow is silent: no event is being done at all, so none can fail."


def not_ended(why: str) -> str:
    """Quiet, and yet the signal has not ended by its own measure."""
    return f"{why} But by its own rhythm the incident has not ended yet; quiet has to last longer."


def nothing_done(start: datetime, end: datetime) -> str:
    """No traffic: quiet proves nothing."""
    return (
        f"No dead letter in the {span(end - start)} since {clock(start)}, but no other event came to an end "
        "either: nothing is being done, so nothing can fail."
    )


def traffic_unknown(start: datetime, end: datetime) -> str:
    """How much was done is not known."""
    return (
        f"No dead letter in the {span(end - start)} since {clock(start)}, but neither a counter of successes "
        "nor a record tells whether anything was done meanwhile."
    )


def quiet_too_short(start: datetime, end: datetime, least: timedelta) -> str:
    """Shorter than what is looked at."""
    return (
        f"No dead letter in the {span(end - start)} since {clock(start)}; less than {span(least)} of quiet "
        "show nothing."
    )


def quiet_within_habit(start: datetime, end: datetime, pause: timedelta) -> str:
    """The incident itself paused as long."""
    return (
        f"No dead letter in the {span(end - start)} since {clock(start)}; but during the incident there were "
        f"none for {span(pause)} either, and then they went on. Quiet has to last longer than that."
    )


def quiet_too_rare(start: datetime, end: datetime, ended: float, expected: float, needed: timedelta | None) -> str:
    """Too few were to come for their absence to show anything."""
    said = (
        f"No dead letter in the {span(end - start)} since {clock(start)}, while {ended:,.0f} events came to "
        f"an end; at the incident's rate {expected:.1f} were to come, so that their absence does not show that it is "
        "over."
    )
    return said if needed is None else f"{said} About {span(needed)} of such quiet would."


def incidence_unknown(start: datetime, end: datetime) -> str:
    """How often the incident made dead letters cannot be told."""
    return (
        f"No dead letter in the {span(end - start)} since {clock(start)}; but how often the incident made some "
        "is not known, so neither is how many were to come."
    )


def quiet_holds(start: datetime, end: datetime, ended: float, certainty: float, per_hour: float, share: float) -> str:
    """Quiet, with the rate that the data still allow."""
    return (
        f"No dead letter in the {span(end - start)} since {clock(start)}, while {ended:,.0f} events came to "
        f"an end: with {certainty:.0%} certainty fewer than {per_hour:,.1f} an hour die now, and fewer than "
        f"{share:.2%} of the events."
    )
