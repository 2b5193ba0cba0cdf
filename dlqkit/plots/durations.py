"""How long the action took, by outcome, and what its timeout cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dlqkit.executions.durations import duration_words
from dlqkit.language import mark, say
from dlqkit.plots.buckets import bucket_handles, bucket_outlines, bucket_words, draw_outlines
from dlqkit.plots.theme import BOX, COLOURS, label_text, new_axes, say_nothing, set_alt_text, theme, tick_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_durations"]

# Bottom to top: on a logarithmic axis the lowest part of a bar is read best, and the rare is what matters.
_STYLES = {
    "dead": (mark("dead letters"), COLOURS["dead"], "xx"),
    "failed": (mark("failed attempts"), COLOURS["failed"], "//"),
    "succeeded": (mark("successes"), COLOURS["succeeded"], ""),
}
_COUNTS = {
    "dead": mark("{count} dead letters"),
    "failed": mark("{count} failed attempts"),
    "succeeded": mark("{count} successes"),
}
_CUT = mark("cut by the timeout")
# What the upright axis counts, on a linear and on a logarithmic scale.
_RECORDS = mark("records"), mark("records, logarithmic scale")
_ATTEMPTS = mark("attempts"), mark("attempts, logarithmic scale")
_EITHER = mark("records or attempts"), mark("records or attempts, logarithmic scale")
# Where the other bars are this many times higher, the failed ones could not be seen on a linear axis.
_FLAT = 20
# Bins of duration_histogram: ten a decade.
_RATIO = 10**0.1
# As many as stand beside each other over a figure of ten inches: in one line, and in two.
_LEGEND_COLUMNS = 4, 3
_TICKS_MS = (1, 10, 100, 1_000, 10_000, 30_000, 60_000, 600_000, 3_600_000, 6 * 3_600_000, 24 * 3_600_000)


def plot_durations(
    histogram: pd.DataFrame,
    *,
    timeout_ms: float | None = None,
    buckets: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how many records took how long, stacked by outcome; what the timeout cut is marked as such.

    Parameters
    ----------
    histogram : DataFrame
        From ``duration_histogram``: ``low_ms``, ``high_ms``, ``outcome``, ``records``, ``censored``.
    timeout_ms : float, optional
        The action's timeout, drawn as a line.
    buckets : DataFrame, optional
        From ``bucket_histogram``: what the worker's own histogram counted, as outlines on the same axes; a bucket
        that has no lower or no upper end is hatched, as where in it an action lies is not known.
    ax : Axes, optional
        Where to draw; on a new figure by default.

    Returns
    -------
    Axes
        Its words are ``dlqkit.plots.theme.alt_text(axes)``.

    Notes
    -----
    Source: execution records, runbook §3, and Prometheus, §1. A bucket's attempts are spread evenly over its width, so
    that its height can be held against the bars.
    """
    with theme():
        known = histogram[histogram["low_ms"].notna() & (histogram["records"] > 0)]
        counted = None if buckets is None else buckets[(buckets["actions"] > 0).fillna(False).astype(bool)]
        if known.empty and (counted is None or counted.empty):
            return say_nothing(ax, say("No durations"), say("How long the action took"),
                               say("How long the action took: no durations."))  # fmt: skip
        axes = new_axes() if ax is None else ax
        frame = _bars(known)
        outlines = bucket_outlines(counted, frame)
        axes.set_xscale("log")
        _draw_bars(axes, frame)
        draw_outlines(axes, outlines)
        _name_cut(axes, frame)
        _scale(axes, frame, outlines, timeout_ms)
        if timeout_ms is not None:
            _draw_timeout(axes, timeout_ms)
        axes.set_title(_title(frame, outlines, timeout_ms))
        axes.set_xlabel(say("duration of the action, logarithmic scale"))
        _draw_legend(axes, frame, outlines)
        set_alt_text(axes, _words(frame, timeout_ms) + bucket_words(outlines))
    return axes


def _draw_timeout(ax: Axes, timeout_ms: float) -> None:
    ax.axvline(timeout_ms, color=COLOURS["ink"], linewidth=1.8, linestyle="--")
    low, high = (np.log10(edge) for edge in ax.get_xlim())
    left = (np.log10(timeout_ms) - low) / (high - low) > 0.25
    ax.annotate(say("timeout {timeout}", timeout=duration_words(timeout_ms)), (timeout_ms, 0.98),
                xycoords=ax.get_xaxis_transform(), xytext=(-5 if left else 5, 0), textcoords="offset points",
                ha="right" if left else "left", va="top", bbox=BOX)  # fmt: skip


def _bars(known: pd.DataFrame) -> pd.DataFrame:
    """Bounds as plain numbers; a cut or open bar gets the width of a bin, as its own has no end."""
    low = known["low_ms"].to_numpy(dtype=float)
    high = known["high_ms"].to_numpy(dtype=float, na_value=np.inf)
    cut = known["censored"].fillna(False).to_numpy(dtype=bool)
    low = np.maximum(low, 0.1)
    usable = np.isfinite(high) & (high > low) & ~cut
    return pd.DataFrame(
        {
            "low": low,
            "high": np.where(usable, high, low * _RATIO),
            "outcome": known["outcome"].astype("str").to_numpy(),
            "records": known["records"].to_numpy(dtype=float),
            "cut": cut,
        }
    )


def _styles(frame: pd.DataFrame) -> dict[str, tuple[str, str, str]]:
    """Name, colour and hatch of the outcomes that are there, bottom to top."""
    present = list(dict.fromkeys(frame["outcome"]))
    others = {name: (label_text(name, 24), COLOURS["missing"], "\\\\") for name in present if name not in _STYLES}
    own = {name: (say(label), colour, hatch) for name, (label, colour, hatch) in _STYLES.items()}
    return {name: style for name, style in (own | others).items() if name in present}


def _draw_legend(ax: Axes, frame: pd.DataFrame, outlines: pd.DataFrame) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=colour, edgecolor="white", hatch=hatch, label=label)
        for label, colour, hatch in _styles(frame).values()
    ]
    if frame["cut"].any():
        handles.append(Patch(facecolor="white", edgecolor=COLOURS["ink"], linewidth=1.4, label=say(_CUT)))
    handles += bucket_handles(outlines)
    columns = len(handles) if len(handles) <= _LEGEND_COLUMNS[0] else _LEGEND_COLUMNS[1]
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=columns,
              borderaxespad=0.2)  # fmt: skip
    rows = -(-len(handles) // columns)
    ax.set_title(ax.get_title(loc="left"), pad=8 + 20 * rows)


def _draw_bars(ax: Axes, frame: pd.DataFrame) -> None:
    base: dict[float, float] = {}
    styles = _styles(frame)
    # What was cut lies on top of its bin, empty where the others are filled, so that the two can be told apart.
    for cut in (False, True):
        for outcome, (_, colour, hatch) in styles.items():
            part = frame[(frame["outcome"] == outcome) & (frame["cut"] == cut)]
            if part.empty:
                continue
            bottoms = [base.get(round(float(np.log10(low)), 6), 0.0) for low in part["low"]]
            pattern = hatch or (".." if cut else "")
            ax.bar(part["low"], part["records"], part["high"] - part["low"], bottom=bottoms, align="edge",
                   facecolor="white" if cut else colour, edgecolor=colour if cut else "white", hatch=pattern,
                   linewidth=1.4 if cut else 0.6)  # fmt: skip
            for low, bottom, records in zip(part["low"], bottoms, part["records"], strict=True):
                base[round(float(np.log10(low)), 6)] = bottom + records


def _name_cut(ax: Axes, frame: pd.DataFrame) -> None:
    cut = frame[frame["cut"]]
    if cut.empty:
        return
    low = float(cut["low"].iloc[0])
    top = float(frame.loc[np.isclose(frame["low"], low), "records"].sum())
    ax.annotate(say("{count} cut by the timeout", count=round(cut["records"].sum())), (low, top), xytext=(-6, -2),
                textcoords="offset points", ha="right", va="top", bbox=BOX)  # fmt: skip


def _scale(ax: Axes, frame: pd.DataFrame, outlines: pd.DataFrame, timeout_ms: float | None) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    ends = pd.concat([frame[["low", "high"]], outlines[["low", "high"]]])
    low, high = float(ends["low"].min()), float(ends["high"].max())
    if timeout_ms is not None:
        low, high = min(low, timeout_ms), max(high, timeout_ms)
    low, high = low / 1.3, high * 1.3
    ax.set_xlim(low, high)
    ax.xaxis.set_major_locator(FixedLocator([tick for tick in _ticks(low, high) if low <= tick <= high]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: duration_words(value)))
    heights = frame.groupby(frame["low"].round(6))["records"].sum()
    rare = frame[(frame["outcome"] != "succeeded")].groupby(frame["low"].round(6))["records"].sum()
    top = float(max(heights.max() if len(heights) else 0.0, outlines["height"].max() if len(outlines) else 0.0))
    if len(rare) and top > _FLAT * float(rare.max()):
        ax.set_yscale("symlog", linthresh=1, linscale=0.4)
        ax.set_yticks([0, *(10.0**power for power in range(int(np.ceil(np.log10(top))) + 1))])
        ax.minorticks_off()
        ax.set_ylim(0, 10 ** (np.log10(top) * 1.15 + 0.2))
        ax.set_ylabel(say(_counted(frame, outlines)[1]))
    else:
        ax.set_ylim(0, top * 1.18)
        ax.set_ylabel(say(_counted(frame, outlines)[0]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value) if value == round(value) else ""))


def _counted(frame: pd.DataFrame, outlines: pd.DataFrame) -> tuple[str, str]:
    return _RECORDS if outlines.empty else _ATTEMPTS if frame.empty else _EITHER


def _ticks(low: float, high: float) -> tuple[float, ...]:
    """Round times; within less than two decades also their halves and fifths."""
    if high / low > 120:
        return _TICKS_MS
    return tuple(sorted({tick * part for tick in (0.1, *_TICKS_MS) for part in (1, 2, 3, 5, 7)}))


def _share(frame: pd.DataFrame) -> tuple[int, int]:
    return round(frame["records"].sum()), round(frame.loc[frame["cut"], "records"].sum())


def _title(frame: pd.DataFrame, outlines: pd.DataFrame, timeout_ms: float | None) -> str:
    if frame.empty:
        return say("{attempts:,.0f} attempts, as the worker's own histogram counted them",
                   attempts=outlines["actions"].sum())  # fmt: skip
    total, cut = _share(frame)
    if cut and timeout_ms is not None:
        return say("{cut} of {total} records were cut by the timeout of {timeout}", cut=cut, total=total,
                   timeout=duration_words(timeout_ms))  # fmt: skip
    low, high = _usual(frame)
    return say("Half of {total} records lie within {low} to {high}", total=total, low=duration_words(low),
               high=duration_words(high))  # fmt: skip


def _ends(frame: pd.DataFrame) -> pd.Series:
    """The upper ends of the bins; a bar of what was cut ends at the timeout, however wide it is drawn."""
    return frame["high"].mask(frame["cut"], frame["low"])


def _usual(frame: pd.DataFrame) -> tuple[float, float]:
    """Bounds of the bins that hold the middle half of the records or more."""
    bins = frame.assign(high=_ends(frame)).groupby(["low", "high"], as_index=False)["records"].sum()
    bins = bins.sort_values(["low", "high"])
    share = bins["records"].cumsum() / bins["records"].sum()
    first, last = int(np.searchsorted(share, 0.25)), int(np.searchsorted(share, 0.75))
    return float(bins["low"].iloc[first]), float(bins["high"].iloc[min(last, len(bins) - 1)])


def _words(frame: pd.DataFrame, timeout_ms: float | None) -> str:
    if frame.empty:
        return say("No record has a duration.")
    total, cut = _share(frame)
    low, high = _usual(frame)
    counts = frame.groupby("outcome")["records"].sum()
    parts = ", ".join(say(text, count=round(counts[name])) for name, text in _COUNTS.items() if name in counts.index)
    told = {"total": total, "shortest": duration_words(frame["low"].min()),
            "longest": duration_words(_ends(frame).max())}  # fmt: skip
    # Only the bins are known here, so their edges are said to be such.
    if low == high:
        text = say("Durations of {total} records, in bins from {shortest} to {longest}.", **told)
    else:
        text = say(
            "Durations of {total} records, in bins from {shortest} to {longest}; the middle half is in those from "
            "{low} to {high}.",
            **told, low=duration_words(low), high=duration_words(high),
        )  # fmt: skip
    text += f" {parts[:1].upper()}{parts[1:]}. "
    if timeout_ms is None:
        return text + say("No timeout is known.")
    timeout = duration_words(timeout_ms)
    if not cut:
        return text + say("Timeout {timeout}; no record was cut by it.", timeout=timeout)
    return text + say("Timeout {timeout}; {count} records were cut by it.", timeout=timeout, count=cut)
