from __future__ import annotations

from typing import Any

import pandas as pd

from dlqkit.republish.edits import Edit, read_edit
from dlqkit.republish.plan_diff import CHANGES, diff_plan, edits_of
from tests.frames import dead, good, records
from tests.republish.cases import classified, plan_of, settings

BEFORE: list[dict[str, Any]] = [
    dead(1, payload_snapshot='{"a":0}'),
    dead(2, payload_snapshot='{"a":1}'),
    dead(3, payload_snapshot='{"a":2}', retryable=False, attempts=1, last_error="validation failed: email"),
]


def _changes(rows: list[dict[str, Any]], **more: Any) -> list[tuple[str, ...]]:
    frame = records(rows)
    found = diff_plan(plan_of(records(BEFORE), **more), frame, classified(frame), settings())
    assert list(found.columns) == list(CHANGES)
    return [tuple(str(cell) for cell in row) for row in found.itertuples(index=False)]


def test_nothing_changed() -> None:
    """The same evidence, and further records of other events, change nothing."""
    assert _changes(BEFORE) == []
    assert _changes([*BEFORE, good(9)]) == []


def test_an_event_that_succeeded_since_is_no_longer_to_be_sent() -> None:
    """The reason and its time are told."""
    rows = [*BEFORE, good(60, event_key="e0", trace_id="t0")]

    assert _changes(rows) == [
        ("e0", "t0", "no longer to be sent", "planned", "succeeded later: 2026-03-02 12:01:00 UTC")
    ]


def test_new_dead_letters_of_the_selection_are_told() -> None:
    """Those that would be planned, and those that would be left out."""
    rows = [*BEFORE, dead(60, payload_snapshot='{"a":3}'), dead(61, payload_snapshot='{"a":')]

    assert [row[2:] for row in _changes(rows)] == [
        ("new dead letter", "", "would be planned"),
        ("new dead letter", "", "payload truncated: its text of 5 characters ends before its JSON does"),
    ]


def test_an_event_that_died_again_and_one_with_another_error_are_told() -> None:
    """Its last dead letter is a newer one; its signature is another one."""
    rows = [*BEFORE, dead(60, event_key="e1", trace_id="t1", payload_snapshot='{"a":1}', last_error="disk is full")]

    kinds = [(row[0], row[2]) for row in _changes(rows)]

    assert kinds == [("e1", "died again"), ("e1", "other signature")]


def test_what_was_left_out_may_be_sent_now() -> None:
    """Its class is another one since its newest dead letter."""
    rows = [*BEFORE, dead(60, event_key="e2", trace_id="t2", payload_snapshot='{"a":2}')]

    assert [(row[0], *row[2:]) for row in _changes(rows)] == [("e2", "can be sent now", "business error", "planned")]


def test_where_nothing_is_left_to_send_every_event_is_told() -> None:
    """The selection would give no plan at all now."""
    rows = [*BEFORE, *(good(60, event_key=f"e{n}", trace_id=f"t{n}") for n in range(3))]

    assert {row[0]: row[2] for row in _changes(rows)} == {"e0": "no longer to be sent", "e1": "no longer to be sent"}


def test_edits_are_made_again() -> None:
    """An edited event is no change by itself, be it by a patch or a new text."""
    edits = (read_edit('{"a":9}', "r", "ann", "e2"), Edit("text", '{"a":8}', "r", "ann", "e1"))
    plan = plan_of(records(BEFORE), edits=edits)

    assert {edit.event_key: edit for edit in edits_of(plan)} == {edit.event_key: edit for edit in edits}
    assert _changes(BEFORE, edits=edits) == []


def test_an_empty_world_is_no_error() -> None:
    """A snapshot without dead letters leaves nothing to send."""
    frame = records([good(1)])
    found = diff_plan(plan_of(records(BEFORE)), frame, classified(frame), settings())

    assert isinstance(found, pd.DataFrame)
    assert set(found["now"]) == {"no longer selected"}
