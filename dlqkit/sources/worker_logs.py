"""Files of structured worker logs, in the forms that people have them in; lines that are no JSON are kept."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import sys
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import msgspec
import pandas as pd
import zstandard

from dlqkit.errors import ParameterError
from dlqkit.frames import WORKER_LOGS, Completeness, Coverage, Loaded, empty_frame
from dlqkit.language import in_english, mark
from dlqkit.sources.export_lots import find_encoding
from dlqkit.sources.json_elements import count_elements
from dlqkit.sources.masking import Masks
from dlqkit.sources.record_values import read_times

__all__ = ["WorkerLogs"]

_NAMES: Mapping[str, tuple[str, ...]] = {
    "logged_at": ("timestamp", "@timestamp", "ts", "time", "eventtime", "datetime", "asctime", "receivetimestamp"),
    "level": ("level", "severity", "levelname", "loglevel", "lvl"),
    "message": ("message", "msg", "event", "text", "textpayload", "log"),
    "trace_id": ("traceid", "trace"),
    "workflow_id": ("workflowid", "workflow"),
    "attempts": ("attempts", "attempt"),
}
# Fields under which log services put the line that the worker wrote.
_INNER = ("jsonPayload", "line", "log", "message", "textPayload")
_KUBECTL = re.compile(
    rb"^(?:\[pod/[^\]]{1,300}\] )?([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9]{2}:[0-9]{2})) (.*)$",
    re.DOTALL,
)
# What a formatter with asctime writes first, 2026-03-02 14:00:05,123; in brackets or not.
_LEADING_TIME = re.compile(
    rb"^\[?([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)"
    rb"(?![0-9])"
)
_POD = re.compile(rb"^\[pod/[^\]]{1,300}\] ")
# Lines of a worker have some ten; what is sorted of one with a hundred thousand is not kept.
_MOST_KEPT_NAMES = 64
# The first letters of a log are of ASCII, as those of a time; in UTF-16 each has a zero beside it.
_LOOKED_AT, _FIRST_ZEROS = 64, bytes(4)
_CHUNK_ROWS = 50_000
# A line of a megabyte may take fifty times that as Python values, so that few of them are held at once.
_CHUNK_BYTES = 4 << 20
_PIECE = 1 << 16
# A longer line comes in such pieces, as text; from more of it than the second nothing is learned.
_LONGEST_LINE, _MOST_OF_LINE = 1 << 20, 16 << 20
_HOLE = bytes(_LONGEST_LINE)
# Read as a whole, unlike lines; a packed one of blanks expands without an end.
_LONGEST_ARRAY = 256 << 20
# Beyond the first, a packed file may have so many bytes for each packed one. JSON lines come to 8, and to 75 where they
# differ in their times alone; the same line again and again comes to thousands, and is to be unpacked first.
_FREE_BYTES, _MAX_RATIO = 64 << 20, 100
# Beyond the first, each line and each element needs so many bytes: a traceback's lines have 30, and a packed line with
# a time of its own has two or more. Of what is shorter a megabyte would take minutes, and a hundred times its size.
_FREE_ROWS, _ROW_BYTES, _PACKED_ROW_BYTES = 250_000, 16, 2
_EXPANDS = "it expands far more than logs do; if it is your own, give it unpacked"
_SHORT = f"more than {_FREE_ROWS:,} lines or elements of hardly anything"


class WorkerLogs:
    """Reads worker logs from files.

    Parameters
    ----------
    paths : path or sequence of paths
        JSON lines, a JSON array, ``kubectl logs``, ``logcli --output=jsonl``; plain, gzip or zstd; in UTF-8, or in
        UTF-16 as PowerShell writes it; ``-`` for standard input. Rotated files are given one by one or as a pattern
        such as ``worker.log*``.
    timezone : str, optional
        Of times without an offset; without it they are not used.
    secrets : collection of str, optional
        Masked where a line holds them.

    Raises
    ------
    ParameterError
        If a file does not exist.
    """

    def __init__(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        timezone: str | None = None,
        secrets: Collection[str] = (),
    ) -> None:
        self._masks = Masks(secrets)
        self._masked = 0
        given = [paths] if isinstance(paths, (str, Path)) else list(paths)
        self._paths = [found for path in given for found in _find(path)]
        self._timezone = timezone

    def __repr__(self) -> str:
        return f"WorkerLogs({[_name(path) for path in self._paths]!r})"

    def load(
        self,
        *,
        trace_id: str | None = None,
        workflow_id: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Loaded:
        """The lines that match.

        Parameters
        ----------
        trace_id, workflow_id : str, optional
            Only lines of these; lines that are no JSON are then left out.
        start, end : datetime, optional
            Aware; only lines of ``[start, end)``. Lines without a known time are kept.

        Returns
        -------
        Loaded
            ``frames.WORKER_LOGS``, by file and line. Lines that are no JSON have their text as ``message``; their
            number is in ``coverage.details["not_json"]``.
        """
        frames: list[pd.DataFrame] = []
        missing: list[str] = []
        findings: dict[str, None] = {}
        lines = not_json = self._masked = 0
        cut = False
        for path in self._paths:
            reader = _Reader(path)
            for rows in _chunks(self._without_secrets(reader)):
                lines += len(rows)
                not_json += sum(row is not None and "_text" in row for row in rows)
                frame, said = _frame(rows, self._timezone)
                findings.update(dict.fromkeys(said))
                frames.append(_within(frame, trace_id, workflow_id, start, end))
            if reader.problem:
                cut = True
                missing.append(in_english(reader.problem, name=_name(path), reason=reader.reason))
        full = [frame for frame in frames if len(frame)]
        frame = pd.concat(full, ignore_index=True) if full else empty_frame(WORKER_LOGS)
        frame = frame.astype({"level": "category"})
        if not_json:
            text = mark("{count} of {lines} lines are no JSON; they are kept as text.")
            findings[in_english(text, count=not_json, lines=lines)] = None
        if self._masked:
            text = mark("Known secrets stood in {count} places; they are masked.")
            findings[in_english(text, count=self._masked)] = None
        first, last = frame["logged_at"].min(), frame["logged_at"].max()
        undated = int(frame["logged_at"].isna().sum())
        if undated:
            text = mark("{count} of {lines} lines have no time that can be read.")
            missing.append(in_english(text, count=undated, lines=len(frame)))
        # Without a single time it is not known whether they reach over the window.
        doubtful: Completeness = "unverified" if undated and undated == len(frame) else "complete"
        coverage = Coverage(
            asked_start=start,
            asked_end=end,
            got_start=None if pd.isna(first) else first.to_pydatetime(),
            got_end=None if pd.isna(last) else last.to_pydatetime(),
            rows=len(frame),
            completeness="partial" if cut else doubtful,
            missing=tuple(missing),
            findings=tuple(findings),
            details={"lines": lines, "not_json": not_json},
        )
        return Loaded(frame, coverage, ", ".join(_name(path) for path in self._paths))

    def _without_secrets(self, reader: _Reader) -> Iterator[bytes]:
        for line in reader.lines():
            text, count = self._masks.apply(line)
            if self._masks and (b"\0" in text or (reader.is_decoded and not text.isascii())):
                text, found = self._without_hidden_ones(text, is_decoded=reader.is_decoded)
                count += found
            self._masked += count
            yield text

    def _without_hidden_ones(self, line: bytes, *, is_decoded: bool) -> tuple[bytes, int]:
        """A line without secrets that stand in it in another encoding, as in a log that two shells appended to."""
        ways = [line]
        if is_decoded:
            # UTF-8 that was taken for UTF-16 is what it was once it is written as that.
            ways += [line.decode("utf-8", "replace").encode(encoding) for encoding in ("utf-16-le", "utf-16-be")]
        for way in ways:
            # The other way round each letter of ASCII has a zero beside it.
            text, count = self._masks.apply(way.translate(None, b"\0"))
            if count:
                return text, count
        return line, 0


def _name(path: Path | None) -> str:
    return "standard input" if path is None else path.name


def _find(given: str | Path) -> list[Path | None]:
    if str(given) == "-":
        return [None]
    path = Path(given)
    if path.is_file():
        return [path]
    if any(sign in path.name for sign in "*?["):
        found = sorted(one for one in path.parent.glob(path.name) if one.is_file())
        if found:
            return list(found)
    raise ParameterError(f"There is no log file {given}.", "Check the path; give rotated files one by one.")


class _Packed:
    """A packed file that tells how many of its bytes were read, also where it comes from a pipe."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self.taken += len(piece)
        return piece


class _Decoded(io.RawIOBase):
    """A file in UTF-16 or UTF-32 as one in UTF-8, piece by piece; what is no letter is replaced."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            piece = self._file.read1(_PIECE)  # type: ignore[attr-defined]
            self._left = self._decoder.decode(piece, final=not piece).encode("utf-8", "replace")
            if not piece:
                break
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size


class _Reader:
    """The lines of one file, in UTF-8; ``problem`` is set where it breaks off."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._packed: _Packed | None = None
        self.problem = ""
        self.reason = ""
        self.is_decoded = False

    def lines(self) -> Iterator[bytes]:
        try:
            with ExitStack() as stack:
                file = self._as_utf8(self._open(stack))
                head = file.peek(64)[:64].lstrip()  # type: ignore[attr-defined]
                # An array of objects; a line may begin with “[pod/…” or “[2026-03-02 …” as well.
                if head[:1] == b"[" and head[1:].lstrip()[:1] in (b"{", b"]", b""):
                    body = self._whole(file)
                    yield from () if body is None else self._array(body)
                else:
                    yield from self._lines(file)
        except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError):
            self.problem = mark("{name} was cut: its compressed end is missing, so later lines may be.")
        except OSError as error:
            self._break_off(error.strerror or "broken")

    def _break_off(self, reason: str) -> None:
        self.problem = mark("{name} could not be read to its end: {reason}.")
        self.reason = reason

    def _open(self, stack: ExitStack) -> IO[bytes]:
        raw: IO[bytes] = sys.stdin.buffer if self._path is None else stack.enter_context(self._path.open("rb"))
        magic = raw.peek(4)[:4]  # type: ignore[attr-defined]
        if magic[:2] == b"\x1f\x8b":
            self._packed = packed = _Packed(raw)
            return io.BufferedReader(stack.enter_context(gzip.GzipFile(fileobj=cast("BinaryIO", packed))))
        if magic == b"\x28\xb5\x2f\xfd":
            self._packed = packed = _Packed(raw)
            source = cast("BinaryIO", packed)
            stream = zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True, closefd=False)
            return io.BufferedReader(stack.enter_context(stream))
        return raw

    def _as_utf8(self, file: IO[bytes]) -> IO[bytes]:
        head = file.peek(_LOOKED_AT)[:_LOOKED_AT]  # type: ignore[attr-defined]
        if head.startswith(codecs.BOM_UTF8):
            file.read(len(codecs.BOM_UTF8))
        encoding = find_encoding(head) or _find_unmarked(head)
        if encoding is None:
            return file
        self.is_decoded = True
        return io.BufferedReader(_Decoded(file, encoding), _PIECE)

    def _lines(self, file: IO[bytes]) -> Iterator[bytes]:
        count = size = begun = 0
        last = b""
        while piece := file.readline(_LONGEST_LINE):
            count, size = count + 1, size + len(piece)
            if count > _FREE_ROWS and count > self._most_rows(size):
                return self._break_off(_SHORT if self._packed is None else _EXPANDS)
            if size > _FREE_BYTES and self._expands(size):
                return self._break_off(_EXPANDS)
            if len(piece) == _LONGEST_LINE:
                if piece == last == _HOLE:
                    continue  # of any size; one piece of it tells that something is missing
                begun += len(piece)
                if begun > _MOST_OF_LINE:
                    return self._break_off(f"a line of more than {_MOST_OF_LINE >> 20} MiB")
                last = piece
            else:
                begun, last = 0, b""
            yield piece
        return None

    def _most_rows(self, size: int) -> int:
        rows = size // _ROW_BYTES
        return _FREE_ROWS + (rows if self._packed is None else min(rows, self._packed.taken // _PACKED_ROW_BYTES))

    def _expands(self, size: int) -> bool:
        return self._packed is not None and size > _FREE_BYTES + _MAX_RATIO * self._packed.taken

    def _whole(self, file: IO[bytes]) -> bytes | None:
        """All of an array; None where it is too large."""
        body = io.BytesIO()
        while piece := file.read(_CHUNK_BYTES):
            size = body.tell() + len(piece)
            if size > _LONGEST_ARRAY:
                self._break_off(f"an array of more than {_LONGEST_ARRAY >> 20} MiB")
                return None
            if self._expands(size):
                self._break_off(_EXPANDS)
                return None
            body.write(piece)
        return body.getvalue()

    def _array(self, body: bytes) -> Iterator[bytes]:
        most = self._most_rows(len(body))
        if count_elements(body, most) > most:
            return self._break_off(_SHORT if self._packed is None else _EXPANDS)
        try:
            for element in msgspec.json.decode(body, type=list[msgspec.Raw]):
                # As of a line, whose pieces are text.
                for at in range(0, len(element), _LONGEST_LINE):
                    yield bytes(memoryview(element)[at : at + _LONGEST_LINE])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # Cut in the middle, or text that only begins like an array: by lines, without what belongs to the array.
            self.problem = mark("{name} is no whole JSON array; it was read line by line.")
            for line in self._lines(io.BytesIO(body)):
                yield line.strip().rstrip(b",")
        return None


def _find_unmarked(head: bytes) -> str | None:
    """UTF-16 that has no mark, by the zeros beside its letters of ASCII."""
    for encoding, zeros, letters in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if zeros.startswith(_FIRST_ZEROS) and b"\0" not in letters:
            return encoding
    return None


def _chunks(lines: Iterable[bytes]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    held = 0
    for line in lines:
        row = _parse(line)
        if row is not None:
            rows.append(row)
            held += len(line)
        if len(rows) >= _CHUNK_ROWS or held >= _CHUNK_BYTES:
            yield rows
            rows, held = [], 0
    if rows:
        yield rows


def _parse(line: bytes) -> dict[str, Any] | None:
    """A line's fields; ``_text`` alone where it is no JSON; None where it is empty."""
    text = line.strip()
    if not text:
        return None
    outer: dict[str, Any] = {}
    if text[:1] != b"{":
        found = _KUBECTL.match(text)
        if found is not None:
            outer["timestamp"] = found[1].decode()
            text = found[2].strip()
        else:
            text = _POD.sub(b"", text)
    value = _decode(text)
    if value is None:
        found = _LEADING_TIME.match(text)
        if found is not None:
            outer.setdefault("timestamp", found[1].decode())
        return {"_text": text.decode("utf-8", "replace"), **outer}
    for name in _INNER:
        inner = value.get(name)
        if isinstance(inner, str):
            inner = _decode(inner.strip().encode("utf-8", "replace"))
        if isinstance(inner, dict):
            rest = {key: part for key, part in value.items() if key != name}
            # What the worker wrote counts more than what the log service put around it.
            return {**outer, **rest, **inner}
    return {**outer, **value}


def _decode(text: bytes) -> dict[str, Any] | None:
    if text[:1] != b"{":
        return None
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _frame(rows: Sequence[Mapping[str, Any]], zone: str | None) -> tuple[pd.DataFrame, list[str]]:
    columns: dict[str, list[Any]] = {name: [] for name in WORKER_LOGS}
    for row in rows:
        if "_text" in row:
            values: dict[str, Any] = {"message": row["_text"], "logged_at": row.get("timestamp")}
            rest: dict[str, Any] = {}
        else:
            values, rest = _pick(row)
        for name in WORKER_LOGS:
            if name == "extra_json":
                columns[name].append(msgspec.json.encode(rest).decode("utf-8", "replace") if rest else None)
            else:
                columns[name].append(_plain(values.get(name)))
    times, findings = read_times(pd.Series(columns["logged_at"], dtype="str"), zone, setting="worker_logs.timezone")
    numbers = pd.to_numeric(pd.Series(columns["attempts"], dtype="str"), errors="coerce").astype("Float64").round()
    made: dict[str, Any] = {**columns, "logged_at": times, "attempts": numbers}
    frame = pd.DataFrame({name: pd.Series(made[name]).astype(dtype) for name, dtype in WORKER_LOGS.items()})
    return frame.astype({"level": "str"}), [sentence for sentence in findings if "zone" in sentence]


def _pick(row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    names = tuple(row)
    columns, others = _sorted_names(names) if len(names) <= _MOST_KEPT_NAMES else _sorted_names.__wrapped__(names)
    return {column: row[name] for column, name in columns}, {name: row[name] for name in others}


@lru_cache(maxsize=32)
def _sorted_names(names: tuple[str, ...]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Which column each name is, and which names are of none; lines of one worker have mostly the same."""
    by_normal = {name.lower().replace("_", "").replace("-", ""): name for name in reversed(names)}
    found: dict[str, str] = {}
    for column, known in _NAMES.items():
        name = next((by_normal[one] for one in known if one in by_normal and by_normal[one] not in found), None)
        if name is not None:
            found[name] = column
    return tuple((column, name) for name, column in found.items()), tuple(name for name in names if name not in found)


def _plain(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else msgspec.json.encode(value).decode("utf-8", "replace")


def _within(
    frame: pd.DataFrame, trace_id: str | None, workflow_id: str | None, start: datetime | None, end: datetime | None
) -> pd.DataFrame:
    keep = pd.Series(True, index=frame.index)
    if trace_id is not None:
        keep &= frame["trace_id"] == trace_id
    if workflow_id is not None:
        keep &= frame["workflow_id"] == workflow_id
    at = frame["logged_at"]
    if start is not None:
        keep &= at.isna() | (at >= pd.Timestamp(start))
    if end is not None:
        keep &= at.isna() | (at < pd.Timestamp(end))
    return frame[keep]
