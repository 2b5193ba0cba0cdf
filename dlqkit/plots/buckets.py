"""The worker's own histogram as outlines over the bars of the exact durations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dlqkit.executions.durations import BINS_A_DECADE, duration_words
from dlqkit.language import mark, say
from dlqkit.plots.theme import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

__all__ = ["bucket_handles", "bucket_outlines", "bucket_words", "draw_outlines"]

_KNOWN = mark("attempts, by the metrics")
_OPEN = mark("bucket that is open at one end")
_HATCH = "OO"
# How far an end that is not known is drawn beyond the last one that is.
_BEYOND = 2.0


def bucket_outlines(buckets: pd.DataFrame | None, bars: pd.DataFrame) -> pd.DataFrame:
    """Where each bucket is drawn: ``low``, ``high``, ``height``, ``actions``, and whether an end of it is not known."""
    columns = ["low", "high", "height", "actions", "open"]
    if buckets is None or buckets.empty:
        return pd.DataFrame({name: pd.Series(dtype=bool if name == "open" else float) for name in columns})
    low = buckets["low_ms"].to_numpy(dtype=float, na_value=0.0)
    high = buckets["high_ms"].to_numpy(dtype=float, na_value=np.inf)
    ends = np.concatenate([low[low > 0], high[np.isfinite(high)]])
    # A histogram of one bucket has no end at all: it is as wide as the bars, or a decade.
    smallest, largest = (float(ends.min()), float(ends.max())) if len(ends) else (100.0, 100.0)
    left = min(smallest / _BEYOND, float(bars["low"].min()) if len(bars) else np.inf)
    right = max(largest * _BEYOND, float(bars["high"].max()) if len(bars) else 0.0)
    is_open = (low <= 0) | ~np.isfinite(high)
    low, high = np.where(low <= 0, left, low), np.where(np.isfinite(high), high, right)
    actions = buckets["actions"].to_numpy(dtype=float)
    # A bar is a tenth of a decade wide; spread evenly, this much of the bucket would be in one.
    bars_wide = np.maximum(np.log10(high / low) * BINS_A_DECADE, 1e-9)
    return pd.DataFrame({"low": low, "high": high, "height": actions / bars_wide, "actions": actions, "open": is_open})


def draw_outlines(ax: Axes, outlines: pd.DataFrame) -> None:
    """Draw each bucket as an empty box; one without an end is hatched, behind the bars."""
    for is_open, part in outlines.groupby("open"):
        ax.bar(part["low"], part["height"], part["high"] - part["low"], align="edge", facecolor="none",
               edgecolor=COLOURS["missing"] if is_open else COLOURS["change"], hatch=_HATCH if is_open else "",
               linestyle="-" if is_open else "--", linewidth=1.8, zorder=0.9 if is_open else 3)  # fmt: skip


def bucket_handles(outlines: pd.DataFrame) -> list[Patch]:
    """The legend's entries."""
    from matplotlib.patches import Patch

    handles = []
    if (~outlines["open"]).any():
        handles.append(Patch(facecolor="none", edgecolor=COLOURS["change"], linestyle="--", linewidth=1.8,
                              label=say(_KNOWN)))  # fmt: skip
    if outlines["open"].any():
        handles.append(Patch(facecolor="none", edgecolor=COLOURS["missing"], hatch=_HATCH, label=say(_OPEN)))
    return handles


def bucket_words(outlines: pd.DataFrame) -> str:
    """The outlines in words; empty where there are none."""
    if outlines.empty:
        return ""
    total, unknown = outlines["actions"].sum(), outlines.loc[outlines["open"], "actions"].sum()
    known = outlines[~outlines["open"]]
    if known.empty:
        return " " + say(
            "The worker's histogram counted {total:,.0f} attempts; {unknown:,.0f} are in buckets that are open at one "
            "end.",
            total=total, unknown=unknown,
        )  # fmt: skip
    most = known.loc[known["actions"].idxmax()]
    told: dict[str, object] = {
        "total": total, "most": most["actions"], "low": duration_words(most["low"]),
        "high": duration_words(most["high"]),
    }  # fmt: skip
    # The fullest of the buckets that have two ends may still hold few.
    is_most = 2 * most["actions"] > total
    if not unknown and is_most:
        return " " + say(
            "The worker's histogram counted {total:,.0f} attempts, most of them ({most:,.0f}) from {low} to {high}.",
            **told,
        )
    if not unknown:
        return " " + say(
            "The worker's histogram counted {total:,.0f} attempts; the fullest bucket, {low} to {high}, holds "
            "{most:,.0f}.",
            **told,
        )
    if not is_most:
        return " " + say(
            "The worker's histogram counted {total:,.0f} attempts; {unknown:,.0f} are in buckets that are open at one "
            "end, {most:,.0f} in the fullest of the others, {low} to {high}.",
            **told, unknown=unknown,
        )  # fmt: skip
    return " " + say(
        "The worker's histogram counted {total:,.0f} attempts, most of them ({most:,.0f}) from {low} to {high}; "
        "{unknown:,.0f} are in buckets that are open at one end.",
        **told, unknown=unknown,
    )  # fmt: skip
