"""What an incident's events need, cause by cause: how many, whether it goes on, and what was already sent."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from dlqkit.decision.classes import classify_failures
from dlqkit.decision.overrides import ClassOverride, apply_overrides
from dlqkit.executions.event_history import event_states
from dlqkit.report.causes import describe_causes
from dlqkit.report.diagnosis import sign_dead_letters
from tests.frames import at, dead, good, records

REFUSED = {"retryable": False, "attempts": 1, "last_error": "customer_id is required"}
NOTHING_SENT: dict[str, Any] = {"passed": [], "sent": [], "died_again": [], "in_doubt": [], "planned": []}
END_S = 7_200.0


def describe(rows: list[dict[str, Any]], *, state: str = "going_on", told: bool = True, overrides: Any = (),
             **republish: list[str]) -> list[dict[str, Any]]:  # fmt: skip
    """Causes of these records, whose evidence ends two hours after the first of them could have come."""
    own = sign_dead_letters(records(rows))
    lost = own[own["queued_to_dlq"].fillna(False).astype(bool)]
    classes = apply_overrides(classify_failures(lost, max_attempts=5), overrides)
    facts = {"state": {"value": state}, "republish": NOTHING_SENT | republish}
    return describe_causes(
        own, lost, classes, event_states(own), at(END_S).to_pydatetime(), facts, is_told_to_end=told
    )  # fmt: skip


def outage_and_client() -> list[dict[str, Any]]:
    """Seven events died of an outage in the first hour; every ten minutes a client sends one that is refused."""
    outage = [dead(600 + 300 * number, event_key=f"o{number}", trace_id=f"t-o{number}") for number in range(7)]
    client = [dead(600 * number, event_key=f"c{number}", trace_id=f"t-c{number}", **REFUSED) for number in range(1, 12)]
    return outage + client


def test_each_cause_goes_on_or_is_over_by_its_own_dead_letters() -> None:
    """The outage's last is 78 minutes old at a spacing of 5; the client's 10 minutes, at a spacing of 10."""
    client, outage = describe(outage_and_client())

    assert (client["failure_class"], client["events"], client["state"]) == ("business", 11, "going_on")
    assert (outage["failure_class"], outage["events"], outage["state"]) == ("infrastructure", 7, "ended")
    assert outage["first_at"] == "2026-03-02T12:10:00+00:00"
    assert outage["last_at"] == "2026-03-02T12:40:00+00:00"


@pytest.mark.parametrize(("last_s", "state"), [(5_100.0, "going_on"), (5_090.0, "ended")])
def test_a_cause_is_over_after_seven_of_its_own_spacings(last_s: float, state: str) -> None:
    """Seven events, 300 s apart: 2,100 s of quiet are not enough, and any more are."""
    rows = [dead(last_s - 300 * number, event_key=f"o{number}") for number in range(7)]

    assert [one["state"] for one in describe(rows)] == [state]


def test_an_incident_that_is_over_has_no_cause_that_goes_on_and_unseen_ends_are_not_told() -> None:
    rows = outage_and_client()

    assert {one["state"] for one in describe(rows, state="ended")} == {"ended"}
    assert {one["state"] for one in describe(rows, state="recovering")} == {"recovering"}
    assert {one["state"] for one in describe(rows, told=False)} == {"unknown"}


def test_every_open_event_is_told_by_what_was_done_with_it() -> None:
    """Of seven one has succeeded by itself and one after a republish; of the five open each stands elsewhere."""
    rows = [*outage_and_client(), good(6_000, event_key="o0")]
    sent = {"passed": ["o1"], "sent": ["o1", "o2", "o3"], "died_again": ["o3"], "in_doubt": ["o4"], "planned": ["o5"]}

    client, outage = describe(rows, **sent)

    assert (outage["events"], outage["open"]) == (7, 5)
    assert outage["left"] == {"unsent": 1, "planned": 1, "in_doubt": 1, "unseen": 1, "died_again": 1}
    assert outage["traces"] == ["t-o2", "t-o3", "t-o4"]
    assert client["left"] == {"unsent": 11, "planned": 0, "in_doubt": 0, "unseen": 0, "died_again": 0}


def test_one_error_that_is_flagged_both_ways_is_two_causes() -> None:
    """Three are not retryable by their field, two are: a republish of those two is all that the fields allow."""
    rows = [dead(100 + number, event_key=f"e{number}", last_error="hm", retryable=number > 2) for number in range(5)]

    assert [(one["failure_class"], one["events"]) for one in describe(rows)] == [("business", 3), ("infrastructure", 2)]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"last_error": "customer_id is required"}, ("infrastructure", "disputed")),
        ({"last_error": "unauthorized: token expired", "retryable": False}, ("business", "access")),
        ({"last_error": "connection refused"}, ("infrastructure", "as_class")),
        ({"last_error": "hm", "retryable": None}, ("unknown", "as_class")),
    ],
)
def test_events_of_one_class_that_need_another_step_are_a_cause_of_their_own(
    row: dict[str, Any], told: tuple[str, str]
) -> None:
    (one,) = describe([dead(100, **row)])

    assert (one["failure_class"], one["step"]) == told


def test_a_persons_word_settles_a_dispute() -> None:
    rows = [dead(100, event_key="a", last_error="customer_id is required")]
    word = ClassOverride("business", "ann", "the client confirmed it", event_key="a")

    (one,) = describe(rows, overrides=[word])

    assert (one["failure_class"], one["step"]) == ("business", "as_class")


def test_the_last_dead_letter_by_its_time_tells_the_error_in_whichever_order_the_source_answered() -> None:
    """It timed out first and was refused at last, and the source gives its newest record first."""
    rows = [dead(200, event_key="a", record_id="r2", **REFUSED), dead(100, event_key="a", record_id="r1")]

    (one,) = describe(rows)

    assert one["failure_class"] == "business"
    assert [row["signature"] for row in one["signatures"]] == ["customer_id is required"]


def test_events_of_one_client_name_him_and_personal_values_name_nobody() -> None:
    """Nine refused events are globex's, of the fifty that succeeded none is; their e-mail is no name for a report."""

    def of(client: str, mail: str) -> dict[str, str]:
        return {"extra_json": json.dumps({"client_id": client}), "payload_snapshot": json.dumps({"email": mail})}

    fine = [good(10 * number, **of("acme", f"u{number}@b.example")) for number in range(50)]
    lost = [dead(1_000 + number, **REFUSED, **of("globex", "a@b.example")) for number in range(9)]
    only_mail = [row | {"extra_json": None} for row in fine + lost]

    (one,), (nobody,) = describe(fine + lost), describe(only_mail)

    assert one["shared"] == {
        "field": "client_id", "text": "client_id = globex", "events": 9, "of": 9, "healthy_with": 0, "healthy": 50
    }  # fmt: skip
    assert nobody["shared"] is None


def test_without_dead_letters_there_is_no_cause() -> None:
    empty = records([good(1)])
    classes = apply_overrides(classify_failures(empty[empty["queued_to_dlq"].astype(bool)]), [])

    found = describe_causes(
        empty, empty.iloc[:0], classes, event_states(empty), pd.Timestamp(at(2)).to_pydatetime(),
        {"state": {"value": "nothing"}, "republish": NOTHING_SENT}, is_told_to_end=True,
    )  # fmt: skip

    assert found == []
