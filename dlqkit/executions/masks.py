"""Which records somebody means, as truth values beside them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.errors import FrameError

__all__ = ["read_mask"]

Bools = npt.NDArray[np.bool_]


def read_mask(records: pd.DataFrame, mask: pd.Series | npt.ArrayLike) -> tuple[Bools, Bools]:
    """Which records are meant, and of which it is known, in the order of the rows.

    Parameters
    ----------
    records : DataFrame
        Any frame.
    mask : Series of bool, or array
        In the order of the rows; a Series with another index is aligned by it.

    Raises
    ------
    FrameError
        If it lacks some of the records, has another length, or holds other values than true and false.
    """
    if isinstance(mask, pd.Series) and not mask.index.equals(records.index):
        mask = _aligned(records, mask)
    values = mask.reset_index(drop=True) if isinstance(mask, pd.Series) else pd.Series(np.asarray(mask))
    if len(values) != len(records):
        raise FrameError(f"The mask has {len(values)} values for {len(records)} records.", "Give one for each record.")
    known = values.notna().to_numpy(dtype=bool)
    if not pd.api.types.is_bool_dtype(values.dtype) and not values[known].isin([True, False]).all():
        raise FrameError("The mask holds other values than true and false.", "Compare first: failing=records.x == y.")
    out = np.zeros(len(values), dtype=bool)
    out[known] = values[known].to_numpy(dtype=bool)
    return out, known


def _aligned(records: pd.DataFrame, mask: pd.Series) -> pd.Series:
    """A mask with another index, by that index; it has to know every record."""
    if not (records.index.is_unique and mask.index.is_unique):
        return mask
    unknown = ~records.index.isin(mask.index)
    if unknown.any():
        raise FrameError(
            f"The mask's index lacks {int(unknown.sum()):,} of {len(records):,} records.",
            "Give a mask with the records' own index, or an array in the order of the rows.",
        )
    return mask.reindex(records.index)
