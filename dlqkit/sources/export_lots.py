"""An exported text file lot by lot, each of whole lines, so that a file of any size takes the memory of one lot."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

import zstandard

from dlqkit.errors import UnexpectedAnswer

__all__ = ["LOT_BYTES", "csv_rows", "read_lots"]

LOT_BYTES = 4 << 20
# What a lot may take where no line ends: an array or a page on one line, or a file that expands without an end.
_MAX_BYTES = 4 << 30
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def read_lots(path: Path, head: bytes) -> Iterator[bytes]:
    """What the file holds, unpacked, cut after ends of lines; at least one lot, which may be empty.

    Parameters
    ----------
    path : Path
        The file.
    head : bytes
        Its first four bytes, which tell gzip and zstd.

    Raises
    ------
    UnexpectedAnswer
        If it cannot be read to its end.
    """
    rest: list[bytes] = []
    held = 0
    try:
        with _opened(path, head) as file:
            while held < _MAX_BYTES and (more := file.read(LOT_BYTES)):
                lot, end, begun = more.rpartition(b"\n")
                if end and held + len(lot) + 1 >= LOT_BYTES:
                    yield b"".join([*rest, lot, end])
                    rest, held = [], 0
                    more = begun
                rest.append(more)
                held += len(more)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise UnexpectedAnswer(f"{path.name} cannot be read; it may be cut.", "Export it again.") from error
    yield b"".join(rest)


def _opened(path: Path, head: bytes) -> IO[bytes]:
    if head[:2] == _GZIP:
        return cast("IO[bytes]", gzip.open(path))
    if head == _ZSTD:
        return cast("IO[bytes]", zstandard.open(path, "rb"))
    return path.open("rb")


def csv_rows(name: str, lots: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The rows as text, so that an id keeps its leading zeros; empty cells are absent.

    Raises
    ------
    UnexpectedAnswer
        If the file is no CSV.
    """
    lines = _lines(name, lots)
    header = next(lines, "")
    delimiter = max(",;\t", key=header.count)
    if delimiter not in header:
        raise _no_export(name)
    csv.field_size_limit(1 << 28)
    for row in csv.DictReader(itertools.chain([header], lines), delimiter=delimiter):
        yield {name: _cell(name, value) for name, value in row.items() if name and value}


def _lines(name: str, lots: Iterable[bytes]) -> Iterator[str]:
    encoding = "utf-8-sig"
    for lot in lots:
        # Of text ``splitlines`` also ends lines at U+2028 and the like, which a cell may hold.
        text = io.TextIOWrapper(io.BytesIO(lot), encoding, newline="")
        try:
            yield from text
        except UnicodeDecodeError as error:
            raise _no_export(name) from error
        encoding = "utf-8"


def _no_export(name: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(f"{name} is neither JSON, CSV nor Parquet.", "Export it as one of these.")


def _cell(name: str, value: str) -> Any:
    # An error that was an object is JSON text in a cell.
    if "error" in name.lower() and value[:1] == "{":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
