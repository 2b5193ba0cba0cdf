"""Columns of text, made for all rows at once: pieces of one width as a matrix of bytes, the others joined by Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dlqkit.simulator.mixing import Array

__all__ = [
    "Digits",
    "Piece",
    "Whole",
    "Words",
    "clock_digits",
    "decimal_digits",
    "hex_digits",
    "render",
    "table_digits",
]

Digits = npt.NDArray[np.uint8]
"""Text of one width: a row of ASCII bytes for each row."""
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Words:
    """One of several texts in each row."""

    texts: tuple[str, ...]
    codes: Array


@dataclass(frozen=True, slots=True)
class Whole:
    """Whole numbers, each as long as it is."""

    values: Array


Piece = str | Digits | Words | Whole


def decimal_digits(values: Array, width: int) -> Digits:
    """The last ``width`` decimal digits of whole numbers, with leading zeros."""
    out = np.empty((len(values), width), dtype=np.uint8)
    rest = values.astype(np.int64)
    for place in range(width - 1, -1, -1):
        rest, digit = np.divmod(rest, 10)
        out[:, place] = digit + ord("0")
    return out


def hex_digits(values: Array, width: int) -> Digits:
    """The last ``width`` hexadecimal digits of whole numbers, with leading zeros."""
    out = np.empty((len(values), width), dtype=np.uint8)
    bits = values.astype(np.uint64)
    for place in range(width):
        out[:, place] = _HEX[(bits >> np.uint64(4 * (width - 1 - place))) & np.uint64(15)]
    return out


def table_digits(texts: Sequence[str], codes: Array) -> Digits:
    """One of several ASCII texts of one length in each row."""
    table = np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8).reshape(len(texts), -1)
    chosen: Digits = table[codes]
    return chosen


def clock_digits(times_us: Array) -> Digits:
    """Microseconds since 1970 as ``2026-03-02T12:00:00.000000+00:00``."""
    days, rest = np.divmod(times_us, _DAY_US)
    first = int(days.min()) if len(days) else 0
    names = np.arange(first, int(days.max()) + 1 if len(days) else 1).astype("datetime64[D]").astype(str).tolist()
    seconds, micros = np.divmod(rest, 1_000_000)
    minutes, seconds = np.divmod(seconds, 60)
    hours, minutes = np.divmod(minutes, 60)
    pieces: list[str | Digits] = [table_digits(names, days - first), "T"]
    for number, (values, width) in enumerate(((hours, 2), (minutes, 2), (seconds, 2), (micros, 6))):
        pieces += [("", ":", ":", ".")[number], decimal_digits(values, width)]
    return _side_by_side([*pieces, "+00:00"], len(times_us))


def render(pieces: Sequence[Piece], rows: int) -> pa.Array:
    """The pieces of each row one after another, as Arrow's large strings."""
    columns = [_column(group, rows) for group in _grouped(pieces)]
    if len(columns) == 1:
        return columns[0]
    return pc.binary_join_element_wise(*columns, pa.scalar("", pa.large_string()))


def _grouped(pieces: Sequence[Piece]) -> Iterator[list[str | Digits] | Words | Whole]:
    group: list[str | Digits] = []
    for piece in pieces:
        if isinstance(piece, (Words, Whole)):
            if group:
                yield group
            group = []
            yield piece
        else:
            group.append(piece)
    if group:
        yield group


def _column(group: list[str | Digits] | Words | Whole, rows: int) -> pa.Array:
    if isinstance(group, Whole):
        return pc.cast(pa.array(group.values), pa.large_string())
    if isinstance(group, Words):
        return pa.array(group.texts, pa.large_string()).take(pa.array(group.codes))
    matrix = _side_by_side(group, rows)
    offsets = np.arange(rows + 1, dtype=np.int64) * matrix.shape[1]
    return pa.LargeStringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(matrix))


def _side_by_side(pieces: Sequence[str | Digits], rows: int) -> Digits:
    parts = [np.frombuffer(piece.encode(), dtype=np.uint8) if isinstance(piece, str) else piece for piece in pieces]
    out = np.empty((rows, sum(part.shape[-1] for part in parts)), dtype=np.uint8)
    at = 0
    for part in parts:
        out[:, at : at + part.shape[-1]] = part
        at += part.shape[-1]
    return out
