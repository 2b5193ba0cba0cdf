from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from dlqkit.errors import FrameError
from dlqkit.executions.comparison import compare_durations
from dlqkit.executions.masks import read_mask
from tests.frames import at, dead, good, records

FRAME = pd.DataFrame({"client": ["a", "b", "c"]}, index=[7, 8, 9])


@pytest.mark.parametrize(
    "mask",
    [
        pd.Series([True, False, None], index=[7, 8, 9], dtype="boolean"),
        pd.Series([None, False, True], index=[9, 8, 7], dtype="object"),
        np.array([True, False, None], dtype=object),
        [True, False, None],
    ],
    ids=["its own index", "another order", "an array", "a list"],
)
def test_a_mask_is_read_by_its_index_or_in_the_order_of_the_rows(mask: Any) -> None:
    """What is not known of a record is neither true nor known."""
    meant, known = read_mask(FRAME, mask)

    assert meant.tolist() == [True, False, False]
    assert known.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("mask", "what"),
    [
        (pd.Series([True] * 2, index=[7, 8]), "lacks 1 of 3 records"),
        (pd.Series([True] * 3), "lacks 3 of 3 records"),
        ([True], "has 1 values for 3 records"),
        (["yes", "no", "no"], "other values than true and false"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask: Any, what: str) -> None:
    with pytest.raises(FrameError, match=what):
        read_mask(FRAME, mask)


def test_durations_are_compared_by_a_mask_that_fits_only() -> None:
    """A mask of ten records for fifty passed over the other forty in silence."""
    frame = records([dead(n) for n in range(25)] + [good(n) for n in range(25)])

    assert compare_durations(frame, onset_at=at(0), failing=np.arange(50) < 20).groups["records"][0] == 20
    with pytest.raises(FrameError, match="lacks 40 of 50 records"):
        compare_durations(frame, onset_at=at(0), failing=pd.Series([True] * 10))
