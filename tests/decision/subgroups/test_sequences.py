from __future__ import annotations

import numpy as np
import pytest

from dlqkit.decision.subgroups.sequences import number_at_end, numbers_events


def numbers(values: list[float], *, failing: int = 0, compared: int | None = None, column: str = "order") -> bool:
    """Whether they number the events; the last ``failing`` of the compared ones failed."""
    own = len(values) if compared is None else compared
    place = np.arange(len(values))
    return numbers_events(column, np.array(values, dtype=float), (place >= own - failing) & (place < own), own)


def test_events_that_were_sent_again_under_new_keys_are_still_numbered() -> None:
    """Orders 0 to 59 died, died again as other events, and orders 60 to 119 went through in between."""
    assert numbers([*range(60, 120), *range(60), *range(60)], failing=120)


def test_a_baseline_that_holds_the_first_try_of_an_event_hides_no_numbering() -> None:
    """The compared records come first, though the baseline is of earlier orders and of some of the same."""
    assert numbers([*range(60, 120), *range(40, 60), *range(60)], failing=20, compared=80)


def test_too_few_records_are_told_by_the_baseline_before_them() -> None:
    assert numbers([*range(60, 72), *range(60)], failing=6, compared=12)


@pytest.mark.parametrize(
    "values",
    [
        [float(n) for n in np.random.default_rng(1).permutation(200)],
        [n * 1.01 + 0.5 for n in range(100)] * 2,
        [*range(100), *[7] * 80],
        [n // 40 for n in range(200)],
        list(range(12)),
    ],
    ids=["amounts", "measured", "one number on many records", "versions", "too few"],
)
def test_what_describes_the_events_stays_a_possible_cause(values: list[float]) -> None:
    """A number that many records share, that is measured, or that goes up and down may well be why they fail."""
    assert not numbers(values, failing=60 if len(values) > 60 else 5)


def test_whole_numbers_under_the_name_of_an_id_are_ids_in_any_order() -> None:
    shuffled = [float(n) for n in np.random.default_rng(1).permutation(200)]

    assert numbers(shuffled, column="payload.order_id")


def test_the_number_at_the_end_of_a_text_is_read_where_all_have_one() -> None:
    assert number_at_end(np.array(["order-9", "order-10"], dtype=object)).tolist() == [9, 10]  # type: ignore[union-attr]
    assert number_at_end(np.array(["order-9", "a@b.de"], dtype=object)) is None
    assert number_at_end(np.array(["9" * 30], dtype=object)) is None
    assert number_at_end(np.array([], dtype=object)) is None
