"""What the measured items say: each sentence whole, in one place, so that it can be given in another language."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd

from dlqkit.language import date_and_time, say, say_count

__all__ = [
    "absent_counter",
    "behind",
    "clock",
    "counter_grew",
    "counter_in_gap",
    "counter_not_exported",
    "counter_unseen",
    "incidence_unknown",
    "new_dead_letters",
    "not_ended",
    "nothing_done",
    "nothing_recorded",
    "nothing_scraped",
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
    return date_and_time(pd.Timestamp(at).tz_convert("UTC").to_pydatetime())


def span(length: timedelta) -> str:
    """``33 minutes``, ``4.2 hours``."""
    seconds = pd.Timedelta(length).total_seconds()
    if seconds < 5400:
        return say("{minutes:,.0f} minutes", minutes=seconds / 60)
    return say("{hours:,.1f} hours", hours=seconds / 3600)


def counter_grew(by: float, start: datetime, end: datetime, newest: datetime) -> str:
    """The counter grew."""
    return say(
        "It grew by {by:,.0f} in the {span} since {start}, last before {newest}.",
        by=by, span=span(end - start), start=clock(start), newest=clock(newest),
    )  # fmt: skip


def counter_in_gap(by: float, low: datetime, high: datetime) -> str:
    """It grew between two scrapes far apart, and the fix lies between."""
    return say(
        "It grew by {by:,.0f} between {low} and {high}, without a scrape between; whether before or after the fix is"
        " not known.",
        by=by, low=clock(low), high=clock(high),
    )  # fmt: skip


def counter_unseen(low: datetime, high: datetime, target: str) -> str:
    """A hole in the scrapes of a worker, or of all."""
    values = {"span": span(high - low), "low": clock(low), "high": clock(high)}
    if not target:
        return say("No scrape of the counter tells of the {span} from {low} to {high}.", **values)
    return say("No scrape of {target} tells of the {span} from {low} to {high}.", target=target, **values)


def counter_not_exported(counter: str) -> str:
    """Workers are scraped, and no counter of dead letters is among what they export, of any workflow."""
    return say(
        "The workers are scraped, and none of them exports {counter}: after a deploy a worker exports it with its next"
        " dead letter only. Look at the /metrics page of a worker; if the counter has another name there, set"
        " prometheus.metrics.",
        counter=counter,
    )


def nothing_scraped(low: datetime, high: datetime) -> str:
    """Prometheus has no scrape of any worker of this time."""
    step = say("Check that Prometheus scrapes the workers, and prometheus.url.")
    return f"{counter_unseen(low, high, '')} {step}"


def absent_counter(target: str, last: datetime) -> str:
    """A worker that had counted is gone, or exports the counter no more."""
    return say(
        "The counter of {target} is not seen after {last}: a worker that was restarted exports it again with its next"
        " dead letter only, and one that is gone never. Look at its own /metrics page.",
        target=target, last=clock(last),
    )  # fmt: skip


def new_dead_letters(
    count: int, alike: int | None, start: datetime, end: datetime, newest: datetime, *, is_whole: bool
) -> str:
    """The records have new ones; ``alike`` of them died of what the incident's did."""
    values = {"count": count, "span": span(end - start), "start": clock(start), "newest": clock(newest)}
    if is_whole:
        told = say("{count} in the {span} since {start}, the newest of {newest}.", **values)
    else:
        told = say("At least {count} in the {span} since {start}, the newest of {newest}.", **values)
    if alike is None:
        return told
    if alike == 0:
        of_these = say("None of them with an error of the incident's.")
    else:
        of_these = say("{alike} of them with an error of the incident's.", alike=alike)
    return f"{told} {of_these}"


def behind(newest: datetime, expected: float | None) -> str:
    """The records stopped coming, though events were to come."""
    if expected is None:
        return say(
            "The newest record of any kind is of {newest}, and how many were to come since is not known: the API may be"
            " behind, so newer dead letters may be missing.",
            newest=clock(newest),
        )
    return say(
        "The newest record of any kind is of {newest}, and {expected:,.0f} were to come since: the API may be behind,"
        " so newer dead letters may be missing.",
        newest=clock(newest), expected=expected,
    )  # fmt: skip


def untold(count: int) -> str:
    """Failures that may be dead letters."""
    return say_count(
        "{count} failed record does not say whether it is a dead letter (queued_to_dlq).",
        "{count} failed records do not say whether they are dead letters (queued_to_dlq).",
        count,
    )


def still_retried(retried: int, ended: int) -> str:
    """Events fail and are not dead yet."""
    return say(
        "No dead letter yet, but {retried} events have failed since and are being tried again, while {ended} succeeded:"
        " they may still die.",
        retried=retried, ended=ended,
    )  # fmt: skip


def undated(count: int) -> str:
    """Dead letters without a time."""
    return say_count(
        "{count} dead letter has no time that can be read, so it may be new.",
        "{count} dead letters have no time that can be read, so they may be new.",
        count,
    )


def unreadable(count: int) -> str:
    """Records that were put aside."""
    return say_count(
        "{count} record could not be read and may be a new dead letter; the table of evidence says of which source.",
        "{count} records could not be read and may be new dead letters; the table of evidence says of which source.",
        count,
    )


def open_signals(names: Sequence[str]) -> str:
    """Another signal of the workflow goes on."""
    return say("Not back to normal: {signals}, and that goes on at the end of the evidence.", signals=", ".join(names))


def still_silent(why: str) -> str:
    """Where no event is done, none can die: that is no recovery."""
    but = say("But the workflow is silent: no event is being processed at all, so none can fail.")
    return f"{why} {but}"


def not_ended(why: str) -> str:
    """Quiet, and yet the signal has not ended by its own measure."""
    but = say("But by its own rhythm the incident has not ended yet; quiet has to last longer.")
    return f"{why} {but}"


def nothing_recorded(newest: datetime, start: datetime) -> str:
    """Quiet was to be looked at since then, and no record is as new."""
    return say(
        "The newest record is of {newest}; none tells of the time since {start}.",
        newest=clock(newest), start=clock(start),
    )  # fmt: skip


def nothing_done(start: datetime, end: datetime) -> str:
    """No traffic: quiet proves nothing."""
    return say(
        "No dead letter in the {span} since {start}, but no other event came to an end either: nothing is being"
        " processed, so nothing can fail.",
        span=span(end - start), start=clock(start),
    )  # fmt: skip


def traffic_unknown(start: datetime, end: datetime) -> str:
    """How much was done is not known."""
    return say(
        "No dead letter in the {span} since {start}, but neither a counter of successes nor a record tells whether"
        " anything was done meanwhile.",
        span=span(end - start), start=clock(start),
    )  # fmt: skip


def quiet_too_short(start: datetime, end: datetime, least: timedelta) -> str:
    """Shorter than what is looked at."""
    return say(
        "No dead letter in the {span} since {start}; less than {least} of quiet show nothing.",
        span=span(end - start), start=clock(start), least=span(least),
    )  # fmt: skip


def quiet_within_habit(start: datetime, end: datetime, pause: timedelta) -> str:
    """The incident itself paused as long."""
    return say(
        "No dead letter in the {span} since {start}; but during the incident there were none for {pause} either, and"
        " then they went on. Quiet has to last longer than that.",
        span=span(end - start), start=clock(start), pause=span(pause),
    )  # fmt: skip


def quiet_too_rare(start: datetime, end: datetime, ended: float, expected: float, needed: timedelta | None) -> str:
    """Too few were to come for their absence to show anything."""
    said = say(
        "No dead letter in the {span} since {start}, while {ended:,.0f} events came to an end; at the incident's rate"
        " {expected:.1f} were to come, so that their absence does not show that it is over.",
        span=span(end - start), start=clock(start), ended=ended, expected=expected,
    )  # fmt: skip
    if needed is None:
        return said
    would = say("About {needed} of such quiet would.", needed=span(needed))
    return f"{said} {would}"


def incidence_unknown(start: datetime, end: datetime) -> str:
    """How often the incident made dead letters cannot be told."""
    return say(
        "No dead letter in the {span} since {start}; but how often the incident made some is not known, so neither is"
        " how many were to come.",
        span=span(end - start), start=clock(start),
    )  # fmt: skip


def quiet_holds(start: datetime, end: datetime, ended: float, certainty: float, per_hour: float, share: float) -> str:
    """Quiet, with the rate that the data still allow."""
    return say(
        "No dead letter in the {span} since {start}, while {ended:,.0f} events came to an end: with {certainty:.0%}"
        " certainty fewer than {per_hour:,.1f} an hour die now, and fewer than {share:.2%} of the events.",
        span=span(end - start), start=clock(start), ended=ended, certainty=certainty, per_hour=per_hour, share=share,
    )  # fmt: skip
