"""Clients and business keys: values at a path of the payload."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pandas as pd

from dlqkit.errors import ParameterError

__all__ = ["Entities", "count_entities", "name_entities", "values_at"]

_ROOTS = {"payload": "payload_snapshot", "payload_snapshot": "payload_snapshot", "extra": "extra_json"}


@dataclass(frozen=True, slots=True)
class Entities:
    """How many different values stand at a path, in how many of the rows, and how many rows have none."""

    path: str
    values: int
    rows: int
    without: int


def values_at(value: Any, parts: Sequence[str]) -> Iterable[Any]:
    """The scalars at a path; every item of an array on the way counts."""
    if isinstance(value, list):
        for item in value:
            yield from values_at(item, parts)
    elif not parts:
        if value is not None and not isinstance(value, dict):
            yield value
    elif isinstance(value, dict) and parts[0] in value:
        yield from values_at(value[parts[0]], parts[1:])


def count_entities(records: pd.DataFrame, path: str) -> Entities:
    """Count what is named at a path.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``.
    path : str
        A column, or a field of the payload such as ``payload.customer.id`` or ``payload.items[].sku``; ``extra.…`` for
        further fields of the record.

    Returns
    -------
    Entities
        Numbers and texts that look alike are one value, as ids are written both ways.

    Raises
    ------
    ParameterError
        If the path begins with neither.
    """
    named = name_entities(records, path)
    rows = sum(bool(names) for names in named)
    return Entities(path, len(set().union(*named)), rows, len(records) - rows)


def name_entities(records: pd.DataFrame, path: str) -> list[set[str]]:
    """The names at a path, for each row; see ``count_entities``."""
    root, *parts = [part for part in path.replace("[]", "").split(".") if part] or [""]
    if not parts and root in records.columns:
        return [set() if pd.isna(value) else {str(value)} for value in records[root]]
    if root not in _ROOTS or not parts:
        raise ParameterError(
            f"The entity key {path[:80]!r} names neither a column nor a field of the payload.",
            'Write it as "payload.customer_id".',
        )
    column = _ROOTS[root]
    texts = records[column] if column in records.columns else pd.Series(pd.NA, index=records.index, dtype="str")
    return [{_name(value) for value in values_at(_decoded(text), parts)} for text in texts]


def _decoded(text: Any) -> Any:
    if not isinstance(text, str):
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _name(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
