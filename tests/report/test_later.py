"""Dead letters of after an incident: counted beside it, with when, which error and how many open."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from dlqkit.decision.advice import advise
from dlqkit.executions.event_history import event_states
from dlqkit.report.diagnosis import sign_dead_letters
from dlqkit.report.later import describe_later
from dlqkit.report.wording import summary
from tests.frames import at, dead, good, records
from tests.report.example import make_facts

ENDED = {"value": "ended", "kind": "dead_letters", "reason": "records"}


def ended(**more: Any) -> dict[str, Any]:
    """An incident from the start to the hundredth second, of events that say ``refused``."""
    given = make_facts(state=dict(ENDED), as_of=at(900).isoformat())
    given["last_dead_letter"] = {"at": at(100).isoformat(), "age_s": 800.0}
    given["end"]["at"] = at(100).isoformat()
    given["republish"] |= {"passed": []}
    return given | more


def died(seconds: float, text: str = "refused") -> dict[str, Any]:
    return dead(seconds, last_error=text)


def own(*rows: Any) -> pd.DataFrame:
    return sign_dead_letters(records([died(50), died(100), *rows]))


def later_of(facts: dict[str, Any], frame: pd.DataFrame) -> dict[str, Any]:
    facts["signatures"][0]["signature_id"] = frame["signature_id"].iloc[0]
    found = describe_later(frame, event_states(frame), facts)
    assert found is not None
    return found


def test_what_died_since_of_something_else_is_told_beside_the_incidents_last_dead_letter() -> None:
    facts = ended()

    facts["later_dead_letters"] = later_of(facts, own(good(200), died(300, "account closed")))
    state = next(line.text for line in summary(facts) if line.label == "State")

    assert facts["later_dead_letters"] == {
        "count": 1, "open": 1, "alike": 0, "newest_at": at(300).isoformat(), "signature": "account closed",
    }  # fmt: skip
    assert state.endswith(
        "; not counted here: a dead letter of 12:05:00 UTC with another error (account closed), still open"
    )
    assert advise(facts, directory="d")[0]["action"].endswith("1 event that died after the incident, too.")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([died(300)], "a dead letter of 12:05:00 UTC with an error of the incident's (refused), still open"),
        ([died(300, "closed"), died(400)],
         "2 dead letters since then, 1 of them with an error of the incident's; 2 events of these are open; "
         "the newest is of 12:06:40 UTC (refused)"),
    ],
)  # fmt: skip
def test_an_error_of_the_incidents_own_that_comes_back_is_said_to_be_one(rows: list[Any], said: str) -> None:
    facts = ended()

    facts["later_dead_letters"] = later_of(facts, own(*rows))

    assert said in next(line.text for line in summary(facts) if line.label == "State")


def test_those_of_another_incident_are_told_there_and_not_again() -> None:
    other = {"onset_at": at(250).isoformat(), "end_at": at(450).isoformat(), "events": 2, "open": 2}

    found = later_of(ended(other_incidents=[other]), own(died(300), died(400)))

    assert (found["count"], found["newest_at"], found["signature"]) == (0, None, None)


def test_while_it_goes_on_every_dead_letter_is_of_the_incident() -> None:
    frame = own()

    assert describe_later(frame, event_states(frame), make_facts()) is None
