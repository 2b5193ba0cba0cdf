"""Which states of records were met on earlier pages, at eight bytes each, a tenth of what a Python set takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["SeenStates", "keep_each_once", "keys_of"]

_LONGEST_RUN = 1 << 20
# Hashes of several columns are mixed by it; any odd number of 64 bits that are well spread does.
_ODD = np.uint64(0x9E3779B97F4A7C15)
_Keys = npt.NDArray[np.uint64]


def keys_of(frame: pd.DataFrame, columns: Sequence[str]) -> npt.NDArray[np.uint64]:
    """For each record a hash of what the columns say, the same whatever stands in the records beside it."""
    # All texts of a record are hashed at once, which takes a third of the time of one by one.
    texts, keys = [], np.zeros(len(frame), np.uint64)
    for name in columns:
        column = frame[name]
        if column.dtype.kind in "biufM" or isinstance(column.dtype, (pd.DatetimeTZDtype, pd.CategoricalDtype)):
            own: npt.NDArray[np.uint64] = pd.util.hash_pandas_object(column, index=False).to_numpy(np.uint64)
            keys = keys * _ODD ^ own
        else:
            text = column if column.dtype == "str" else column.astype("str")
            texts.append(pa.array(text.array).cast(pa.large_string()))
    if not texts:
        return keys
    between = pa.scalar("\x1f", pa.large_string())
    joined = pc.binary_join_element_wise(*texts, between, null_handling="replace", null_replacement="\0")
    of_texts: npt.NDArray[np.uint64] = pd.util.hash_array(joined.to_numpy(zero_copy_only=False), categorize=False)
    return keys * _ODD ^ of_texts


def keep_each_once(
    frame: pd.DataFrame, looks: npt.ArrayLike, version: Sequence[str], content: Sequence[str]
) -> pd.DataFrame:
    """Each state of a record once, as the last look at it has it; what one look shows side by side is several.

    Parameters
    ----------
    frame : DataFrame
        ``frames.RECORDS`` of all looks, in their order.
    looks : array of int
        For each record the number of its look.
    version : sequence of str
        Columns that tell one state of a record from another.
    content : sequence of str
        Of records that one look has several times, alike in ``version``, those that differ in these are several.
    """
    every = [*version, *content]
    distinct = frame[every].assign(look=looks).drop_duplicates()
    is_beside = distinct.duplicated(["look", *version], keep=False)
    is_again = frame.duplicated(list(version), keep="last")
    if is_beside.any():
        is_shared = np.isin(keys_of(frame, version), keys_of(distinct[is_beside], version))
        is_again = is_again.where(~is_shared, frame.duplicated(every, keep="last"))
    return frame[~is_again].reset_index(drop=True)


class SeenStates:
    """A set of 64-bit keys that only grows.

    Notes
    -----
    Kept as sorted runs, each at most half as long as the one before, so that a page costs about the same however many
    came before it. Runs of a million are left as they are: to join them takes as much memory again.
    """

    def __init__(self) -> None:
        self._runs: list[_Keys] = []

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    def known(self, keys: Iterable[int]) -> npt.NDArray[np.bool_]:
        """For each key whether it was met."""
        wanted = np.fromiter(keys, np.uint64)
        found = np.zeros(len(wanted), bool)
        for run in self._runs:
            place = np.searchsorted(run, wanted)
            found |= run[np.minimum(place, len(run) - 1)] == wanted
        return found

    def add(self, keys: Iterable[int]) -> npt.NDArray[np.bool_]:
        """Remember the keys; for each whether this is the first time that it is met."""
        wanted = np.fromiter(keys, np.uint64)
        fresh = np.zeros(len(wanted), bool)
        fresh[np.unique(wanted, return_index=True)[1]] = True
        fresh &= ~self.known(wanted)
        if fresh.any():
            self._runs.append(np.sort(wanted[fresh]))
        while len(self._runs) > 1 and len(self._runs[-2]) < min(2 * len(self._runs[-1]), _LONGEST_RUN):
            both = np.concatenate([self._runs.pop(), self._runs.pop()])
            both.sort()
            self._runs.append(both)
        return fresh
