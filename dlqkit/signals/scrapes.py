"""Samples as arrays: by metric, workflow, series and time, however the frame was built."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.errors import FrameError
from dlqkit.frames import SAMPLES
from dlqkit.signals.columns import VALUE_COLUMNS, check_labels, codes, numbers, times_us
from dlqkit.signals.copies import without_copies

__all__ = ["Scrapes", "read_scrapes"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Labels that tell the process behind a series, the most exact first.
TARGET_LABELS = ("instance", "pod", "job")
# Labels that the analyses read; the others only keep series apart.
READ_LABELS = ("workflow_id", *TARGET_LABELS, "le", "quantile")
# Where the spacing of scrapes is read off a long series this many samples tell it.
ENOUGH_SAMPLES = 20_000
USUAL_SPACING_S = 60.0
SERIES_IN_CLOCK = 32


@dataclass(frozen=True, slots=True)
class Scrapes:
    """Samples in order of metric, workflow, series and time.

    ``first`` holds where each series begins, and one more: the number of samples. ``labels`` has a text for each
    series: its ``metric`` and those of ``READ_LABELS`` that there are, "" where absent.
    """

    at_s: Floats
    value: Floats
    first: Ints
    labels: Mapping[str, npt.NDArray[np.object_]]
    began_s: float
    spacing_s: float
    clock_s: Floats
    """Scrape times: of the series that was scraped most often, and of others before its first and after its last."""

    def __len__(self) -> int:
        return len(self.first) - 1

    def of(self, metrics: Collection[str]) -> Scrapes:
        """The series of these metrics only; the clock stays that of all."""
        return self.where(np.array([name in metrics for name in self.labels["metric"]], dtype=bool))

    def where(self, wanted: npt.NDArray[np.bool_]) -> Scrapes:
        """The series that are wanted."""
        if bool(wanted.all()):
            return self
        lengths = np.diff(self.first)
        kept = np.flatnonzero(wanted)
        if len(kept) and kept[-1] - kept[0] + 1 == len(kept):
            rows: slice | npt.NDArray[np.bool_] = slice(int(self.first[kept[0]]), int(self.first[kept[-1] + 1]))
        else:
            rows = np.repeat(wanted, lengths)
        first = np.concatenate([[0], np.cumsum(lengths[kept])]).astype(np.int64)
        labels = {name: texts[kept] for name, texts in self.labels.items()}
        return Scrapes(self.at_s[rows], self.value[rows], first, labels, self.began_s, self.spacing_s, self.clock_s)

    def label(self, name: str) -> npt.NDArray[np.object_]:
        """A label of each series; "" where it is absent."""
        return self.labels[name] if name in self.labels else np.full(len(self), "", dtype=object)

    def by_workflow(self) -> dict[str | None, slice]:
        """The series of each workflow, by position; under None those that no label tells the workflow of."""
        if not len(self):
            return {}
        if "workflow_id" not in self.labels:
            return {None: slice(0, len(self))}
        names = self.labels["workflow_id"]
        edges = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)]
        return {str(names[low]) or None: slice(low, high) for low, high in pairwise(edges)}


def read_scrapes(samples: pd.DataFrame) -> Scrapes:
    """Put samples in order; say what is missing where they cannot be read.

    Parameters
    ----------
    samples : DataFrame
        ``frames.SAMPLES`` with ``metric`` (or ``__name__``) and labels as columns. Text may be of any dtype, times
        without a zone are taken as UTC, and without ``series_id`` a series is what has the same metric and labels.
        Of copies that several servers scraped one is read (``copies.without_copies``).

    Raises
    ------
    FrameError
        If ``sampled_at``, ``value`` or ``metric`` is missing or there twice, or holds what is no time, number or text.
    """
    twice = samples.columns[samples.columns.duplicated()]
    if len(twice):
        raise FrameError(f"The frame has the column {twice[0]} twice.", "Rename or drop one of them.")
    for name in ("sampled_at", "value"):
        if name not in samples.columns:
            raise FrameError(
                f"The frame has no column {name}.", f"Load it with dlqkit, or add {name} as {SAMPLES[name]}."
            )
    if "metric" not in samples.columns and "__name__" in samples.columns:
        samples = samples.rename(columns={"__name__": "metric"})
    if "metric" not in samples.columns and len(samples):
        raise FrameError("The frame has no column metric.", "Join it with its series: dlqkit.with_labels.")
    check_labels(samples)
    samples = without_copies(samples)
    at_us, value = times_us(samples["sampled_at"]), numbers(samples["value"])
    # What is infinite was divided by nothing or overflowed; no counter or duration is.
    known = np.isfinite(value) & (at_us != np.iinfo(np.int64).min)
    if not known.all():
        samples, at_us, value = samples[known], at_us[known], value[known]
    if not len(samples):
        empty = np.empty(0)
        return Scrapes(
            empty, empty, np.zeros(1, np.int64), {"metric": np.empty(0, dtype=object)}, np.nan, USUAL_SPACING_S, empty
        )
    code = series_code(samples)
    rows, first = _in_order(code, at_us, value)
    labels = _labels(samples, first[:-1] if rows is None else rows[first[:-1]])
    at_s = (at_us if rows is None else at_us[rows]) / 1e6
    value = value if rows is None else value[rows]
    order = np.lexsort([labels[name] for name in ("workflow_id", "metric") if name in labels])
    if not np.array_equal(order, np.arange(len(order))):
        lengths = np.diff(first)[order]
        ends = np.cumsum(lengths)
        moved = np.arange(len(at_s)) + np.repeat(first[:-1][order] - (ends - lengths), lengths)
        at_s, value = at_s[moved], value[moved]
        labels = {name: texts[order] for name, texts in labels.items()}
        first = np.concatenate([[0], ends]).astype(np.int64)
    clock = _clock(at_s, first)
    spacing = float(np.median(np.diff(clock[:ENOUGH_SAMPLES]))) if len(clock) > 1 else USUAL_SPACING_S
    return Scrapes(at_s, value, first, labels, float(at_s[first[:-1]].min()), spacing, clock)


def _clock(at_s: Floats, first: Ints) -> Floats:
    longest = int(np.argmax(np.diff(first)))
    clock = at_s[first[longest] : first[longest + 1]]
    begins, ends = at_s[first[:-1]], at_s[first[1:] - 1]
    # Processes are replaced under new names, so no series need be there all the time.
    for _ in range(SERIES_IN_CLOCK):
        later, earlier = np.flatnonzero(ends > clock[-1]), np.flatnonzero(begins < clock[0])
        if len(later):
            # The one that goes on longest without a pause; after a pause, the one that is there first.
            near = later[begins[later] <= clock[-1]]
            next_one = near[np.argmax(ends[near])] if len(near) else later[np.argmin(begins[later])]
            own = at_s[first[next_one] : first[next_one + 1]]
            clock = np.concatenate([clock, own[own > clock[-1]]])
        elif len(earlier):
            near = earlier[ends[earlier] >= clock[0]]
            next_one = near[np.argmin(begins[near])] if len(near) else earlier[np.argmax(ends[earlier])]
            own = at_s[first[next_one] : first[next_one + 1]]
            clock = np.concatenate([own[own < clock[0]], clock])
        else:
            break
    return clock


def series_code(samples: pd.DataFrame) -> Ints:
    """A number for the series of each sample: by ``series_id``, else by the metric and all labels."""
    # A hand-made frame may number series anew in each workflow or metric, so their names are part of the key.
    names: Sequence[str] = [name for name in ("series_id", "metric", "workflow_id") if name in samples.columns]
    if "series_id" not in samples.columns:
        names = [name for name in samples.columns if name not in VALUE_COLUMNS]
    code, size = np.zeros(len(samples), dtype=np.int64), 1
    for name in names:
        own, count = codes(samples[name])
        if count == 1 or (count == 2 and own[0] == 1 and bool((own == 1).all())):
            continue
        if size > (1 << 62) // count:
            code, size = pd.factorize(code)[0].astype(np.int64), len(samples)
        code = code * count + own
        size *= count
    return code


def _in_order(code: Ints, at_us: Ints, value: Floats) -> tuple[Ints | None, Ints]:
    """Rows by series and time, each time once (None: they are so already), and where each series begins."""
    step, later = np.diff(code), np.diff(at_us)
    edges = np.flatnonzero(step) + 1
    first = np.concatenate([[0], edges, [len(code)]]).astype(np.int64)
    backwards = later <= 0
    backwards[edges - 1] = False
    if not backwards.any() and len(np.unique(code[first[:-1]])) == len(first) - 1:
        return None, first
    compact = pd.factorize(code)[0]
    # Of two values at one time the larger is taken: a counter does not fall within a moment.
    rows = np.lexsort((value, at_us, compact.astype(np.uint16 if compact.max() < 1 << 16 else np.int64)))
    own, moment = compact[rows], at_us[rows]
    last = np.concatenate([(own[1:] != own[:-1]) | (moment[1:] != moment[:-1]), [True]])
    rows, own = rows[last], own[last]
    return rows, np.concatenate([[0], np.flatnonzero(np.diff(own)) + 1, [len(rows)]]).astype(np.int64)


def _labels(samples: pd.DataFrame, rows: Ints) -> dict[str, npt.NDArray[np.object_]]:
    labels = {}
    for name in ("metric", *(name for name in READ_LABELS if name in samples.columns)):
        column = samples[name].array
        if isinstance(column, pd.Categorical):
            known = np.array([*map(str, column.categories), ""], dtype=object)
            labels[name] = known[column.codes[rows]]
            continue
        texts = ["" if pd.isna(text) else str(text) for text in column.take(rows)]
        labels[name] = np.array(texts, dtype=object)
    return labels
