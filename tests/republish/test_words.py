"""Figures in sentences are written as people write them."""

from __future__ import annotations

import pytest

from dlqkit import language
from dlqkit.republish.proof import FATES
from dlqkit.republish.words import counted, counts_of, exact, figure, name_of, retold
from tests.left_in_english import left_in_english


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


def test_a_state_and_a_fate_are_shown_in_the_readers_language() -> None:
    """A state of a newer dlqkit is shown as it stands."""
    assert [name_of(code) for code in ("in_doubt", "failed_same", "on_hold")] == ["in doubt", "failed same", "on hold"]
    assert counts_of({"acked": 1204, "in_doubt": 1, "on_hold": 2}) == "1,204 acked, 1 in doubt, 2 on hold"
    with language.use("ru"):
        assert name_of("failed_same") == "та же ошибка"
        assert counts_of({"acked": 1204, "on_hold": 2}) == "подтверждено: 1\xa0204, 2 on hold"


@pytest.mark.parametrize("code", [*FATES, "planned", "intent", "acked", "failed"])
def test_every_state_and_fate_has_a_russian_name(code: str) -> None:
    with language.use("ru"):
        assert left_in_english([name_of(code), counted(code, 3)]) == []


def test_stored_sentences_are_told_again_one_after_the_other() -> None:
    """What a stop says and what a source lacks stand side by side; words of somebody else stay as they are."""
    stored = (
        "The execution records could not be read within 1,200 s. The receiver gave no answer. Pool of db-1 is empty."
    )

    assert retold(stored) == stored
    with language.use("ru"):
        assert retold(stored) == (
            "Записи выполнения не удалось прочитать за 1\xa0200 с. Получатель не ответил. Pool of db-1 is empty."
        )
        assert retold("") == ""
