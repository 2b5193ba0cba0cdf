"""The incident in lanes: what was counted, what changed, and where the records do not reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dlqkit.frames import Coverage
from dlqkit.language import duration, listing, mark, number, say, say_count
from dlqkit.plots.moments import Moment, place_moments
from dlqkit.plots.theme import (
    COLOURS,
    day_number,
    label_text,
    letters,
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

__all__ = ["missing_spans", "plot_timeline"]

# The longest that a lane may be named in one line, in Latin letters.
_LONGEST_NAME = 22
_ROW_HEIGHT = 0.55
_BIN_HEIGHT = 1.0
_PAD = 0.16
_STYLES = {
    "dead letters": (COLOURS["dead"], "xx", "D"),
    "failures": (COLOURS["failed"], "//", "^"),
    "successes": (COLOURS["succeeded"], "", "o"),
    "worker logs": (COLOURS["logs"], "..", "s"),
    "incident": (COLOURS["ink"], "", "|"),
    "changes": (COLOURS["change"], "", "D"),
    "notes": (COLOURS["faint"], "", "s"),
}
_NAMES = {
    "dead letters": mark("dead letters"),
    "failures": mark("failures"),
    "successes": mark("successes"),
    "worker logs": mark("worker logs"),
    "incident": mark("incident"),
    "changes": mark("changes"),
    "notes": mark("notes"),
}
_COUNTED = {"dead letters", "failures", "successes", "worker logs"}
_ORDER = ("incident", "changes", "notes", "dead letters", "failures", "successes", "worker logs")


@dataclass(frozen=True, slots=True)
class _Peak:
    """The fullest bin of a lane: how many came in how long."""

    count: int
    span: str


@dataclass(slots=True)
class _Hole:
    """A stretch of time that the evidence of these lanes does not cover."""

    start: float
    end: float
    top: float
    bottom: float
    lanes: list[str]


def plot_timeline(
    timeline: pd.DataFrame,
    *,
    coverage: Coverage | Mapping[str, Coverage] | None = None,
    of_incident: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw what happened when, a lane for each kind; what the records do not cover is hatched.

    Parameters
    ----------
    timeline : DataFrame
        From ``dlqkit.timeline``: ``at``, ``end_at``, ``lane``, ``text``, ``workflow_id``, ``count``; rows with a
        count are bars, the others marks with their text.
    coverage : Coverage or mapping of lane to Coverage, optional
        Of the records, or of each lane by itself, as dead letters are often asked for apart. It sets the window, and
        what is missing is marked "not covered"; a lane of it that has no rows is drawn empty.
    of_incident : int, optional
        How many of the dead letters are the incident's; said where the window holds others as well.
    ax : Axes, optional
        Where to draw; on a new figure by default.

    Returns
    -------
    Axes
        Its words are ``dlqkit.plots.theme.alt_text(axes)``.

    Notes
    -----
    Source: ``executions.timeline``, runbook §2. Each lane of counts has its own scale; its peak is written beside it.
    """
    with theme():
        dated = timeline[timeline["at"].notna()]
        covered = _by_lane(dated, coverage)
        lanes = _lanes(dated, covered)
        asked = [(day_number(one.asked_start), day_number(one.asked_end)) for one in covered.values()]
        asked = [span for span in asked if np.isfinite(span).all()]
        if dated.empty and not asked:
            return say_nothing(ax, say("Nothing is known"), say("Timeline"), say("Timeline: nothing is known."))
        low, high = _window(dated, asked)
        moments = {lane: place_moments(dated[dated["lane"] == lane], low, high) for lane in lanes}
        rows = {lane: 1 + max([one.row for one in moments[lane] if one.shown], default=0) for lane in lanes}
        heights = {
            lane: max(_BIN_HEIGHT if lane in _COUNTED else 0.0, _ROW_HEIGHT * rows[lane]) + _PAD for lane in lanes
        }
        axes = new_axes(1.35 + 0.52 * sum(heights.values())) if ax is None else ax
        top = 0.0
        ticks, labels, words, holes = [], [], [], []
        for lane in lanes:
            own = dated[dated["lane"] == lane]
            bottom = top - heights[lane]
            axes.axhline(bottom, color="#D0D0D0", linewidth=0.8, zorder=0.5)
            peak = _draw_bins(axes, own, lane, bottom, low, high)
            _draw_moments(axes, moments[lane], lane, top, low, high)
            hidden = sum(one.times for one in moments[lane] if not one.shown)
            ticks.append((top + bottom) / 2)
            labels.append("\n".join([_wrapped(_name(lane)), *_note(lane, peak, hidden, is_empty=own.empty)]))
            holes += [_Hole(*span, top, bottom, [lane]) for span in _holes(covered.get(lane), low, high)]
            is_cut = lane in covered and covered[lane].completeness != "complete"
            words.append(_lane_words(own, lane, moments[lane], peak, high, is_cut=is_cut))
            if lane == "dead letters" and of_incident is not None and of_incident != int(own["count"].sum()):
                words.append(_of_incident(of_incident, is_cut=is_cut))
            top = bottom
        axes.set_ylim(top, 0)
        axes.set_yticks(ticks, labels)
        for label in axes.get_yticklabels():
            label.set_parse_math(False)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        time_axis(axes, low, high)
        missing = _draw_holes(axes, holes, low, high)
        axes.set_title(_title(dated, covered.get("dead letters"), of_incident))
        start, end = moment_text(low, high), moment_text(high, low)
        outside = int(((to_num(dated["at"]) < low) | (to_num(dated["at"]) > high)).sum())
        if outside:
            words.append(say_count("{count} row outside this window is not drawn.",
                                   "{count} rows outside this window are not drawn.", outside))  # fmt: skip
        whole = say("Timeline from {start} to {end} UTC.", start=start, end=end)
        set_alt_text(axes, " ".join([whole, *words, *missing]))
    return axes


def _name(lane: str) -> str:
    return say(_NAMES[lane]) if lane in _NAMES else label_text(lane, 20)


def _wrapped(name: str) -> str:
    """A long name in two lines, so that it leaves the axes their width."""
    return name.replace(" ", "\n", 1) if letters(name) > _LONGEST_NAME else name


def _note(lane: str, peak: _Peak | None, hidden: int, *, is_empty: bool) -> list[str]:
    """What stands under the name of a lane."""
    if is_empty:
        # An API that holds an event once has no record of its failed attempts; the counter may know of hundreds.
        return [say("no records") if lane == "failures" else say("none seen")]
    if peak is not None:
        return [say("peak {count} in {span}", count=peak.count, span=peak.span)]
    return [say("{count:d} more, no label", count=hidden)] if hidden else []


def _by_lane(timeline: pd.DataFrame, coverage: Coverage | Mapping[str, Coverage] | None) -> Mapping[str, Coverage]:
    """The coverage of each lane; that of all records is of their lanes, and of no log or note."""
    if coverage is None:
        return {}
    if not isinstance(coverage, Coverage):
        return coverage
    present = set(timeline["lane"].astype("str")) | {"dead letters"}
    return {lane: coverage for lane in ("dead letters", "failures", "successes") if lane in present}


def _lanes(timeline: pd.DataFrame, covered: Mapping[str, Coverage]) -> list[str]:
    present = list(dict.fromkeys([*timeline["lane"].astype("str"), *covered]))
    return [lane for lane in _ORDER if lane in present] + [lane for lane in present if lane not in _ORDER]


def _window(timeline: pd.DataFrame, asked: list[tuple[float, float]]) -> tuple[float, float]:
    """The window asked, and rows near it; one clock that is far off does not squeeze the rest."""
    starts, ends = to_num(timeline["at"]), to_num(timeline["end_at"])
    if not asked:
        every = np.concatenate([starts, ends[np.isfinite(ends)]])
        # One moment alone still gets a minute on either side.
        margin = max(0.01 * (every.max() - every.min()), 1 / 1440)
        return float(every.min() - margin), float(every.max() + margin)
    low, high = min(start for start, _ in asked), max(end for _, end in asked)
    # A bin may end after what was asked; only its start tells that something lies there.
    near = starts[(starts >= low - (high - low)) & (starts <= high + (high - low))]
    return float(min([low, *near])), float(max([high, *near]))


def _draw_bins(ax: Axes, rows: pd.DataFrame, lane: str, bottom: float, low: float, high: float) -> _Peak | None:
    """Bars of events per minute, as high as the lane at its peak; says how many came in the bin of the peak."""
    bins = rows[rows["count"].notna()]
    starts, ends = to_num(bins["at"]), to_num(bins["end_at"])
    inside = (starts < high) & (starts >= low - 1e-9)
    if not inside.any():
        return None
    starts, ends = starts[inside], ends[inside]
    widths = np.where(np.isfinite(ends) & (ends > starts), ends - starts, 1 / 1440)
    rates = bins["count"].to_numpy(dtype=float)[inside] / (widths * 1440)
    peak, fullest = float(rates.max()), int(rates.argmax())
    said = _Peak(int(bins["count"].to_numpy()[inside][fullest]), _span_text(widths[fullest]))
    colour, hatch, _ = _STYLES.get(lane, (COLOURS["faint"], "", "o"))
    # A bin too narrow to see is drawn wider; a hatch would wash a narrow one out.
    least = 0.003 * (high - low)
    hatch = hatch if float(widths.min()) > 3 * least else ""
    widths = np.maximum(widths, least)
    ax.bar(starts, rates / max(peak, 1e-12) * _BIN_HEIGHT * 0.92, widths, bottom=bottom, align="edge", color=colour,
           alpha=0.85, hatch=hatch, edgecolor="white", linewidth=0)  # fmt: skip
    return said


def _span_text(days: float) -> str:
    """The width of a bin, as people say it."""
    seconds = round(days * 86_400)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds % size == 0:
            return duration(f"{seconds // size}", unit)
    return duration(f"{seconds:,}", "s")


def _draw_moments(ax: Axes, moments: list[Moment], lane: str, top: float, low: float, high: float) -> None:
    colour, _, marker = _STYLES.get(lane, (COLOURS["faint"], "", "o"))
    for one in moments:
        y = top - _PAD / 2 - _ROW_HEIGHT * (one.row + 0.5)
        start = max(one.start, low)
        if one.end > one.start:
            end = min(one.end, high)
            ax.barh(y, end - start, height=_ROW_HEIGHT * 0.8, left=start, color="#DDDDDD", edgecolor=colour)
            if one.end >= high:
                ax.plot(high, y, marker=9, color=colour, markersize=9, clip_on=False)
        else:
            ax.plot(start, y, marker=marker, color=colour, markersize=6.5, linestyle="", clip_on=False, zorder=3)
        if one.shown:
            beside = start if one.left or one.inside else max(min(one.end, high), start)
            ax.annotate(one.text, (beside, y), xytext=(-7 if one.left else 7, 0), textcoords="offset points",
                        ha="right" if one.left else "left", va="center_baseline", fontsize=10.5, zorder=4)  # fmt: skip


def missing_spans(coverage: Coverage | None) -> list[tuple[datetime, datetime]]:
    """What was asked and did not come; a complete answer covers all that was asked, even where it is empty."""
    if coverage is None or coverage.completeness == "complete":
        return []
    if coverage.rows == 0 or coverage.got_start is None:
        spans = [(coverage.asked_start, coverage.asked_end)]
    elif coverage.completeness == "partial":
        spans = [(coverage.asked_start, coverage.got_start), (coverage.got_end, coverage.asked_end)]
    else:
        # A page that is merely full ends at the newest record; only a source that broke off may lack later ones.
        spans = [(coverage.asked_start, coverage.got_start)]
    return [(start, end) for start, end in spans if start is not None and end is not None and start < end]


def _holes(coverage: Coverage | None, low: float, high: float) -> list[tuple[float, float]]:
    """Those that are wide enough to be seen."""
    spans = [(day_number(start), day_number(end)) for start, end in missing_spans(coverage)]
    return [(start, end) for start, end in spans if end - start >= 0.01 * (high - low)]


def _draw_holes(ax: Axes, holes: list[_Hole], low: float, high: float) -> list[str]:
    """Hatch what is not covered, neighbouring lanes together, and say it."""
    merged: list[_Hole] = []
    for hole in sorted(holes, key=lambda one: (one.start, one.end, -one.top)):
        last = merged[-1] if merged else None
        if last is not None and (last.start, last.end, last.bottom) == (hole.start, hole.end, hole.top):
            last.bottom, last.lanes = hole.bottom, [*last.lanes, *hole.lanes]
        else:
            merged.append(hole)
    words = []
    for hole in merged:
        start, end, wide = hole.start, hole.end, (hole.end - hole.start) / (high - low)
        ax.fill_between([start, end], hole.bottom, hole.top, facecolor="#F4F4F4", edgecolor=COLOURS["missing"],
                        hatch="////", linewidth=0, zorder=1.4)  # fmt: skip
        text = say("not covered") if wide > 0.13 else say("not covered").replace(" ", "\n")
        if wide > 0.075:
            ax.text((start + end) / 2, (hole.top + hole.bottom) / 2, text, ha="center", va="center", fontsize=10.5,
                    zorder=5, bbox={"facecolor": "white", "edgecolor": COLOURS["missing"], "pad": 2.0})  # fmt: skip
        lanes = reduce(lambda parts, last: listing([parts, last]), map(_name, hole.lanes))
        words.append(say("Not covered ({lanes}): {start} to {end}.", lanes=lanes, start=moment_text(start, end),
                         end=moment_text(end, start)))  # fmt: skip
    return words


def _title(timeline: pd.DataFrame, coverage: Coverage | None, of_incident: int | None) -> str:
    counts = timeline.groupby(timeline["lane"].astype("str"))["count"].sum()
    dead, changes = int(counts.get("dead letters", 0)), int((timeline["lane"] == "changes").sum())
    is_cut = coverage is not None and coverage.completeness != "complete"
    parts = [say("No dead letters")]
    if dead:
        parts = [
            say_count("{number} dead letter", "{number} dead letters", dead, number=_at_least(dead, is_cut=is_cut))
        ]
        if of_incident is not None and of_incident != dead:
            own = _at_least(of_incident, is_cut=is_cut)
            parts.append(say("{number} of the incident", number=own) if of_incident else say("none of the incident"))
        elif of_incident is None and _has_others(timeline):
            parts = [say("{dead_letters}, some of them outside the incident", dead_letters=parts[0])]
    if changes:
        parts.append(say_count("{count} change", "{count} changes", changes))
    return ", ".join(parts)


def _has_others(timeline: pd.DataFrame) -> bool:
    """Whether dead letters are drawn that belong to no incident: a baseline before it is read, too."""
    lanes = timeline["lane"].astype("str")
    incidents = timeline[(lanes == "incident") & (timeline["kind"] == "dead_letters")]
    if incidents.empty:
        return False
    bins = timeline[lanes == "dead letters"]
    ends = incidents["end_at"]
    before = (bins["end_at"] <= incidents["at"].min()).any()
    return bool(before or (ends.notna().all() and (bins["at"] >= ends.max()).any()))


def _at_least(count: int, *, is_cut: bool) -> str:
    return f"≥ {number(count)}" if is_cut else number(count)


def _of_incident(count: int, *, is_cut: bool) -> str:
    if not count:
        return say("None of them is of the incident.")
    return say("Of the incident: {number}.", number=_at_least(count, is_cut=is_cut))


def _lane_words(
    rows: pd.DataFrame, lane: str, moments: list[Moment], peak: _Peak | None, high: float, *, is_cut: bool
) -> str:
    # What follows the first letter may be an abbreviation.
    name = _name(lane)
    name = name[:1].upper() + name[1:]
    if peak is not None:
        bins = rows[rows["count"].notna()]
        first, last = to_num(bins["at"]).min(), min(np.nanmax(to_num(bins["end_at"].fillna(bins["at"]))), high)
        return say(
            "{name}: {total} from {start} to {end}, at most {count} in {span}.",
            name=name, total=_at_least(int(bins["count"].sum()), is_cut=is_cut), start=moment_text(first, last),
            end=moment_text(last, first), count=peak.count, span=peak.span,
        )  # fmt: skip
    if not moments:
        if lane == "failures":
            return say("{name}: no record of one in this window.", name=name)
        return say("{name}: none seen in this window.", name=name)
    told = "; ".join(
        say("{what} at {at}", what=one.words + (f" ×{one.times}" if one.times > 1 else ""),
            at=moment_text(one.start, one.start))
        for one in moments[:5]
    )  # fmt: skip
    if len(moments) > 5:
        return say("{name}: {moments} and {count:d} more.", name=name, moments=told, count=len(moments) - 5)
    return f"{name}: {told}."
