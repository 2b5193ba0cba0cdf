"""Files of an incident folder: written whole or not at all, readable by their owner alone."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import json
import os
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard

from dlqkit.errors import EvidenceError, ParameterError, StorageError
from dlqkit.frames import conform, empty_frame
from dlqkit.sources.record_values import in_range

__all__ = [
    "DTYPES",
    "FILE_MODE",
    "MOST_OWN_BYTES",
    "MOST_WORDS",
    "as_table",
    "bounded",
    "check_columns",
    "create_bytes",
    "file_hash",
    "hold",
    "make_folder",
    "move_folder",
    "read_bounded",
    "read_frame",
    "read_json",
    "read_raw",
    "read_words",
    "remove_file",
    "remove_folder",
    "storage_error",
    "sync_folder",
    "text_hash",
    "unreadable",
    "write_bytes",
    "write_frame",
    "write_raw",
    "write_stream",
]

FOLDER_MODE, FILE_MODE = 0o700, 0o600
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LEVEL = 3
# An answer has at most 64 MiB, and what is masked in it at most twice the letters.
_MAX_RAW_BYTES = 128 << 20
# What the cells of a frame take in memory may be so much, and beyond that a thousand times the file: a million records
# that are alike but for their ids and times come to 100, with an error of two kilobytes in each to 500.
_FREE_FRAME_BYTES, _MAX_FRAME_RATIO = 64 << 20, 1000
_CELL_BYTES = 8
# Texts are counted in files up to this size; of a larger one that costs more than it spares.
_COUNTED_BYTES = 16 << 20
# What dlqkit has written ever; others tell of a text by those before it, and a few bytes come to any length.
_ENCODINGS = {"PLAIN", "RLE", "RLE_DICTIONARY", "PLAIN_DICTIONARY", "BIT_PACKED"}
MOST_WORDS = 1 << 20
"""Letters of a file that people write; a folder of somebody else may hold one of any size."""
MOST_OWN_BYTES = 32 << 20
"""Of a file that dlqkit writes: facts, a pin, a notebook, a claim of a thousand events; the largest have some MB."""
# Brackets, braces and commas, one of which stands before each value; a value of three bytes takes a hundred in Python.
# A file of a snapshot has three of them in the manifest, and facts have some tens of thousands.
_MOST_SIGNS = 1_000_000
_CHUNK = 1 << 20


def storage_error(path: Path, error: OSError) -> StorageError:
    """What the analyst is told of an error of the file system."""
    if error.errno in _FULL:
        return StorageError(
            f"The disk is full: {path.name} could not be written.",
            "Free some space and run the same command again; what was collected is kept.",
        )
    if error.errno == errno.ELOOP:
        return StorageError(f"{path.name} is a link, and dlqkit writes through none.", "Move it away, and try again.")
    return StorageError(
        f"{path.name} could not be written: {error.strerror or type(error).__name__}.",
        "Check the folder's permissions, or name another one.",
    )


def read_words(path: Path) -> str:
    """The text of a file that people write, such as ``incident.toml``.

    Raises
    ------
    ParameterError
        If it is longer than anybody writes.
    OSError, UnicodeDecodeError
        As of any file that is read.
    """
    with path.open(encoding="utf-8") as file:
        text = file.read(MOST_WORDS + 1)
    if len(text) > MOST_WORDS:
        raise ParameterError(f"{path.name} is longer than anybody writes.", "Mend it, or write it anew.")
    return text


def read_bounded(path: Path, most: int = MOST_OWN_BYTES) -> bytes:
    """What a file holds, unless it has more bytes than any that dlqkit writes there: then none of them is read.

    Raises
    ------
    EvidenceError
        If it is larger.
    OSError
        As of any file that is read.
    """
    with path.open("rb") as file:
        return bounded(file, path.name, most)


def read_json(path: Path, most: int = MOST_OWN_BYTES) -> Any:
    """The value in a file of JSON, as ``read_bounded``, unless it has more values than any that dlqkit writes.

    Raises
    ------
    EvidenceError
        If it is larger, or has more of them.
    OSError, ValueError, RecursionError
        As of any file of JSON that is read.
    """
    content = read_bounded(path, most)
    if sum(map(content.count, (b"[", b"{", b","))) > _MOST_SIGNS:
        raise EvidenceError(
            f"{path.name} has more than {_MOST_SIGNS:,} values, and dlqkit writes fewer there.",
            "It was changed, or made to stop whoever reads it: restore it from a copy, or remove it.",
        )
    return json.loads(content)


def bounded(file: BinaryIO, name: str, most: int) -> bytes:
    """As ``read_bounded``, of a file that is open."""
    size = os.fstat(file.fileno()).st_size
    content = file.read(size + 1) if size <= most else b""
    if len(content) > size:  # it grows
        content += file.read(most)
    if max(size, len(content)) > most:
        raise EvidenceError(
            f"{name} has {size >> 20:,} MiB, and dlqkit writes at most {most >> 20:,} MiB there.",
            "It was changed, or made to stop whoever reads it: restore it from a copy, or remove it.",
        )
    return content


def make_folder(path: Path) -> None:
    """Make a folder and those above it, open to the owner alone where they are new."""
    try:
        missing = [place for place in (path, *path.parents) if not place.exists()]
        for place in reversed(missing):
            place.mkdir(mode=FOLDER_MODE, exist_ok=True)
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "it is not a folder")
    except OSError as error:
        raise storage_error(path, error) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that after a crash it is the old or the new one, never half of it.

    Raises
    ------
    StorageError
        If the disk is full or the place cannot be written.
    """
    make_folder(path.parent)
    # A name that nobody can foresee, and never through a link that somebody laid there.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error


def prepared(path: Path) -> Path:
    """Where a file waits for its place until the line that tells of it is written."""
    return path.with_name(f".{path.name}.prepared")


def put_in_place(path: Path) -> None:
    """Give a file that was prepared its own name, for good.

    Raises
    ------
    StorageError
        If it cannot be renamed.
    """
    try:
        prepared(path).replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error


def create_bytes(path: Path, content: bytes) -> bool:
    """Write a file where there is none, whole or not at all; of two who do it at once the first one's stands.

    Raises
    ------
    StorageError
        If the disk is full or the place cannot be written.
    """
    own = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    write_bytes(own, content)
    try:
        os.link(own, path)
        sync_folder(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        own.unlink(missing_ok=True)
    return True


def write_stream(path: Path, chunks: Iterable[bytes], *, most: int) -> int:
    """Write a new file a piece at a time; how many bytes it has.

    Raises
    ------
    EvidenceError
        If more than ``most`` bytes come.
    StorageError
        If the disk is full, the place cannot be written, or something is there.
    """
    make_folder(path.parent)
    written = 0
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                written += len(chunk)
                if written > most:
                    raise EvidenceError(f"{path.name} is larger than it says it is.", "Do not unpack it.")
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise storage_error(path, error) from error
    return written


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_hash(path: Path) -> str | None:
    """As ``file_hash``, of a file of text; None at the first NUL, which no text holds, but a file of any size may.

    A file of which only the hash is known would be read to its end otherwise, and one of holes has none to speak of.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if b"\0" in chunk:
                return None
            digest.update(chunk)
    return digest.hexdigest()


def sync_folder(path: Path) -> None:
    """Make renames in a folder last over a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move_folder(path: Path, target: Path) -> None:
    """Give a folder another name in one step, for good.

    Raises
    ------
    StorageError
        If it cannot be renamed.
    """
    try:
        path.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise storage_error(target, error) from error


def remove_file(path: Path) -> None:
    """Remove a file where there is one.

    Raises
    ------
    StorageError
        If it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error


def remove_folder(path: Path) -> None:
    """Remove a folder that nothing depends on; what cannot be removed stays."""
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Keep other processes out of a folder while writing to it; a kill lets go.

    Raises
    ------
    StorageError
        If another process has it.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, FILE_MODE)
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StorageError(
            f"Another dlqkit is collecting into {path.parent.parent.name}.", "Wait until it is done, and try again."
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


def write_raw(path: Path, body: bytes) -> None:
    """A page as it came, compressed by zstd."""
    write_bytes(path, zstandard.ZstdCompressor(level=_LEVEL).compress(body))


def read_raw(path: Path) -> bytes:
    """The page that ``write_raw`` kept."""
    try:
        packed = read_bounded(path, _MAX_RAW_BYTES)
        # What a page declares itself to have is made room for, whatever bound is given.
        if zstandard.frame_content_size(packed) > _MAX_RAW_BYTES:
            raise EvidenceError(
                f"The page {path.name} has over {_MAX_RAW_BYTES >> 20} MiB, and no answer has.",
                "It was changed, or made to stop whoever reads it: restore it from a copy, or remove it.",
            )
        return zstandard.ZstdDecompressor().decompress(packed, _MAX_RAW_BYTES, allow_extra_data=False)
    except (OSError, zstandard.ZstdError) as error:
        raise EvidenceError(f"The page {path.name} cannot be read.", "Run dlqkit verify on the folder.") from error


def as_table(frame: pd.DataFrame) -> pa.Table:
    """A frame as it is stored; times as naive UTC, since engines read an aware time each in its own zone."""
    plain = frame.copy()
    for name, dtype in frame.dtypes.items():
        if isinstance(dtype, pd.DatetimeTZDtype):
            plain[name] = frame[name].dt.tz_convert("UTC").dt.tz_localize(None)
        elif isinstance(dtype, pd.CategoricalDtype):
            plain[name] = frame[name].astype("str")
    return pa.Table.from_pandas(plain, preserve_index=False).replace_schema_metadata(None)


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """A frame as Parquet, in its stored form."""
    buffer = io.BytesIO()
    pq.write_table(as_table(frame), buffer, compression="zstd")
    write_bytes(path, buffer.getvalue())


def unreadable(path: Path) -> EvidenceError:
    """What the analyst is told of a Parquet file that was cut or changed."""
    return EvidenceError(
        f"{path.parent.name}/{path.name} is not readable Parquet; it was cut or changed.",
        "Run dlqkit verify on the folder, and restore the file from a copy.",
    )


def check_columns(files: Iterable[Path], needed: Collection[str]) -> None:
    """See that Parquet files are whole and have columns, before an engine reads them.

    Raises
    ------
    EvidenceError
        If one was cut, is no Parquet, or has one of the ``needed`` columns no more.
    """
    for path in files:
        try:
            names = pq.read_schema(path).names
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise unreadable(path) from error
        _check_names(path, names, needed)


def _check_names(path: Path, names: Collection[str], needed: Collection[str]) -> None:
    absent = [name for name in needed if name not in names]
    if absent:
        raise EvidenceError(
            f"{path.parent.name}/{path.name} has no column {absent[0]}; it was changed.",
            "Run dlqkit verify on the folder, and restore the file from a copy.",
        )


def read_frame(path: Path, columns: Mapping[str, str], *, needed: Collection[str] = ()) -> pd.DataFrame:
    """The frame of a Parquet file in its declared dtypes; further columns follow as categories.

    Raises
    ------
    EvidenceError
        If the file was cut, is no Parquet, expands to far more than its size, or has one of the ``needed`` columns no
        more.
    """
    if not path.is_file():
        return empty_frame(columns)
    try:
        _check_expansion(path)
        table = pq.read_table(path)
        names = table.column_names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise unreadable(path) from error
    _check_names(path, names, needed)
    try:
        return conform(_declared(table, columns), columns)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        # Whole as a file, with columns of other kinds than they were written as, or a text that is none.
        raise unreadable(path) from error


def _check_expansion(path: Path) -> None:
    """See that a file of a few kilobytes does not come to gigabytes, as one of the same row again and again does."""
    size = path.stat().st_size
    most = _FREE_FRAME_BYTES + _MAX_FRAME_RATIO * size
    with pq.ParquetFile(path) as file:
        about, schema = file.metadata, file.schema_arrow
    groups = [about.row_group(place) for place in range(about.num_row_groups)]
    chunks = [group.column(place) for group in groups for place in range(about.num_columns)]
    if (
        any(map(pa.types.is_nested, schema.types))
        or not {one for chunk in chunks for one in chunk.encodings} <= _ENCODINGS
    ):
        raise unreadable(path)
    cells = sum(chunk.num_values for chunk in chunks) * _CELL_BYTES
    if max(cells, sum(chunk.total_uncompressed_size for chunk in chunks)) > most:
        raise _expands(path, most)
    if size <= _COUNTED_BYTES:
        letters = 0
        for count in _count_letters(path, [field.name for field in schema if _is_text(field.type)]):
            letters += count
            if cells + letters > most:
                raise _expands(path, most)


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind) or pa.types.is_dictionary(kind)
    )  # fmt: skip


def _count_letters(path: Path, columns: Sequence[str]) -> Iterator[int]:
    """Bytes that the texts of each column take, group by group, without making each of them."""
    with pq.ParquetFile(path, read_dictionary=columns) as file:
        for group in range(file.num_row_groups):
            for name in dict.fromkeys(columns):
                for column in file.read_row_group(group, columns=[name]).columns:
                    for chunk in column.chunks:
                        if isinstance(chunk, pa.DictionaryArray):
                            lengths = pc.binary_length(chunk.dictionary).take(chunk.indices)
                        else:
                            lengths = pc.binary_length(chunk)
                        yield int(pc.sum(lengths.cast(pa.int64())).as_py() or 0)


def _expands(path: Path, most: int) -> EvidenceError:
    return EvidenceError(
        f"{path.parent.name}/{path.name} expands to more than {most >> 20:,} MiB, and no evidence of its size does.",
        "It was changed, or made to stop whoever reads it: restore it from a copy, or remove it.",
    )


def _declared(table: pa.Table, columns: Mapping[str, str]) -> pd.DataFrame:
    # Not Arrow's own dtypes: the frames are declared in pandas' own.
    frame = table.to_pandas(types_mapper=DTYPES.get, ignore_metadata=True)
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.DatetimeTZDtype) or frame[name].dtype.kind == "M":
            frame[name] = in_range(frame[name].astype("datetime64[us]").dt.tz_localize("UTC"))
        elif name not in columns and str(frame[name].dtype) in {"str", "object"}:
            frame[name] = frame[name].astype("category")
    return frame


DTYPES = {
    pa.int64(): pd.Int64Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): pd.StringDtype(na_value=float("nan")),
    pa.large_string(): pd.StringDtype(na_value=float("nan")),
}
