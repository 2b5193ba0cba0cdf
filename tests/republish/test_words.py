"""Figures in sentences are written as people write them."""

from __future__ import annotations

import pytest

from dlqkit.republish.words import exact, figure


@pytest.mark.parametrize(
    ("value", "text"),
    [(2734.2, "2,734"), (0.0, "0"), (0.01234, "0.0123"), (99.96, "100"), (5.0, "5"), (5.25, "5.25"), (333.3, "333"),
     (1e-7, "0.0000001"), (12_345_678.0, "12,345,678"), (-0.5, "-0.5")],
)  # fmt: skip
def test_a_figure_has_no_power_of_ten_and_no_more_digits_than_say_something(value: float, text: str) -> None:
    """“2.73e+03 times as many” is not read at night."""
    assert figure(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(5.0, "5"), (12.345, "12.345"), (1_234_567.5, "1,234,567.5"), (0.1, "0.1"), (86400.25, "86,400.25")],
)
def test_what_somebody_set_is_told_in_his_digits(value: float, text: str) -> None:
    """A rate of 12.345 is not approved as 12.3."""
    assert exact(value) == text
