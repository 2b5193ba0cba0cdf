"""Every answer on every engine, cell by cell against what pandas says of records in memory."""

from __future__ import annotations

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from dlqkit.decision.classes import classify_failures
from dlqkit.decision.scale.classes import count_classes
from dlqkit.decision.scale.failures import count_failures
from dlqkit.decision.scale.signatures import SIGNATURES, count_signatures
from dlqkit.decision.signatures import group_errors
from dlqkit.executions.durations import duration_histogram
from dlqkit.executions.event_history import event_history, event_states
from dlqkit.executions.scale.counts import count_outcomes, count_records, count_workflows
from dlqkit.executions.scale.durations import count_durations
from dlqkit.executions.scale.states import count_states, load_event
from dlqkit.executions.scale.timeline import count_timeline
from dlqkit.executions.timeline import timeline
from dlqkit.signals.outcomes import in_order, record_outcomes
from tests.engines.conftest import OnEngine
from tests.engines.traps import make_traps, with_odd_times
from tests.frames import dead, good, records

NOTHING = records([])
ONE = records([dead(0)])
NONE_DEAD = records([good(0), good(60, status=None)])
TRAPS = make_traps()
FRAMES = {
    "spring": with_odd_times(TRAPS, "2026-03-08T01:30:00"),
    "autumn": with_odd_times(TRAPS, "2026-11-01T05:10:00"),
    "nothing": NOTHING,
    "one": ONE,
    "none dead": NONE_DEAD,
}
frames = pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())


def each(names: str, usual: tuple[object, ...], *others: tuple[object, ...]) -> pytest.MarkDecorator:
    """The usual arguments with every frame, the others with that of all traps."""
    cases = [pytest.param(frame, *usual, id=f"{name}-{usual}") for name, frame in FRAMES.items()]
    cases += [pytest.param(FRAMES["spring"], *one, id=f"spring-{one}") for one in others]
    return pytest.mark.parametrize(f"frame,{names}", cases)


def is_dead(frame: pd.DataFrame) -> pd.Series:
    return frame["queued_to_dlq"].fillna(False).astype(bool)


def grouped(frame: pd.DataFrame, keys: list[str], count: str) -> pd.DataFrame:
    plain = frame.astype(dict.fromkeys(keys, "str"))
    return plain.groupby(keys, dropna=False).size().reset_index(name=count).astype({count: "Int64"})


@frames
def test_counts_are_those_of_the_frame(on_engine: OnEngine, frame: pd.DataFrame) -> None:
    """How many records, dead letters and events there are does not hang on the engine."""
    lost = frame[is_dead(frame)]

    found = count_records(on_engine(frame)).iloc[0]

    assert found["records"] == len(frame)
    assert found["dead_letters"] == len(lost)
    assert found["events"] == frame["event_key"].nunique()
    assert found["dead_events"] == lost["event_key"].nunique()
    times = [frame["recorded_at"].min(), frame["recorded_at"].max()]
    times += [lost["recorded_at"].min(), lost["recorded_at"].max()]
    names = ["first_at", "last_at", "first_dead_at", "last_dead_at"]
    assert_series_equal(
        found[names].astype("datetime64[us, UTC]"),
        pd.Series(times, names, dtype="datetime64[us, UTC]"),
        check_names=False,
    )


@frames
def test_workflows_are_those_of_the_frame(on_engine: OnEngine, frame: pd.DataFrame) -> None:
    """A workflow's dead letters and events; also of the records that name none."""
    lost = frame[is_dead(frame)]
    found = count_workflows(on_engine(frame)).set_index("workflow_id")

    expected = dict(list(lost.groupby("workflow_id", dropna=False)))
    assert set(found.index.fillna("none")) == {"none" if pd.isna(name) else name for name in expected}
    for name, part in expected.items():
        row = found.loc[found.index.isna() if pd.isna(name) else found.index == name].iloc[0]
        every = frame["workflow_id"].isna() if pd.isna(name) else frame["workflow_id"] == name
        assert row["records"] == every.sum()
        assert row["dead_letters"] == len(part)
        assert row["dead_events"] == part["event_key"].nunique()
        assert row["last_dead_at"] == part["recorded_at"].max()


@frames
def test_outcomes_are_those_of_each_record(on_engine: OnEngine, frame: pd.DataFrame) -> None:
    """What a status means is one rule, whoever counts."""
    expected = grouped(frame.assign(outcome=record_outcomes(frame)), ["workflow_id", "outcome"], "records")

    assert_frame_equal(count_outcomes(on_engine(frame)), expected, check_dtype=len(frame) > 0)


@each("bins", (60,), (10,), (500,))
def test_timeline_has_the_same_bins(on_engine: OnEngine, frame: pd.DataFrame, bins: int) -> None:
    """Bins begin at the same moments of UTC on every engine, whatever the width."""
    assert_frame_equal(count_timeline(on_engine(frame), bins=bins), timeline(frame, bins=bins))


@each("timeout_ms,basis", (30_000.0, None), (None, None), (None, "sum"), (30_000.0, "sum"))
def test_durations_fall_into_the_same_bins(
    on_engine: OnEngine, frame: pd.DataFrame, timeout_ms: float | None, basis: str | None
) -> None:
    """A duration on an edge is in the same bin everywhere: no engine's rounding decides."""
    found = count_durations(on_engine(frame), timeout_ms=timeout_ms, basis=basis)

    assert_frame_equal(found, duration_histogram(frame, timeout_ms=timeout_ms, basis=basis))


@frames
def test_events_end_in_the_same_states(on_engine: OnEngine, frame: pd.DataFrame) -> None:
    """Of records of one moment the same is the last on every engine."""
    expected = grouped(event_states(frame), ["workflow_id", "state"], "events")

    assert_frame_equal(count_states(on_engine(frame)), expected, check_dtype=len(frame) > 0)


def test_history_of_an_event_is_the_same(on_engine: OnEngine) -> None:
    """An event's history by its key, by a record of it and by its trace."""
    frame = TRAPS
    several = frame["event_key"].value_counts().index[0]
    own = frame[frame["event_key"] == several].iloc[0]

    scanned = on_engine(frame)
    for name in (several, own["record_id"], own["trace_id"]):
        assert_frame_equal(load_event(scanned, name), event_history(in_order(frame), name))


@frames
def test_signatures_are_the_same(on_engine: OnEngine, frame: pd.DataFrame) -> None:
    """Folding in the engine parts no signature and joins none."""
    shared = [name for name in SIGNATURES if name != "example"]
    expected = group_errors(frame.sort_values("last_error", kind="stable", na_position="first"))

    assert_frame_equal(count_signatures(on_engine(frame))[shared], expected[shared])


@each("max_attempts,timeout_ms", (5, 2_000.0), (None, None), (5, {"wf1": 2_000.0, "wf2": None}), (None, {"wf1": None}))
def test_classes_are_the_same(
    on_engine: OnEngine, frame: pd.DataFrame, max_attempts: int | None, timeout_ms: object
) -> None:
    """Each dead event is of the class that its fields say."""
    single = classify_failures(frame, max_attempts=max_attempts, timeout_ms=timeout_ms)
    keys = ["workflow_id", "failure_class", "rule"]
    expected = grouped(single, keys, "events")

    found = count_classes(on_engine(frame), max_attempts=max_attempts, timeout_ms=timeout_ms)

    ordered = found.sort_values(keys, kind="stable").reset_index(drop=True)[[*keys, "events"]]
    assert_frame_equal(ordered, expected, check_dtype=len(found) > 0)
    assert found["events"].is_monotonic_decreasing


@frames
def test_signatures_and_classes_read_at_once_are_those_read_apart(on_engine: OnEngine, frame: pd.DataFrame) -> None:
    """One question to the engine instead of two changes no cell."""
    scanned = on_engine(frame)

    found = count_failures(scanned, max_attempts=5, timeout_ms=2_000.0)

    assert_frame_equal(found.signatures, count_signatures(scanned))
    assert_frame_equal(found.classes, count_classes(scanned, max_attempts=5, timeout_ms=2_000.0))


def test_sums_of_attempts_are_told_apart_the_same_way(on_engine: OnEngine) -> None:
    """Where durations add up the attempts, the last attempt alone is held against the timeout."""
    rows = []
    for event in range(12):
        slow = event % 3 == 0
        first = good(event, event_key=f"e{event}", status="retrying", attempts=1, action_duration_ms=1_000.0)
        # Of the last event the first attempt is not there: 1.15 s of two timeouts of 1 s is not late.
        rows += [first] if event < 11 else []
        rows.append(
            dead(event + 60, event_key=f"e{event}", attempts=2, action_duration_ms=2_000.0 if slow else 1_150.0)
        )
    frame = records(rows)
    single = classify_failures(frame, timeout_ms=1_000.0)

    scanned = on_engine(frame)

    assert single["failure_class"].value_counts().to_dict()["timeout"] == 4
    for found in (count_classes(scanned, timeout_ms=1_000.0), count_failures(scanned, timeout_ms=1_000.0).classes):
        assert found.set_index("failure_class")["events"].to_dict() == {"infrastructure": 8, "timeout": 4}
