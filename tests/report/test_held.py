"""Events whose message the dead-letter subscriptions hold, and of which no record tells."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from dlqkit.evidence.folder import IncidentFolder
from dlqkit.frames import ORIGINALS, Coverage, Loaded, conform
from dlqkit.report.facts import facts
from dlqkit.report.held import count_held, tell_held
from dlqkit.report.wording import summary
from tests.evidence.test_folder import gather
from tests.frames import START, at, dead, records
from tests.report.example import make_facts
from tests.report.test_facts import row

OWN = records([dead(number, trace_id=f"t{number}") for number in (100, 110, 120)])
MAIN = pd.Series({"signal": "dead_letters", "workflow_id": "wf", "onset_at": at(100), "onset_low_at": at(95),
                  "end_at": at(200)})  # fmt: skip


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

    assert tell_held(2) in facts(folder)["assumptions"]


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
