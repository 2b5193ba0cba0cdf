"""Decoded JSON by its places: what many values hold at one of them is looked at at once, which is much faster.

Each place is two sequences of the same length: its values, in order, and the row that each is of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["NONE", "Place", "by_type", "fields_of", "first_items"]

Place = tuple[Sequence[Any], Sequence[int]]
NONE: Place = ((), ())


def by_type(values: Sequence[Any], rows: Sequence[int]) -> dict[type, Place]:
    """The values of each type."""
    kinds = set(map(type, values))
    if len(kinds) == 1:
        return {kinds.pop(): (values, rows)}
    parts: dict[type, tuple[list[Any], list[int]]] = {kind: ([], []) for kind in kinds}
    for value, row in zip(values, rows, strict=True):
        own, places = parts[type(value)]
        own.append(value)
        places.append(row)
    return {**parts}


def fields_of(objects: Sequence[Mapping[str, Any]], rows: Sequence[int]) -> dict[str, Place]:
    """The values of each field of these objects, in the order in which the fields are first seen."""
    names = {tuple(one) for one in objects}
    if len(names) == 1:
        columns = zip(*(one.values() for one in objects), strict=True)
        return {name: (values, rows) for name, values in zip(names.pop(), columns, strict=True)}
    found: dict[str, tuple[list[Any], list[int]]] = {}
    for one, row in zip(objects, rows, strict=True):
        for name, value in one.items():
            own = found.get(name)
            if own is None:
                own = found[name] = ([], [])
            own[0].append(value)
            own[1].append(row)
    return {**found}


def first_items(arrays: Sequence[Sequence[Any]], rows: Sequence[int], most: int) -> Place:
    """The first items of each array, one after the other."""
    items = [item for one in arrays for item in one[:most]]
    return items, [row for one, row in zip(arrays, rows, strict=True) for _ in one[:most]]
