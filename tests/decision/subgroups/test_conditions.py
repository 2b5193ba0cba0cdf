from __future__ import annotations

import pytest

from dlqkit.decision.subgroups.conditions import _roundest, say


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (499.5, 500.5, 500.0),
        (0.0123, 0.0187, 0.013),
        (-7.4, -6.8, -7.0),
        (997.0, 1203.0, 1000.0),
        (3.0, 4.0, 3.0),
        (-1.0, 5.0, 0.0),
    ],
)
def test_a_bound_is_the_roundest_number_between_two_neighbours(low: float, high: float, said: float) -> None:
    """Any number from the one up to before the other separates the same records."""
    assert _roundest(low, high) == said


def test_conditions_read_as_a_phrase() -> None:
    conditions = {"client": "acme", "total": "> 5", "payload.email": "(missing)", "note": "length > 255"}

    assert say(conditions) == "client = acme and total > 5 and payload.email is missing and note's length > 255"
