"""An exported text file lot by lot, each of whole lines, so that a file of any size takes the memory of one lot."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import zlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import msgspec
import zstandard

from dlqkit.errors import UnexpectedAnswer
from dlqkit.language import in_english, mark
from dlqkit.sources.record_repair import Quarantined
from dlqkit.untrusted import is_utf8

__all__ = [
    "CUT",
    "LONGEST_CELL",
    "LOT_BYTES",
    "TOO_MANY_CELLS",
    "UNCLOSED",
    "csv_rows",
    "find_encoding",
    "name_apart",
    "read_lots",
    "tell_same_names",
]

LOT_BYTES = 4 << 20
# What a lot may take where no line ends, as in an array or a page on one line.
_MAX_BYTES = 4 << 30
# Unpacked beyond the first, such a lot is refused if it has more than so many bytes for each packed one: records come
# to a thirtieth, and what expands without an end to a thousandth.
_FREE_BYTES, _MAX_RATIO = 128 << 20, 100
LONGEST_CELL = 24 << 20
"""Letters of a cell and of a row; a longer one is of a quote that never ends. A message has at most ten megabytes, and
the reader of CSV takes four bytes for a letter, and eight for a cell of none."""
# Of a row: a stack trace has hundreds, an indented payload some ten thousand; and a line of two letters takes 64 bytes.
_MOST_LINES = 1_000_000
# A hundred times what records have.
_MOST_COLUMNS = 10_000
TOO_MANY_CELLS = "It has more cells than the header names."
UNCLOSED, CUT = "It opens a quote that is not closed.", "The file ends within it."
# Letters that are read again in all, where quotes are not closed: some seconds. A line takes as long as so many.
_READ_AGAIN, _LETTERS_OF_A_LINE = 128 << 20, 64
_EMPTY_LINES = frozenset({"\n", "\r\n", "\r"})
SAME_NAME = mark(
    "Columns of {name} that are named as one before them: {count}, such as {column}; the first one counts, and "
    "extra_json has the others."
)
_SHOWN = 80
# Half a character stands for each byte that is no UTF-8, and gives it back.
_BYTES_KEPT = "surrogateescape"
# Of such a line, in UTF-8; spreadsheets and PowerShell write it, and a saved page has at most as much.
_LONGEST_UTF16 = 64 << 20
# That of UTF-32 begins like that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def find_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32, by the mark with which a text begins; its decoder leaves the mark out. None for UTF-8."""
    return next((encoding for sign, encoding in _MARKS.items() if head.startswith(sign)), None)


def read_lots(path: Path, head: bytes) -> Iterator[bytes]:
    """What the file holds, unpacked and in UTF-8, cut after ends of lines; at least one lot, which may be empty.

    Parameters
    ----------
    path : Path
        The file.
    head : bytes
        Its first four bytes, which tell gzip and zstd.

    Raises
    ------
    UnexpectedAnswer
        If it cannot be read to its end, or expands to a line that has none.
    """
    lots = _cut(path, head)
    first = next(lots)
    whole = itertools.chain([first], lots)
    encoding = find_encoding(first)
    return whole if encoding is None else _from_utf16(path.name, whole, encoding)


def _cut(path: Path, head: bytes) -> Iterator[bytes]:
    rest: list[bytes] = []
    held = begun_at = 0
    last = b""
    is_utf16: bool | None = None
    try:
        with path.open("rb") as packed, _unpacked(packed, head) as file:
            while more := file.read(LOT_BYTES):
                if len(more) == LOT_BYTES and more == last == bytes(LOT_BYTES):
                    continue  # a hole, of any size: one piece of it tells that something is missing
                last = more
                if is_utf16 is None:
                    is_utf16 = find_encoding(more) is not None
                if is_utf16:
                    yield more  # its lines end elsewhere
                    continue
                lot, end, begun = more.rpartition(b"\n")
                if end and held + len(lot) + 1 >= LOT_BYTES:
                    yield b"".join([*rest, lot, end])
                    rest, held, begun_at = [], 0, packed.tell()
                    more = begun
                rest.append(more)
                held += len(more)
                if held > _MAX_BYTES:
                    raise UnexpectedAnswer(
                        f"{path.name} has more than {_MAX_BYTES >> 30} GiB without an end of a line.",
                        "Export it as JSON lines, a record on each.",
                    )
                if file is not packed and held > _FREE_BYTES + _MAX_RATIO * (packed.tell() - begun_at):
                    raise UnexpectedAnswer(
                        f"{path.name} expands to {held >> 20} MiB without an end of a line, from less than a "
                        "hundredth of that; no records do.",
                        "Do not unpack it, unless you exported it yourself: then give the unpacked file.",
                    )
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise UnexpectedAnswer(f"{path.name} cannot be read; it may be cut.", "Export it again.") from error
    yield b"".join(rest)


def _unpacked(file: BinaryIO, head: bytes) -> IO[bytes]:
    if head[:2] == _GZIP:
        return cast("IO[bytes]", gzip.open(file))
    if head == _ZSTD:
        return cast("IO[bytes]", zstandard.open(file, "rb"))
    return file


def _from_utf16(name: str, lots: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Lots of UTF-16, as spreadsheets and PowerShell write it, or UTF-32 as those of UTF-8, without the mark."""
    decoder = codecs.getincrementaldecoder(encoding)()
    rest: list[bytes] = []
    held = 0
    try:
        for lot in lots:
            done, end, begun = decoder.decode(lot).rpartition("\n")
            if end:
                yield b"".join([*rest, done.encode(), b"\n"])
                rest, held = [], 0
            rest.append(begun.encode())
            held += len(rest[-1])
            if held > _LONGEST_UTF16:
                raise UnexpectedAnswer(
                    f"{name} has a line of more than {_LONGEST_UTF16 >> 20} MiB in {encoding.upper()}.",
                    "Export it as UTF-8.",
                )
        rest.append(decoder.decode(b"", final=True).encode())
    except UnicodeDecodeError as error:
        raise UnexpectedAnswer(
            f"{name} begins as {encoding.upper()}, and is not.", "Export it again, as UTF-8."
        ) from error
    yield b"".join(rest)


def csv_rows(name: str, lots: Iterable[bytes], said: list[str]) -> Iterator[dict[str, Any] | Quarantined]:
    """The rows as text, so that an id keeps its leading zeros; empty cells are absent, and what is no UTF-8 is bytes.

    A row with more cells than the header has names is put apart as it came: of which column each cell is nobody knows.
    So is a line with a quote that is not closed, and a last row that has fewer cells and no end of a line.

    Parameters
    ----------
    name : str
        The file's.
    lots : iterable of bytes
        What it holds, in UTF-8.
    said : list of str
        Gets a sentence where two columns have one name.

    Raises
    ------
    UnexpectedAnswer
        If the file is no CSV, or names its columns in another encoding than UTF-8.
    """
    lines = _lines(lots)
    header = next(lines, "")
    delimiter = max(",;\t", key=header.count)
    if delimiter not in header:
        raise UnexpectedAnswer(f"{name} is neither JSON, CSV nor Parquet.", "Export it as one of these.")
    if not is_utf8(header) or "\0" in header:
        raise UnexpectedAnswer(
            f"{name} names its columns in another encoding than UTF-8.", "Save it as CSV in UTF-8, or export it so."
        )
    csv.field_size_limit(LONGEST_CELL)
    rows = _cells_of_rows(name, itertools.chain([header], lines), delimiter)
    try:
        first, _ = next(rows)
        if first is None:
            raise UnexpectedAnswer(f"{name} opens a quote in its header and does not close it.", "Export it again.")
        columns = _columns(name, first, said)
        for cells, row in rows:
            if cells is None:
                yield _apart(row, UNCLOSED if row[-1].endswith(("\r", "\n")) else CUT)
            elif any(cells[len(columns) :]):
                yield _apart(row, TOO_MANY_CELLS)
            elif 0 < len(cells) < len(columns) and not row[-1].endswith(("\r", "\n")):
                # Only the last line of a file has no end, and nothing says whether its last cell is whole.
                yield _apart(row, CUT)
            elif cells:
                yield {name: _cell(name, value) for name, value in zip(columns, cells, strict=False) if value}
    except csv.Error as error:
        raise _too_long(name) from error


def _apart(row: Sequence[str], reason: str) -> Quarantined:
    return Quarantined("".join(row).rstrip("\r\n").encode(errors=_BYTES_KEPT), reason)


def _cells_of_rows(name: str, lines: Iterator[str], delimiter: str) -> Iterator[tuple[list[str] | None, Sequence[str]]]:
    """The cells of each row and its lines; None for cells where a quote is not closed.

    Such a quote takes what follows into its cell: to the end of the file, to more than any record has, or to the next
    opening quote, behind which comes a letter and no delimiter. So its line is told alone, and what follows is read
    again; once that was much, each line that was taken is a row of its own, so that the time grows with the file alone.
    """
    again = deque[str]()
    left = _READ_AGAIN
    while True:
        row: list[str] = []
        ahead = itertools.chain(_taken_from(again), lines)
        try:
            for cells in csv.reader(_noted(name, ahead, row), delimiter=delimiter, strict=True):
                yield cells, row
                row.clear()
        except csv.Error:
            # A letter behind a closing quote is no fault where the row ends on its line.
            yield _cells_of_line(row[0], delimiter), row[:1]
        else:
            return
        taken = row[1:]
        cost = sum(map(len, taken)) + _LETTERS_OF_A_LINE * len(taken)
        if cost > left:
            # The last one may open a cell of several lines.
            for line in taken[:-1]:
                yield _cells_of_line(line, delimiter), [line]
            again.extendleft(taken[-1:])
        else:
            left -= cost
            again.extendleft(reversed(taken))


def _taken_from(again: deque[str]) -> Iterator[str]:
    while again:
        yield again.popleft()


def _cells_of_line(line: str, delimiter: str) -> list[str] | None:
    """The cells of a row that ends on its line; None if a quote of it is not closed there."""
    cells, *following = csv.reader([line, "\n"], delimiter=delimiter)
    return cells if following else None


def _noted(name: str, lines: Iterable[str], row: list[str]) -> Iterator[str]:
    """The lines, each noted among those of the row that is under way; they end within a row that is no record's."""
    length = 0
    for line in lines:
        if not row:
            if line in _EMPTY_LINES:
                continue
            length = 0
        length += len(line)
        row.append(line)
        if length > LONGEST_CELL or len(row) > _MOST_LINES:
            if len(row) == 1:
                raise _too_long(name)
            return
        yield line


def _too_long(name: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"{name} has a cell that is longer than any record.", "Look for a quote that is not closed."
    )


def _columns(name: str, cells: Sequence[str], said: list[str]) -> list[str]:
    """A name of its own for each column, so that no cell is lost to another one."""
    if len(cells) > _MOST_COLUMNS:
        raise UnexpectedAnswer(
            f"{name} has {len(cells):,} columns, and no record has a tenth of that.", "Export the records' own fields."
        )
    columns, again = name_apart(cells)
    if again:
        said.append(tell_same_names(name, again))
    return columns


def name_apart(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """A name of its own for each column, such as “id (2)” for the second “id”; and the names that come again."""
    columns: dict[str, None] = {}
    again: list[str] = []
    given, seen = set(names), Counter[str]()
    for place, name in enumerate(names, start=1):
        column = own = name or f"column {place}"
        if column in columns:
            again.append(own)
        while column in columns or (column != name and column in given):
            seen[own] += 1
            column = f"{own} ({seen[own] + 1})"
        columns[column] = None
    return list(columns), again


def tell_same_names(name: str, again: Sequence[str]) -> str:
    """A sentence, in English, on columns of a file whose names come again."""
    return in_english(SAME_NAME, name=name, count=len(again), column=again[0][:_SHOWN])


def _lines(lots: Iterable[bytes]) -> Iterator[str]:
    encodings = itertools.chain(["utf-8-sig"], itertools.repeat("utf-8"))
    # Of text ``splitlines`` also ends lines at U+2028 and the like, which a cell may hold.
    return itertools.chain.from_iterable(
        io.TextIOWrapper(io.BytesIO(lot), encoding, errors=_BYTES_KEPT, newline="")
        for lot, encoding in zip(lots, encodings, strict=False)
    )


def _cell(name: str, value: str) -> Any:
    if not is_utf8(value):
        return value.encode(errors=_BYTES_KEPT)
    # An error that was an object is JSON text in a cell.
    if "error" in name.lower() and value[:1] == "{":
        try:
            return msgspec.json.decode(value, type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value
