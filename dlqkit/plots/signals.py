"""Signals of §1 as the worker's counters show them: what came per minute, since when, and where nothing was seen."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from dlqkit.language import clock, mark, number, say, say_count
from dlqkit.plots.rates import MINUTE, Curve, read_rates
from dlqkit.plots.theme import (
    BOX,
    COLOURS,
    label_text,
    letters,
    moment_text,
    new_axes,
    say_nothing,
    set_alt_text,
    theme,
    tick_text,
    time_axis,
    to_num,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_signals"]

# Above this ratio of the largest series to the dead letters these would lie flat on a linear axis.
_FLAT = 8
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
# Share of the axes' height that a row of labels takes, and of their width that one letter takes.
_LABEL_ROW = 0.11
_LETTER = 0.0095
_LABEL_ROWS = 4


@dataclass(frozen=True, slots=True)
class _Mark:
    """A moment with a line and a label; the label of an onset is best before it, that of an end after it."""

    x: float
    words: str
    style: str
    width: float
    side: Literal["left", "right"]


def plot_signals(
    samples: pd.DataFrame,
    incidents: pd.DataFrame,
    *,
    workflow_id: str | None = None,
    names: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw dead letters, failures and successes per minute, with the onset and the pauses between scrapes.

    Parameters
    ----------
    samples : DataFrame
        ``frames.SAMPLES`` with ``metric`` and labels as columns.
    incidents : DataFrame
        From ``find_incidents``, worst first: ``workflow_id``, ``signal``, ``onset_at``, ``onset_low_at``,
        ``onset_high_at``, ``end_at``.
    workflow_id : str, optional
        Only this workflow; all together by default.
    names : mapping, optional
        Metric names that differ from the runbook's.
    ax : Axes, optional
        Where to draw; on a new figure by default.

    Returns
    -------
    Axes
        Its words are ``dlqkit.plots.theme.alt_text(axes)``.

    Notes
    -----
    Source: Prometheus counters, runbook §1. Growth between two scrapes is spread evenly over the time between them;
    a counter that fell was restarted. Gaps are hatched, never bridged.
    """
    with theme():
        whose = label_text(workflow_id, 40) if workflow_id else say("all workflows")
        found = read_rates(samples, workflow_id, names)
        if found is None:
            return say_nothing(ax, say("No samples"), say("Dead letters per minute, {whose}", whose=whose),
                               say("Dead letters per minute, {whose}: no samples.", whose=whose))  # fmt: skip
        axes = new_axes() if ax is None else ax
        low, high, edges, gaps, curves = found.low, found.high, found.edges, found.gaps, found.curves
        _draw_curves(axes, curves, edges)
        time_axis(axes, low, high)
        _draw_gaps(axes, gaps, curves)
        own = _own_incidents(incidents, workflow_id)
        _draw_onsets(axes, own)
        dead = next((curve for curve in curves if curve.name == "dlq"), None)
        axes.set_title(_title(dead, own, float(edges[1] - edges[0]) / MINUTE), pad=28)
        subject = say("workflow {name}", name=whose) if workflow_id else whose
        axes.set_xlabel(f"{axes.get_xlabel()}; {subject}")
        axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, borderaxespad=0.2, handlelength=2.6)
        set_alt_text(axes, _words(subject, curves, edges, gaps, own, (low, high)))
    return axes


def _top(rates: np.ndarray) -> float:
    return float(np.nanmax(rates)) if np.isfinite(rates).any() else 0.0


def _label(curve: Curve) -> str:
    return say(_LABELS[curve.name][curve.is_shared])


def _draw_curves(ax: Axes, curves: list[Curve], edges: np.ndarray) -> None:
    from matplotlib.ticker import FuncFormatter

    tops = {curve.name: _top(curve.rates) for curve in curves}
    top = max([*tops.values(), 1.0])
    flat = top > _FLAT * max(tops.get("dlq", 0.0), 1.0)
    middle = (edges[:-1] + edges[1:]) / 2
    every = max(len(middle) // 12, 1)
    styles = {"failure": ("failed", "--", "^"), "success": ("succeeded", "-", "o")}
    for curve in curves:
        if curve.name == "dlq":
            # Bars of steps: each as wide as its bin, so that an hour of noise does not look like a saw.
            ax.stairs(
                np.nan_to_num(curve.rates), edges, fill=True, color=COLOURS["dead"], alpha=0.75, label=_label(curve)
            )
            continue
        colour, line, marker = styles[curve.name]
        ax.plot(middle, curve.rates, line, color=COLOURS[colour], linewidth=1.6, label=_label(curve),
                marker=marker, markersize=5.5, markevery=(every // 2, every))  # fmt: skip
    if flat:
        ax.set_yscale("symlog", linthresh=1, linscale=0.4)
        ax.set_yticks([0, *(10.0**power for power in range(int(np.ceil(np.log10(top))) + 1))])
        ax.minorticks_off()
        ax.set_ylabel(say("events per minute, log scale"))
        ax.set_ylim(0, 10 ** (np.log10(top) * 1.25 + 0.35))
    else:
        ax.set_ylim(0, top * 1.4)
        ax.set_ylabel(say("events per minute"))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))


def _draw_gaps(ax: Axes, gaps: list[tuple[float, float]], curves: list[Curve]) -> None:
    low, high = ax.get_xlim()
    dead = next((curve for curve in curves if curve.name == "dlq"), None)
    for index, (start, end) in enumerate(gaps):
        ax.axvspan(start, end, facecolor="white", edgecolor=COLOURS["missing"], hatch="////", linewidth=0, zorder=2.2)
        if (end - start) / (high - low) > 0.018:
            words = say("no samples")
            if dead is not None and round(dead.grown[index]) > 0:
                words = say("no samples, +{count} dead letters", count=round(dead.grown[index]))
                words = words.replace(", ", ",\n", 1) if (end - start) / (high - low) > 0.045 else words
            ax.text((start + end) / 2, 0.05, words, transform=ax.get_xaxis_transform(), rotation=90, ha="center",
                    va="bottom", fontsize=10, zorder=4, bbox=BOX)  # fmt: skip


def _own_incidents(incidents: pd.DataFrame, workflow_id: str | None) -> pd.DataFrame:
    known = incidents[incidents["onset_at"].notna()] if len(incidents) else incidents
    if not workflow_id or known.empty:
        return known
    return known[known["workflow_id"].isna() | (known["workflow_id"] == workflow_id).fillna(False)]


def _draw_onsets(ax: Axes, incidents: pd.DataFrame) -> None:
    """The worst signal with its uncertainty and end, up to two more as thin lines where they began elsewhere."""
    low, high = ax.get_xlim()
    marks: list[_Mark] = []
    onsets: list[float] = []
    for row in incidents.itertuples(index=False):
        onset = _num(row.onset_at)
        if not low <= onset <= high or any(abs(onset - other) < 0.02 * (high - low) for other in onsets):
            continue
        if len(onsets) == 3:
            break
        worst = not onsets
        left, right = max(_num(row.onset_low_at), low), min(_num(row.onset_high_at), high)
        if worst and right > left:
            ax.axvspan(left, right, color=COLOURS["ink"], alpha=0.18, linewidth=0, zorder=1.5)
        at = _clock(row.onset_at)
        is_onset = worst and row.signal == "dead_letters"
        text = say("onset {at}", at=at) if is_onset else f"{_signal_text(row.signal)} {at}"
        before = worst or onset < onsets[0]
        marks.append(_Mark(onset, text, "-" if worst else ":", 1.8 if worst else 1.1,
                           "left" if before else "right"))  # fmt: skip
        end = _num(row.end_at)
        if worst and np.isfinite(end) and low <= end <= high:
            marks.append(_Mark(end, say("end {at}", at=_clock(row.end_at)), "-.", 1.8, "right"))
        onsets.append(onset)
    for one, (label_row, side) in zip(marks, _place_labels(marks, low, high), strict=True):
        top = 1.0 - _LABEL_ROW * label_row
        ax.axvline(one.x, ymax=top, color=COLOURS["ink"], linewidth=one.width, linestyle=one.style)
        ax.annotate(one.words, (one.x, top - 0.015), xycoords=ax.get_xaxis_transform(),
                    xytext=(-4 if side == "left" else 4, 0), textcoords="offset points",
                    ha="right" if side == "left" else "left", va="top", fontsize=10.5, zorder=5, bbox=BOX)  # fmt: skip


def _place_labels(marks: list[_Mark], low: float, high: float) -> Sequence[tuple[int, str]]:
    """A row and a side for each label, so that none meets another label or another's line.

    A line ends at its own label, so lines with lower labels pass under those above.
    """
    places = [(one.x - low) / (high - low) for one in marks]
    needs = [_LETTER * letters(one.words) + 0.012 for one in marks]

    def cost(chosen: Sequence[tuple[int, str]]) -> float:
        spans = [
            (at - need, at) if side == "left" else (at, at + need)
            for at, need, (_, side) in zip(places, needs, chosen, strict=True)
        ]
        bad = sum(start < 0 or end > 1 for start, end in spans)
        for one, (start, end) in enumerate(spans):
            for other, (begun, done) in enumerate(spans):
                meets = chosen[one][0] == chosen[other][0] and one < other and start < done and begun < end
                crossed = one != other and chosen[other][0] <= chosen[one][0] and start < places[other] < end
                bad += meets + crossed
        odd = sum(side != one.side for one, (_, side) in zip(marks, chosen, strict=True))
        return 100 * bad + sum(row for row, _ in chosen) + 0.1 * odd

    rows = range(min(_LABEL_ROWS, len(marks)))
    options = list(itertools.product(rows, ("left", "right")))
    return min(itertools.product(options, repeat=len(marks)), key=cost)


def _signal_text(signal: object) -> str:
    known = _SIGNALS.get(str(signal))
    return label_text(signal if known is None else say(known), 24)


def _num(value: object) -> float:
    return float(to_num(pd.Series([value], dtype="datetime64[us, UTC]"))[0])


def _clock(value: pd.Timestamp) -> str:
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


def _title(dead: Curve | None, incidents: pd.DataFrame, minutes: float) -> str:
    first = None if incidents.empty else incidents.iloc[0]
    is_open = first is not None and pd.isna(first["end_at"])
    times = {} if first is None else {"start": _clock(first["onset_at"])}
    if first is not None and not is_open:
        times["end"] = _clock(first["end_at"])
    title = None if first is None else _TITLES.get(first["signal"])
    if title is not None and is_open:
        return say("{what} since {start} UTC", what=say(title), **times)
    if title is not None:
        return say("{what} from {start} to {end} UTC", what=say(title), **times)
    if dead is None:
        return say("No dead-letter counter in the samples")
    top = _top(dead.rates)
    if first is None:
        return _peak(top, minutes) if top else say("No dead letters")
    if not top and is_open:
        return say("Dead letters since {start} UTC, none of them in the counter", **times)
    if not top:
        return say("Dead letters from {start} to {end} UTC, none of them in the counter", **times)
    if is_open:
        return say("{peak}, going on since {start} UTC", peak=_peak(top, minutes), **times)
    return say("{peak} from {start} to {end} UTC", peak=_peak(top, minutes), **times)


def _words(
    subject: str,
    curves: list[Curve],
    edges: np.ndarray,
    gaps: list[tuple[float, float]],
    incidents: pd.DataFrame,
    window: tuple[float, float],
) -> str:
    asked = {"subject": subject, "start": moment_text(*window), "end": moment_text(*reversed(window))}
    parts = []
    own_title = len(incidents) > 0 and incidents["signal"].iloc[0] in _TITLES
    if own_title:
        parts.append(f"{_title(None, incidents, 0)}.")
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
            parts.append(say("Onset {start}, going on.", start=_clock(row.onset_at)))
        else:
            parts.append(say("Onset {start}, end {end}.", start=_clock(row.onset_at), end=_clock(row.end_at)))
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
        onset, end = _num(first["onset_at"]), _num(first["end_at"])
        is_silence = first["signal"] == "silence"
        # A bin that the silence begins or ends in still holds events; a jump's own first bin belongs to it.
        within = (edges[:-1] >= onset) & ~(edges[1:] > end) if is_silence else edges[1:] > onset
        before, since = rates[edges[1:] <= onset], rates[within]
        if np.isfinite(before).any() and (np.isfinite(since).any() or is_silence):
            usual = {"before": _number(float(np.nanmedian(before))), "at": moment_text(onset, onset)}
            top = _top(since)
            if not top and not np.isfinite(since).any():
                return say("{before} until {at}, then no samples", **usual)
            if not top:
                return say("{before} until {at}, then 0", **usual)
            if _is_rate(top, minutes):
                return say("{before} until {at}, then up to {rate} a minute", **usual, rate=_number(top))
            return say("{before} until {at}, then up to {count:d} in {minutes} minutes", **usual,
                       count=max(round(top * minutes), 1), minutes=_number(minutes))  # fmt: skip
    low, high = float(np.nanmin(rates)), _top(rates)
    return say("none") if high == 0 else say("{low} to {high}", low=_number(low), high=_number(high))
