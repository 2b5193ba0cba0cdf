"""The judgement between two steps: go on, wait, or stop because of something that has a name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import pandas as pd

from dlqkit.language import say, say_count
from dlqkit.republish.background import Background, Grown, grows, read_growth
from dlqkit.republish.matching import is_payload_alone
from dlqkit.republish.next_steps import REASON

__all__ = ["STOPS", "Judgement", "find_step", "judge_sending", "judge_step"]

Decision = Literal["go_on", "wait", "stop"]
# Every condition that ends a run by itself, and what the analyst does then; ``next_steps.here`` fills in the places.
STOPS: Mapping[str, str] = {
    "died_again": "Remove the cause, then run the plan again: what was sent is not sent again.",
    "new_error": "Look at it, mend what it names, then run the plan again: dlqkit event DIR ID",
    "failures_grow": "Run the plan again when they fail no more than usual; see which fail by: dlqkit signals",
    "worker_silent": "See that the worker runs and takes events, then run the plan again.",
    "cannot_correlate": "If records come late, make a plan with a longer republish.outcome_deadline_s. Look for the "
    "event in the execution records: dlqkit republish prove DIR PLAN",
    "records_unread": "Wait until the Execution Logs API answers, then run the plan again; see whether it does by: "
    "dlqkit collect DIR",
    "still_running": "Wait until they are done, then run the plan again: dlqkit republish prove DIR PLAN",
    "scrapes_lost": "See that Prometheus scrapes the worker, then run the plan again.",
    "in_doubt_grow": "Settle them, then run the plan again: dlqkit republish resolve DIR PLAN",
    "held": "Settle the earlier event of the same ordering key: dlqkit republish resolve DIR PLAN",
    "held_by_failed": "What failed is not sent again by this plan. Give it up, then make a new one of what failed and "
    f"what is left: dlqkit republish cancel DIR PLAN {REASON}",
    "sink_failed": "Mend what the code names (topic, permission, message), then run the plan again.",
}
# A step goes on at the deadline if so many of it passed and none died: the records of one in twenty may be late or
# alike. Below 20 events that is all of them.
PASSED_SHARE = 0.95
# A step stops if more than so many of it are in doubt or were refused; below 20 events one is enough.
UNSETTLED_SHARE = 0.05
# So long after its last sample a series is stale for Prometheus itself (its lookback).
SCRAPES_PATIENCE_S = 300.0
# So many attempts were to come and none came: one in a million by chance (signals/silence.py).
SILENT_EVENTS = 14.0
# What was under way when a step was sent ends after it, and is scraped after that (signals/silence.py).
LATE_SCRAPES, LATE_S = 2.0, 60.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is done next, and why; ``reason`` is empty unless it is a stop, and then one of ``STOPS``."""

    decision: Decision
    reason: str
    sentence: str
    item: int | None = None
    """The event of the plan that a next step is about; None where it is about all of them."""

    @property
    def next_step(self) -> str:
        """What the analyst does after a stop, with the places that ``next_steps.here`` fills."""
        return STOPS.get(self.reason, "")


def find_step(steps: Sequence[int], passed_steps: int, left: int) -> int:
    """How many events the next step sends.

    Parameters
    ----------
    steps : sequence of int
        The plan's steps.
    passed_steps : int
        Steps that went well, one after the other, since the ramp began.
    left : int
        Events that are still to be sent.

    Returns
    -------
    int
        The plan's steps one after the other. A ramp that began anew after a stop may need more of them: then the
        largest again.
    """
    size = steps[passed_steps] if passed_steps < len(steps) else max(steps, default=1)
    return min(max(size, 1), left)


def judge_sending(states: pd.Series) -> Judgement:
    """Whether a step was sent well enough for its outcomes to be waited for.

    Parameters
    ----------
    states : Series of str
        The journal's state of each event of the step.

    Returns
    -------
    Judgement
        ``stop`` where more than a twentieth of the step is in doubt or was refused, else ``go_on``.
    """
    names = states.astype("str")
    allowed = UNSETTLED_SHARE * len(names)
    doubtful, refused = int((names == "in_doubt").sum()), int((names == "failed").sum())
    if doubtful > allowed:
        text = say_count(
            "Of {count} event sent {doubtful} in doubt: no answer tells whether they were stored.",
            "Of {count} events sent {doubtful} in doubt: no answer tells whether they were stored.",
            len(names), doubtful=doubtful,
        )  # fmt: skip
        return _stop("in_doubt_grow", text)
    if refused > allowed:
        text = say_count(
            "Of {count} event {refused} refused by the receiver.",
            "Of {count} events {refused} refused by the receiver.",
            len(names), refused=refused,
        )  # fmt: skip
        return _stop("sink_failed", text)
    return Judgement("go_on", "", f"Sent: {_events(len(names))}.")


def judge_step(
    outcomes: pd.DataFrame,
    samples: pd.DataFrame | None,
    before: Background | None,
    *,
    workflow_id: str,
    first_sent_at: datetime,
    last_sent_at: datetime,
    now: datetime,
    deadline_s: float,
    names: Mapping[str, str] | None = None,
    records_at: Sequence[datetime] | pd.Series = (),
) -> Judgement:
    """Whether the next step may be sent, by what became of this one and what the workflow's counters did since.

    Parameters
    ----------
    outcomes : DataFrame
        ``outcomes.OUTCOMES`` of the step's events, and of earlier ones that are not done.
    samples : DataFrame, optional
        ``frames.SAMPLES`` with ``metric`` and labels, from before the step on; None where no metrics are configured.
    before : Background, optional
        Of before the run; None where no metrics are configured.
    workflow_id : str
        Only its counters are looked at, so another workflow may fail for its own reasons.
    first_sent_at, last_sent_at, now : datetime
        Aware.
    deadline_s : float
        Seconds after the last send by which an outcome must be seen.
    names : mapping, optional
        Names of metrics that differ from the runbook's.
    records_at : Series of datetime
        Times of the workflow's execution records, of whatever event: signs of life.

    Returns
    -------
    Judgement
        ``go_on`` only where outcomes were seen to pass, all of them or at the deadline 95 %, none died, and a scrape of
        after the send shows no growth of failures. What is not seen is waited for until the deadline, and then a stop.
        What was recognised by its payload alone is not seen, unless it failed.
    """
    by_payload = is_payload_alone(outcomes["matched_by"])
    counts = outcomes["outcome"].astype("str").where(~by_payload, "not_seen").value_counts()
    died = _judge_deaths(outcomes)
    if died is not None:
        return died
    grown = None
    if samples is not None and before is not None:
        grown = read_growth(samples, workflow_id, first_sent_at, now, names)
        what = grows(before, grown, len(outcomes), float(outcomes["failures"].fillna(0).sum()))
        if what is not None:
            return _stop("failures_grow", _growth_sentence(what, grown, before))
    total, passed = len(outcomes), int(counts.get("passed", 0))
    waited_s = (now - last_sent_at).total_seconds()
    is_seen = total > int(counts.get("not_seen", 0))
    watched = None
    if samples is not None and before is not None and not is_seen:
        watched = _watch(samples, before, workflow_id, last_sent_at, now, names, records_at)
    if watched is not None and watched >= SILENT_EVENTS:
        text = say(
            "Nothing of the workflow was attempted since the send: no counter grew and no record came, although events"
            " usually come all the time."
        )
        return _stop("worker_silent", text)
    is_late = waited_s >= deadline_s
    if passed < total and not is_late:
        return Judgement("wait", "", f"{passed:,} of {total:,} passed; the others are waited for.")
    if passed < math.ceil(PASSED_SHARE * total):
        return _judge_lateness(counts, int(by_payload.sum()), total, watched is not None, deadline_s)
    if grown is not None and (grown.last_scrape is None or grown.last_scrape <= last_sent_at):
        return _judge_scrapes(grown, last_sent_at, now)
    unseen = "" if passed == total else f", {total - passed:,} not seen to be done"
    return Judgement("go_on", "", f"{passed:,} of {total:,} passed{unseen}.")


def _events(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"


def _stop(reason: str, sentence: str, item: int | None = None) -> Judgement:
    return Judgement("stop", reason, sentence, item)


def _judge_deaths(outcomes: pd.DataFrame) -> Judgement | None:
    failed = outcomes[outcomes["outcome"].astype("str").isin(["failed_same", "failed_new"])]
    if failed.empty:
        return None
    new = failed[failed["is_new_error"].fillna(False).astype(bool)]
    if new.empty:
        text = say_count(
            "{failed} of {count} event failed again, with an error of before (event {item:d} of the plan).",
            "{failed} of {count} events failed again, with an error of before (event {item:d} of the plan).",
            len(outcomes), failed=len(failed), item=int(failed["item"].iloc[0]),
        )  # fmt: skip
        return _stop("died_again", text)
    item = int(new["item"].iloc[0])
    text = say_count(
        "{failed} of {count} event failed again, {new} with an error that no dead letter had before (event {item:d} of"
        " the plan).",
        "{failed} of {count} events failed again, {new} with an error that no dead letter had before (event {item:d} of"
        " the plan).",
        len(outcomes), failed=len(failed), new=len(new), item=item,
    )  # fmt: skip
    return _stop("new_error", text, item)


def _growth_sentence(what: str, grown: Grown, before: Background) -> str:
    now, was = (grown.dlq, before.grown.dlq) if what == "dead letters" else (grown.failure, before.grown.failure)
    usual = (was or 0.0) / max(before.grown.length_s, 1.0) * 60
    values = {"now": now or 0, "length_s": grown.length_s, "usual": usual}
    if what == "dead letters":
        return say(
            "The workflow's dead letters grow: {now:,.0f} in the {length_s:,.0f} s since the send, where {usual:,.1f} a"
            " minute were usual before the run.",
            **values,
        )
    return say(
        "The workflow's failures grow: {now:,.0f} in the {length_s:,.0f} s since the send, where {usual:,.1f} a minute"
        " were usual before the run.",
        **values,
    )


def _watch(
    samples: pd.DataFrame, before: Background, workflow_id: str, sent_at: datetime, now: datetime,
    names: Mapping[str, str] | None, records_at: Sequence[datetime] | pd.Series,
) -> float | None:  # fmt: skip
    """How many attempts were to come since the send while none came; None where some came, or nobody watched.

    What was under way at the send ends after it, and a counter shows it at the next scrape: that is no sign of life.
    """
    late_s = max(LATE_SCRAPES * (before.grown.spacing_s or 0.0), LATE_S)
    start = sent_at + timedelta(seconds=min(late_s, (now - sent_at).total_seconds() / 2))
    times = pd.to_datetime(pd.Series(list(records_at), dtype="object"), utc=True)
    grown = read_growth(samples, workflow_id, start, now, names)
    if grown.volume is None or grown.last_scrape is None or bool((times > pd.Timestamp(start)).any()):
        return None
    watched_s = (grown.last_scrape - start).total_seconds()
    if grown.volume or grown.dlq or watched_s <= 0:
        return None
    return (before.grown.volume or 0.0) / max(before.grown.length_s, 1.0) * watched_s


def _judge_lateness(counts: pd.Series, alike: int, total: int, is_silent: bool, deadline_s: float) -> Judgement:
    running, unseen = int(counts.get("running", 0)), int(counts.get("not_seen", 0))
    if running > unseen:
        text = say_count(
            "{running} of {count} event attempted and not done within {deadline_s:,.0f} s.",
            "{running} of {count} events attempted and not done within {deadline_s:,.0f} s.",
            total, running=running, deadline_s=deadline_s,
        )  # fmt: skip
        return _stop("still_running", text)
    if is_silent:
        text = say(
            "Nothing of the workflow was attempted within {deadline_s:,.0f} s of the send: no counter grew and no"
            " record came.",
            deadline_s=deadline_s,
        )
        return _stop("worker_silent", text)
    return _stop("cannot_correlate", _unseen_sentence(unseen, alike, total, deadline_s))


def _unseen_sentence(unseen: int, alike: int, total: int, deadline_s: float) -> str:
    if alike:
        return say_count(
            "{unseen} of {count} event without an execution record that is its own beyond doubt within"
            " {deadline_s:,.0f} s; {alike} with a record of the same payload and another trace, which may be another"
            " event's; whether they passed is not known.",
            "{unseen} of {count} events without an execution record that is its own beyond doubt within"
            " {deadline_s:,.0f} s; {alike} with a record of the same payload and another trace, which may be another"
            " event's; whether they passed is not known.",
            total, unseen=unseen, alike=alike, deadline_s=deadline_s,
        )  # fmt: skip
    return say_count(
        "{unseen} of {count} event without an execution record that is its own beyond doubt within"
        " {deadline_s:,.0f} s; whether they passed is not known.",
        "{unseen} of {count} events without an execution record that is its own beyond doubt within"
        " {deadline_s:,.0f} s; whether they passed is not known.",
        total, unseen=unseen, deadline_s=deadline_s,
    )  # fmt: skip


def _judge_scrapes(grown: Grown, sent_at: datetime, now: datetime) -> Judgement:
    since = sent_at if grown.last_scrape is None else max(sent_at, grown.last_scrape)
    waited_s = (now - since).total_seconds()
    if waited_s < SCRAPES_PATIENCE_S:
        return Judgement("wait", "", "The events passed; a scrape of after the send is waited for.")
    text = say(
        "The workflow's counters were not scraped for {waited_s:,.0f} s, so whether its failures grow is not known.",
        waited_s=waited_s,
    )
    return _stop("scrapes_lost", text)
