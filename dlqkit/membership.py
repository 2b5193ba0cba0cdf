"""Rows that are some of many, by a mask or by an id: an incident has a hundred thousand records."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["is_one_of", "select_rows"]


def select_rows(frame: pd.DataFrame, mask: pd.Series) -> pd.DataFrame:
    """``frame[mask]``, without a copy of every text where the mask holds for all rows, as it mostly does of times."""
    return frame if bool(mask.all()) else frame[mask]


def is_one_of(column: pd.Series, values: pd.Series | Collection[str]) -> pd.Series:
    """Where the column's text is among the values, as a mask with the column's index.

    Parameters
    ----------
    column : Series of str
        Ids, such as ``event_key``.
    values : Series of str, or collection of str
        What is looked for; a missing id is found only where it is among them.

    Notes
    -----
    ``Series.isin`` makes a Python object of each value and an Arrow scalar of each of these: with as many values as
    records it takes thirty times as long.
    """
    if not isinstance(column.dtype, pd.StringDtype) or column.dtype.storage != "pyarrow":
        return column.isin(list(values))
    wanted = pa.array(values if isinstance(values, pd.Series) else list(values), type=pa.large_string())
    wanted = wanted.combine_chunks() if isinstance(wanted, pa.ChunkedArray) else wanted
    found = pc.is_in(pa.array(column, type=pa.large_string()), value_set=wanted)
    return pd.Series(found.to_numpy(zero_copy_only=False), index=column.index, name=column.name, dtype=bool)
