"""What every engine is held to: the columns of ``frames.RECORDS`` going in, a small pandas frame coming out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa

from dlqkit.engines.standstill import run_watched
from dlqkit.errors import EngineError, FrameError
from dlqkit.frames import NEEDED, RECORDS, conform

__all__ = ["MOST_ROWS", "as_records", "collect", "engine_errors"]

# Of an answer. More than this is no answer that a person reads, but the records again.
MOST_ROWS = 500_000
TIME = "datetime64[us, UTC]"
_TYPES: Mapping[str, nw.dtypes.DType] = {
    "str": nw.String(),
    "category": nw.String(),
    TIME: nw.Datetime("us"),
    "boolean": nw.Boolean(),
    "Int64": nw.Int64(),
    "Float64": nw.Float64(),
}
_ON = {"PANDAS", "DUCKDB", "PYSPARK", "PYSPARK_CONNECT"}
_INTEGERS = (nw.Int8, nw.Int16, nw.Int32, nw.UInt8, nw.UInt16, nw.UInt32)


def as_records(found: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The rows with every column of ``frames.RECORDS`` in its declared type, and what else there is unchanged.

    Raises
    ------
    FrameError
        If a column is missing that every analysis needs, or has a type that cannot be taken for the declared one
        without a guess.
    EngineError
        If the rows are on an engine that no answer is tested on.
    """
    if found.implementation.name not in _ON:
        raise EngineError(
            f"The records are on {found.implementation.value}, on which no answer is tested.",
            "Give them as Parquet, or as a frame of pandas, DuckDB or PySpark.",
        )
    schema = found.collect_schema()
    absent = [name for name in RECORDS if name not in schema]
    for name in absent:
        if name in NEEDED:
            raise FrameError(f"The records have no column {name}.", f"Write them with {name} as {RECORDS[name]}.")
    fitted = [_fit(name, schema[name], _TYPES[RECORDS[name]]) for name in RECORDS if name in schema]
    return _with_nulls(found.with_columns(*fitted), absent)


def _with_nulls(found: nw.LazyFrame[Any], absent: Sequence[str]) -> nw.LazyFrame[Any]:
    if not absent:
        return found
    if not found.implementation.is_pandas():
        return found.with_columns(*(nw.lit(None).cast(_TYPES[RECORDS[name]]).alias(name) for name in absent))
    # pandas makes objects of a literal null and cannot cast those.
    frame: pd.DataFrame = found.collect().to_native()
    dtypes = {name: {"category": "str", TIME: "datetime64[us]"}.get(RECORDS[name], RECORDS[name]) for name in absent}
    nulls = {name: pd.Series([pd.NA] * len(frame), index=frame.index).astype(one) for name, one in dtypes.items()}
    lazy: nw.LazyFrame[Any] = nw.from_native(frame.assign(**nulls)).lazy()
    return lazy


def _fit(name: str, have: nw.dtypes.DType, want: nw.dtypes.DType) -> nw.Expr:
    column = nw.col(name)
    if have == want:
        return column
    if isinstance(want, nw.Datetime) and isinstance(have, nw.Datetime):
        moved = column if have.time_zone is None else column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return moved.cast(want)
    is_text = want == nw.String and have in (nw.Categorical, nw.Enum)
    is_whole = want == nw.Int64 and have in _INTEGERS
    is_number = want == nw.Float64 and (have in _INTEGERS or have in (nw.Float32, nw.Int64))
    # A float is never cast to a whole number: DuckDB rounds it, the others cut it off.
    if is_text or is_whole or is_number:
        return column.cast(want)
    raise FrameError(
        f"The column {name} of the records is {have}, not {want}.",
        f"Write it as {RECORDS[name]}, times as timestamps without a zone in UTC.",
    )


def collect(answer: nw.LazyFrame[Any], columns: Mapping[str, str], *, at_most: int = MOST_ROWS) -> pd.DataFrame:
    """An answer as a pandas frame of the declared columns.

    Parameters
    ----------
    answer : LazyFrame
        Times as naive UTC.
    columns : mapping
        Of its names and their dtypes, as in ``frames``.
    at_most : int
        Rows that it may have.

    Raises
    ------
    EngineError
        If the answer has more rows than that, or the engine cannot compute it.
    """
    with engine_errors():
        frame = _to_pandas(answer.select(*columns).head(at_most + 1))
    if len(frame) > at_most:
        raise EngineError(
            f"The answer has more than {at_most:,} rows, so it is not collected.",
            "Ask for one workflow or a shorter window.",
        )
    return conform(frame, columns)


@contextmanager
def engine_errors() -> Iterator[None]:
    """Tell what an engine fails at as ``EngineError``."""
    try:
        yield
    except Exception as error:
        # Each engine has errors of its own, and not all of them are installed; bugs of Python's crash as they are.
        if type(error).__module__.split(".")[0] not in {"duckdb", "_duckdb", "pyspark", "py4j"}:
            raise
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise EngineError(
            f"The engine could not compute the answer: {type(error).__name__}: {said}",
            "See whether the files are whole (dlqkit verify); else it needs more memory or disk, or another engine.",
        ) from error


def _to_pandas(answer: nw.LazyFrame[Any]) -> pd.DataFrame:
    if answer.implementation.is_pandas():
        frame: pd.DataFrame = answer.collect().to_native()
        return frame.reset_index(drop=True)
    # Through Arrow, which keeps a whole number beside a null one; pandas' own way makes them floats.
    if answer.implementation.is_pyspark():
        table: pa.Table = run_watched(answer.to_native().sparkSession, lambda: answer.collect("pyarrow").to_native())
    else:
        table = answer.collect("pyarrow").to_native()
    return table.to_pandas(types_mapper=_MAPPER.get, ignore_metadata=True)


_MAPPER = {
    pa.int64(): pd.Int64Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): pd.StringDtype(na_value=float("nan")),
    pa.large_string(): pd.StringDtype(na_value=float("nan")),
}
