"""Other workflows in the report of one."""

from __future__ import annotations

from typing import Any

from dlqkit.report.diagnosis_tables import show_findings
from dlqkit.report.wording import headline, summary
from tests.report.example import make_facts

ID = "19b83216-2876-4bdb-8c2b-2b01f3c4c498"


def with_others(*rows: dict[str, Any]) -> dict[str, Any]:
    return make_facts(other_workflows=[{"alike": True, "events": None, "name": None, **row} for row in rows])


def line(facts: dict[str, Any], label: str = "Failing alike") -> str:
    (text,) = [one.text for one in summary(facts) if one.label == label]
    return text


def test_the_first_screen_says_how_many_died_of_each_workflow_and_whose_the_events_are() -> None:
    facts = with_others(
        {"workflow_id": "a", "name": "invoice-issue", "events": 45.0},
        {"workflow_id": ID},
    )

    assert line(facts) == f"invoice-issue (45), {ID}; the events affected (12) are of orders-sync alone"


def test_the_first_screen_says_how_many_all_workflows_lost() -> None:
    """12 of this one, 45 and 31 of two that failed alike, 9 of one that failed otherwise: 97."""
    facts = with_others(
        {"workflow_id": "a", "name": "invoice-issue", "events": 45.0},
        {"workflow_id": "b", "events": 31.0},
        {"workflow_id": "c", "events": 9.0, "alike": False},
    )

    assert line(facts) == (
        "invoice-issue (45), b (31); how many of these are open is not known; the events affected (12) are of "
        "orders-sync alone, 97 are of all workflows together"
    )
    facts["events"]["total"]["bound"] = "at_least"
    assert "affected (≥ 12) are of orders-sync alone, ≥ 97 are of all" in line(facts)


def test_the_title_says_that_the_report_is_of_one_of_several_workflows() -> None:
    """A reader of the title alone would take the count for that of the whole outage."""
    one = {"workflow_id": "a", "events": 45.0}

    assert headline(with_others(one, one | {"workflow_id": "b"})).endswith("UTC; 2 more workflows failed alike")
    assert headline(with_others(one)).endswith("UTC; 1 more workflow failed alike")
    assert headline(with_others(one | {"alike": False})).endswith("UTC")


def test_three_of_many_workflows_are_named_and_the_others_counted() -> None:
    facts = with_others(*({"workflow_id": name, "events": 1200.0} for name in "abcde"))

    assert line(facts).startswith("a (1,200), b (1,200), c (1,200) and 2 more; ")


def test_where_events_are_not_counted_nothing_is_said_of_whose_they_are() -> None:
    facts = with_others({"workflow_id": "a", "events": 4.0})
    facts["events"]["total"] = {"value": None, "bound": "exact"}

    assert line(facts) == "a (4)"


def test_workflows_that_fail_alike_are_called_by_their_names() -> None:
    """By name as everywhere else in the report; an id only where there is no name."""
    facts = with_others({"workflow_id": ID, "name": "stock-reserve"})
    facts["findings"] = [
        {"workflow_ids": ["wf-1", ID, "wf-9"], "signature": "timed out", "onset_at": facts["onset"]["at"],
         "end_at": None, "size": 184.0, "sentence": "Three workflows, the same signature."}
    ]  # fmt: skip

    table = show_findings(facts)

    assert table.rows[0][1] == "orders-sync, stock-reserve, wf-9"
    assert table.columns[-1] == "common signature"
