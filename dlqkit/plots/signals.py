"""Signals of §1 as the worker's counters show them: what came per minute, since when, and where nothing was seen."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from dlqkit.plots.rates import MINUTE, Curve, read_rates
from dlqkit.plots.theme import (
    BOX,
    COLOURS,
    label_text,
    moment_text,
    new_axes,
    say_nothing,
    set_alt_text,
    theme,
    time_axis,
    to_num,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_signals"]

# Above this ratio of the largest series to the dead letters these would lie flat on a linear axis.
_FLAT = 8
_SIGNALS = {
    "dead_letters": "dead letters",
    "failures": "failures",
    "support": "support reports",
    "duration": "duration",
    "silence": "silence",
}
# What the title says of the worst signal where it is not the dead letters.
_TITLES = {
    "failures": "Failures outgrow successes",
    "support": "Clients report missing events",
    "duration": "The action takes longer",
    "silence": "No events",
}
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
        whose = label_text(workflow_id, 40) if workflow_id else "all workflows"
        found = read_rates(samples, workflow_id, names)
        if found is None:
            return say_nothing(ax, "No samples", f"Dead letters per minute, {whose}")
        axes = new_axes() if ax is None else ax
        low, high, edges, gaps, curves = found.low, found.high, found.edges, found.gaps, found.curves
        _draw_curves(axes, curves, edges)
        time_axis(axes, low, high)
        _draw_gaps(axes, gaps, curves)
        own = _own_incidents(incidents, workflow_id)
        _draw_onsets(axes, own)
        dead = next((curve for curve in curves if curve.name == "dlq"), None)
        axes.set_title(_title(dead, own, float(edges[1] - edges[0]) / MINUTE), pad=28)
        subject = f"workflow {whose}" if workflow_id else whose
        axes.set_xlabel(f"{axes.get_xlabel()}; {subject}")
        axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, borderaxespad=0.2, handlelength=2.6)
        set_alt_text(axes, _words(whose, curves, edges, gaps, own, (low, high)))
    return axes


def _top(rates: np.ndarray) -> float:
    return float(np.nanmax(rates)) if np.isfinite(rates).any() else 0.0


def _label(curve: Curve) -> str:
    words = {"dlq": "dead letters", "failure": "failures", "success": "successes"}
    return words[curve.name] + (" (of the whole worker)" if curve.is_shared else "")


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
        ax.set_ylabel("events per minute, log scale")
        ax.set_ylim(0, 10 ** (np.log10(top) * 1.25 + 0.35))
    else:
        ax.set_ylim(0, top * 1.4)
        ax.set_ylabel("events per minute")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _draw_gaps(ax: Axes, gaps: list[tuple[float, float]], curves: list[Curve]) -> None:
    low, high = ax.get_xlim()
    dead = next((curve for curve in curves if curve.name == "dlq"), None)
    for index, (start, end) in enumerate(gaps):
        ax.axvspan(start, end, facecolor="white", edgecolor=COLOURS["missing"], hatch="////", linewidth=0, zorder=2.2)
        if (end - start) / (high - low) > 0.018:
            words = "no samples"
            if dead is not None and round(dead.grown[index]) > 0:
                comma = ",\n" if (end - start) / (high - low) > 0.045 else ", "
                words += f"{comma}+{round(dead.grown[index]):,} dead letters"
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
        what = "onset" if worst and row.signal == "dead_letters" else _signal_text(row.signal)
        before = worst or onset < onsets[0]
        marks.append(_Mark(onset, f"{what} {_clock(row.onset_at)}", "-" if worst else ":", 1.8 if worst else 1.1,
                           "left" if before else "right"))  # fmt: skip
        end = _num(row.end_at)
        if worst and np.isfinite(end) and low <= end <= high:
            marks.append(_Mark(end, f"end {_clock(row.end_at)}", "-.", 1.8, "right"))
        onsets.append(onset)
    for mark, (label_row, side) in zip(marks, _place_labels(marks, low, high), strict=True):
        top = 1.0 - _LABEL_ROW * label_row
        ax.axvline(mark.x, ymax=top, color=COLOURS["ink"], linewidth=mark.width, linestyle=mark.style)
        ax.annotate(mark.words, (mark.x, top - 0.015), xycoords=ax.get_xaxis_transform(),
                    xytext=(-4 if side == "left" else 4, 0), textcoords="offset points",
                    ha="right" if side == "left" else "left", va="top", fontsize=10.5, zorder=5, bbox=BOX)  # fmt: skip


def _place_labels(marks: list[_Mark], low: float, high: float) -> Sequence[tuple[int, str]]:
    """A row and a side for each label, so that none meets another label or another's line.

    A line ends at its own label, so lines with lower labels pass under those above.
    """
    places = [(mark.x - low) / (high - low) for mark in marks]
    needs = [_LETTER * len(mark.words) + 0.012 for mark in marks]

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
        odd = sum(side != mark.side for mark, (_, side) in zip(marks, chosen, strict=True))
        return 100 * bad + sum(row for row, _ in chosen) + 0.1 * odd

    rows = range(min(_LABEL_ROWS, len(marks)))
    options = list(itertools.product(rows, ("left", "right")))
    return min(itertools.product(options, repeat=len(marks)), key=cost)


def _signal_text(signal: object) -> str:
    return label_text(_SIGNALS.get(str(signal), signal), 24)


def _num(value: object) -> float:
    return float(to_num(pd.Series([value], dtype="datetime64[us, UTC]"))[0])


def _clock(value: pd.Timestamp) -> str:
    return str(value.tz_convert("UTC").strftime("%H:%M:%S" if value.second else "%H:%M"))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or abs(value - round(value)) < 0.05 else f"{value:.1f}"


def _amount(rate: float, minutes: float, unit: str = "") -> str:
    """A rate a minute; where less than one came in a minute, the count in a bin of so many minutes."""
    if rate >= 1 or minutes <= 1:
        return f"{_number(rate)}{unit.format(s='' if rate == 1 else 's')} a minute"
    count = max(round(rate * minutes), 1)
    return f"{count}{unit.format(s='' if count == 1 else 's')} in {_number(minutes)} minutes"


def _title(dead: Curve | None, incidents: pd.DataFrame, minutes: float) -> str:
    first = None if incidents.empty else incidents.iloc[0]
    since = ""
    if first is not None:
        start = _clock(first["onset_at"])
        since = f"since {start} UTC" if pd.isna(first["end_at"]) else f"from {start} to {_clock(first['end_at'])} UTC"
        if first["signal"] in _TITLES:
            return f"{_TITLES[first['signal']]} {since}"
    if dead is None:
        return "No dead-letter counter in the samples"
    top = _top(dead.rates)
    if not top:
        return f"Dead letters {since}, none of them in the counter" if since else "No dead letters"
    text = f"Up to {_amount(top, minutes, ' dead letter{s}')}"
    if first is None:
        return text
    return f"{text}, going on {since}" if pd.isna(first["end_at"]) else f"{text} {since}"


def _words(
    whose: str,
    curves: list[Curve],
    edges: np.ndarray,
    gaps: list[tuple[float, float]],
    incidents: pd.DataFrame,
    window: tuple[float, float],
) -> str:
    start, end = moment_text(*window), moment_text(*reversed(window))
    subject = whose if whose == "all workflows" else f"workflow {whose}"
    parts = []
    own_title = len(incidents) > 0 and incidents["signal"].iloc[0] in _TITLES
    if own_title:
        parts.append(f"{_title(None, incidents, 0)}. Counters of {subject} from {start} to {end} UTC.")
    for curve in curves:
        label = _label(curve)
        head = f"{label[:1].upper()}{label[1:]} per minute"
        if curve.name == "dlq" and not own_title:
            head += f" of {subject} from {start} to {end} UTC"
        parts.append(f"{head}: {_course(curve.rates, edges, incidents)}.")
    if not any(curve.name == "dlq" for curve in curves):
        parts.insert(0, f"No dead-letter counter of {subject} from {start} to {end} UTC.")
    for row in incidents.head(0 if own_title else 1).itertuples(index=False):
        ended = "going on" if pd.isna(row.end_at) else f"end {_clock(row.end_at)}"
        parts.append(f"Onset {_clock(row.onset_at)}, {ended}.")
    for start_at, end_at in gaps[:3]:
        parts.append(f"No samples from {moment_text(start_at, end_at)} to {moment_text(end_at, start_at)}.")
    if len(gaps) > 3:
        parts.append(f"{len(gaps) - 3} more gaps.")
    return " ".join(parts)


def _course(rates: np.ndarray, edges: np.ndarray, incidents: pd.DataFrame) -> str:
    if not np.isfinite(rates).any():
        return "not known"
    minutes = float(edges[1] - edges[0]) / MINUTE
    if len(incidents):
        first = incidents.iloc[0]
        onset, end = _num(first["onset_at"]), _num(first["end_at"])
        is_silence = first["signal"] == "silence"
        # A bin that the silence begins or ends in still holds events; a jump's own first bin belongs to it.
        within = (edges[:-1] >= onset) & ~(edges[1:] > end) if is_silence else edges[1:] > onset
        before, since = rates[edges[1:] <= onset], rates[within]
        if np.isfinite(before).any() and (np.isfinite(since).any() or is_silence):
            top = _top(since)
            then = f"up to {_amount(top, minutes)}" if top else "0" if np.isfinite(since).any() else "no samples"
            return f"{_number(float(np.nanmedian(before)))} until {moment_text(onset, onset)}, then {then}"
    low, high = float(np.nanmin(rates)), _top(rates)
    return "none" if high == 0 else f"{_number(low)} to {_number(high)}"
