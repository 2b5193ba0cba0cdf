"""Workflows that lose a large part of their events without any change of the share that would show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlqkit.language import say
from dlqkit.signals.bounds import ended, onset_of
from dlqkit.signals.exposure import by_time
from dlqkit.signals.growth import Growth, Steps
from dlqkit.signals.placing import Onset
from dlqkit.signals.points import Found
from dlqkit.signals.runs import Run
from dlqkit.signals.scrapes import Scrapes

__all__ = ["Lack", "find_steady", "lacks_success"]

# A workflow that loses this share of its events all through the window is in trouble although nothing changes.
STEADY_SHARE, STEADY_EVENTS = 0.2, 20.0
# Nothing tells its usual share, so whether it is an incident or a habit is as likely as not.
STEADY_SURENESS = 0.5
# Where no workflow's successes are counted either, they may only have another name.
UNKNOWN_SURENESS = 0.25


@dataclass(frozen=True, slots=True)
class Lack:
    """Why a workflow without a count of its successes is taken to have none, and how sure its loss is then."""

    words: str
    sureness: float


def lacks_success(success: Growth, attempts: Growth, failure: Growth, workflow_id: str | None) -> Lack | None:
    """What says that a workflow without a success counter has no success; None where nothing does."""
    if workflow_id in success.rows:
        return None
    # A labelled counter is on the page from its first event on.
    if any(name is not None for name in success.rows):
        words = " " + say("No success of it is counted, while those of other workflows are.")
        return Lack(words, STEADY_SURENESS)
    if not success.rows and workflow_id not in attempts.rows and failure.of(workflow_id).total > 0:
        words = " " + say("No success counter is known; if it has another name, give it in metrics.")
        return Lack(words, UNKNOWN_SURENESS)
    return None


def find_steady(
    workflow_id: str | None, points: Steps, volume: list[Steps], lack: Lack | None, scrapes: Scrapes, end_s: float
) -> Found | None:
    """A workflow that loses events from its first dead letter on, be it since before the evidence begins."""
    size = points.total
    if not (volume or lack) or size < STEADY_EVENTS:
        return None
    sureness, lacking = STEADY_SURENESS, ""
    if lack:
        # What its actions count then are attempts that failed, several for each event.
        volume, sureness, lacking = [], lack.sureness, lack.words
    start_s, first, last = scrapes.began_s, float(points.previous_s[0]), float(points.at_s[-1])
    # Until its first dead letter it was quiet for so long that this is no pause in a loss which went on before.
    is_later = first > start_s and ended(start_s, first - (last - first), size, first)
    won = sum(part.total for part in volume)
    before = sum(float(part.grown[part.at_s <= first].sum()) for part in volume) if is_later else 0.0
    share = size / max(size + won - before, 1.0)
    if share < STEADY_SHARE:
        return None
    end = last if ended(last, first if is_later else start_s, size, end_s) else None
    if is_later:
        onset = _onset(points, scrapes, end_s)
        if before >= 1:
            text = say(
                "{share:.0%} of its events are lost since its first dead letter; before that {before:,.0f} succeeded.",
                share=share, before=before,
            )  # fmt: skip
        else:
            text = say(
                "{share:.0%} of its events are lost since its first dead letter; before that none came in.", share=share
            )
        return Found(workflow_id, "dead_letters", onset.at_s, onset.low_s, onset.high_s, end,
                     onset.high_s - onset.low_s, size, 0.0, sureness, text + lacking)  # fmt: skip
    if end is None:
        text = say(
            "{share:.0%} of its events are lost all through the window, so it began before the evidence does.",
            share=share,
        )
    else:
        text = say(
            "{share:.0%} of its events are lost from its beginning on, so it began before the evidence does.",
            share=share,
        )
    return Found(
        workflow_id, "dead_letters", start_s, np.nan, start_s, end, np.nan, size, np.nan, sureness, text + lacking
    )


def _onset(points: Steps, scrapes: Scrapes, end_s: float) -> Onset:
    """Of a loss that nothing came before; by time, since no volume was there to divide by."""
    exposure = by_time(scrapes.began_s, end_s)
    whole = Run(0, len(points) - 1, points.total, 0.0, 0.0)
    rate = 0.5 / exposure.total
    return onset_of(whole, points, exposure, rate, scrapes, scrapes.began_s)
