"""A column of anything to features: its numbers, its texts, its types, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.decision.subgroups.features import ABSENT, MISSING, NULL, PRESENT, RARE, Feature
from dlqkit.decision.subgroups.sequences import number_at_end, numbers_events

__all__ = ["build_features", "feature_of_flags"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_TYPES = {"number": "(number)", "text": "(text)", "flag": "(true or false)", "object": "(object)", "list": "(list)"}
_OPAQUE = {"object", "list"}
_MOST_VALUES = 5000
# Up to as many different numbers each is a value of its own; more are cut into bins, half of them by the failing ones.
_FEW_NUMBERS = 40
_BINS = 24
_TAILS = np.array([0.001, 0.005, 0.01, 0.02, 0.98, 0.99, 0.995, 0.999])
_HEAVY_SHARE = 0.01


class _Layout:
    """Atoms and conditions of one feature while it is put together."""

    def __init__(self, count: int) -> None:
        self.codes = np.zeros(count, dtype=np.int64)
        self.labels: list[Any] = []
        self.names: dict[tuple[int, int], str] = {}
        self.kinds: list[list[tuple[int, int]]] = []
        self.types: list[tuple[int, int, str]] = []

    def add(self, where: Bools, codes: Ints, labels: Sequence[Any], type_name: str) -> int:
        first = len(self.labels)
        self.codes[where] = codes + first
        self.labels += labels
        self.types.append((first, len(self.labels), type_name))
        return first

    def finish(self, column: str, **more: Any) -> Feature | None:
        kinds = [list(dict.fromkeys(kind)) for kind in self.kinds if kind]
        found = [(lo, hi, len(kinds) * len(kind)) for kind in kinds for lo, hi in kind]
        if len(self.labels) < 2 or not found:
            return None
        lo, hi, choices = (np.array(part) for part in zip(*found, strict=True))
        return Feature(column, self.codes, len(self.labels), tuple(self.labels), lo.astype(np.int64),
                       hi.astype(np.int64), choices.astype(np.float64), self.names, **more)  # fmt: skip


def build_features(column: str, values: pd.Series, failing: Bools, compared: int | None = None) -> list[Feature]:
    """The features of one column: its values, and the lengths and formats of its texts where they are too many.

    ``values`` may hold anything; ``ABSENT``, NaN and NA are missing, None in a column of objects is null. The first
    ``compared`` of them (by default all) are of the records that are compared, by time, the others of a baseline.
    """
    own = len(values) if compared is None else compared
    groups = _by_type(values)
    groups = {name: group for name, group in groups.items() if group[0].any()}
    layout = _Layout(len(values))
    more: dict[str, Any] = {}
    extra: list[Feature | None] = []
    equal: list[tuple[int, int]] = []
    if "number" in groups:
        where, numbers = groups["number"]
        if numbers_events(column, numbers, failing[where], int(where[:own].sum())):
            groups.pop("number")
            layout.add(where, np.zeros(len(numbers), dtype=np.int64), [None], "number")
        else:
            more = _add_numbers(layout, where, numbers, failing, equal)
    if "text" in groups:
        where, texts = groups["text"]
        codes, labels, rare = _text_atoms(texts)
        first = layout.add(where, codes, labels, "text")
        equal += [(first + i, first + i + 1) for i, label in enumerate(labels) if label is not None]
        ends = number_at_end(texts) if rare > 0.5 else None
        # The length of "order-99" and "order-100" tells when the order came.
        if rare > 0.5 and (ends is None or not numbers_events(column, ends, failing[where], int(where[:own].sum()))):
            extra = [_lengths(column, where, texts, failing), _formats(column, where, texts)]
    if "flag" in groups:
        where, flags = groups["flag"]
        first = layout.add(where, flags.astype(np.int64), [False, True], "flag")
        equal += [(first, first + 1), (first + 1, first + 2)]
    for name in ("object", "list"):
        if name in groups:
            where, _ = groups[name]
            layout.add(where, np.zeros(int(where.sum()), dtype=np.int64), [_TYPES[name]], name)
    layout.kinds.insert(0, equal)
    _add_presence(layout, groups)
    return [feature for feature in (layout.finish(column, **more), *extra) if feature is not None]


def feature_of_flags(column: str, value: Any, flags: Bools) -> Feature | None:
    """One condition that holds where the flag is set."""
    layout = _Layout(len(flags))
    layout.add(np.ones(len(flags), dtype=bool), flags.astype(np.int64), [None, value], "flag")
    layout.kinds = [[(1, 2)]]
    return layout.finish(column) if flags.any() and not flags.all() else None


def _by_type(values: pd.Series) -> dict[str, tuple[Bools, npt.NDArray[Any]]]:
    """For each type of value where it is, and the values."""
    dtype = values.dtype
    if pd.api.types.is_bool_dtype(dtype):
        there = values.notna().to_numpy(dtype=bool)
        return {"flag": (there, values[there].to_numpy(dtype=bool)), "missing": (~there, np.empty(0))}
    if pd.api.types.is_numeric_dtype(dtype):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        there = ~np.isnan(numbers)
        return {"number": (there, numbers[there]), "missing": (~there, np.empty(0))}
    if isinstance(dtype, pd.CategoricalDtype) and dtype.categories.dtype != object:
        return _by_type(values.astype(dtype.categories.dtype)) if values.notna().all() else _by_type(
            values.astype(object).where(values.notna(), ABSENT))  # fmt: skip
    if isinstance(dtype, pd.StringDtype):
        there = values.notna().to_numpy(dtype=bool)
        return {"text": (there, values[there].to_numpy(dtype=object)), "missing": (~there, np.empty(0))}
    objects = values.to_numpy(dtype=object)
    names, kinds = pd.factorize(np.fromiter((_type_name(value) for value in objects), dtype=object, count=len(objects)))
    out = {}
    for number, kind in enumerate(kinds):
        where = names == number
        part = objects[where]
        if kind == "text":
            # Dates, bytes and whatever else a frame may hold are told apart by how they read.
            part = np.fromiter(map(str, part), dtype=object, count=len(part))
        out[kind] = (where, part.astype(np.float64) if kind == "number" else part)
    return out


def _type_name(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, (bool, np.bool_)):
        return "flag"
    if isinstance(value, (int, float, np.number, Decimal)):
        return "missing" if value != value else "number"
    if value is None:
        return "null"
    if value is ABSENT or value is pd.NA or value is pd.NaT:
        return "missing"
    return "object" if isinstance(value, dict) else "list" if isinstance(value, (list, tuple)) else "text"


def _add_numbers(
    layout: _Layout, where: Bools, numbers: Floats, failing: Bools, equal: list[tuple[int, int]], what: str = ""
) -> dict[str, Any]:
    cuts, labels = _number_atoms(numbers, numbers[failing[where]])
    layout.add(where, np.searchsorted(cuts, numbers, side="left").astype(np.int64), labels, "number")
    count = len(labels)
    if not what:
        equal += [(i, i + 1) for i, label in enumerate(labels) if label is not None]
    if count > 2 or (count == 2 and what):
        own = {(i, i + 1) for i, label in enumerate(labels) if label is not None and not what}
        layout.kinds.append([r for i in range(1, count) for r in ((0, i), (i, count)) if r not in own])
        layout.kinds.append([(i, j) for i in range(1, count - 1) for j in range(i + 1, count) if (i, j) not in own])
    full = np.full(len(where), np.nan)
    full[where] = numbers
    return {"numbers": full, "cuts": cuts, "what": what}


def _number_atoms(numbers: Floats, of_failing: Floats) -> tuple[Floats, list[Any]]:
    """Cuts between the bins, and the value of a bin that holds one alone."""
    unique, counts = np.unique(numbers, return_counts=True)
    if len(unique) <= _FEW_NUMBERS:
        return unique[:-1], [_plain(value) for value in unique]
    shares = np.linspace(0, 1, _BINS + 1)[1:-1]
    wanted = [np.quantile(numbers, part, method="lower") for part in (shares, _TAILS)]
    if len(of_failing):
        wanted.append(np.quantile(of_failing, shares, method="lower"))
        wanted.append(np.array([of_failing.max()]))
        lowest = np.searchsorted(unique, of_failing.min())
        wanted.append(unique[lowest - 1 : lowest] if lowest else np.empty(0))
    heavy = np.flatnonzero(counts >= max(RARE, _HEAVY_SHARE * len(numbers)))
    wanted += [unique[heavy], unique[heavy[heavy > 0] - 1]]
    cuts = np.unique(np.concatenate(wanted))
    cuts = cuts[cuts < unique[-1]]
    labels: list[Any] = [None] * (len(cuts) + 1)
    for index in heavy:
        labels[int(np.searchsorted(cuts, unique[index], side="left"))] = _plain(unique[index])
    return cuts, labels


def _plain(value: Any) -> Any:
    return int(value) if float(value).is_integer() else float(value)


def _text_atoms(texts: npt.NDArray[Any]) -> tuple[Ints, list[Any], float]:
    """Codes, values (None: all the rare ones), and the share of the rare ones."""
    codes, unique = pd.factorize(texts)
    counts = np.bincount(codes, minlength=len(unique))
    order = np.argsort(-counts, kind="stable")
    kept = order[:_MOST_VALUES][counts[order[:_MOST_VALUES]] >= RARE]
    place = np.full(len(unique), len(kept), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    rare = 1 - counts[kept].sum() / max(len(texts), 1)
    return place[codes], [*(str(unique[i]) for i in kept), *([None] if len(kept) < len(unique) else [])], float(rare)


def _lengths(column: str, where: Bools, texts: npt.NDArray[Any], failing: Bools) -> Feature | None:
    layout = _Layout(len(where))
    lengths = np.fromiter((len(text) for text in texts), dtype=np.float64, count=len(texts))
    more = _add_numbers(layout, where, lengths, failing, [], what="length")
    if not where.all():
        layout.add(~where, np.zeros(int((~where).sum()), dtype=np.int64), [None], "missing")
    return layout.finish(column, **more)


def _formats(column: str, where: Bools, texts: npt.NDArray[Any]) -> Feature | None:
    """Texts by their format: every run of letters as ``a``, every run of digits as ``9``."""
    shapes = pd.Series(texts, dtype="str").str.slice(0, 200)
    shapes = shapes.str.replace(r"[^\W\d_]+", "a", regex=True).str.replace(r"\d+", "9", regex=True)
    codes, labels, rare = _text_atoms(shapes.to_numpy(dtype=object))
    # One format of all texts says no more than that they are texts.
    if rare > 0.5 or len(labels) < 2:
        return None
    layout = _Layout(len(where))
    layout.add(where, codes, [None if label is None else f"(like {label})" for label in labels], "text")
    if not where.all():
        layout.add(~where, np.zeros(int((~where).sum()), dtype=np.int64), [None], "missing")
    layout.kinds = [[(i, i + 1) for i, label in enumerate(labels) if label is not None]]
    return layout.finish(column)


def _add_presence(layout: _Layout, groups: dict[str, tuple[Bools, npt.NDArray[Any]]]) -> None:
    """Conditions on the type, on null, and on being there at all."""
    types = [(lo, hi) for lo, hi, _ in layout.types]
    name_of = {lo: name for lo, _, name in layout.types}
    if len(types) > 1:
        types = [(lo, hi) for lo, hi in types if hi - lo > 1 or layout.labels[lo] is None or name_of[lo] in _OPAQUE]
        layout.names.update({(lo, hi): _TYPES[name_of[lo]] for lo, hi in types})
        layout.kinds.append(types)
    presence = []
    for name, label in (("null", NULL), ("missing", MISSING)):
        if name in groups:
            where, _ = groups[name]
            first = layout.add(where, np.zeros(int(where.sum()), dtype=np.int64), [label], name)
            if label is not None:
                presence.append((first, first + 1))
            # A field that has one value where it is there is named by the value.
            if name == "missing" and (first > 1 or (first and layout.labels[0] is None)):
                layout.names[0, first] = PRESENT
                presence.append((0, first))
    layout.kinds.append(presence)
