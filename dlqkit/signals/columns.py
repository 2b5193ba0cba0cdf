"""Columns of samples as numbers, however they are typed; what cannot be read is named."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.errors import FrameError
from dlqkit.frames import WRITE_TIMES, to_times

__all__ = ["VALUE_COLUMNS", "check_labels", "codes", "numbers", "times_us"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

VALUE_COLUMNS = {"sampled_at", "value", "series_id"}


def check_labels(samples: pd.DataFrame) -> None:
    """Raise ``FrameError`` where a label is no text or number."""
    for name in samples.columns.difference(list(VALUE_COLUMNS)):
        odd = _first_container(samples[name])
        if odd is not None:
            raise FrameError(
                f"The column {name} holds a {type(odd).__name__}, and a label is a text.",
                "Give each label a column of its own, and the metric's name in metric.",
            )


def _first_container(column: pd.Series) -> object:
    """The first dictionary, list or set of a column; None where there is none."""
    # Columns of texts are told apart by their kind, so that millions of them are not looked at one by one.
    if column.dtype != object or pd.api.types.infer_dtype(column, skipna=True) not in {"mixed", "mixed-integer"}:
        return None
    return next((value for value in column if isinstance(value, dict | list | set)), None)


def times_us(times: pd.Series) -> Ints:
    """Times as microseconds since 1970."""
    if not isinstance(times.dtype, pd.DatetimeTZDtype):
        if pd.api.types.is_numeric_dtype(times.dtype):
            raise FrameError(
                "The column sampled_at holds numbers, and whether they are seconds is not said.",
                "Convert it: pd.to_datetime(frame['sampled_at'], unit='s', utc=True).",
            )
        try:
            times = to_times(times)
        except (TypeError, ValueError) as error:
            raise FrameError("The column sampled_at holds what is no time.", WRITE_TIMES) from error
    out: Ints = times.dt.as_unit("us").astype("int64").to_numpy()
    return out


def numbers(values: pd.Series) -> Floats:
    """Values as floats; NaN where absent."""
    if isinstance(values.dtype, pd.Float64Dtype) and not values.array._hasna:
        plain: Floats = values.array._data
        return plain
    try:
        # pandas reads a dictionary as a missing number.
        if _first_container(values) is not None:
            raise TypeError
        if not pd.api.types.is_numeric_dtype(values.dtype):
            values = pd.to_numeric(values)
        out: Floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise FrameError("The column value holds what is no number.", "Give it as Float64.") from error
    return out


def codes(column: pd.Series) -> tuple[Ints, int]:
    """A number for each different value, 0 where absent; and how many there are."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.int64) + 1, len(column.cat.categories) + 1
    if pd.api.types.is_integer_dtype(column.dtype) and len(column) and not column.hasnans:
        whole = column.to_numpy(dtype=np.int64)
        low, high = int(whole.min()), int(whole.max())
        if high - low < 1 << 30:
            return whole - low, high - low + 1
    found, known = pd.factorize(column)
    return found.astype(np.int64) + 1, len(known) + 1
