"""JSON texts as columns: a path for every nested field, and what a list holds somewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.decision.subgroups.features import ABSENT, MISSING, NULL, RARE

__all__ = ["JsonColumns", "json_columns"]

Bools = npt.NDArray[np.bool_]

_DEEPEST = 8
# An object with more names than this is a map from ids; its names are data, not fields.
_MOST_NAMES = 100
_MOST_ELEMENTS = 100
_MOST_PATHS = 3000
_MOST_COLUMNS = 400
_MOST_ELEMENT_VALUES = 40
NOT_JSON = "(not JSON)"


@dataclass(frozen=True, slots=True)
class JsonColumns:
    """Fields by their dotted path, and flags of lists: path, value, and which texts hold it in some element."""

    columns: dict[str, pd.Series]
    flags: list[tuple[str, Any, Bools]]


@dataclass(slots=True)
class _Found:
    """Rows and values seen so far at each path."""

    fields: dict[str, tuple[list[int], list[Any]]] = field(default_factory=dict)
    elements: dict[str, tuple[list[int], list[Any]]] = field(default_factory=dict)
    objects: dict[str, list[int]] = field(default_factory=dict)

    def put(self, place: dict[str, tuple[list[int], list[Any]]], path: str, row: int, value: Any) -> None:
        seen = place.get(path)
        if seen is None:
            if len(place) >= _MOST_PATHS:
                return
            seen = place[path] = ([], [])
        seen[0].append(row)
        seen[1].append(value)


def json_columns(texts: Sequence[Any], *, name: str = "") -> JsonColumns:
    """The fields of these JSON texts.

    Parameters
    ----------
    texts : sequence
        JSON, or NA; a text that is no JSON has ``(not JSON)`` at the root.
    name : str
        What the root is called; the root's fields are ``name.field``, or ``field`` where the name is empty.

    Returns
    -------
    JsonColumns
        ``ABSENT`` where a field is missing, None where it is null; an object or a list stands for its type.
        ``path.length`` is a list's length; in the flags ``path[]`` is any element, ``path[].field`` any element's
        field. Paths on fewer than five texts are left out.
    """
    found = _Found()
    decode = msgspec.json.Decoder().decode
    alike: dict[Any, tuple[list[int], list[Any]]] = {}
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            continue
        try:
            value = decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            value = NOT_JSON
        shape = _shape(value) if type(value) is dict else None
        if shape in alike:
            alike[shape][0].append(row)
            alike[shape][1].append(value)
            continue
        # The first of its shape says which paths there are, and in which order.
        _walk(found, value, row, name, 0)
        if shape is not None:
            alike[shape] = ([], [])
    for places, objects in alike.values():
        if places:
            _walk_alike(found, objects, places, name, 0)
    count = len(texts)
    frequent = {*sorted(found.fields, key=lambda path: (-len(found.fields[path][0]), path))[:_MOST_COLUMNS]}
    # As first seen, so parents before their children: where both are missing on the same records the parent is named.
    columns = {path: _spread(*seen, count) for path, seen in found.fields.items()
               if path in frequent and len(seen[0]) >= RARE}  # fmt: skip
    flags: list[tuple[str, Any, Bools]] = []
    for path in sorted(found.elements, key=lambda path: (-len(found.elements[path][0]), path))[:_MOST_COLUMNS]:
        rows, values = np.array(found.elements[path][0]), found.elements[path][1]
        if len(rows) >= RARE:
            flags += _element_flags(path, rows, values, count)
            columns |= _element_bounds(path, rows, values, count)
            flags += _element_gaps(path, rows, found, count)
    return JsonColumns(columns, flags)


def _walk(found: _Found, value: Any, row: int, path: str, depth: int) -> None:
    if isinstance(value, dict):
        if path:
            found.put(found.fields, path, row, {})
        if depth < _DEEPEST and len(value) <= _MOST_NAMES:
            before, fields = f"{path}." if path else "", found.fields
            for name, inner in value.items():
                if isinstance(inner, (dict, list)):
                    _walk(found, inner, row, before + name, depth + 1)
                elif (seen := fields.get(before + name)) is not None:
                    seen[0].append(row)
                    seen[1].append(inner)
                else:
                    found.put(fields, before + name, row, inner)
    elif isinstance(value, list):
        found.put(found.fields, path, row, [])
        found.put(found.fields, f"{path}.length", row, len(value))
        _walk_list(found, value[:_MOST_ELEMENTS], row, f"{path}[]")
    else:
        found.put(found.fields, path, row, value)


def _shape(value: dict[str, Any]) -> Any:
    """What objects have in common that are walked alike; None for one with a list in it, which may hold anything."""
    kinds = tuple(map(type, value.values()))
    if list in kinds:
        return None
    if dict not in kinds:
        return tuple(value), kinds
    inner = tuple(_shape(one) for one in value.values() if type(one) is dict)
    return None if None in inner else (tuple(value), kinds, inner)


def _walk_alike(found: _Found, values: Sequence[dict[str, Any]], rows: list[int], path: str, depth: int) -> None:
    """``_walk`` of many objects of one shape, all values of a field at once; every path is known already."""
    if path and (seen := found.fields.get(path)) is not None:
        seen[0].extend(rows)
        seen[1].extend({} for _ in rows)
    if depth >= _DEEPEST or len(values[0]) > _MOST_NAMES:
        return
    before = f"{path}." if path else ""
    for name, column in zip(values[0], zip(*(one.values() for one in values), strict=True), strict=True):
        if type(column[0]) is dict:
            _walk_alike(found, column, rows, before + name, depth + 1)
        elif (seen := found.fields.get(before + name)) is not None:
            seen[0].extend(rows)
            seen[1].extend(column)


def _walk_list(found: _Found, values: list[Any], row: int, path: str) -> None:
    for value in values:
        if isinstance(value, dict):
            found.objects.setdefault(path, []).append(row)
            for name, inner in list(value.items())[:_MOST_NAMES]:
                found.put(
                    found.elements, f"{path}.{name}", row, inner if not isinstance(inner, (dict, list)) else ABSENT
                )
        elif not isinstance(value, list):
            found.put(found.elements, path, row, value)


def _spread(rows: list[int], values: list[Any], count: int) -> pd.Series:
    out = np.full(count, ABSENT, dtype=object)
    out[rows] = np.fromiter(values, dtype=object, count=len(values))
    return pd.Series(out, dtype=object)


def _element_flags(path: str, rows: npt.NDArray[Any], values: list[Any], count: int) -> list[tuple[str, Any, Bools]]:
    """For each of the frequent values which lists hold it, and which hold a type that is not the usual one."""
    keys = [(type(value).__name__, value) for value in values]
    codes, unique = pd.factorize(np.fromiter(keys, dtype=object, count=len(keys)))
    per_value = np.bincount(codes)
    out = []
    for code in np.argsort(-per_value, kind="stable")[:_MOST_ELEMENT_VALUES]:
        _, value = unique[code]
        if per_value[code] >= RARE and value is not ABSENT:
            out.append((path, NULL if value is None else value, _flag(rows[codes == code], count)))
    texts = np.array([isinstance(value, str) for value in values])
    if RARE <= texts.sum() < len(texts):
        out.append((path, "(text)", _flag(rows[texts], count)))
    return out


def _element_bounds(path: str, rows: npt.NDArray[Any], values: list[Any], count: int) -> dict[str, pd.Series]:
    numeric = np.array([isinstance(value, (int, float)) and not isinstance(value, bool) for value in values])
    if numeric.mean() < 0.5:
        return {}
    numbers = np.array([value for value, is_one in zip(values, numeric, strict=True) if is_one], dtype=np.float64)
    groups = pd.Series(numbers).groupby(rows[numeric])
    return {
        f"{path} ({word})": reduced.reindex(range(count)).astype("float64").reset_index(drop=True)
        for word, reduced in (("largest", groups.max()), ("smallest", groups.min()))
    }


def _element_gaps(path: str, rows: npt.NDArray[Any], found: _Found, count: int) -> list[tuple[str, Any, Bools]]:
    """Which lists have an element without this field."""
    owner = path.rpartition(".")[0]
    if owner not in found.objects:
        return []
    lacks = np.bincount(rows, minlength=count) < np.bincount(found.objects[owner], minlength=count)
    return [(path, MISSING, lacks)] if lacks.any() else []


def _flag(rows: npt.NDArray[Any], count: int) -> Bools:
    out = np.zeros(count, dtype=bool)
    out[rows] = True
    return out
