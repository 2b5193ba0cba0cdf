"""Events whose message the dead-letter subscriptions hold, and of which no record tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dlqkit.decision.unlisted_advice import advise_on_unlisted
from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import IncidentFolder
from dlqkit.frames import ORIGINALS, Coverage, Loaded, conform
from dlqkit.incident import Incident
from dlqkit.report.facts import facts
from dlqkit.report.headline import headline
from dlqkit.report.held import add_held, count_held, tell_held
from dlqkit.report.provenance import find_basis
from dlqkit.report.provenance_tables import show_rows
from dlqkit.report.updates import write_update
from dlqkit.report.wording import summary
from dlqkit.settings import Settings
from tests.evidence.test_folder import QUESTION, gather
from tests.frames import START, at, dead, records
from tests.report.example import make_facts
from tests.report.test_facts import row

OWN = records([dead(number, trace_id=f"t{number}") for number in (100, 110, 120)])
MAIN = pd.Series({"signal": "dead_letters", "workflow_id": "wf", "onset_at": at(100), "onset_low_at": at(95),
                  "end_at": at(200)})  # fmt: skip

ALONE = "in the dead-letter subscription alone, open or not is not known"


def messages(*rows: tuple[int, str | None, str]) -> pd.DataFrame:
    """When each was dead-lettered, its trace, its workflow."""
    return conform(
        pd.DataFrame(
            [
                {"message_id": str(number), "published_at": at(second), "trace_id": trace, "workflow_id": name}
                for number, (second, trace, name) in enumerate(rows)
            ]
        ),
        ORIGINALS,
    )


HELD = messages(
    (90, "before", "wf"),
    (101, "t100", "wf"),
    (130, "x1", "wf"),
    (131, "x1", "wf"),
    (140, "x2", "wf"),
    (150, "elsewhere", "other"),
    (160, None, "wf"),
    (210, "after", "wf"),
)


def test_each_event_of_the_incident_that_no_record_lists_counts_once() -> None:
    """x1 died twice and x2 once; what has a record, lies outside, or is of another workflow is not meant."""
    assert count_held(HELD, OWN, MAIN, at(300)) == 2


def test_while_the_incident_goes_on_all_up_to_the_reports_moment_count() -> None:
    going_on = MAIN.copy()
    going_on["end_at"] = pd.NaT

    assert count_held(HELD, OWN, going_on, at(205)) == 2
    assert count_held(HELD, OWN, going_on, at(300)) == 3


def test_a_dead_letter_without_a_trace_might_be_any_of_them_so_nothing_is_said() -> None:
    assert count_held(HELD, OWN.assign(trace_id=["t100", None, "t120"]), MAIN, at(300)) == 0


def test_where_a_trace_is_no_event_nothing_is_said() -> None:
    """No message is of a trace that the records know, as where the two name other ids; or an event has two traces."""
    assert count_held(HELD[HELD["trace_id"] != "t100"], OWN, MAIN, at(300)) == 0
    assert count_held(HELD, OWN.assign(event_key="order 7"), MAIN, at(300)) == 0


def test_where_no_record_came_the_subscription_alone_tells_how_many_died() -> None:
    """t100, x1 and x2 died from 95 to 200 s; what was before or after is not of the incident."""
    assert count_held(HELD, OWN.iloc[:0], MAIN, at(300)) == 3


def test_without_messages_or_without_dead_letters_nothing_is_held() -> None:
    assert count_held(HELD.iloc[:0], OWN, MAIN, at(300)) == 0
    assert count_held(HELD, OWN, None, at(300)) == 0
    assert tell_held(38) == "The dead-letter subscriptions hold 38 events of the incident that no record lists."


def test_the_report_says_how_many_are_held_where_its_records_may_be_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export of forty that begins with the incident; of its time the subscription holds two more events."""
    folder = gather(tmp_path / "incident", [row(number, 60 + number / 6) for number in range(40)])
    begin = (START + pd.Timedelta(minutes=61) - at(0)).total_seconds()
    held = messages(*((round(begin) + place, trace, "wf") for place, trace in enumerate(("t1", "x1", "x2"))))
    monkeypatch.setattr(IncidentFolder, "originals", lambda _: Loaded(held, Coverage(), "subscription"))

    found = facts(folder)

    assert tell_held(2) in found["assumptions"]
    assert found["events"]["affected"] == {"value": 40, "bound": "at_least"}
    assert found["events"]["total"] == {"value": 42, "bound": "at_least"}
    (message,) = found["provenance"]["events.held"]["parts"]
    assert (message["frame"], message["rows"]) == ("originals", 2)
    assert [part["rows"] for part in found["provenance"]["events.total"]["parts"]] == [40, 2]
    (row_of,) = [one for one in found["impact"]["counts"] if one["source"] == "dead-letter subscription"]
    assert (row_of["value"], row_of["bound"]) == (2, "at_least")
    rows = show_rows(find_basis(folder, found, "events.held")[0].parts[0], 5).rows
    assert [trace for _, trace, _ in rows] == ["x1", "x2"]


def test_a_trace_that_is_asked_for_has_no_messages_but_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """x1 died together with t1, in the same workflow: it is another question."""
    (tmp_path / "export.jsonl").write_text(json.dumps(row(1, 60)))
    asked = Incident(QUESTION.start, QUESTION.end, workflow_id="wf", trace_id="t1")
    folder = collect(asked, Settings(), tmp_path / "incident", records_files=(tmp_path / "export.jsonl",))
    begin = round((START + pd.Timedelta(minutes=60) - at(0)).total_seconds())
    held = messages((begin, "t1", "wf"), (begin, "x1", "wf"))
    monkeypatch.setattr(IncidentFolder, "originals", lambda _: Loaded(held, Coverage(), "subscription"))

    found = facts(folder)

    assert found["events"]["affected"] == found["events"]["total"] == {"value": 1, "bound": "at_least"}
    assert found["events"]["held"]["value"] == 0


def subscription(number: int, got_end: str | None) -> dict[str, Any]:
    return {"evidence_id": f"001/{number}", "kind": "dead-letter subscription", "got_end": got_end}


def test_what_records_and_subscription_tell_together_is_at_least_so_many() -> None:
    """100 of the list that was cut and 67 beyond it are 167; a message that is gone by now is in neither."""
    cut = {"affected": {"value": 100, "bound": "at_least"}, "evidence": "001/1"}
    since, before = at(150).isoformat(), at(94).isoformat()
    rows = [subscription(7, since), subscription(8, before), subscription(9, None)]

    both = add_held(cut, 67, MAIN, rows)

    assert both["total"] == {"value": 167, "bound": "at_least"}
    assert both["held"] == {"value": 67, "evidence": "001/7"}
    assert both["affected"] == {"value": 100, "bound": "at_least"}


def test_a_message_that_is_ahead_of_its_record_makes_a_whole_list_no_larger() -> None:
    whole = {"affected": {"value": 100, "bound": "exact"}, "evidence": "001/1"}

    assert add_held(whole, 1, MAIN, [])["total"] == {"value": 100, "bound": "exact"}
    assert add_held(whole, 1, MAIN, [])["held"] == {"value": 0, "evidence": ""}


def with_held(listed: int | None, held: int, counted: float | None) -> dict[str, Any]:
    found = make_facts()
    bound = "exact" if listed is None else "at_least"
    found["events"] |= {
        "affected": {"value": listed, "bound": bound},
        "open": {"value": listed, "bound": "of_seen"},
        "healed": {"value": None if listed is None else 0, "bound": "at_least"},
        "held": {"value": held, "evidence": "001/7"},
        "total": {"value": (listed or 0) + held, "bound": "at_least"},
    }
    found["metrics"]["dead_letters_increase"] = counted
    return found


@pytest.mark.parametrize(
    ("listed", "held", "counted", "said"),
    [
        (100, 67, 166.0, f"≥ 167 = 100 open + 0 healed + 67 {ALONE}"),
        (100, 30, 166.0, f"≥ 130 = 100 open + 0 healed + 30 {ALONE}; the counter grew by 166, so 36 are in neither"),
        (100, 67, None, f"≥ 167 = 100 open + 0 healed + 67 {ALONE}"),
        (None, 67, 66.0, "≥ 67, in the dead-letter subscription; the records do not tell"),
    ],
)  # fmt: skip
def test_title_and_first_screen_say_the_number_and_by_what_it_is_known(
    listed: int | None, held: int, counted: float | None, said: str
) -> None:
    """The list gave 100 of them; the title has the number that is known, and no text another one."""
    found = with_held(listed, held, counted)
    total = (listed or 0) + held

    line = next(line for line in summary(found) if line.label == "Events affected")
    assert (line.text, line.kind, line.evidence) == (said, "computed", "E1 001/7")
    assert headline(found).startswith(f"orders-sync: ≥ {total} events dead-lettered since ")
    assert f"{total} affected" in write_update(found, "chat").to_text(1000)
    assert f"of all clients: at least {total}." in write_update(found, "client").to_text(1000)


def test_getting_the_whole_list_names_those_whose_messages_are_there() -> None:
    """66 are missing by the counter and 67 by their messages, so 67 are; one message of a list of 100 is one."""
    alone = "in the dead-letter subscription alone"
    for held, counted, action in (
        (67, 166.0, f"67 are {alone}"),
        (1, 100.0, f"1 is {alone}"),
        (30, 166.0, "66 are in no record"),
    ):
        (advice,) = advise_on_unlisted(with_held(100, held, counted), "orders")
        assert action in advice["action"]
        assert advice["reason"].startswith(f"Messages of {held} of them are in the dead-letter subscription; ")


def test_the_first_screen_says_how_many_dead_letters_are_in_no_record() -> None:
    """12 are listed and 50 were counted; where 14 were counted two may have died between the two looks."""
    found = make_facts()
    found["events"]["affected"]["bound"] = "at_least"
    told = {}
    for counted in (50.0, 14.0):
        found["metrics"]["dead_letters_increase"] = counted
        told[counted] = next(line.text for line in summary(found) if line.label == "Events affected")

    assert told[50.0].endswith("the counter grew by 50, so 38 are in no record")
    assert told[14.0].endswith("the counter grew by 14")
