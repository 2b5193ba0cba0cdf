"""Signals of §1 as the worker's counters show them: what came per minute, since when, and where nothing was seen."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from dlqkit.language import say
from dlqkit.plots.rates import MINUTE, Curve, read_rates
from dlqkit.plots.signal_words import (
    clock_text,
    curve_label,
    signal_text,
    signals_title,
    signals_words,
    top_rate,
)
from dlqkit.plots.theme import (
    BOX,
    COLOURS,
    day_number,
    label_text,
    letters,
    new_axes,
    say_nothing,
    set_alt_text,
    theme,
    tick_text,
    time_axis,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_signals"]

# Above this ratio of the largest series to the dead letters these would lie flat on a linear axis.
_FLAT = 8
# Share of the axes' height that a row of labels takes, and of their width that one letter takes.
_LABEL_ROW = 0.11
_LETTER = 0.0095
_LABEL_ROWS = 4
# Share of the axes' width from which a pause has room for words.
_LABELLED = 0.018


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
        axes.set_title(signals_title(dead, own, float(edges[1] - edges[0]) / MINUTE), pad=28)
        subject = say("workflow {name}", name=whose) if workflow_id else whose
        axes.set_xlabel(f"{axes.get_xlabel()}; {subject}")
        axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, borderaxespad=0.2, handlelength=2.6)
        set_alt_text(axes, signals_words(subject, curves, edges, gaps, own, (low, high)))
    return axes


def _draw_curves(ax: Axes, curves: list[Curve], edges: np.ndarray) -> None:
    from matplotlib.ticker import FuncFormatter

    tops = {curve.name: top_rate(curve.rates) for curve in curves}
    top = max([*tops.values(), 1.0])
    flat = top > _FLAT * max(tops.get("dlq", 0.0), 1.0)
    middle = (edges[:-1] + edges[1:]) / 2
    every = max(len(middle) // 12, 1)
    styles = {"failure": ("failed", "--", "^"), "success": ("succeeded", "-", "o")}
    for curve in curves:
        if curve.name == "dlq":
            # Bars of steps: each as wide as its bin, so that an hour of noise does not look like a saw.
            ax.stairs(
                np.nan_to_num(curve.rates),
                edges,
                fill=True,
                color=COLOURS["dead"],
                alpha=0.75,
                label=curve_label(curve),
            )
            continue
        colour, line, marker = styles[curve.name]
        ax.plot(middle, curve.rates, line, color=COLOURS[colour], linewidth=1.6, label=curve_label(curve),
                marker=marker, markersize=5.5, markevery=(every // 2, every))  # fmt: skip
    if flat:
        ax.set_yscale("symlog", linthresh=1, linscale=0.4)
        ax.set_yticks([0, *(10.0**power for power in range(int(np.ceil(np.log10(top))) + 1))])
        ax.minorticks_off()
        ax.set_ylabel(_per_minute(say("events per minute, log scale"), edges))
        ax.set_ylim(0, 10 ** (np.log10(top) * 1.25 + 0.35))
    else:
        ax.set_ylim(0, top * 1.4)
        ax.set_ylabel(_per_minute(say("events per minute"), edges))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))


def _per_minute(words: str, edges: np.ndarray) -> str:
    """The axis's words, and over how long a bin is the mean: a title may tell the count of such a bin."""
    minutes = round(float(edges[1] - edges[0]) / MINUTE)
    return words if minutes <= 1 else say("{words},\nmean of {minutes} min", words=words, minutes=minutes)


def _draw_gaps(ax: Axes, gaps: list[tuple[float, float]], curves: list[Curve]) -> None:
    low, high = ax.get_xlim()
    dead = next((curve for curve in curves if curve.name == "dlq"), None)
    is_wide = [(end - start) / (high - low) > _LABELLED for start, end in gaps]
    # A short one is a mere dotted line that has no room for words, so the legend tells it.
    told = is_wide.index(False) if False in is_wide else None
    for index, (start, end) in enumerate(gaps):
        ax.axvspan(start, end, facecolor="white", edgecolor=COLOURS["missing"], hatch="////", linewidth=0, zorder=2.2,
                   label=say("no samples") if index == told else None)  # fmt: skip
        if is_wide[index]:
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
        onset = day_number(row.onset_at)
        if not low <= onset <= high or any(abs(onset - other) < 0.02 * (high - low) for other in onsets):
            continue
        if len(onsets) == 3:
            break
        worst = not onsets
        left, right = max(day_number(row.onset_low_at), low), min(day_number(row.onset_high_at), high)
        if worst and right > left:
            ax.axvspan(left, right, color=COLOURS["ink"], alpha=0.18, linewidth=0, zorder=1.5)
        at = clock_text(row.onset_at)
        is_onset = worst and row.signal == "dead_letters"
        text = say("onset {at}", at=at) if is_onset else f"{signal_text(row.signal)} {at}"
        before = worst or onset < onsets[0]
        marks.append(_Mark(onset, text, "-" if worst else ":", 1.8 if worst else 1.1,
                           "left" if before else "right"))  # fmt: skip
        end = day_number(row.end_at)
        if worst and np.isfinite(end) and low <= end <= high:
            marks.append(_Mark(end, say("end {at}", at=clock_text(row.end_at)), "-.", 1.8, "right"))
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
