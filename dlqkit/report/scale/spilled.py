"""Answers of DuckDB that may be large, in files of its own folder: unlike a table of its they take no memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlqkit.engines.scan import spill_folder

if TYPE_CHECKING:
    import duckdb

__all__ = ["keep", "quoted", "run"]


def run(connection: duckdb.DuckDBPyConnection, query: str, values: Mapping[str, Any] | None = None) -> list[Any]:
    """The rows of a statement; all of them, as the next one is refused while any is left."""
    return connection.execute(query, dict(values or {})).fetchall()


def keep(
    connection: duckdb.DuckDBPyConnection, name: str, query: str, values: Mapping[str, Any] | None = None
) -> None:  # fmt: skip
    """Make a view of that name over a file that holds the answer; the file is removed with the connection."""
    file = spill_folder(connection) / f"{name}.parquet"
    run(connection, f"DROP VIEW IF EXISTS {name}")
    parquet = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"
    run(connection, f"COPY ({query}) TO {quoted(file)} ({parquet})", values)
    run(connection, f"CREATE VIEW {name} AS SELECT * FROM read_parquet({quoted(file)})")


def quoted(file: Path) -> str:
    """A path as DuckDB's statements have it."""
    return "'" + str(file).replace("'", "''") + "'"
