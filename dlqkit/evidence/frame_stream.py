"""Frames that are written and joined a part at a time: however many records there are, few are in memory at once."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dlqkit.errors import StorageError
from dlqkit.evidence.store import DTYPES, FILE_MODE, as_table, make_folder, storage_error, sync_folder, unreadable
from dlqkit.sources.seen_states import keys_of

__all__ = ["FrameWriter", "find_values", "join_records"]

# What is held back to be written at once: enough that a file's groups are worth reading one by one.
_GROUP_BYTES = 8 << 20
# Of tiny pages; each takes more memory for itself than for its rows.
_MOST_HELD = 256
_BATCH_ROWS = 4096
_BUFFER_BYTES = 1 << 16
# Records are compared within one of so many shares of their keys at a time.
_SHARES = 16


class FrameWriter:
    """Writes one Parquet file out of frames of the same columns; the file is there when all of it is.

    Parameters
    ----------
    path : Path
        Where the file is to be; until ``close`` its content lies beside it under another name.

    Raises
    ------
    StorageError
        If the disk is full or the place cannot be written; nothing of the file is left then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        self._writer: pq.ParquetWriter | None = None
        self._file: Any = None
        self._held: list[pa.Table] = []
        self._held_bytes = 0
        self.rows = 0

    def __enter__(self) -> FrameWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.give_up()

    def add(self, frame: pd.DataFrame) -> None:
        """Write further rows, at once or with those that follow."""
        self.add_table(as_table(frame))

    def add_table(self, table: pa.Table) -> None:
        """Write further rows that are in their stored form."""
        self._held.append(table)
        self._held_bytes += table.nbytes
        self.rows += len(table)
        if self._held_bytes >= _GROUP_BYTES:
            self._flush()
        elif len(self._held) >= _MOST_HELD:
            self._held = [pa.concat_tables(self._held).combine_chunks()]

    def close(self) -> None:
        """Give the file its name, for good; a file without rows is not made."""
        if not self.rows:
            return
        self._flush()
        try:
            self._writer.close()  # type: ignore[union-attr]
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._temporary.replace(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise self._failed(error) from error

    def give_up(self) -> None:
        """Leave nothing of the file."""
        # What cannot be written of it is not wanted any more.
        with contextlib.suppress(OSError, ValueError, pa.ArrowException):
            if self._writer is not None:
                self._writer.close()
        with contextlib.suppress(OSError):
            if self._file is not None:
                self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _flush(self) -> None:
        held, self._held, self._held_bytes = self._held, [], 0
        if not held:
            return
        whole = pa.concat_tables(held)
        try:
            if self._writer is None:
                make_folder(self.path.parent)
                descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
                self._file = os.fdopen(descriptor, "wb")
                self._writer = pq.ParquetWriter(self._file, whole.schema, compression="zstd")
            self._writer.write_table(whole)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> StorageError:
        self.give_up()
        return storage_error(self.path, error)


def join_records(
    paths: Sequence[Path],
    target: Path,
    version: Sequence[str],
    content: Sequence[str] = (),
    *,
    ends: Sequence[int] | None = None,
) -> int:
    """Join the files of several sources; of records that are alike in ``version`` the last one is kept, in its place.

    Parameters
    ----------
    paths : sequence of Path
        A file of each source.
    target : Path
        Where all are to be.
    version : sequence of str
        Columns that tell one state of a record from another.
    content : sequence of str
        Of records that one look holds several times, alike in ``version``, those that differ in these are several.
    ends : sequence of int, optional
        After how many rows of all files another look begins; by default each file is one look.

    Returns
    -------
    int
        How many records there are then.

    Raises
    ------
    EvidenceError
        If a file was cut or is no Parquet.
    StorageError
        If the disk is full.

    Notes
    -----
    Records are compared by 64 bits of a hash: of ten million, two would be taken for one in one of 400,000 cases.
    """
    keys = _all_keys(paths, version)
    if content:
        looks = np.cumsum([_count(path) for path in paths])[:-1] if ends is None else ends
        _tell_apart(paths, keys, [*version, *content], looks)
    keep = _last_ones(keys)
    at = 0
    with FrameWriter(target) as writer:
        for path in paths:
            for batch in _batches(path, None):
                own = keep[at : at + batch.num_rows]
                at += batch.num_rows
                table = pa.Table.from_batches([batch])
                writer.add_table(table if own.all() else table.filter(pa.array(own)))
    return int(keep.sum())


def find_values(path: Path, column: str, wanted: Collection[str]) -> set[str]:
    """Those of the wanted texts that a column of a file holds.

    Raises
    ------
    EvidenceError
        If the file was cut or is no Parquet.
    """
    among = pa.array(sorted(wanted), pa.large_string())
    found: set[str] = set()
    for batch in _batches(path, [column]):
        values = batch.column(0)
        found |= set(values.filter(pc.is_in(values, among)).to_pylist())
    return found


def _batches(path: Path, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path, buffer_size=_BUFFER_BYTES) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=columns, use_threads=False):
                yield batch
                # Arrow keeps what it has freed, of each group anew.
                pa.default_memory_pool().release_unused()
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path) from error


def _all_keys(paths: Sequence[Path], version: Sequence[str]) -> npt.NDArray[np.uint64]:
    keys = np.empty(sum(_count(path) for path in paths), np.uint64)
    at = 0
    for path in paths:
        for batch in _batches(path, version):
            keys[at : at + batch.num_rows] = _keys(batch, version)
            at += batch.num_rows
    return keys


def _count(path: Path) -> int:
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path) from error


def _keys(batch: pa.RecordBatch, version: Sequence[str]) -> npt.NDArray[np.uint64]:
    # In the declared dtypes: a count is hashed alike whether or not its neighbours are absent.
    return keys_of(batch.to_pandas(types_mapper=DTYPES.get), version)


def _tell_apart(paths: Sequence[Path], keys: npt.NDArray[np.uint64], columns: Sequence[str], ends: Any) -> None:
    """Give records that stand side by side in one look under one key, and their like elsewhere, keys of all columns."""
    shared = np.concatenate([_repeated(own) for own in np.split(keys, ends)])
    if not len(shared):
        return
    at = 0
    for path in paths:
        for batch in _batches(path, columns):
            own = keys[at : at + batch.num_rows]
            at += batch.num_rows
            if (wanted := np.isin(own, shared)).any():
                own[wanted] = _keys(batch.filter(pa.array(wanted)), columns)


def _repeated(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The keys that are there more than once; in shares, as below."""
    found = []
    share = keys.view(np.uint8)[:: keys.itemsize] % _SHARES
    for number in range(_SHARES):
        own = np.sort(keys[share == number])
        found.append(np.unique(own[1:][own[1:] == own[:-1]]))
    return np.concatenate(found)


def _last_ones(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """For each key whether it is the last of its kind; in shares, since sorting takes as much again as it sorts."""
    keep = np.ones(len(keys), bool)
    # One byte of each key; all eight would take as much again.
    share = keys.view(np.uint8)[:: keys.itemsize] % _SHARES
    for number in range(_SHARES):
        places = np.flatnonzero(share == number)
        # Sorted by key and then by place, one that is followed by its like is not the last.
        order = places[np.argsort(keys[places], kind="stable")]
        keep[order[:-1][keys[order[1:]] == keys[order[:-1]]]] = False
    return keep
