"""Execution records exported to files, where there is no API: JSON lines, a JSON array, CSV or Parquet."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dlqkit.errors import UnexpectedAnswer
from dlqkit.frames import RECORD_CONTENT, RECORD_STATE, RECORDS, Coverage, Loaded, empty_frame
from dlqkit.language import in_english, mark
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.asked_records import Extent
from dlqkit.sources.export_lots import CUT, TOO_MANY_CELLS, UNCLOSED, csv_rows, read_lots, tell_same_names
from dlqkit.sources.export_parts import ExportPart, find_parts
from dlqkit.sources.masking import Masks
from dlqkit.sources.record_decode import KEPT_AS_TEXT, REPLACED, Decoded, decode_page, finish_records
from dlqkit.sources.record_fields import TELLING, find_fields
from dlqkit.sources.record_repair import Quarantined, mend_record
from dlqkit.sources.saved_pages import SavedPages
from dlqkit.sources.seen_states import SeenStates, keep_each_once, keys_of
from dlqkit.sources.shared_ids import SharedIds
from dlqkit.sources.table_rows import TableRows, plain_rows, rows_of

__all__ = ["BATCH_ROWS", "REBUILT", "SAME_RECORD", "RecordExports"]

REBUILT = mark("Objects of a Parquet file were written as JSON; their text is not the worker's own.")
NO_RECORD = "It has none of the fields by which a record is told."
BATCH_ROWS = 2_000
# So many lines show whether a file is of JSON lines.
LOOKED_AT = 1_000
_BLANK = b"\xef\xbb\xbf \t\r\n"
# Of records that are alike in these the files may hold several states; the last one counts.
SAME_RECORD = [name for name in RECORD_STATE if name != "status"]


class _Lot(NamedTuple):
    """Records, findings, what is no record, whether the end is missing, and the page that it was, if it was one."""

    frame: pd.DataFrame
    said: Sequence[str]
    odd: Sequence[Quarantined] = ()
    is_cut: bool = False
    page: Decoded | None = None


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
        self._masked = self._wide = self._unclosed = 0
        self._broken = False
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
        numbers: list[int] = []
        files = 0

        def begin() -> None:
            nonlocal files
            files += 1

        def keep(frame: pd.DataFrame) -> None:
            frames.append(frame)
            numbers.append(files)

        coverage, source = self.stream(keep, on_file=begin)
        frame = pd.concat(frames, ignore_index=True) if frames else empty_frame(RECORDS)
        looks = np.repeat(numbers, [len(one) for one in frames])
        frame = keep_each_once(frame, looks, SAME_RECORD, RECORD_CONTENT).astype({"status": "category"})
        return Loaded(frame, replace(coverage, rows=len(frame)), source)

    def stream(
        self,
        on_records: Callable[[pd.DataFrame], None],
        on_quarantined: Callable[[Sequence[Quarantined]], None] = lambda odd: None,
        *,
        on_file: Callable[[], None] | None = None,
    ) -> tuple[Coverage, str]:
        """The records of the files, handed on part by part; some thousand at a time but of a JSON array.

        Parameters
        ----------
        on_records : callable
            Gets ``frames.RECORDS``. A record that the files have twice is handed on twice; of those that are alike in
            ``SAME_RECORD`` the last one counts, but for those that one file holds side by side with another content.
        on_quarantined : callable, optional
            Gets what is no record, as it came, and why: lines, elements, and rows of CSV with more cells than columns.
        on_file : callable, optional
            Called before each file.

        Returns
        -------
        (Coverage, str)
            What came, and the files' names. Each record is counted once for each content.

        Raises
        ------
        UnexpectedAnswer
            As ``load``; what was handed on by then is of the files before.
        """
        findings: dict[str, None] = {}
        missing: list[str] = []
        quarantined = self._masked = 0
        extent, seen, is_cut = Extent(), SeenStates(), False
        shared, pages = SharedIds(), SavedPages()
        for found in self._parts:
            part, count = found.without_secrets(self._masks)
            self._masked += count
            bad = cut_lines = self._wide = self._unclosed = 0
            self._broken = False
            if on_file is not None:
                on_file()
            for frame, said, odd, cut, page in self._read(part):
                findings.update(dict.fromkeys(said))
                bad += len(odd) - cut
                if odd:
                    on_quarantined(odd)
                if cut:
                    is_cut, cut_lines = True, 1
                    missing.append(in_english(mark("{name} was cut in its last line."), name=part.name))
                contents = keys_of(frame, [*SAME_RECORD, *RECORD_CONTENT])
                if page is not None:
                    pages.add(part.name, page, keys_of(frame, SAME_RECORD), contents)
                if len(frame):
                    extent = extent.and_of(frame)
                    seen.add(contents)
                    on_records(frame)
                    shared.add(frame)
            is_cut = is_cut or self._broken
            bad -= self._wide + self._unclosed
            if bad:
                missing.append(in_english(mark("{count} rows of {name} are no records."), count=bad, name=part.name))
            if self._wide:
                text = mark("{count} rows of {name} have more cells than its header names; they are kept apart.")
                missing.append(in_english(text, count=self._wide, name=part.name))
            if self._unclosed:
                is_cut = True
                text = mark("Quotes of {name} that are not closed: {count}; the lines that open them are kept apart.")
                missing.append(in_english(text, name=part.name, count=self._unclosed))
            # What is left of a line is no record either: rows and quarantine come to what was served.
            quarantined += bad + cut_lines + self._wide + self._unclosed
        if self._masked:
            text = mark("Known secrets stood in {count} places; they are masked.")
            findings[in_english(text, count=self._masked)] = None
        findings.update(dict.fromkeys(shared.findings))
        judged = pages.judge()
        findings.update(dict.fromkeys(judged.findings))
        coverage = Coverage(
            got_start=extent.first,
            got_end=extent.last,
            rows=len(seen),
            quarantined=quarantined,
            completeness="partial" if is_cut else judged.completeness,
            missing=(*missing, *judged.missing),
            findings=tuple(findings),
        )
        return coverage, ", ".join(self._masks.text(path.name) for path in self._paths)

    def _read(self, part: ExportPart) -> Iterator[_Lot]:
        path = part.path
        with path.open("rb") as file:
            head = file.read(4)
        if head == b"PAR1":
            yield from self._from_rows(part, _parquet_rows(part))
            return
        lots = map(self._without_secrets, read_lots(path, head))
        first, second = next(lots), next(lots, None)
        if not first.strip(_BLANK) and second is None:
            # An export that failed looks the same as one of no record.
            raise UnexpectedAnswer(f"{part.name} is empty.", "Export it again; if it holds no record, leave it out.")
        start = first[:64].lstrip(_BLANK)[:1]
        rest = lots if second is None else itertools.chain([second], lots)
        if start == b"{" and second is not None and _is_of_lines(first):
            yield from self._lots_of_lines(part, itertools.chain([first], rest))
        elif start == b"{":
            yield self._json_lines(part, b"".join([first, *rest]))
        elif start == b"[":
            yield _of(decode_page(b"".join([first, *rest]), self._settings))
        else:
            said: list[str] = []
            rows = csv_rows(part.name, itertools.chain([first], rest), said)
            while held := list(itertools.islice(rows, BATCH_ROWS)):
                lot = self._of_texts(part, [row for row in held if not isinstance(row, Quarantined)], said)
                odd = [row for row in held if isinstance(row, Quarantined)]
                self._wide += sum(row.reason == TOO_MANY_CELLS for row in odd)
                self._unclosed += sum(row.reason == UNCLOSED for row in odd)
                yield lot._replace(odd=[*lot.odd, *odd], is_cut=any(row.reason == CUT for row in odd))

    def _of_texts(self, part: ExportPart, rows: list[dict[str, Any]], found: Sequence[str]) -> _Lot:
        batch = TableRows(rows)
        if any(isinstance(value, bytes) for row in rows for value in row.values()):
            batch = plain_rows(rows)
        frame, said, odd = self._finished(part.complete(batch.rows))
        return _Lot(frame, [*found, *said, *([REPLACED] if batch.is_replaced else [])], [*odd, *batch.odd])

    def _finished(self, rows: list[dict[str, Any]]) -> tuple[pd.DataFrame, Sequence[str], list[Quarantined]]:
        frame, said, count = finish_records(rows, self._settings)
        return frame, said, _no_records(rows, self._settings) if count else []

    def _from_rows(self, part: ExportPart, batches: Iterable[TableRows]) -> Iterator[_Lot]:
        # As Python values rows take many times what their columns do, so there are few at once.
        for batch in batches:
            rows = batch.rows
            if self._masks:
                rows = json.loads(self._without_secrets(json.dumps(rows, default=str).encode()))
            frame, found, odd = self._finished(part.complete(rows))
            is_rebuilt = any(isinstance(value, dict | list) for row in rows for value in row.values())
            said = [*found, *([REBUILT] if is_rebuilt else []), *([REPLACED] if batch.is_replaced else [])]
            said += [tell_same_names(part.name, batch.again)] if batch.again else []
            odd += [Quarantined(self._without_secrets(one.raw), one.reason) for one in batch.odd]
            yield _Lot(frame, said, odd)

    def _without_secrets(self, body: bytes) -> bytes:
        masked, count = self._masks.apply(body)
        self._masked += count
        return masked

    def _json_lines(self, part: ExportPart, body: bytes) -> _Lot:
        lines = self._sorted(body, is_end=True)
        if not lines.good or len(lines.odd) - lines.is_cut > len(lines.good):
            # One object over several lines: a page of the API that was saved.
            try:
                return _of(decode_page(body, self._settings))
            except UnexpectedAnswer:
                # Or lines of which most are broken; what these were nobody knows.
                if not any(map(_is_record, lines.good)):
                    raise
                self._broken = True
                return self._decoded(part, lines)
        if len(lines.good) == 1 and not lines.odd and not _is_record(lines.good[0]):
            return _of(decode_page(body, self._settings))
        return self._decoded(part, lines)

    def _lots_of_lines(self, part: ExportPart, lots: Iterable[bytes]) -> Iterator[_Lot]:
        """Of a file that is larger than a lot; that its lines are records its first lot has shown."""
        ahead = iter(lots)
        body = next(ahead, b"")
        while body:
            following = next(ahead, b"")
            lines = self._sorted(body, is_end=not following)
            if lines.good:
                yield self._decoded(part, lines)
            elif lines.odd:
                yield _Lot(empty_frame(RECORDS), [], lines.odd, lines.is_cut)
            body = following

    def _sorted(self, body: bytes, *, is_end: bool) -> _Lines:
        """The lines that are JSON, some of them mended; those that are not, and whether the last one of all was cut."""
        lines = [line for line in body.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()]
        good, odd, cut = list[bytes](), list[Quarantined](), False
        mended = dict.fromkeys((REPLACED, KEPT_AS_TEXT), False)
        for number, line in enumerate(lines):
            if _is_json(line):
                good.append(line)
                continue
            found = mend_record(line.strip(), payload=self._settings.fields.get("payload_snapshot"))
            if not isinstance(found, Quarantined):
                good.append(found.raw)
                mended[REPLACED] |= found.is_replaced
                mended[KEPT_AS_TEXT] |= found.has_text_payload
                continue
            # Of a line that was cut nothing says where it would have ended.
            is_cut = is_end and number == len(lines) - 1 and not line.rstrip().endswith(b"}")
            cut = cut or is_cut
            odd.append(Quarantined(line, CUT) if is_cut else found)
        return _Lines(good, odd, cut, [text for text, holds in mended.items() if holds])

    def _decoded(self, part: ExportPart, lines: _Lines) -> _Lot:
        page = decode_page(b"[" + b",".join(part.complete_lines(lines.good)) + b"]", self._settings)
        said = [*(text for text in page.findings if "bare array" not in text), *lines.mended]
        return _Lot(page.frame, said, [*lines.odd, *page.quarantined], lines.is_cut)


@dataclass(frozen=True, slots=True)
class _Lines:
    """JSON lines; what is none, the last one too if it was cut, and what was mended in them."""

    good: list[bytes]
    odd: list[Quarantined]
    is_cut: bool
    mended: list[str]


def _is_json(line: bytes) -> bool:
    try:
        line.decode()
        msgspec.json.decode(line, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _is_of_lines(lot: bytes) -> bool:
    """Whether the first lot of a file shows a record on each line, and not one object over several."""
    lines = [line for line in lot.lstrip(_BLANK).splitlines()[:LOOKED_AT] if line.strip()]
    good = [line for line in lines if _is_json(line)]
    return 2 * len(good) >= len(lines) and bool(good) and (len(good) > 1 or _is_record(good[0]))


def _of(page: Decoded) -> _Lot:
    return _Lot(page.frame, page.findings, page.quarantined, page=page)


def _no_records(rows: Sequence[dict[str, Any]], settings: ExecutionLogsSettings) -> list[Quarantined]:
    """The rows that ``finish_records`` counts as no records, as JSON."""
    fields, _ = find_fields(dict.fromkeys(name for row in rows for name in row), settings.fields)
    telling = {fields[name] for name in TELLING if name in fields}
    return [Quarantined(msgspec.json.encode(row), NO_RECORD) for row in rows if telling.isdisjoint(row)]


def _is_record(line: bytes) -> bool:
    try:
        keys = {name.lower().replace("_", "") for name in msgspec.json.decode(line, type=dict[str, msgspec.Raw])}
    except msgspec.DecodeError:
        return False
    return bool(keys & {"workflowid", "traceid", "queuedtodlq", "lasterror"})


def _parquet_rows(part: ExportPart) -> Iterator[TableRows]:
    try:
        with pq.ParquetFile(part.path) as file:
            for batch in file.iter_batches(BATCH_ROWS):
                yield rows_of(batch)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer(f"{part.name} is a Parquet file that was cut or changed.", "Export it again.") from error
