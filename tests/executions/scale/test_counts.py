"""How many records, dead letters and events there are."""

from __future__ import annotations

import pandas as pd

from dlqkit.engines.scan import scan_frame
from dlqkit.executions.scale.counts import count_outcomes, count_records, count_workflows
from tests.frames import at, dead, good, records

# Event e1 died twice and healed, e2 died once, the third dead letter has no key; wf2 has a success alone.
FRAME = records(
    [
        dead(0, event_key="e1"),
        dead(60, event_key="e1"),
        good(120, event_key="e1"),
        dead(30, event_key="e2"),
        dead(90, event_key=None),
        good(10, event_key="e3", workflow_id="wf2"),
    ]
)


def test_counts_tell_records_from_events() -> None:
    """An event that died twice is one event with two dead letters."""
    found = count_records(scan_frame(FRAME)).iloc[0]

    assert (found["records"], found["dead_letters"], found["events"], found["dead_events"]) == (6, 4, 3, 2)
    assert (found["first_dead_at"], found["last_dead_at"]) == (at(0), at(90))
    assert (found["first_at"], found["last_at"], found["bound"]) == (at(0), at(120), "exact")


def test_counts_of_a_cut_answer_are_lower_bounds() -> None:
    """Where something is missing, there may be more."""
    assert count_records(scan_frame(FRAME), is_whole=False)["bound"].tolist() == ["at_least"]


def test_workflows_without_a_dead_letter_are_left_out() -> None:
    """The list is of those in trouble."""
    found = count_workflows(scan_frame(FRAME))

    assert found["workflow_id"].tolist() == ["wf"]
    assert found[["records", "dead_letters", "dead_events"]].to_numpy().tolist() == [[5, 4, 2]]


def test_outcomes_are_counted_by_workflow() -> None:
    """Four dead letters and a success in the one, a success in the other."""
    found = count_outcomes(scan_frame(FRAME))

    expected = [["wf", "dead", 4], ["wf", "succeeded", 1], ["wf2", "succeeded", 1]]
    assert found.to_numpy().tolist() == expected
    assert found["records"].dtype == pd.Int64Dtype()
