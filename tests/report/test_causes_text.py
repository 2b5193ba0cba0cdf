"""The first screen of an incident of several causes: each with its count, whether it goes on, and what was sent."""

from __future__ import annotations

from typing import Any

from dlqkit.report.causes_text import left_text
from dlqkit.report.redaction import Redactor
from dlqkit.report.wording import summary
from tests.decision.test_advice import cause
from tests.report.example import make_facts

GLOBEX = {"field": "client_id", "text": "client_id = globex", "events": 9, "of": 10, "healthy_with": 8, "healthy": 32}


def mixed(**more: Any) -> dict[str, Any]:
    """Ten business errors that go on, of one client but for one, and two of an outage that was over at 14:20:30."""
    given = make_facts(**more)
    given["class"] |= {"value": "mixed", "counts": {"business": 10, "infrastructure": 2, "timeout": 0, "unknown": 0}}
    top = given["signatures"][0]
    given["signatures"] = [
        top | {"signature": "customer_id is required", "events": 10, "share": 10 / 12, "failure_class": "business"},
        top | {"signature": "connection refused", "events": 2, "share": 2 / 12},
    ]
    given["causes"] = [
        cause("business", 10, shared=GLOBEX),
        cause("infrastructure", 2, state="ended", last_at="2026-03-02T14:20:30+00:00"),
    ]
    return given


def told(facts: dict[str, Any]) -> dict[str, str]:
    return {line.label: line.text for line in summary(facts)}


def test_both_causes_are_on_the_first_screen_with_their_counts_errors_and_whether_they_go_on() -> None:
    """Of 32 events that succeeded 8 are of the client."""
    lines = told(mixed())

    assert lines["Class"] == "mixed, by signature (business: 10, going on; infrastructure: 2, none since 14:20:30 UTC)"
    assert (
        lines["Top signature"] == "83% of the events: customer_id is required; infrastructure 17%: connection refused"
    )
    assert lines["In common"] == "business: client_id = globex in 9 of 10; of those that succeeded, 25%"


def test_of_one_cause_the_first_screen_says_it_as_before() -> None:
    lines = told(make_facts())

    assert lines["Class"] == "infrastructure error (retries used up)"
    assert lines["Top signature"] == "100% of the events: connection refused by <*>"
    assert "In common" not in lines


def test_of_an_incident_that_is_over_no_part_is_told_as_over_again() -> None:
    given = mixed()
    given["state"]["value"] = "ended"

    assert told(given)["Class"] == "mixed, by signature (business: 10; infrastructure: 2)"


def test_two_causes_of_one_class_are_one_class_that_goes_on_while_one_of_them_does() -> None:
    """Three disputed events were the last at 14:00; ten others go on."""
    given = mixed()
    given["causes"].append(cause("business", 3, step="disputed", state="ended", last_at="2026-03-02T14:00:00+00:00"))

    assert told(given)["Class"].startswith("mixed, by signature (business: 13, going on; infrastructure: 2,")


def test_what_was_done_with_open_events_is_said_where_they_are_counted() -> None:
    """Ten are open: six were sent and are not seen yet, and four never were."""
    given = make_facts(causes=[cause("timeout", 105, open=10, left={"unsent": 4, "unseen": 6})])
    given["events"] |= {"open": {"value": 10, "bound": "of_seen"}}
    assert left_text(given) == ""

    given["republish"]["plans"] = [{"totals": {"passed": 95, "not_seen": 6}, "plan_id": "plan-001"}]

    assert told(given)["Events affected"] == (
        "12; open 10 of those seen (sent again, no outcome yet: 6, in no plan: 4), healed 3"
    )


def test_a_field_that_settings_call_personal_is_a_pseudonym_in_every_sentence() -> None:
    """By default the client is named; where client_id is on the list of personal fields, nowhere."""
    given = mixed(advice=[{"action": "Ask the client who sends it (client_id = globex in 9 of 10).", "reason": "",
                           "command": "", "wrong": "", "unknown": ""}])  # fmt: skip
    plain, private = Redactor(b"k" * 32).facts(given), Redactor(b"k" * 32, {"client_id"}).facts(given)

    assert "client_id = globex" in told(plain)["In common"]
    assert "globex" in told(plain)["Do next"]
    assert "globex" not in str(private)
    assert "client_id = client_id-" in told(private)["In common"]
    assert "(client_id = client_id-" in told(private)["Do next"]
