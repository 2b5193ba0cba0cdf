"""How every figure looks, what it says in words, and how it becomes bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from dlqkit.language import clock, date, mark, number, say
from dlqkit.untrusted import for_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ft2font import FT2Font

__all__ = [
    "BOX",
    "COLOURS",
    "LONGEST",
    "alt_text",
    "day_number",
    "figure_png",
    "label_text",
    "letters",
    "moment_text",
    "new_axes",
    "say_nothing",
    "set_alt_text",
    "theme",
    "tick_text",
    "time_axis",
    "to_num",
]

# Okabe and Ito, "Color Universal Design"; every use has a line style, marker or hatch beside it.
COLOURS = {
    "dead": "#D55E00",
    "failed": "#E69F00",
    "succeeded": "#0072B2",
    "logs": "#CC79A7",
    "change": "#009E73",
    "ink": "#222222",
    "faint": "#767676",
    "missing": "#9A9A9A",
}
SIZE = (10.0, 3.6)
# Height of a figure that has nothing to draw.
EMPTY = 0.9
# Longer foreign text is cut even where the figure is told in words.
LONGEST = 300
DPI = 120
# So much wider are Cyrillic and Greek letters than Latin ones in DejaVu Sans: 1.3, and a margin.
_WIDER = 1.4
# Behind a label that may lie on data.
BOX = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0}
_RC: Any = {
    "timezone": "UTC",
    "text.parse_math": False,
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
    "font.family": "DejaVu Sans",
    "font.size": 11.0,
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 11.0,
    "axes.labelcolor": COLOURS["ink"],
    "axes.edgecolor": COLOURS["faint"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.unicode_minus": False,
    "axes.facecolor": "white",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.max_open_warning": 0,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.8,
    "hatch.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["ink"],
    "ytick.color": COLOURS["ink"],
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
}
# In the way of strftime: a year, a month, a day; then the first month of a year, the first day of a month, midnight.
_DATES = mark("%Y %b %d %Y %b %b-%d")
_ALT: WeakKeyDictionary[Axes, str] = WeakKeyDictionary()


@contextmanager
def theme() -> Iterator[None]:
    """The look of dlqkit's figures, for what is drawn inside the ``with`` alone."""
    import matplotlib as mpl

    with mpl.rc_context(_RC):
        yield


def new_axes(height: float = SIZE[1]) -> Axes:
    """Empty axes on a figure that a notebook shows as its cell's result."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(SIZE[0], height), layout="constrained")
    return axes


def set_alt_text(ax: Axes, text: str) -> None:
    """Keep what the axes show in words, for ``alt_text``."""
    _ALT[ax] = text


def alt_text(ax: Axes) -> str:
    """What the axes show, in words, computed from what was drawn; empty for axes that dlqkit did not draw."""
    return _ALT.get(ax, "")


def figure_png(ax: Axes) -> bytes:
    """The figure of these axes as PNG, byte-equal for equal data; the figure is closed."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    figure = ax.get_figure(root=True)
    if not isinstance(figure, Figure):
        raise TypeError("The axes stand on no figure.")
    out = io.BytesIO()
    with theme():
        figure.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
    plt.close(figure)
    return out.getvalue()


@cache
def _font() -> FT2Font:
    from matplotlib.font_manager import findfont, get_font

    return get_font(findfont("DejaVu Sans"))


def label_text(text: object, limit: int = 60, *, middle: bool = False) -> str:
    """Foreign text as a label: one line, cut at its end or in its middle, and a box for each sign the font lacks."""
    safe = for_plot(text, limit)
    if middle and safe.endswith("…"):
        whole, tail = for_plot(text, LONGEST), limit // 3
        safe = whole if len(whole) <= limit else f"{whole[: limit - 1 - tail].rstrip()}…{whole[-tail:].lstrip()}"
    if safe.isascii():
        return safe
    return "".join(sign if _font().get_char_index(ord(sign)) else "□" for sign in safe)


def letters(text: str) -> float:
    """How many Latin letters have room where the text has."""
    return len(text) + (_WIDER - 1) * sum(sign >= "\u0370" and sign.isalpha() for sign in text)


def to_num(times: pd.Series) -> np.ndarray:
    """Times as the axis' numbers (days); NaT is NaN."""
    naive = times.dt.tz_convert(UTC).dt.tz_localize(None).astype("datetime64[us]")
    days = naive.to_numpy().astype("datetime64[us]").astype("int64") / 86_400e6
    return np.where(naive.isna(), np.nan, days)


def day_number(moment: object) -> float:
    """A moment as the axis' number; NaN where there is none."""
    return float(to_num(pd.Series([moment], dtype="datetime64[us, UTC]"))[0])


def moment_text(day: float, other: float | None = None) -> str:
    """The axis' number as ``2026-03-02 14:05``, or as ``14:05`` where the other is of the same day."""
    at = _moment(day)
    time = clock(at, seconds=False)
    return f"{date(at)} {time}" if other is None or int(day) != int(other) else time


def _moment(day: float) -> pd.Timestamp:
    return pd.Timestamp(round(day * 86_400e6), unit="us", tz=UTC)


def tick_text(value: float) -> str:
    """The number at a tick, with as many digits as it needs."""
    plain = f"{value:,.10g}"
    return plain if "e" in plain else number(value, len(plain.partition(".")[2]))


def time_axis(ax: Axes, start: float, end: float) -> None:
    """A UTC time axis from start to end, the dates named in its label."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    if end - start < 1e-6:
        start, end = start - 1 / 1440, end + 1 / 1440
    ax.xaxis_date(tz=UTC)
    locator = AutoDateLocator(tz=UTC, minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=UTC, show_offset=False)  # type: ignore[no-untyped-call]
    year, month, day, first_month, first_day, midnight = say(_DATES).split(" ")
    formatter.formats[:3] = [year, month, day]
    formatter.zero_formats[1:4] = [first_month, first_day, midnight]
    ax.xaxis.set_major_formatter(formatter)
    ax.set_xlim(start, end)
    first, last = (date(_moment(edge)) for edge in (start, end))
    if first == last:
        ax.set_xlabel(say("time, UTC, on {date}", date=first))
    else:
        ax.set_xlabel(say("time, UTC, from {first} to {last}", first=first, last=last))


def say_nothing(ax: Axes | None, words: str, title: str, told: str) -> Axes:
    """Axes that only say that there is nothing to draw; two lines high, where they are its own."""
    ax = new_axes(EMPTY) if ax is None else ax
    ax.set_axis_off()
    ax.set_title(title)
    ax.text(0, 0.9, words, transform=ax.transAxes, ha="left", va="top", fontsize=12.5, color=COLOURS["faint"])
    set_alt_text(ax, told)
    return ax
