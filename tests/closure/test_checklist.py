"""The verdict: closable only where every item holds, or somebody answers for it."""

from __future__ import annotations

from typing import Any

import pytest

from dlqkit.closure.checklist import Item, judge
from dlqkit.closure.said import check_confirmation, check_republish, check_ticket
from dlqkit.closure.word import Acceptance, Closing, Confirmation
from tests.frames import at


def items(**states: str) -> list[Item]:
    """The four items of the runbook; those that are not named hold."""
    every = {**dict.fromkeys(("metrics", "records", "confirmation", "ticket"), "yes"), **states}
    return [Item(name, name, state, f"{name} is {state}") for name, state in every.items()]  # type: ignore[arg-type]


def accepted(item: str, state: str, *, count: float | None = None) -> Acceptance:
    return Acceptance(item, state, "ann", "known", at(200).isoformat(), at(100).isoformat(), count)


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


def test_what_was_not_looked_at_does_not_hold() -> None:
    """An empty checklist, and one without the client's word."""
    assert judge([]).verdict == "unknown"
    found = judge([item for item in items() if item.name != "confirmation"])
    assert (found.verdict, found.reasons) == ("unknown", ("The item confirmation was not looked at.",))


@pytest.mark.parametrize(
    ("count", "newest", "is_accepted"),
    [(3, 50, True), (4, 50, False), (3, 150, False), (2, 100, True)],
)
def test_what_was_accepted_as_three_dead_letters_is_neither_four_nor_three_others(
    count: int, newest: int, is_accepted: bool
) -> None:
    """Ann answered for three that she saw, the evidence ending at 100 s; a fourth, and a newer one, are not hers."""
    one = Item("metrics", "", "no", "It grew.", count=count, newest_at=at(newest).isoformat())

    found = judge([one, *items()[1:]], [accepted("metrics", "no", count=3)])

    assert found.is_closable == is_accepted
    assert (found.items[0].accepted is None) != is_accepted
    assert (found.items[0].lapsed is None) == is_accepted


def test_a_confirmation_of_before_the_last_dead_letter_is_none() -> None:
    word = Confirmation("Olga", "by phone", at(100).isoformat())

    assert check_confirmation(word, at(50).to_pydatetime()).state == "yes"
    assert check_confirmation(word, None).state == "yes"
    assert check_confirmation(word, at(150).to_pydatetime()).state == "person"
    assert check_confirmation(None, None).state == "person"


def test_a_confirmation_of_before_the_fix_is_none() -> None:
    """It was quiet because the worker had been stopped; the client spoke too early."""
    word = Confirmation("Olga", "by phone", at(100).isoformat())

    assert check_confirmation(word, at(50).to_pydatetime(), at(90).to_pydatetime()).state == "yes"
    assert check_confirmation(word, at(50).to_pydatetime(), at(110).to_pydatetime()).state == "person"


def attached(name: str, seconds: float) -> dict[str, str]:
    return {"ticket": name, "at": at(seconds).isoformat()}


def test_the_ticket_needs_the_post_mortem() -> None:
    assert check_ticket([], None).state == "person"
    assert "OPS-2" in check_ticket([attached("OPS-2", 2), attached("OPS-1", 1)], None).why


@pytest.mark.parametrize(
    ("fix", "missing", "words"),
    [(50.0, ["cause", "owner"], "judgement.yaml lacks cause, owner"), (150.0, [], "before the fix")],
)
def test_a_draft_or_an_early_post_mortem_closes_no_ticket(fix: float, missing: list[str], words: str) -> None:
    """It was attached to tell others what goes on, and says neither the cause nor how it ended."""
    found = check_ticket([attached("OPS-1", 100)], None, at(fix).to_pydatetime(), missing)

    assert (found.state, words in found.why) == ("person", True)
    assert check_ticket([attached("OPS-1", 100)], None, at(50).to_pydatetime(), []).state == "yes"


def test_a_draft_that_was_attached_closes_no_ticket_when_the_judgement_is_written_later() -> None:
    """What lies in the ticket is the draft; the same holds of a report that was not whole."""
    draft = {**attached("OPS-1", 100), "lacked": ["cause", "owner"]}
    half = {**attached("OPS-1", 100), "complete": False}

    assert "that was a draft, without cause, owner; attach the present one" in check_ticket([draft], None).why
    assert "was not whole" in check_ticket([half], None).why
    assert {check_ticket([one], None).state for one in (draft, half)} == {"person"}
    assert check_ticket([draft, half, attached("OPS-1", 200)], None).state == "yes"


def test_a_ticket_that_was_closed_without_the_post_mortem_still_lacks_it() -> None:
    closed = Closing("ann", "OPS-1", at(200).isoformat(), at(200).isoformat())

    found = check_ticket([], closed)

    assert (found.state, "was closed by ann, 2026-03-02 12:03:20 UTC, without it" in found.why) == ("person", True)
    assert check_ticket([attached("OPS-1", 100)], closed).state == "yes"


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
    plan: dict[str, Any] = {"plan_id": "plan-001", "totals": totals, "balances": balances, "left_out": {}}

    found = check_republish({"plans": [plan]})

    assert found is not None
    assert found.state == state


def test_nothing_forgotten_is_said_of_this_workflow_and_not_of_those_that_failed_alike() -> None:
    """All of it has passed; the same outage killed events of two other workflows, of which no plan here knows."""
    plan = {"plan_id": "plan-001", "totals": {"passed": 28}, "balances": True, "left_out": {}}

    found = check_republish({"plans": [plan]}, others=["invoice-issue", "stock-reserve"])

    assert found is not None
    assert found.text == "What was sent again has passed, and no event of this workflow's incident was forgotten."
    assert found.why == (
        "plan-001: 28 passed. Not looked at here: invoice-issue and stock-reserve, where the same failed."
    )
    assert found.state == "yes"


def test_where_no_plan_was_run_the_republish_decides_nothing() -> None:
    assert check_republish({"plans": [{"plan_id": "plan-001", "totals": None, "balances": None}]}) is None


@pytest.mark.parametrize(
    ("counts", "state", "words"),
    [
        ({"recorded": 30, "counted": 30.0, "open": 7}, "yes", "28 passed"),
        ({"recorded": 30, "counted": 31.0, "open": None}, "yes", "28 passed"),
        (
            {"recorded": 30, "counted": 60.0, "open": 7},
            "unknown",
            "saw 60 dead letters and the records hold 30",
        ),
        ({"recorded": 30, "counted": None, "open": 9}, "unknown", "2 open events are in no plan"),
    ],
)
def test_events_that_no_plan_knows_are_found_by_counting_three_ways(
    counts: dict[str, Any], state: str, words: str
) -> None:
    """28 passed and 7 were left out on purpose; two more are open, or the counter saw more than the records hold."""
    plan = {"plan_id": "plan-001", "totals": {"passed": 28}, "balances": True, "left_out": {"business": 7}}

    found = check_republish({"plans": [plan]}, counts)

    assert found is not None
    assert (found.state, words in found.why) == (state, True)
