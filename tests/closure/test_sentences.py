"""What the checklist says, in the languages that there are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from dlqkit import language
from dlqkit.closure import sentences
from dlqkit.closure.checklist import judge
from dlqkit.closure.said import check_confirmation, check_republish, check_ticket
from dlqkit.closure.since import find_since
from dlqkit.closure.word import Closing, Confirmation
from tests.frames import START, at
from tests.left_in_english import left_in_english

LONG, SHORT = at(7200).to_pydatetime(), at(1980).to_pydatetime()
FROM = START.to_pydatetime()
CALLS: Mapping[str, tuple[tuple[Any, ...], ...]] = {
    "absent_counter": (("w-1", FROM),),
    "behind": ((FROM, None), (FROM, 12.0)),
    "clock": ((FROM,),),
    "counter_grew": ((3.0, FROM, LONG, SHORT),),
    "counter_in_gap": ((3.0, FROM, LONG),),
    "counter_not_exported": (("w-1",),),
    "counter_unseen": ((FROM, LONG, ""), (FROM, LONG, "w-1")),
    "incidence_unknown": ((FROM, LONG),),
    "not_ended": (("",),),
    "nothing_done": ((FROM, LONG),),
    "nothing_recorded": ((FROM, LONG),),
    "nothing_scraped": ((FROM, LONG),),
    "open_signals": ((["w-1"],),),
    "quiet_holds": ((FROM, LONG, 1200.0, 0.95, 1.5, 0.0025),),
    "quiet_too_rare": ((FROM, LONG, 7.0, 1.4, None), (FROM, LONG, 7.0, 1.4, timedelta(hours=4))),
    "quiet_too_short": ((FROM, SHORT, timedelta(minutes=45)),),
    "quiet_within_habit": ((FROM, LONG, timedelta(minutes=55)),),
    "span": ((timedelta(minutes=33),), (timedelta(hours=4.2),)),
    "still_retried": ((30, 4),),
    "still_silent": (("",),),
    "traffic_unknown": ((FROM, LONG),),
    "undated": ((1,), (3,), (5,)),
    "unreadable": ((1,), (3,), (5,)),
    "untold": ((1,), (3,), (5,)),
}


def test_every_sentence_of_the_measured_items_is_said_in_russian() -> None:
    """Names of workers, of Prometheus and of its settings stay as they are."""
    names = ("w-1", "prometheus.metrics", "prometheus.url", "Prometheus")
    assert set(CALLS) | {"new_dead_letters"} == set(sentences.__all__)
    with language.use("ru"):
        said = {
            f"{name}{values}": getattr(sentences, name)(*values) for name, calls in CALLS.items() for values in calls
        }
        for alike in (None, 0, 2):
            for whole in (True, False):
                text = sentences.new_dead_letters(3, alike, FROM, LONG, SHORT, is_whole=whole)
                said[f"new {alike} {whole}"] = text

    assert {name: found for name, text in said.items() if (found := left_in_english([text], *names))} == {}


def test_the_rates_that_quiet_leaves_have_the_readers_marks() -> None:
    """1,200 events in two hours: a space between thousands, a comma before tenths."""
    with language.use("ru"):
        told = sentences.quiet_holds(FROM, LONG, 1200.0, 0.95, 1.5, 0.0025)

    assert told.startswith("За 2,0 ч с ")
    assert "завершилось событий: 1\xa0200" in told
    assert "95\xa0%" in told and "ниже 1,5 в час" in told and "ниже 0,25\xa0%" in told


@pytest.mark.parametrize(
    ("count", "beginning"),
    [
        (1, "1 запись не удалось"),
        (3, "3 записи не удалось"),
        (11, "11 записей не удалось"),
        (1021, "1\xa0021 запись не"),
    ],
)
def test_records_that_could_not_be_read_are_counted_as_russian_counts(count: int, beginning: str) -> None:
    with language.use("ru"):
        assert sentences.unreadable(count).startswith(beginning)


def test_what_people_have_to_say_is_asked_for_in_russian() -> None:
    """Names, tickets, plans, keys of judgement.yaml and what people wrote stay as they are."""
    early, late = FROM.isoformat(), LONG.isoformat()
    confirmed, closed = Confirmation("Olga", "by phone", early), Closing("bob", "OPS-7", late, late)
    lacking = [{"ticket": "OPS-7", "at": late, "lacked": ["cause"]}]
    plan = {"plan_id": "plan-001", "totals": {"passed": 3, "failed_same": 1, "in_doubt": 2}, "balances": False,
            "left_out": {}}  # fmt: skip
    with language.use("ru"):
        items = [
            check_confirmation(None, None),
            check_confirmation(confirmed, LONG),
            check_confirmation(confirmed, None, LONG),
            check_ticket([], None),
            check_ticket([], closed),
            check_ticket(lacking, None),
            check_ticket(lacking, None, missing=["cause", "owner"]),
            check_ticket([{"ticket": "OPS-7", "at": early}], None, LONG),
            check_ticket([{"ticket": "OPS-7", "at": late, "complete": False}], None),
            check_ticket([{"ticket": "OPS-7", "at": late}], closed),
            check_republish({"plans": [plan]}, {"recorded": 30, "counted": 90.0, "open": 30}),
            check_republish({"plans": [plan]}, {"recorded": 30, "counted": None, "open": 30}),
        ]
        texts = [text for item in items if item is not None for text in (item.text, item.why)]
        texts += judge([]).reasons
        texts += [find_since(fixed, end, SHORT).basis for fixed in (None, FROM, LONG) for end in (None, FROM)]

    known = ("Olga", "by phone", "bob", "OPS-7", "cause", "owner", "plan-001", "metrics", "records", "confirmation",
             "ticket")  # fmt: skip
    assert left_in_english(texts, *known) == []
    assert items[-1] is not None and "plan-001: прошло: 3, та же ошибка: 1, под вопросом: 2." in items[-1].why


def test_what_the_checklist_decides_by_is_the_same_in_every_language() -> None:
    """Names and states of items, and the verdict, are compared in code and stored."""
    with language.use("ru"):
        item = check_confirmation(None, None)
        verdict = judge([item]).verdict

    assert (item.name, item.state, verdict) == ("confirmation", "person", "not closable")
