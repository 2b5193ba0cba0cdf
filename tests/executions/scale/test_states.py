"""What became of events, and one event's history."""

from __future__ import annotations

import pytest

from dlqkit.engines.scan import scan_frame
from dlqkit.errors import EngineError, ParameterError
from dlqkit.executions.scale import states
from dlqkit.executions.scale.states import count_states, load_event
from tests.frames import dead, good, records


def test_the_last_record_decides_and_a_death_before_it_is_remembered() -> None:
    """Dead and then well is healed; dead and then failed again is open; well throughout is succeeded."""
    frame = records(
        [
            dead(0, event_key="healed"),
            good(60, event_key="healed"),
            good(0, event_key="open"),
            dead(60, event_key="open"),
            dead(0, event_key="failed again"),
            good(60, event_key="failed again", status="failed", last_error="refused"),
            good(0, event_key="well"),
        ]
    )

    found = count_states(scan_frame(frame))

    assert found.to_numpy().tolist() == [["wf", "healed", 1], ["wf", "open", 2], ["wf", "succeeded", 1]]


def test_of_one_moment_the_later_attempt_is_the_last() -> None:
    """Services that give whole seconds say which came later by the attempt alone."""
    frame = records([good(0, event_key="e", attempts=2), dead(0, event_key="e", attempts=1)])

    assert count_states(scan_frame(frame))["state"].tolist() == ["healed"]


def test_an_unknown_event_is_refused() -> None:
    """A typing error in an id is no event without a history."""
    with pytest.raises(ParameterError, match="Nothing is known of the event e7"):
        load_event(scan_frame(records([good(0)])), "e7")


def test_a_key_that_all_records_have_is_not_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is of no event but of the whole table is not brought into memory."""
    monkeypatch.setattr(states, "MOST_RECORDS", 3)

    with pytest.raises(EngineError, match="more than 3 rows"):
        load_event(scan_frame(records([good(number, event_key="same") for number in range(5)])), "same")
