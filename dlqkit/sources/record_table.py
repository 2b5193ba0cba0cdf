"""Execution records of a table: Parquet files, read by DuckDB, or what Spark reads; the question goes down to it."""

from __future__ import annotations

import contextlib
import io
import socket
import urllib.parse
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import narwhals as nw
import pandas as pd

from dlqkit.engines.scan import check_session, connect
from dlqkit.errors import AccessDenied, ParameterError, SourceUnavailable, UnexpectedAnswer
from dlqkit.frames import Coverage
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.asked_records import Question
from dlqkit.sources.export_parts import ExportPart
from dlqkit.sources.record_exports import BATCH_ROWS, RecordExports
from dlqkit.sources.record_fields import find_fields
from dlqkit.sources.record_repair import Quarantined
from dlqkit.sources.table_rows import TableRows, plain_rows, rows_of

__all__ = ["RecordTable", "check_listens"]

# A local hour may come twice, or not at all; which of its records are in the window is judged after they are read.
BESIDE = timedelta(hours=2)
# Where Spark Connect and a master listen unless they are told otherwise, and how long each is given to answer.
_PORTS = {"sc": 15002, "spark": 7077}
_CONNECT_S = 10.0


class RecordTable(RecordExports):
    """Reads execution records of the table that the settings name.

    Parameters
    ----------
    settings : ExecutionLogsSettings
        ``table``, ``spark``, and names of fields, time zone and event key, as for the API.
    secrets : collection of str, optional
        Masked where the table holds them.

    Raises
    ------
    ParameterError
        If the settings name no table, or put a token into the address of Spark.
    """

    def __init__(self, *, settings: ExecutionLogsSettings, secrets: Collection[str] = ()) -> None:
        super().__init__((), settings=settings, secrets=secrets)
        if settings.table is None:
            raise ParameterError("There is no table of records.", "Set execution_logs.table in dlqkit.toml.")
        if settings.spark is not None and "token=" in settings.spark:
            raise ParameterError(
                "The address of Spark holds a token.",
                "Leave it out of execution_logs.spark, and set SPARK_CONNECT_AUTHENTICATE_TOKEN in the environment.",
            )
        self._table, self._spark = settings.table, settings.spark
        # Of a path the last part, as of an exported file: where it lies is nobody's concern who reads the report.
        self.name = Path(settings.table).name
        self._parts = [ExportPart(Path(self.name), self.name)]
        self._asked = Question(None, None, None, None, None)

    def stream_asked(
        self,
        asked: Question,
        on_records: Callable[[pd.DataFrame], None],
        on_quarantined: Callable[[Sequence[Quarantined]], None] = lambda odd: None,
    ) -> tuple[Coverage, str]:
        """The records of a question, some thousand at a time.

        Parameters
        ----------
        asked : Question
            Its workflow, trace and window are looked for where the table lies, as far as it has columns for them.
            Records without a time are given, too, and with times without a zone some of beside the window.
        on_records, on_quarantined : callable
            As for ``stream``.

        Returns
        -------
        (Coverage, str)
            What came, and the table's name.

        Raises
        ------
        ParameterError
            If there is no such table.
        SourceUnavailable
            If Spark does not answer, or goes away half-way.
        """
        self._asked = asked
        return self.stream(on_records, on_quarantined)

    def plan(self, asked: Question) -> str:
        """How the engine would read the records of a question, in its own words."""
        found = self._narrowed(asked)
        if self._spark is None:
            return str(found.explain())
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            found.explain()
        return said.getvalue()

    def _read(self, part: ExportPart) -> Iterator[Any]:
        with _as_source_errors(self.name):
            yield from self._from_rows(part, self._batches(self._narrowed(self._asked)))

    def _narrowed(self, asked: Question) -> Any:
        with _as_source_errors(self.name):
            table = _open_files(self._table) if self._spark is None else _open_spark(self._table, self._spark)
            rows: nw.LazyFrame[Any] = nw.from_native(table).lazy()
            schema = rows.collect_schema()
            names, _ = find_fields(schema.names(), self._settings.fields)
            for column in ("workflow_id", "trace_id"):
                value = getattr(asked, column)
                if value is not None and column in names and schema[names[column]] == nw.String:
                    rows = rows.filter(nw.col(names[column]) == value)
            at = names.get("recorded_at")
            if at is not None and (bounds := self._bounds(asked, schema[at])) is not None:
                within = nw.col(at).is_null()
                inside = [nw.col(at) >= bounds[0]] if bounds[0] is not None else []
                inside += [nw.col(at) < bounds[1]] if bounds[1] is not None else []
                if inside:
                    rows = rows.filter(within | nw.all_horizontal(*inside, ignore_nulls=False))
            return rows.to_native()

    def _bounds(self, asked: Question, dtype: Any) -> tuple[datetime | None, datetime | None] | None:
        """The window in the form of the table's times; None where they are no times."""
        if not isinstance(dtype, nw.Datetime):
            return None
        ends = (asked.start, asked.end)
        if dtype.time_zone is not None:
            return tuple(None if end is None else end.astimezone(UTC) for end in ends)  # type: ignore[return-value]
        if self._settings.timezone is None:
            # Nobody knows what such a time means, so none is left out.
            return None
        zone = ZoneInfo(self._settings.timezone)
        moved = (
            None if end is None else (end + beside).astimezone(zone).replace(tzinfo=None)
            for end, beside in zip(ends, (-BESIDE, BESIDE), strict=True)
        )
        return tuple(moved)  # type: ignore[return-value]

    def _batches(self, rows: Any) -> Iterator[TableRows]:
        if self._spark is None:
            for batch in rows.to_arrow_reader(BATCH_ROWS):
                yield rows_of(batch)
            return
        from pyspark.sql import functions

        # As Python values moments lose their zone, and are in that of the driver's machine.
        moments = {field.name for field in rows.schema.fields if field.dataType.typeName() == "timestamp"}
        shown = [
            functions.date_format(name, "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX").alias(name) if name in moments else name
            for name in rows.columns
        ]
        held: list[dict[str, Any]] = []
        for row in rows.select(*shown).toLocalIterator():
            held.append(row.asDict(recursive=True))
            if len(held) == BATCH_ROWS:
                yield plain_rows(held)
                held = []
        yield plain_rows(held)


def _open_files(table: str) -> Any:
    path = Path(table).expanduser()
    pattern = str(path / "**" / "*.parquet") if path.is_dir() else str(path)
    connection = connect()
    # Of the states of a record the last one counts, so their order is kept.
    connection.execute("SET preserve_insertion_order = true").fetchall()
    query = (
        "SELECT * FROM read_parquet($1, hive_partitioning = true, hive_types_autocast = false, union_by_name = true)"
    )
    return connection.sql(query, params=[pattern])


def _open_spark(table: str, address: str) -> Any:
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ParameterError(
            "PySpark is not installed, so the table cannot be read.", "Install it: pip install 'dlqkit[spark]'."
        ) from error
    check_listens(address)
    builder = SparkSession.builder.appName("dlqkit").config("spark.sql.session.timeZone", "UTC")
    session = (builder.remote(address) if address.startswith("sc://") else builder.master(address)).getOrCreate()
    check_session(session)
    return session.read.parquet(table) if "/" in table else session.table(table)


def check_listens(address: str) -> None:
    """Whether anything takes a connection at an address of Spark: its own client tries for more than six minutes.

    Parameters
    ----------
    address : str
        ``sc://host:port`` of Spark Connect, or a master, ``spark://host:port,host:port``; no other is asked.

    Raises
    ------
    SourceUnavailable
        If none of its hosts does within ten seconds.
    """
    scheme, _, rest = address.partition("://")
    if scheme not in _PORTS:
        return
    hosts = rest.partition("/")[0]
    for one in hosts.split(","):
        try:
            place = urllib.parse.urlsplit(f"//{one}")
            with socket.create_connection((place.hostname or "", place.port or _PORTS[scheme]), _CONNECT_S):
                return
        except (OSError, ValueError):
            continue
    raise SourceUnavailable(
        f"Nothing answers at {hosts}, where Spark should be.",
        "Look whether its server runs and execution_logs.spark names it, then collect again.",
    )


@contextlib.contextmanager
def _as_source_errors(name: str) -> Iterator[None]:
    """Tell what an engine fails at as an error of the source."""
    try:
        yield
    except Exception as error:
        package = type(error).__module__.split(".")[0]
        if package not in {"duckdb", "_duckdb", "pyspark", "py4j", "grpc"}:
            raise
        kind, said = type(error).__name__, str(error)
        first = said.splitlines()[0][:200] if said else kind
        if "UNAUTHENTICATED" in said or "PERMISSION_DENIED" in said:
            raise AccessDenied(f"Spark refuses to read {name}: {first}", "Check who may read it.") from error
        if kind == "IOException" or "PATH_NOT_FOUND" in said or "TABLE_OR_VIEW_NOT_FOUND" in said:
            raise ParameterError(
                f"There is no table {name}: {first}", "Check execution_logs.table in dlqkit.toml."
            ) from error
        if package in {"duckdb", "_duckdb"}:
            raise UnexpectedAnswer(f"The table {name} cannot be read: {first}", "Check its files.") from error
        raise SourceUnavailable(
            f"Spark did not read {name} to its end: {first}", "Look whether its server runs, and collect again."
        ) from error
