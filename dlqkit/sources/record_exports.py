"""Execution records exported to files, where there is no API: JSON lines, a JSON array, CSV or Parquet."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from dlqkit.errors import UnexpectedAnswer
from dlqkit.frames import RECORDS, Coverage, Loaded, empty_frame
from dlqkit.language import in_english, mark
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.asked_records import Extent
from dlqkit.sources.export_parts import ExportPart, find_parts
from dlqkit.sources.masking import Masks
from dlqkit.sources.record_decode import KEPT_AS_TEXT, REPLACED, Decoded, decode_page, finish_records
from dlqkit.sources.record_repair import Quarantined, mend_record
from dlqkit.sources.seen_states import SeenStates

__all__ = ["BATCH_ROWS", "REBUILT", "SAME_RECORD", "RecordExports", "plain_rows"]

REBUILT = mark("Objects of a Parquet file were written as JSON; their text is not the worker's own.")
_MAX_BYTES = 4 << 30
BATCH_ROWS = 2_000
# Of records that are alike in these the files may hold several states; the last one counts.
SAME_RECORD = ["record_id", "recorded_at", "queued_to_dlq", "attempts"]
# Records, findings, rows that are no record, and whether the end is missing.
_Lot = tuple[pd.DataFrame, Sequence[str], int, bool]


class RecordExports:
    """Reads exported execution records.

    Parameters
    ----------
    paths : path or sequence of paths
        The form is told from the content; gzip and zstd are read too. A folder is read with all its files; those named
        like ``workflow_id=…`` inside it tell that column.
    settings : ExecutionLogsSettings, optional
        Field names, time zone and event key, as for the API.
    secrets : collection of str, optional
        Masked where a file holds them.
    """

    def __init__(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        settings: ExecutionLogsSettings | None = None,
        secrets: Collection[str] = (),
    ) -> None:
        self._masks = Masks(secrets)
        self._masked = 0
        given = [paths] if isinstance(paths, (str, Path)) else list(paths)
        self._paths = [Path(path) for path in given]
        self._settings = settings or ExecutionLogsSettings()
        self._parts = [part for path in self._paths for part in find_parts(path)]

    def load(self) -> Loaded:
        """Every record of the files, each once.

        Returns
        -------
        Loaded
            ``frames.RECORDS``. A file is whole, so this is ``complete`` unless one was cut.

        Raises
        ------
        UnexpectedAnswer
            If a file is none of the four forms, or was cut so that nothing can be read.
        """
        frames: list[pd.DataFrame] = []
        coverage, source = self.stream(frames.append)
        frame = pd.concat(frames, ignore_index=True) if frames else empty_frame(RECORDS)
        frame = frame.drop_duplicates(SAME_RECORD, keep="last").astype({"status": "category"}).reset_index(drop=True)
        return Loaded(frame, coverage, source)

    def stream(self, on_records: Callable[[pd.DataFrame], None]) -> tuple[Coverage, str]:
        """The records of the files, handed on part by part; of Parquet some thousand at a time.

        Parameters
        ----------
        on_records : callable
            Gets ``frames.RECORDS``. A record that the files have twice is handed on twice; of those that are alike in
            ``SAME_RECORD`` the last one counts.

        Returns
        -------
        (Coverage, str)
            What came, each record counted once, and the files' names.

        Raises
        ------
        UnexpectedAnswer
            As ``load``; what was handed on by then is of the files before.
        """
        findings: dict[str, None] = {}
        missing: list[str] = []
        quarantined = self._masked = 0
        extent, seen, is_cut = Extent(), SeenStates(), False
        for part in self._parts:
            bad = 0
            for frame, said, no_records, cut in self._read(part):
                findings.update(dict.fromkeys(said))
                bad += no_records
                if cut:
                    is_cut = True
                    missing.append(in_english(mark("{name} was cut in its last line."), name=part.name))
                if len(frame):
                    extent = extent.and_of(frame)
                    seen.add(pd.util.hash_pandas_object(frame[SAME_RECORD], index=False))
                    on_records(frame)
            if bad:
                missing.append(in_english(mark("{count} rows of {name} are no records."), count=bad, name=part.name))
            quarantined += bad
        if self._masked:
            text = mark("Known secrets stood in {count} places; they are masked.")
            findings[in_english(text, count=self._masked)] = None
        coverage = Coverage(
            got_start=extent.first,
            got_end=extent.last,
            rows=len(seen),
            quarantined=quarantined,
            completeness="partial" if is_cut else "complete",
            missing=tuple(missing),
            findings=tuple(findings),
        )
        return coverage, ", ".join(path.name for path in self._paths)

    def _read(self, part: ExportPart) -> Iterator[_Lot]:
        path = part.path
        with path.open("rb") as file:
            head = file.read(4)
        if head == b"PAR1":
            yield from self._from_rows(part, _parquet_rows(part))
            return
        body = self._without_secrets(_body(path, head))
        if not body.strip(b"\xef\xbb\xbf \t\r\n"):
            # An export that failed looks the same as one of no record.
            raise UnexpectedAnswer(f"{part.name} is empty.", "Export it again; if it holds no record, leave it out.")
        start = body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if start == b"[":
            yield _of(decode_page(body, self._settings))
        elif start == b"{":
            yield self._json_lines(part, body)
        else:
            yield (*finish_records(part.complete(_csv(path, body)), self._settings), False)

    def _from_rows(self, part: ExportPart, batches: Iterable[list[dict[str, Any]]]) -> Iterator[_Lot]:
        # As Python values rows take many times what their columns do, so there are few at once.
        for rows in batches:
            if self._masks:
                rows = json.loads(self._without_secrets(json.dumps(rows, default=str).encode()))
            frame, said, no_records = finish_records(part.complete(rows), self._settings)
            is_rebuilt = any(isinstance(value, dict | list) for row in rows for value in row.values())
            yield frame, [*said, *([REBUILT] if is_rebuilt else [])], no_records, False

    def _without_secrets(self, body: bytes) -> bytes:
        masked, count = self._masks.apply(body)
        self._masked += count
        return masked

    def _json_lines(self, part: ExportPart, body: bytes) -> _Lot:
        lines = [line for line in body.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()]
        good, bad, cut, mended = [], 0, False, dict.fromkeys((REPLACED, KEPT_AS_TEXT), False)
        for number, line in enumerate(lines):
            try:
                line.decode()
                msgspec.json.decode(line, type=msgspec.Raw)
                good.append(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                found = mend_record(line.strip(), payload=self._settings.fields.get("payload_snapshot"))
                if not isinstance(found, Quarantined):
                    good.append(found.raw)
                    mended[REPLACED] |= found.is_replaced
                    mended[KEPT_AS_TEXT] |= found.has_text_payload
                    continue
                # Of a line that was cut nothing says where it would have ended.
                is_cut = number == len(lines) - 1 and not line.rstrip().endswith(b"}")
                cut = cut or is_cut
                bad += not is_cut
        if not good or bad > len(good):
            # One object over several lines: a page of the API that was saved.
            return _of(decode_page(body, self._settings))
        if len(good) == 1 and not bad and not cut and not _is_record(good[0]):
            return _of(decode_page(body, self._settings))
        page = decode_page(b"[" + b",".join(part.complete_lines(good)) + b"]", self._settings)
        frame, said, no_records, _ = _of(page)
        said = [
            *(text for text in said if "bare array" not in text),
            *(text for text, holds in mended.items() if holds),
        ]
        return frame, said, bad + no_records, cut


def _of(page: Decoded) -> _Lot:
    return page.frame, page.findings, len(page.quarantined), False


def _is_record(line: bytes) -> bool:
    keys = {name.lower().replace("_", "") for name in msgspec.json.decode(line, type=dict[str, msgspec.Raw])}
    return bool(keys & {"workflowid", "traceid", "queuedtodlq", "lasterror"})


def _body(path: Path, head: bytes) -> bytes:
    try:
        if head[:2] == b"\x1f\x8b":
            with gzip.open(path) as file:
                return file.read(_MAX_BYTES)
        if head == b"\x28\xb5\x2f\xfd":
            with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
                return stream.read(_MAX_BYTES)
        return path.read_bytes()
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise UnexpectedAnswer(f"{path.name} cannot be read; it may be cut.", "Export it again.") from error


def _parquet_rows(part: ExportPart) -> Iterator[list[dict[str, Any]]]:
    try:
        with pq.ParquetFile(part.path) as file:
            for batch in file.iter_batches(BATCH_ROWS):
                yield plain_rows(batch.to_pylist())
    except (pa.ArrowException, OSError) as error:
        raise UnexpectedAnswer(f"{part.name} is a Parquet file that was cut or changed.", "Export it again.") from error


def plain_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a table's values as those of JSON."""
    return [{name: _json_value(value) for name, value in row.items()} for row in rows]


def _json_value(value: Any) -> Any:
    if isinstance(value, pd.Timestamp) or hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def _csv(path: Path, body: bytes) -> list[dict[str, Any]]:
    """The rows as text, so that an id keeps its leading zeros; empty cells are absent."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnexpectedAnswer(
            f"{path.name} is neither JSON, CSV nor Parquet.", "Export it as one of these."
        ) from error
    lines = text.splitlines()
    delimiter = max(",;\t", key=(lines[0] if lines else "").count)
    if not lines or delimiter not in lines[0]:
        raise UnexpectedAnswer(f"{path.name} is neither JSON, CSV nor Parquet.", "Export it as one of these.")
    csv.field_size_limit(1 << 28)
    rows = csv.DictReader(text.splitlines(keepends=True), delimiter=delimiter)
    return [{name: _cell(name, value) for name, value in row.items() if name and value} for row in rows]


def _cell(name: str, value: str) -> Any:
    # An error that was an object is JSON text in a cell.
    if "error" in name.lower() and value[:1] == "{":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
