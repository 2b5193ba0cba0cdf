"""Durations as a Russian team reads them."""

from __future__ import annotations

import pytest

from dlqkit import language
from dlqkit.executions.comparison import compare_durations
from dlqkit.executions.durations import duration_words
from dlqkit.executions.event_history import event_history
from dlqkit.executions.timeline import timeline
from dlqkit.executions.timeout_pile import propose_timeout
from tests.executions.test_comparison import USUAL, before, compared, healthy, since
from tests.frames import at, dead, good, records
from tests.languages import english_in
from tests.plots.test_signals import make_incidents


@pytest.mark.parametrize(
    ("value_ms", "words"),
    [(12, "12 мс"), (1_500, "1,5 с"), (600_000, "10 мин"), (21_600_000, "6 ч"), (1.5e12, "17\xa0361 дн.")],
)
def test_a_duration_has_its_unit_and_its_decimal_comma(value_ms: float, words: str) -> None:
    with language.use("ru"):
        assert duration_words(value_ms) == words


def test_no_english_is_left_in_a_comparison() -> None:
    """Slow, refused, of two kinds, alike, cut, summed up or too few: each answer is whole."""
    slow = [5_000.0 + n for n in range(11)]
    with language.use("ru"):
        found = [
            compared(before(USUAL) + since(slow, attempts=1)),
            compared(before(USUAL) + healthy([900.0] * 20) + since(slow)),
            compared(before(USUAL) + since([0.0] * 10, attempts=1)),
            compared(before(USUAL) + since([2.0] * 10 + slow, attempts=1)),
            compared(before(USUAL) + since(USUAL, attempts=1)),
            compared(before([100.0] * 6) + since([50.0, 400.0] * 4, attempts=1)),
            compared(before(USUAL) + since([30_010.0] * 10, attempts=1), timeout_ms=30_000),
            compared(since([30_010.0] * 10, attempts=1), timeout_ms=30_000),
            compared(since(slow)),
            compared(since([5.0])),
            compare_durations(records([])),
        ]

    assert {one.verdict for one in found} == {
        "slow then dead", "dead at once", "both", "no difference", "cannot tell",
    }  # fmt: skip
    assert english_in([one.sentence for one in found]) == []
    assert found[0].sentence == (
        "Медиана неудачных действий — 5 с, успешные до начала инцидента — 110 мс: дольше (×45,7)."
    )


def test_no_english_is_left_in_what_is_taken_for_the_timeout() -> None:
    """Where durations pile up, and where they do not."""
    cut = [dead(n, action_duration_ms=30_000 + 10 * n, attempts=1) for n in range(20)]
    five = [dead(n, action_duration_ms=30_000) for n in range(20)]
    named = [dead(n, action_duration_ms=30_000, last_error="gave up after 6000 ms") for n in range(20)]
    low = [dead(n, action_duration_ms=3) for n in range(40)]
    usual = [good(n, action_duration_ms=200 + n) for n in range(50)]
    with language.use("ru"):
        found = [propose_timeout(records(rows))
                 for rows in (cut + usual, five, named, low, low + usual, cut[:2], usual)]  # fmt: skip

    assert english_in([one.basis for one in found]) == []
    assert found[0].basis == "неудачных записей, завершившихся между 30\xa0000 и 30\xa0190 мс: 20"


def test_the_incident_is_named_in_russian_in_the_timeline() -> None:
    """Its lane and kind are keys and stay."""
    with language.use("ru"):
        lanes = timeline(records([dead(1)]), incidents=make_incidents({"signal": "silence", "onset_at": at(0)}))

    row = lanes[lanes["lane"] == "incident"].iloc[0]
    assert (row["kind"], row["text"]) == ("silence", "тишина")


def test_a_dead_letter_is_named_in_an_events_history() -> None:
    """The status is the worker's own word; that it went to the dead-letter queue is dlqkit's."""
    with language.use("ru"):
        history = event_history(records([dead(1, event_key="e")]), "e")

    assert history["state"].tolist() == ["failed (в DLQ)"]
