"""Payloads as a table to edit in a notebook, and the edits that lead from one table to the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.republish.edits import Edit
from dlqkit.republish.exact_json import HALF, parse_exact, plain_value, write_value
from dlqkit.republish.field_paths import escape_name, read_names

__all__ = ["edits_of_table", "payload_table"]


def payload_table(events: Mapping[str, str]) -> pd.DataFrame:
    r"""Payloads as a table to edit: a row per event, a column per field that holds a plain value.

    Parameters
    ----------
    events : mapping
        Payload text by event key.

    Returns
    -------
    DataFrame
        Index ``event_key``; columns such as ``payload.customer.id`` in the order in which they are first seen, a dot
        within a name written as ``\.``; cells are JSON text (a text has its quotes), NA where the payload lacks the
        field. Arrays are one cell.

    Raises
    ------
    ParameterError
        If a payload is no JSON object, or has a field whose name no column can have.
    """
    rows = {}
    for key, text in events.items():
        try:
            value = plain_value(parse_exact(text))
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ParameterError(f"The payload of {key[:60]} is no JSON object.", "Leave it out of the table.")
        rows[key] = dict(_cells("payload", value))
        if any(HALF.search(name) for name in rows[key]):
            raise ParameterError(
                f"The payload of {key[:60]} has a field with half a character in its name.",
                "Leave it out of the table; an edit by --patch can change its other fields.",
            )
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    table = pd.DataFrame([[row.get(name) for name in columns] for row in rows.values()], columns=columns, dtype="str")
    table.index = pd.Index(list(rows), name="event_key", dtype="str")
    return table


def _cells(path: str, value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, inner in value.items():
        place = f"{path}.{escape_name(name)}"
        if isinstance(inner, dict) and inner:
            yield from _cells(place, inner)
        else:
            yield place, write_value(inner)


def edits_of_table(before: pd.DataFrame, after: pd.DataFrame, *, reason: str, by: str) -> tuple[Edit, ...]:
    """The edits that lead from one table of payloads to the other.

    Parameters
    ----------
    before, after : DataFrame
        As ``payload_table`` makes it, and as the analyst left it; rows may be missing, none may be new.
    reason, by : str

    Returns
    -------
    tuple of Edit
        A merge patch for each row with a changed cell. A cell that is no JSON is a text; an emptied one removes.

    Raises
    ------
    ParameterError
        If a row is not in the first table, or a row stands there twice; or a cell holds no text, number or flag.
    """
    strange = [str(key) for key in after.index if key not in before.index]
    if strange or after.index.has_duplicates:
        which = strange[0] if strange else str(after.index[after.index.duplicated()][0])
        raise ParameterError(f"The row {which[:60]} is not in the table once.", "Keep the index as it was.")
    edits = []
    for key in after.index:
        patch: dict[str, Any] = {}
        for column in after.columns:
            old = before.at[key, column] if column in before.columns else None
            new = after.at[key, column]
            old, new = (_plain_cell(cell, str(key), column) for cell in (old, new))
            if old != new:
                _put(patch, read_names(column)[1:], None if new is None else _read_cell(new))
        if patch:
            edits.append(Edit("merge_patch", write_value(patch), reason, by, str(key)))
    return tuple(edits)


def _plain_cell(cell: Any, key: str, column: str) -> str | bool | Decimal | None:
    """A cell as text, number or flag, None where it is empty; a column that was set at once has numpy's own kinds."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool | np.bool_):
        return bool(cell)
    if pd.api.types.is_scalar(cell) and pd.isna(cell):
        return None
    number = Decimal(str(cell)) if isinstance(cell, int | float | np.number | Decimal) else None
    if number is None or not number.is_finite():
        raise ParameterError(
            f"The cell {column[:60]} of {key[:60]} is neither a text, a number nor a flag.",
            "Write a list or an object as JSON text, such as '[1, 2]'.",
        )
    return number


def _read_cell(cell: str | bool | Decimal) -> Any:
    if not isinstance(cell, str):
        return cell
    try:
        return plain_value(parse_exact(cell))
    except ValueError:
        return cell


def _put(patch: dict[str, Any], steps: Sequence[str], value: Any) -> None:
    *parents, last = steps or [""]
    for name in parents:
        patch = patch.setdefault(name, {})
    patch[last] = value
