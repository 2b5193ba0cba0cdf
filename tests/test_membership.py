from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from dlqkit.membership import is_one_of, select_rows


@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_an_id_is_found_whatever_holds_it(dtype: str) -> None:
    """Ids of a frame, or a handful that somebody typed; the mask has the rows' own labels."""
    keys = pd.Series(["a", "b", None, "a"], index=[7, 3, 3, 1], dtype=dtype)

    by_series = is_one_of(keys, pd.Series(["a", "x"], dtype="str"))
    by_names = is_one_of(keys, {"a", "x"})

    assert by_series.tolist() == by_names.tolist() == [True, False, False, True]
    assert by_series.index.tolist() == [7, 3, 3, 1]


@pytest.mark.parametrize(("wanted", "found"), [(["a", None], [True, False, True]), (["a"], [True, False, False])])
def test_a_missing_id_is_found_only_where_one_is_looked_for(wanted: list[Any], found: list[bool]) -> None:
    """Otherwise every record without a key would count as one of the incident's."""
    keys = pd.Series(["a", "b", None], dtype="str")

    assert is_one_of(keys, pd.Series(wanted, dtype="str")).tolist() == found
    assert is_one_of(keys, pd.Series(wanted, dtype="str")).tolist() == keys.isin(wanted).tolist()


def test_nothing_is_one_of_nothing() -> None:
    """No event and no id are no error."""
    nothing = pd.Series([], dtype="str")

    assert is_one_of(nothing, nothing).tolist() == []
    assert is_one_of(pd.Series(["a"], dtype="str"), nothing).tolist() == [False]
    assert is_one_of(pd.Series(["a"], dtype="str"), ()).tolist() == [False]


def test_a_mask_that_holds_for_all_rows_copies_none() -> None:
    """Of a report's records mostly none is after its moment."""
    frame = pd.DataFrame({"key": pd.Series(["a", "b"], dtype="str")})

    assert select_rows(frame, pd.Series([True, True])) is frame
    assert select_rows(frame, pd.Series([False, True]))["key"].tolist() == ["b"]
    assert select_rows(frame.iloc[:0], pd.Series([], dtype=bool)).empty
