from __future__ import annotations

from typing import Any

import pytest

from dlqkit.decision.advice import advise
from dlqkit.decision.ordered_steps import number_steps
from dlqkit.decision.republish_advice import advise_on_republish
from tests.decision.test_advice import cause, facts, words

SEE = "Before anything else is sent, see what became of the {} events sent again (dlqkit republish prove … plan-001)."


def plan(events: int = 10, *, approved: bool = True, is_cancelled: bool = False, **totals: int) -> dict[str, Any]:
    by = {"by": "anna", "at": "2026-03-02T15:00:00+00:00", "reason": "root removed"} if approved else None
    return {"plan_id": "plan-001", "events": events, "approved": by, "is_cancelled": is_cancelled,
            "last_run": "Stopped, died again: item 1." if totals else "", "totals": totals or None}  # fmt: skip


def actions(*plans: dict[str, Any], still_open: int | None = 0) -> list[str]:
    return [row["action"] for row in advise_on_republish({"plans": plans}, still_open, directory="in/one")]


def test_without_a_plan_nothing_is_said() -> None:
    assert actions(still_open=5) == []


def test_a_plan_that_waits_is_to_be_decided_about_and_a_cancelled_one_is_not() -> None:
    assert actions(plan()) == ["Decide about plan-001: it is approved and not run."]
    assert actions(plan(approved=False)) == ["Decide about plan-001: it is not approved."]
    assert actions(plan(is_cancelled=True)) == []


def test_an_event_in_doubt_is_to_be_settled_also_of_a_cancelled_plan() -> None:
    rows = advise_on_republish({"plans": [plan(is_cancelled=True, in_doubt=1, not_sent=9)]}, 10, directory="in/one")

    assert [row["action"] for row in rows] == ["Settle the 1 event of plan-001 in doubt."]
    assert rows[0]["command"] == "dlqkit republish resolve in/one plan-001"


def test_what_died_again_comes_before_going_on() -> None:
    """One was sent and died with its old error, nine wait: the cause is there yet."""
    first, second = actions(plan(failed_same=1, not_sent=9), still_open=10)

    assert first == "Find why 1 event died again after the send: the cause is not removed."
    assert second == "Go on with plan-001 or cancel it: 9 events of it are not sent."


def test_what_is_not_seen_is_to_be_proven_again_and_is_not_called_open_by_nobody() -> None:
    """Eight passed, two are not seen yet; of three open events one was in no plan."""
    assert actions(plan(passed=8, not_seen=2), still_open=3) == [
        SEE.format(2),
        "Decide about the 1 event still open and in no plan.",
    ]


def test_an_event_that_no_plan_has_sent_is_named_by_its_class_and_its_trace() -> None:
    """Sixty-seven of sixty-eight passed; the other was refused by a business rule, so it was never asked for."""
    unsent = [{"failure_class": "business", "events": 1, "traces": ["t9"]}]
    given = {"plans": [plan(67, passed=67)], "unsent": unsent}
    (row,) = advise_on_republish(given, 1, directory="in/one")

    assert row["action"] == (
        "Decide about the 1 event still open and in no plan (business: 1, trace t9): correct the input with the "
        "client who sends it, and have it created anew; never republish it as it is."
    )
    assert row["reason"] == (
        "67 events passed after they were sent again. "
        "§4: what failed by a business error is created anew, corrected, and not sent as it is."
    )
    assert row["command"] == "dlqkit event in/one t9"


@pytest.mark.parametrize(
    ("unsent", "told"),
    [
        ({"timeout": 4}, "(timeout: 4): plan only what may be sent again."),
        (
            {"timeout": 3, "business": 1},
            "(timeout: 3, business: 1): correct the input of the business errors with the client who sends it "
            "(client_id = globex), and have it created anew; of the others plan only what may be sent again.",
        ),
    ],
)
def test_each_class_of_what_no_plan_has_sent_has_its_step(unsent: dict[str, int], told: str) -> None:
    """Ninety-five passed, and four are open that nobody planned."""
    rows = [{"failure_class": name, "events": count, "traces": ["t9"]} for name, count in unsent.items()]
    shared = {"text": "client_id = globex", "events": 5, "of": 5}
    given = {"plans": [plan(95, passed=95)], "unsent": rows}
    (row,) = advise_on_republish(given, 4, directory="in/one", shared=shared)

    assert row["action"] == f"Decide about the 4 events still open and in no plan {told}"
    assert row["command"] == "dlqkit lab in/one"


def test_what_a_cancelled_plan_did_not_send_wants_a_decision_too() -> None:
    """Three passed before it was called off; two it never sent, and those are open."""
    cancelled = plan(5, is_cancelled=True, passed=3, not_sent=2)

    assert actions(cancelled, still_open=2) == ["Decide about the 2 events still open and in no plan."]


def test_the_first_step_says_what_was_sent_already_whatever_it_is_about() -> None:
    """38 are in no record; of six that were sent nothing final is seen, and of one nobody knows whether it was sent."""
    given = facts("timeout", metrics={"dead_letters_increase": 141.0})
    given["events"] |= {"affected": {"value": 103, "bound": "at_least"}, "open": {"value": 8, "bound": "of_seen"}}
    given["republish"] |= {"plans": [plan(102, passed=95, not_seen=5, running=1, in_doubt=1)], "passed": ["k1"]}

    first = advise(given, directory="d")[0]

    _, settle, see, _, get = steps = [row["action"] for row in advise(given, directory="d")[1:6]]
    assert first["action"] == f"In this order: {number_steps(steps)}"
    assert settle == "Settle the 1 event of plan-001 in doubt."
    assert see == SEE.format(6)
    assert "38 are in no record" in get


def test_while_nothing_has_passed_the_first_step_warns_of_what_was_sent() -> None:
    given = facts("timeout", state={"value": "ended"}, metrics={"dead_letters_increase": 141.0})
    given["events"] |= {"affected": {"value": 103, "bound": "at_least"}, "open": {"value": 8, "bound": "of_seen"}}
    given["republish"] |= {"plans": [plan(102, not_seen=6, in_doubt=1)]}

    assert advise(given, directory="d")[0]["action"].startswith(
        "6 events were sent again and have no outcome yet: see what became of them before anything else is sent "
        "(dlqkit republish prove … plan-001). Of 1 event it is in doubt whether it was sent. Get the whole list"
    )


def test_once_events_pass_again_the_proof_comes_before_everything_else() -> None:
    """The list can wait; a second send cannot be taken back."""
    given = facts("timeout", state={"value": "recovering"}, metrics={"dead_letters_increase": 141.0})
    given["events"] |= {"affected": {"value": 103, "bound": "at_least"}, "open": {"value": 8, "bound": "of_seen"}}
    given["republish"] |= {"plans": [plan(102, passed=96, not_seen=6)], "passed": ["k1"]}

    assert advise(given, directory="d")[0]["action"].startswith(f"In this order: 1) {SEE.format(6)} 2) Decide about ")


def test_once_events_pass_again_the_cause_is_to_be_gone_before_anything_else_and_is_named() -> None:
    """Nobody says that the version was rolled back; its events pass, and they may for another reason."""
    version = {"at": "2026-03-02T13:50:00+00:00", "kind": "version", "what": "version 1.8 → 1.9 on w1"}
    given = facts("timeout", state={"value": "recovering"}, causes=[cause("timeout")], changes={"rows": [version]})
    given["republish"] |= {"plans": [plan(102, passed=96, not_seen=6)], "passed": ["k1"]}

    assert advise(given, directory="d")[0]["action"].startswith(
        "In this order: 1) See that the cause is gone; it may be version 1.8 → 1.9 on w1 (13:50:00 UTC). 2) Before"
    )


def test_the_command_to_paste_proves_where_the_sentence_says_to_prove_first() -> None:
    """One event of ten was sent before the run stopped; the command would send the other nine."""
    given = facts("timeout", state={"value": "ended"})
    given["republish"] |= {"plans": [plan(10, running=1, not_sent=9)], "passed": []}

    first = advise(given, directory="d")[0]

    assert "before anything else is sent (dlqkit republish prove … plan-001). Go on with plan-001" in first["action"]
    assert first["command"] == "dlqkit republish prove d plan-001"


def test_where_the_first_step_is_the_proof_itself_it_is_said_once() -> None:
    given = facts("timeout", state={"value": "ended"})
    given["republish"] |= {"plans": [plan(102, passed=96, not_seen=6)], "passed": ["k1"]}

    first = advise(given, directory="d")[0]

    assert first["action"] == SEE.format(6)


def test_while_nothing_has_passed_only_what_was_never_sent_may_be_republished() -> None:
    """The database is back; two of twelve were sent and are not seen yet."""
    left = {"unsent": 10, "unseen": 2}
    given = facts("infrastructure", state={"value": "ended"}, causes=[cause("infrastructure", left=left)])
    given["republish"] |= {"plans": [plan(2, not_seen=2)]}

    rows = advise(given, directory="d")

    assert rows[0]["action"] == SEE.format(2)
    assert rows[1]["action"].endswith("then republish the open events that were never sent.")


def test_classes_of_some_are_not_said_of_all() -> None:
    """Records that were cut show one event of the three that are open."""
    unsent = [{"failure_class": "business", "events": 1, "traces": ["t9"]}]
    (row,) = advise_on_republish({"plans": [plan(67, passed=67)], "unsent": unsent}, 3, directory="in/one")

    assert row["action"] == "Decide about the 3 events still open and in no plan."
    assert row["command"] == "dlqkit lab in/one"


def test_once_events_pass_the_report_no_longer_says_to_republish_them() -> None:
    """An outage that is over; 266 of its 268 events have passed."""
    given = facts("infrastructure", state={"value": "ended"})
    given["events"] |= {"open": {"value": 2, "bound": "exact"}}
    given["republish"] = {"plans": [plan(266, passed=266)], "passed": ["a"], "sent": ["a"]}

    rows = advise(given, directory="d")

    assert rows[0]["action"] == "Decide about the 2 events still open and in no plan."
    assert "then republish" not in words(rows)
