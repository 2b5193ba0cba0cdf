"""What the figure of the signals says: its labels, its title, and the whole of it in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dlqkit.language import clock, mark, number, say, say_count
from dlqkit.plots.rates import MINUTE, Curve
from dlqkit.plots.theme import day_number, label_text, moment_text

__all__ = ["clock_text", "curve_label", "signal_text", "signals_title", "signals_words", "top_rate"]

_SIGNALS = {
    "dead_letters": mark("dead letters"),
    "failures": mark("failures"),
    "support": mark("support reports"),
    "duration": mark("duration"),
    "silence": mark("silence"),
}
# What the title says of the worst signal where it is not the dead letters.
_TITLES = {
    "failures": mark("Failures outgrow successes"),
    "support": mark("Clients report missing events"),
    "duration": mark("The action takes longer"),
    "silence": mark("No events"),
}
# Each counter in the legend: of the workflow, and of the whole worker; then what is told of its course.
_LABELS = {
    "dlq": (mark("dead letters"), mark("dead letters (of the whole worker)")),
    "failure": (mark("failures"), mark("failures (of the whole worker)")),
    "success": (mark("successes"), mark("successes (of the whole worker)")),
}
_COURSES = {
    "dlq": (
        mark("Dead letters per minute: {course}."),
        mark("Dead letters (of the whole worker) per minute: {course}."),
    ),
    "failure": (mark("Failures per minute: {course}."), mark("Failures (of the whole worker) per minute: {course}.")),
    "success": (mark("Successes per minute: {course}."), mark("Successes (of the whole worker) per minute: {course}.")),
}
_FIRST_COURSE = (
    mark("Dead letters per minute of {subject} from {start} to {end} UTC: {course}."),
    mark("Dead letters (of the whole worker) per minute of {subject} from {start} to {end} UTC: {course}."),
)


def top_rate(rates: np.ndarray) -> float:
    """The highest rate of a curve; 0 where none is known."""
    return float(np.nanmax(rates)) if np.isfinite(rates).any() else 0.0


def curve_label(curve: Curve) -> str:
    """A counter's entry in the legend."""
    return say(_LABELS[curve.name][curve.is_shared])


def signal_text(signal: object) -> str:
    """The name of a signal; one that is not known stays as it is."""
    known = _SIGNALS.get(str(signal))
    return label_text(signal if known is None else say(known), 24)


def clock_text(value: pd.Timestamp) -> str:
    """The time of day, with seconds where they are not zero."""
    return clock(value, seconds=bool(value.second))


def _number(value: float) -> str:
    return number(value) if value >= 10 or abs(value - round(value)) < 0.05 else number(value, 1)


def _is_rate(rate: float, minutes: float) -> bool:
    """Whether a rate a minute is told; less than one a minute is told as the count in a bin of so many minutes."""
    return rate >= 1 or minutes <= 1


def _peak(rate: float, minutes: float) -> str:
    if _is_rate(rate, minutes):
        return say_count(
            "Up to {rate} dead letter a minute", "Up to {rate} dead letters a minute", 1 if rate == 1 else 2,
            rate=_number(rate),
        )  # fmt: skip
    return say_count(
        "Up to {count:d} dead letter in {minutes} minutes", "Up to {count:d} dead letters in {minutes} minutes",
        max(round(rate * minutes), 1), minutes=_number(minutes),
    )  # fmt: skip


def signals_title(dead: Curve | None, incidents: pd.DataFrame, minutes: float) -> str:
    """What the figure shows first: the worst signal and since when; a bin is so many minutes long."""
    first = None if incidents.empty else incidents.iloc[0]
    is_open = first is not None and pd.isna(first["end_at"])
    times = {} if first is None else {"start": clock_text(first["onset_at"])}
    if first is not None and not is_open:
        times["end"] = clock_text(first["end_at"])
    title = None if first is None else _TITLES.get(first["signal"])
    if title is not None and is_open:
        return say("{what} since {start} UTC", what=say(title), **times)
    if title is not None:
        return say("{what} from {start} to {end} UTC", what=say(title), **times)
    if dead is None:
        return say("No dead-letter counter in the samples")
    top = top_rate(dead.rates)
    if first is None:
        return _peak(top, minutes) if top else say("No dead letters")
    if not top and is_open:
        return say("Dead letters since {start} UTC, none of them in the counter", **times)
    if not top:
        return say("Dead letters from {start} to {end} UTC, none of them in the counter", **times)
    if is_open:
        return say("{peak} since {start} UTC", peak=_peak(top, minutes), **times)
    return say("{peak} from {start} to {end} UTC", peak=_peak(top, minutes), **times)


def signals_words(
    subject: str,
    curves: list[Curve],
    edges: np.ndarray,
    gaps: list[tuple[float, float]],
    incidents: pd.DataFrame,
    window: tuple[float, float],
) -> str:
    """The whole figure for whoever cannot see it."""
    asked = {"subject": subject, "start": moment_text(*window), "end": moment_text(*reversed(window))}
    parts = []
    own_title = len(incidents) > 0 and incidents["signal"].iloc[0] in _TITLES
    if own_title:
        parts.append(f"{signals_title(None, incidents, 0)}.")
        parts.append(say("Counters of {subject} from {start} to {end} UTC.", **asked))
    for curve in curves:
        course = _course(curve.rates, edges, incidents)
        if curve.name == "dlq" and not own_title:
            parts.append(say(_FIRST_COURSE[curve.is_shared], course=course, **asked))
        else:
            parts.append(say(_COURSES[curve.name][curve.is_shared], course=course))
    if not any(curve.name == "dlq" for curve in curves):
        parts.insert(0, say("No dead-letter counter of {subject} from {start} to {end} UTC.", **asked))
    for row in incidents.head(0 if own_title else 1).itertuples(index=False):
        if pd.isna(row.end_at):
            parts.append(say("Onset {start}, no end in the data.", start=clock_text(row.onset_at)))
        else:
            parts.append(say("Onset {start}, end {end}.", start=clock_text(row.onset_at), end=clock_text(row.end_at)))
    for start_at, end_at in gaps[:3]:
        begun, done = moment_text(start_at, end_at), moment_text(end_at, start_at)
        parts.append(say("No samples from {start} to {end}.", start=begun, end=done))
    if len(gaps) > 3:
        parts.append(say("{count:d} more gaps.", count=len(gaps) - 3))
    return " ".join(parts)


def _course(rates: np.ndarray, edges: np.ndarray, incidents: pd.DataFrame) -> str:
    if not np.isfinite(rates).any():
        return say("not known")
    minutes = float(edges[1] - edges[0]) / MINUTE
    if len(incidents):
        first = incidents.iloc[0]
        onset, end = day_number(first["onset_at"]), day_number(first["end_at"])
        is_silence = first["signal"] == "silence"
        # A bin that the silence begins or ends in still holds events; a jump's own first bin belongs to it.
        within = (edges[:-1] >= onset) & ~(edges[1:] > end) if is_silence else edges[1:] > onset
        before, since = rates[edges[1:] <= onset], rates[within]
        if np.isfinite(before).any() and (np.isfinite(since).any() or is_silence):
            usual = {"before": _number(float(np.nanmedian(before))), "at": moment_text(onset, onset)}
            top = top_rate(since)
            if not top and not np.isfinite(since).any():
                return say("usually {before} until {at}, then no samples", **usual)
            if not top:
                return say("usually {before} until {at}, then 0", **usual)
            if _is_rate(top, minutes):
                after = _number(float(np.nanmedian(since)))
                return say("usually {before} until {at}, then usually {after} and up to {rate} a minute", **usual,
                           after=after, rate=_number(top))  # fmt: skip
            return say("usually {before} until {at}, then up to {count:d} in {minutes} minutes", **usual,
                       count=max(round(top * minutes), 1), minutes=_number(minutes))  # fmt: skip
    low, high = float(np.nanmin(rates)), top_rate(rates)
    return say("none") if high == 0 else say("{low} to {high}", low=_number(low), high=_number(high))
