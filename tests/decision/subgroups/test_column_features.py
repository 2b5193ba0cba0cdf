from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from dlqkit.decision.subgroups.column_features import build_features
from dlqkit.decision.subgroups.features import ABSENT, Feature


def conditions(feature: Feature) -> dict[Any, list[int]]:
    """What each condition says, and the records for which it holds."""
    out = {}
    for lo, hi in zip(feature.lo.tolist(), feature.hi.tolist(), strict=True):
        bounds = feature.bounds(lo, hi)
        holds = (feature.codes >= lo) & (feature.codes < hi)
        out[bounds or feature.value(lo, hi)] = np.flatnonzero(holds).tolist()
    return out


def one(values: Any, name: str = "x") -> dict[Any, list[int]]:
    (feature,) = build_features(name, pd.Series(values), np.zeros(len(values), dtype=bool))
    return conditions(feature)


def test_a_column_of_few_numbers_can_be_equal_above_up_to_and_between() -> None:
    found = one([1, 2, 3, 4] * 5)

    assert found[2] == [1, 5, 9, 13, 17]
    assert len(found[2.0, float("inf")]) == 10
    assert len(found[1.0, 3.0]) == 10


def test_missing_and_present_are_conditions_and_so_is_a_type_that_is_not_the_usual_one() -> None:
    values = [7] * 5 + [8] * 5 + ["7"] * 5 + [None] * 5 + [ABSENT] * 5

    found = one(pd.Series(values, dtype=object))

    assert found["(missing)"] == [20, 21, 22, 23, 24]
    assert found["(null)"] == [15, 16, 17, 18, 19]
    assert found["(number)"] == list(range(10))
    assert found["7"] == [10, 11, 12, 13, 14]
    assert found["(present)"] == list(range(20))


@pytest.mark.parametrize(
    "values",
    [[f"id-{number}" for number in range(50)], list(range(50)), ["same"] * 50, [float("nan")] * 50],
    ids=["unique texts", "a sequence", "constant", "nothing"],
)
def test_ids_sequences_and_constants_are_no_causes(values: list[Any]) -> None:
    """What is different for each record, or the same for all, tells failing from successful ones only by chance."""
    assert [feature.what for feature in build_features("x", pd.Series(values), np.zeros(50, dtype=bool))] in (
        [],
        ["length"],
    )


def test_texts_that_are_all_different_are_told_by_length_and_format() -> None:
    values = [f"+49 30 {number:07d}" for number in range(30)] + [f"n{number}@example.com" for number in range(30)]

    features = build_features("contact", pd.Series(values), np.zeros(60, dtype=bool))

    said = {value for feature in features if not feature.what for value in conditions(feature)}
    assert said == {"(like +9 9 9)", "(like a9@a.a)"}
    assert any(feature.what == "length" for feature in features)


def test_categories_booleans_and_nullable_numbers_are_read_as_their_values() -> None:
    assert set(one(pd.Categorical(["a", "b"] * 5))) == {"a", "b"}
    assert set(one(pd.array([True, False, None] * 5, dtype="boolean"))) == {True, False, "(missing)", "(present)"}
    assert {1, 2, "(missing)"} <= set(one(pd.array([1, 2, None] * 5, dtype="Int64")))
