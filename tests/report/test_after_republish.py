"""What a republish tells of the incident: events pass again, and which open ones no plan has sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlqkit.evidence.folder import IncidentFolder
from dlqkit.report.after_republish import find_unsent, with_recovery
from dlqkit.report.republished import describe_republish
from dlqkit.report.tables import show_impact, show_signals
from dlqkit.report.updates import write_update
from dlqkit.report.wording import summary
from dlqkit.republish.plan import plan_path, write_plan
from tests.evidence.test_folder import gather, row
from tests.report.example import make_facts
from tests.report.test_republished import send
from tests.republish.sent_plans import make_plan, planned

KEYS = [f"k{number}" for number in range(10)]
LAST, PASSED = "2026-03-02T15:50:00+00:00", "2026-03-02T15:52:00+00:00"


def going_on(**more: Any) -> dict[str, Any]:
    """Ten events died, the last at 15:50; all of them were sent again, and the first passed at 15:52."""
    facts = make_facts(last_dead_letter={"at": LAST, "age_s": 600.0})
    facts["republish"] |= {"plans": [{"totals": {"passed": 10}}], "passed": KEYS, "first_passed_at": PASSED} | more
    return facts


def state_of(facts: dict[str, Any], *, is_told_to_end: bool = True) -> str:
    return str(with_recovery(facts, KEYS, is_told_to_end=is_told_to_end)["value"])


def test_what_passes_again_since_the_last_dead_letter_is_not_told_as_going_on() -> None:
    assert state_of(going_on()) == "recovering"
    assert state_of(make_facts()) == "going_on"


@pytest.mark.parametrize(
    "more",
    [
        {"first_passed_at": "2026-03-02T15:49:00+00:00"},
        {"plans": [{"totals": {"passed": 9, "failed_same": 1}}]},
        {"plans": [{"totals": {"passed": 9, "failed_new": 1}}]},
        {"passed": KEYS[:4]},
        {"passed": ["another incident's", *KEYS[:4]]},
    ],
)
def test_it_goes_on_while_events_die_beside_those_that_pass(more: dict[str, Any]) -> None:
    """One died after the first had passed, one died again, or fewer than half have passed at all."""
    assert state_of(going_on(**more)) == "going_on"


def test_what_passes_of_a_mixed_incident_tells_nothing_of_its_other_part() -> None:
    """The database is back, and the client still sends broken payloads."""
    facts = going_on()
    facts["class"]["value"] = "mixed"

    assert state_of(facts) == "going_on"


def test_where_newer_dead_letters_may_be_unseen_nothing_is_taken_back() -> None:
    assert state_of(going_on(), is_told_to_end=False) == "going_on"


def test_an_incident_that_ended_stays_ended() -> None:
    facts = going_on()
    facts["state"]["value"] = "ended"

    assert state_of(facts) == "ended"


def test_no_part_of_the_report_says_that_it_goes_on_once_events_pass() -> None:
    """One state, in the first screen, the tables and what the team and the client read."""
    facts = going_on()
    facts["state"] = with_recovery(facts, KEYS, is_told_to_end=True)
    facts["events"] |= {"open": {"value": 0, "bound": "exact"}, "healed": {"value": 12, "bound": "exact"}}
    first = {line.label: line.text for line in summary(facts)}
    client = {line.label: line.text for line in write_update(facts, "client").lines}
    texts = [
        *first.values(),
        *client.values(),
        *(line.text for line in write_update(facts, "chat").lines),
        *(line.text for line in show_impact(facts).lines),
        *(cell for cells in show_signals(facts).rows for cell in cells),
    ]

    assert first["State"] == (
        "Events pass again; last dead letter 10 min before the evidence ends, too soon to say that it has ended"
    )
    assert first["Since"].startswith("2026-03-02 14:02:05 UTC")
    assert show_signals(facts).rows[0][4] == "no end known yet"
    assert client["What happened"] == (
        "Some of your events were not processed from 2026-03-02 14:02 UTC to 2026-03-02 15:50 UTC."
    )
    assert client["What comes next"] == "Nothing is left to be processed."
    assert not [text for text in texts if "going on" in text.lower() or "goes on" in text.lower()]


@pytest.fixture
def folder(tmp_path: Path) -> IncidentFolder:
    return gather(tmp_path / "incident", [row(number, 10) for number in (1, 2, 3)])


def unsent(folder: IncidentFolder) -> list[dict[str, Any]]:
    own = folder.records().frame
    keys = dict(zip(own["trace_id"], own["event_key"], strict=True))
    classes = {"business": [keys["t3"]], "infrastructure": [keys["t1"], keys["t2"]]}
    republish = describe_republish(folder, folder.collected_at)
    return find_unsent(folder, own, own, folder.collected_at, classes, republish)


def write(folder: IncidentFolder, *traces: str) -> Any:
    own = folder.records().frame
    keys = dict(zip(own["trace_id"], own["event_key"], strict=True))
    events = [planned(number, event_key=keys[trace]) for number, trace in enumerate(traces, 1)]
    plan = make_plan(events, snapshot=folder.snapshot)
    write_plan(folder.path, plan, {})
    return plan


def test_open_events_that_were_not_asked_for_are_named_by_class(folder: IncidentFolder) -> None:
    """Two infrastructure errors are planned; the third event is a business error, and no plan has it."""
    write(folder, "t1", "t2")

    assert unsent(folder) == [{"failure_class": "business", "events": 1, "traces": ["t3"]}]


def test_without_a_plan_nothing_is_called_left(folder: IncidentFolder) -> None:
    assert unsent(folder) == []


def test_what_a_cancelled_plan_did_not_send_is_in_no_plan(folder: IncidentFolder) -> None:
    """The first was sent before it was called off."""
    plan = write(folder, "t1", "t2")
    send(folder, plan, [1])
    assert describe_republish(folder, folder.collected_at)["planned"] == [plan.events[1].event_key]
    plan_path(folder.path, plan.plan_id, "cancelled").write_text("{}")
    assert describe_republish(folder, folder.collected_at)["planned"] == []

    assert unsent(folder) == [
        {"failure_class": "business", "events": 1, "traces": ["t3"]},
        {"failure_class": "infrastructure", "events": 1, "traces": ["t2"]},
    ]
