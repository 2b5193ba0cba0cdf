from __future__ import annotations

import pandas as pd
import pytest

from dlqkit.errors import ParameterError
from dlqkit.executions.event_history import event_history, event_states
from tests.frames import at, dead, good, lines, records


def state_of(*rows: dict[str, object]) -> str:
    frame = records([{**row, "event_key": "e"} for row in rows])
    return str(event_states(frame)["state"].iloc[0])


def test_what_became_of_an_event() -> None:
    """Dead and nothing newer: open. A later success: healed. Never dead: succeeded. Something under way: retrying."""
    again = {"at": 90, "status": "retrying", "queued_to_dlq": False, "last_error": "busy"}
    failed = {"at": 10, "status": "failed", "queued_to_dlq": False, "retryable": True, "last_error": "busy"}

    assert state_of(dead(60)) == "open"
    assert state_of(dead(60), good(120)) == "healed"
    assert state_of(good(120), dead(60)) == "healed"  # by time, not by place
    assert state_of(good(60)) == "succeeded"
    assert state_of(dead(60), again) == "retrying"
    assert state_of(failed) == "failed"
    assert state_of(dead(60), {**failed, "at": 70}) == "open"


def test_a_status_word_that_is_not_known_is_judged_by_its_error() -> None:
    """The runbook gives no values of status."""
    assert state_of({"at": 1, "status": "42", "queued_to_dlq": False}) == "succeeded"
    assert state_of({"at": 1, "status": "unsuccessful", "queued_to_dlq": False, "last_error": "x"}) == "failed"


def test_times_of_an_event_are_of_its_dead_letters() -> None:
    frame = event_states(records([dead(60, event_key="e"), dead(90, event_key="e"), good(120, event_key="e")]))

    row = frame.iloc[0]
    assert (row.first_dead_at, row.last_dead_at, row.last_at, row.records) == (at(60), at(90), at(120), 3)


def test_records_without_a_key_are_one_row_whose_number_is_not_known() -> None:
    """Nobody knows of how many events they are; a time that is missing is no dead letter's time."""
    frame = event_states(
        records([dead(60, event_key="e"), dead(90, event_key=None), dead(0, event_key="f", recorded_at=None)])
    )

    assert frame["event_key"].fillna("none").tolist() == ["e", "f", "none"]
    assert frame["records"].fillna(-1).tolist() == [1, 1, -1]
    assert frame["state"].tolist() == ["open", "open", "open"]
    assert frame["first_dead_at"].isna().tolist() == [False, True, True]


def test_a_history_has_records_and_log_lines_in_order() -> None:
    logs = lines([{"at": 30, "trace_id": "t0", "message": "trying", "level": "INFO"}, {"at": 31, "trace_id": "other"}])

    history = event_history(records([dead(60), dead(20, trace_id="t9")]), "t0", worker_logs=logs)

    assert history["kind"].tolist() == ["log", "record"]
    assert history["text"].tolist() == ["trying", "connection refused"]
    assert history["state"].iloc[1] == "failed (dead letter)"


def test_an_event_is_found_by_key_trace_or_record_and_else_refused() -> None:
    frame = records([dead(60)])

    assert len(event_history(frame, "e0")) == len(event_history(frame, "t0")) == len(event_history(frame, "r0")) == 1
    with pytest.raises(ParameterError, match="Nothing is known"):
        event_history(frame, "nobody")


def test_no_records_are_no_states() -> None:
    frame = event_states(records([]))

    assert frame.empty
    assert isinstance(frame["state"].dtype, pd.CategoricalDtype)


@pytest.mark.parametrize(
    ("status", "state"),
    [("INCOMPLETE", "open"), ("BROKEN", "open"), ("REVOKED", "open"), ("not completed", "open"),
     ("UNSUCCESSFUL", "open"), ("COMPLETED", "healed"), ("dlq_ok", "healed"), ("Succeeded", "healed"),
     ("in-progress", "retrying")],
)  # fmt: skip
def test_a_later_record_heals_only_if_its_status_says_so_in_a_whole_word(status: str, state: str) -> None:
    """A dead letter, then a record with an error whose status only sounds like a success."""
    own = records([dead(0, event_key="e"), good(60, event_key="e", status=status, last_error="connection refused")])

    assert event_states(own)["state"].tolist() == [state]
