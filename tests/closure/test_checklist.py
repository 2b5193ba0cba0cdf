"""The verdict: closable only where every item holds, or somebody answers for it."""

from __future__ import annotations

from typing import Any

import pytest

from dlqkit.closure.checklist import Item, judge
from dlqkit.closure.said import check_confirmation, check_republish, check_ticket
from dlqkit.closure.word import Acceptance, Closing, Confirmation
from tests.frames import at


def items(**states: str) -> list[Item]:
    return [Item(name, name, state, f"{name} is {state}") for name, state in states.items()]  # type: ignore[arg-type]


def accepted(item: str, state: str) -> Acceptance:
    return Acceptance(item, state, "ann", "known", "2026-03-02T15:00:00+00:00")


@pytest.mark.parametrize(
    ("states", "verdict"),
    [
        ({"metrics": "yes", "records": "yes"}, "closable"),
        ({"metrics": "unknown", "records": "yes"}, "unknown"),
        ({"metrics": "unknown", "records": "no"}, "not closable"),
        ({"metrics": "yes", "confirmation": "person"}, "not closable"),
    ],
)
def test_an_item_that_does_not_hold_decides(states: dict[str, str], verdict: str) -> None:
    """What is not known is not a yes; what nobody has said is a no."""
    found = judge(items(**states))

    assert found.verdict == verdict
    assert found.is_closable == (verdict == "closable")
    assert list(found.reasons) == [f"{name} is {state}" for name, state in states.items() if state != "yes"]


def test_somebody_may_answer_for_an_item_and_is_shown() -> None:
    found = judge(items(metrics="no", records="yes"), [accepted("metrics", "no")])

    assert found.is_closable
    assert found.items[0].accepted == accepted("metrics", "no")
    assert found.items[1].accepted is None


def test_what_was_accepted_as_not_known_is_not_accepted_as_a_no() -> None:
    """It has become worse since: whoever answered for a gap did not answer for new dead letters."""
    words = [accepted("metrics", "unknown")]

    assert judge(items(metrics="unknown"), words).is_closable
    assert judge(items(metrics="no"), words).verdict == "not closable"


def test_a_confirmation_of_before_the_last_dead_letter_is_none() -> None:
    word = Confirmation("Olga", "by phone", at(100).isoformat())

    assert check_confirmation(word, at(50).to_pydatetime()).state == "yes"
    assert check_confirmation(word, None).state == "yes"
    assert check_confirmation(word, at(150).to_pydatetime()).state == "person"
    assert check_confirmation(None, None).state == "person"


def test_the_ticket_needs_the_post_mortem_and_can_be_closed_then() -> None:
    assert check_ticket([], None).state == "person"
    assert "OPS-2" in check_ticket([{"ticket": "OPS-1", "at": "1"}, {"ticket": "OPS-2", "at": "2"}], None).why
    assert check_ticket([], Closing("ann", "OPS-1", "2026-03-02T15:00:00+00:00")).state == "yes"


@pytest.mark.parametrize(
    ("totals", "balances", "state"),
    [
        ({"passed": 3}, True, "yes"),
        ({"passed": 3}, False, "no"),
        ({"passed": 2, "failed_same": 1}, True, "no"),
        ({"passed": 2, "failed_to_send": 1}, True, "no"),
        ({"passed": 2, "not_seen": 1}, True, "unknown"),
        ({"passed": 2, "in_doubt": 1}, True, "unknown"),
        ({"passed": 2, "not_sent": 1}, True, "unknown"),
    ],
)
def test_a_republish_holds_only_where_each_event_has_passed(totals: dict[str, int], balances: bool, state: str) -> None:
    plan: dict[str, Any] = {"plan_id": "plan-001", "totals": totals, "balances": balances}

    found = check_republish({"plans": [plan]})

    assert found is not None
    assert found.state == state


def test_where_no_plan_was_run_the_republish_decides_nothing() -> None:
    assert check_republish({"plans": [{"plan_id": "plan-001", "totals": None, "balances": None}]}) is None
