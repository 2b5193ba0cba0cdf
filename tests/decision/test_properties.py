"""Whatever the records are: none, one, all failed, none failed, a clock that goes back, counters that always reset."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.decision.changes import find_changes
from dlqkit.decision.classes import CLASSIFIED, classify_failures
from dlqkit.decision.differences import what_differs
from dlqkit.decision.impact import measure_impact
from dlqkit.decision.signatures import group_errors, sign_errors
from dlqkit.executions.comparison import GROUPS, compare_durations
from dlqkit.executions.event_history import event_states
from tests.frames import at, counter, records

PAYLOADS = ('{"client": "a", "amount": 1}', '{"client": "b"}', "[]", "no json", None)
ERRORS = ("connection refused by 10.0.0.1", "order 17 is not valid", "timed out after 30 s", "", None)
ROW = st.fixed_dictionaries(
    {
        "at": st.integers(-100, 2000),
        "event_key": st.sampled_from(["e1", "e2", "e3", "e4", "e5", None]),
        "queued_to_dlq": st.sampled_from([True, False, None]),
        "status": st.sampled_from(["failed", "success", "retrying", None]),
        "retryable": st.sampled_from([True, False, None]),
        "attempts": st.sampled_from([1, 2, 5, None]),
        "action_duration_ms": st.sampled_from([0.0, 12.5, 30_000.0, -1.0, 1e13, None]),
        "last_error": st.sampled_from(ERRORS),
        "payload_snapshot": st.sampled_from(PAYLOADS),
    }
)
ONSET = at(700)


def _all(queued: bool) -> st.SearchStrategy[list[dict[str, Any]]]:
    own = ROW.map(lambda row: {**row, "queued_to_dlq": queued, "status": "failed" if queued else "success"})
    return st.lists(own, max_size=12)


ROWS = st.one_of(st.lists(ROW, max_size=25), _all(True), _all(False))


@settings(max_examples=80, deadline=None)
@given(ROWS)
def test_each_dead_event_has_one_class_and_the_records_stay_as_they_are(rows: list[dict[str, Any]]) -> None:
    """As many rows as events with a dead letter, and those without a key; the frame of the caller is not changed."""
    frame = records(rows)
    before = frame.copy(deep=True)

    classes = classify_failures(frame, max_attempts=5, timeout_ms=30_000)

    dead = frame[frame["queued_to_dlq"].fillna(False)]
    assert set(classes["event_key"].dropna()) == set(dead["event_key"].dropna())
    assert classes["event_key"].dropna().is_unique
    assert {name: str(dtype) for name, dtype in classes.dtypes.items()} == dict(CLASSIFIED)
    pd.testing.assert_frame_equal(frame, before)


@settings(max_examples=80, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_records_changes_no_signature(rows: list[dict[str, Any]], shuffled: Any) -> None:
    """Groups, their counts and their times are the same, whichever way round the API gives them."""
    numbered = [{**row, "record_id": f"r{number}"} for number, row in enumerate(rows)]
    other = list(numbered)
    shuffled.shuffle(other)

    first, second = (group_errors(records(each)) for each in (numbered, other))
    wanted = ["signature_id", "events", "first_at", "last_at"]
    pd.testing.assert_frame_equal(
        *(one[wanted].sort_values("signature_id", ignore_index=True) for one in (first, second))
    )
    dead = records(numbered)["queued_to_dlq"].fillna(False)
    assert len(sign_errors(records(numbered)[dead])) == dead.sum()


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_what_differs_is_between_events_that_are_there(rows: list[dict[str, Any]]) -> None:
    """Sample sizes are of events that failed or did not; rates and intervals are shares, in order."""
    frame = records(rows)
    failing = frame["queued_to_dlq"].fillna(False)

    found = what_differs(frame, failing)

    assert ((found["low"] <= found["effect"]) & (found["effect"] <= found["high"])).all()
    for row in found.itertuples(index=False):
        assert row.failing_with + row.failing_without <= failing.sum()
        assert row.healthy_with + row.healthy_without <= (~failing).sum()
    if failing.all() or not failing.any():
        assert found.empty


@settings(max_examples=80, deadline=None)
@given(ROWS)
def test_durations_are_compared_or_cannot_be_told(rows: list[dict[str, Any]]) -> None:
    """Three groups, each with no more durations than records; quantiles do not fall."""
    comparison = compare_durations(records(rows), onset_at=ONSET, timeout_ms=30_000)

    assert tuple(comparison.groups["group"]) == GROUPS
    assert (comparison.groups["durations"] <= comparison.groups["records"]).all()
    assert comparison.sentence
    for row in comparison.groups[["p50_ms", "p90_ms", "p95_ms", "p99_ms"]].itertuples(index=False):
        known = [value for value in row if not pd.isna(value)]
        assert known == sorted(known)
    if comparison.groups["durations"].iloc[0] == 0:
        assert comparison.verdict == "cannot tell"


@settings(max_examples=80, deadline=None)
@given(ROWS, st.lists(st.integers(0, 50), max_size=30))
def test_impact_adds_up_whatever_the_counter_did(rows: list[dict[str, Any]], values: list[int]) -> None:
    """Open and healed are parts of the affected; a difference is between counts that differ; states are of events."""
    frame = records(rows)
    samples = counter("worker_dlq_total", values, every_s=60, workflow_id="wf") if values else None

    impact = measure_impact(frame, onset_at=ONSET, samples=samples)

    assert impact.value("events open") + impact.value("events healed") <= impact.value("events affected")
    assert (impact.differences["size"] > 0).all()
    grown, recorded = impact.value("dead letters by the counter"), impact.value("dead letters by the records")
    between = impact.differences[impact.differences["between"] == "counter and records"]
    if len(between):
        assert between["size"].sum() == abs(grown - recorded)
    assert event_states(frame[frame["event_key"].notna()])["event_key"].is_unique


@settings(max_examples=40, deadline=None)
@given(ROWS, st.lists(st.integers(0, 50), max_size=30))
def test_changes_are_before_the_onset(rows: list[dict[str, Any]], values: list[int]) -> None:
    """None of more than half an hour before, or of later than a scrape that shows what happened just before it."""
    samples = counter("worker_success_total", values, every_s=60, workflow_id="wf", instance="w1")

    found = find_changes(samples, ONSET, records=records(rows))

    assert found["before_s"].between(-30, 1800).all()
