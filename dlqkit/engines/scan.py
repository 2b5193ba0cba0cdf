"""Records in Parquet as one lazy frame, whichever engine reads them."""

from __future__ import annotations

import glob
import re
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dlqkit.engines.choose import Engine, choose_engine, free_memory_bytes
from dlqkit.engines.contract import as_records
from dlqkit.errors import EngineError, EvidenceError, ParameterError
from dlqkit.frames import RECORDS

if TYPE_CHECKING:
    import duckdb

__all__ = ["ROW", "check_session", "connect", "find_files", "scan_files", "scan_frame", "scan_records",
           "spill_folder"]  # fmt: skip

# Where a row stands in its file; so that of two rows that are alike in all else the same is first each time.
ROW = "row_in_file"
# Below this DuckDB cannot even read.
LEAST_MB = 256
# Of triage, which counts by what DuckDB can put on the disk; states of ten million records take a sixth more CPU so.
MOST_MB = 1024
_MAPPER = {pa.string(): pd.StringDtype(na_value=float("nan")), pa.large_string(): pd.StringDtype(na_value=float("nan")),
           pa.bool_(): pd.BooleanDtype(), pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype(),
           pa.int16(): pd.Int16Dtype(), pa.int8(): pd.Int8Dtype(), pa.float64(): pd.Float64Dtype(),
           pa.float32(): pd.Float32Dtype()}  # fmt: skip


def scan_records(path: Path | str, engine: str = "auto", *, spark: Any = None) -> nw.LazyFrame[Any]:
    """Execution records of a Parquet file or folder, as a lazy frame.

    Parameters
    ----------
    path : path
        A file, or a folder with files below it, also partitioned (``workflow_id=…/``). For Spark whatever it reads.
    engine : str
        ``auto``, ``pandas``, ``duckdb`` or ``spark``.
    spark : SparkSession, optional
        Of PySpark or Spark Connect; needed for ``spark`` alone. Its time zone has to be UTC.

    Returns
    -------
    LazyFrame
        Of Narwhals, columns of ``frames.RECORDS`` with times as naive UTC and ``status`` as text. Nothing is read
        before an answer is asked for, apart from pandas', which reads these columns now.

    Raises
    ------
    ParameterError
        If there is no such path, engine or session.
    EvidenceError
        If a file is no whole Parquet file.
    FrameError
        If a column is missing that every analysis needs, or has a type that cannot be taken for the declared one.
    """
    if engine == "spark":
        return as_records(_read_spark(str(path), spark))
    files = find_files(Path(path))
    return scan_files(files, choose_engine(engine, files))


def scan_files(
    files: Sequence[Path], engine: Engine, *, spark: Any = None, connection: Any = None
) -> nw.LazyFrame[Any]:
    """The same of files that are known; with a connection of DuckDB that several scans are to share."""
    if engine == "spark":
        return as_records(_read_spark([str(file) for file in files], spark))
    read = _read_pandas(files) if engine == "pandas" else _read_duckdb(files, connection or connect())
    return as_records(read)


def scan_frame(records: pd.DataFrame) -> nw.LazyFrame[Any]:
    """Records that are in memory, ``frames.RECORDS``, as the same lazy frame on pandas."""
    plain = {name: records[name] for name in RECORDS if name in records.columns}
    for name, column in plain.items():
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            plain[name] = column.dt.tz_convert("UTC").dt.tz_localize(None)
        elif isinstance(column.dtype, pd.CategoricalDtype):
            plain[name] = column.astype("str")
    frame = pd.DataFrame(plain).reset_index(drop=True)
    return as_records(nw.from_native(frame.assign(**{ROW: range(len(frame))})).lazy())


def find_files(path: Path) -> list[Path]:
    """The Parquet files at or below a path, in order of their names; what begins with ``_`` or ``.`` is none.

    Raises
    ------
    ParameterError
        If there is none.
    """
    if path.is_file():
        return [path]
    below = sorted(file for file in path.rglob("*.parquet") if file.is_file())
    files = [file for file in below if not any(part[0] in "._" for part in file.relative_to(path).parts)]
    if not files:
        raise ParameterError(
            f"There is no Parquet file at {path}.", "Name a .parquet file, or a folder that holds some."
        )
    return files


def connect(most_mb: int | None = None) -> duckdb.DuckDBPyConnection:
    """A connection to DuckDB of its own, in UTC, that takes no more than the free memory and past that the disk.

    Parameters
    ----------
    most_mb : int, optional
        Megabytes that it may take though more are free.

    Notes
    -----
    What it writes there (``spill_folder``) is open to the owner alone, and is removed with the connection.
    """
    import duckdb

    connection = duckdb.connect()
    # Aware times are cut in the session's zone.
    connection.execute("SET TimeZone = 'UTC'")
    # Keeps no rows back to give them in order, which no answer needs.
    connection.execute("SET preserve_insertion_order = false")
    free = free_memory_bytes()
    # By itself it takes up to four fifths of all memory, free or not.
    limits = [None if free is None else int(0.8 * free) >> 20, most_mb]
    if known := [limit for limit in limits if limit is not None]:
        connection.execute(f"SET memory_limit = '{max(min(known), LEAST_MB)} MiB'")
    # By itself it spills into the working directory, where error texts would lie open to others.
    place = tempfile.mkdtemp(prefix="dlqkit-")
    connection.execute("SET temp_directory = " + "'" + place.replace("'", "''") + "'")
    weakref.finalize(connection, shutil.rmtree, place, ignore_errors=True)
    return connection


def spill_folder(connection: duckdb.DuckDBPyConnection) -> Path:
    """Where a connection of ``connect`` puts what does not fit into memory."""
    return Path(connection.execute("SELECT current_setting('temp_directory')").fetchall()[0][0])


def _read_pandas(files: Sequence[Path]) -> nw.LazyFrame[Any]:
    keys = {part.split("=", 1)[0] for file in files for part in file.parts[:-1] if "=" in part}
    # As text, or an id of digits were a number and lost its zeros.
    partitions = ds.partitioning(pa.schema([(key, pa.string()) for key in sorted(keys & set(RECORDS))]), flavor="hive")
    try:
        schema = pa.unify_schemas([pq.read_schema(file) for file in files], promote_options="permissive")
        for key in partitions.schema:
            schema = schema if key.name in schema.names else schema.append(key)
        found = ds.dataset([str(file) for file in files], schema=schema, format="parquet", partitioning=partitions)
        table = found.to_table(columns=[name for name in RECORDS if name in schema.names])
        frame = table.to_pandas(types_mapper=_MAPPER.get, ignore_metadata=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable(error) from error
    lazy: nw.LazyFrame[Any] = nw.from_native(frame.assign(**{ROW: range(len(frame))})).lazy()
    return lazy


def _read_duckdb(files: Sequence[Path], connection: duckdb.DuckDBPyConnection) -> nw.LazyFrame[Any]:
    import duckdb

    # A path is no pattern, whatever it is called.
    paths = [glob.escape(str(file)) for file in files]
    query = (
        "SELECT * FROM read_parquet($1, hive_partitioning = true, hive_types_autocast = false, union_by_name = true, "
        "file_row_number = true)"
    )
    try:
        found = connection.sql(query, params=[paths])
    except duckdb.Error as error:
        raise _unreadable(error) from error
    rows: nw.LazyFrame[Any] = nw.from_native(found).rename({"file_row_number": ROW})
    return rows


def check_session(session: Any) -> None:
    """Raise unless there is a Spark session whose time zone is UTC.

    Raises
    ------
    ParameterError
        If there is none.
    EngineError
        If it would cut minutes and days in another zone.
    """
    if session is None:
        raise ParameterError("The engine spark needs a session.", "Give it: spark=SparkSession.builder.getOrCreate().")
    zone = session.conf.get("spark.sql.session.timeZone")
    if zone not in {"UTC", "Etc/UTC", "GMT", "Z", "+00:00"}:
        raise EngineError(
            f"The Spark session's time zone is {zone}, in which its minutes and days would be cut.",
            'Set it first: spark.conf.set("spark.sql.session.timeZone", "UTC").',
        )


def _read_spark(path: str | list[str], session: Any) -> nw.LazyFrame[Any]:
    check_session(session)
    try:
        # Files that were found are no patterns, whatever they are called; what was typed may be one.
        paths = [path] if isinstance(path, str) else [re.sub(r"([\\\[\]{}*?])", r"\\\1", one) for one in path]
        found = session.read.parquet(*paths)
        rows = found.select("*", found["_metadata.row_index"].alias(ROW))
    except Exception as error:
        # PySpark and Spark Connect have no common class of errors that can be named without importing either.
        if type(error).__name__ not in _SPARK_ERRORS:
            raise
        raise _unreadable(error) from error
    lazy: nw.LazyFrame[Any] = nw.from_native(rows)
    return lazy


_SPARK_ERRORS = {"AnalysisException", "SparkConnectGrpcException", "Py4JJavaError", "PySparkException"}


def _unreadable(error: Exception) -> EvidenceError:
    said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return EvidenceError(
        f"The records cannot be read as Parquet: {said}", "Check the path, and write the file anew if it was cut."
    )
