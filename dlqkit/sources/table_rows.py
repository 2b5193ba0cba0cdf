"""Rows of a table (Parquet, DuckDB, Spark) as those of JSON, whatever its cells hold."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa

from dlqkit.sources.export_lots import name_apart
from dlqkit.sources.record_fields import names_of, normal
from dlqkit.sources.record_repair import MENDED, Quarantined

__all__ = ["TableRows", "plain_rows", "rows_of"]

# What msgspec writes as a number; JSON knows no bounds, but no reader of ours takes more.
_LEAST, _MOST = -(2**63), 2**64 - 1
_DEEPEST = 100
_UNREADABLE = object()


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows as JSON has them, those of the table that are none of it, and whether a text of one is another now."""

    rows: list[dict[str, Any]]
    odd: list[Quarantined] = field(default_factory=list)
    is_replaced: bool = False
    again: list[str] = field(default_factory=list)
    """Names of columns that are those of columns before them."""


class _NoText(Exception):
    """Bytes that are no UTF-8, where they may not be replaced; or a value that JSON has no word for."""


def rows_of(batch: pa.RecordBatch | pa.Table) -> TableRows:
    """The rows of an Arrow batch.

    Notes
    -----
    A time that Python has no word for, of year 0 or of after 9999, is its number with its unit: who reads times tells
    of it. Bytes that are no UTF-8 are replaced in an error's texts, as in JSON; a row that has them elsewhere is put
    apart, since an id or a payload with a letter changed is another one. Of two columns with one name the first one
    keeps it, as in CSV.
    """
    names, again = name_apart(batch.schema.names)
    if again:
        batch = batch.rename_columns(names)
    try:
        rows = batch.to_pylist()
    except (pa.ArrowException, ValueError, OverflowError):
        columns = [[_python_value(cell) for cell in column] for column in batch.columns]
        rows = [dict(zip(batch.schema.names, values, strict=True)) for values in zip(*columns, strict=True)]
    return replace(plain_rows(rows), again=again)


def plain_rows(rows: Iterable[Mapping[str, Any]]) -> TableRows:
    """Rows of Python values as those of JSON."""
    out, odd, is_replaced = [], list[Quarantined](), False
    for row in rows:
        plain = {}
        try:
            for name, value in row.items():
                plain[name] = _json_value(value, 0)
        except _NoText:
            try:
                plain = {name: _mended(name, value) for name, value in row.items()}
            except _NoText:
                odd.append(
                    Quarantined(_as_came(row), "It holds bytes that are no UTF-8, or a value without a word in JSON.")
                )
                continue
            is_replaced = True
        out.append(plain)
    return TableRows(out, odd, is_replaced)


def _as_came(row: Mapping[str, Any]) -> bytes:
    """A row as JSON, in which bytes that are no text stand as Base64."""
    cells: dict[str, Any] = {}
    for name, value in row.items():
        try:
            cells[str(name)] = _json_value(value, 0)
        except _NoText:
            cells[str(name)] = (
                {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else _said(value)
            )
    return msgspec.json.encode(cells, enc_hook=str)


def _said(value: object) -> str:
    try:
        return repr(value)
    except RecursionError:
        return f"a {type(value).__name__} that is nested without an end"


def _python_value(cell: Any) -> Any:
    try:
        return cell.as_py()
    except (pa.ArrowException, ValueError, OverflowError):
        if pa.types.is_temporal(cell.type):
            return f"{cell.value} of {cell.type}"
        if isinstance(cell, pa.StringScalar | pa.LargeStringScalar):
            return cell.as_buffer().to_pybytes()
        return _UNREADABLE


def _mended(name: str, value: Any) -> Any:
    if isinstance(value, bytes) and any(normal(name) in names_of(column) for column in MENDED):
        return value.decode("utf-8", "replace")
    return _json_value(value, 0)


def _json_value(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, str | bool | msgspec.Raw):
        return value
    if isinstance(value, int):
        return value if _LEAST <= value <= _MOST else str(value)
    if isinstance(value, float):
        # Of a column of its own an infinite number is told of, as one that cannot be read.
        return value if math.isfinite(value) else str(value) if math.isinf(value) and not depth else None
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise _NoText from None
    if value is _UNREADABLE or depth > _DEEPEST:
        raise _NoText
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _json_value(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(one, depth + 1) for one in value]
    return value if isinstance(value, Decimal | timedelta) else str(value)
