from __future__ import annotations

import pandas as pd
import pytest

from dlqkit.decision.changes import find_changes
from dlqkit.decision.impact import measure_impact
from dlqkit.errors import FrameError
from dlqkit.frames import SAMPLES
from dlqkit.signals.hand_made import as_samples
from dlqkit.signals.signals import find_incidents
from tests.frames import at, counter, dead, records


def by_hand(values: list[float], **labels: str) -> pd.DataFrame:
    """As somebody types it: no series_id, times as text."""
    loaded = counter("worker_dlq_total", values, **labels)
    texts = loaded["sampled_at"].dt.strftime("%Y-%m-%d %H:%M:%S").astype(object)
    return pd.DataFrame({"sampled_at": texts, "value": values, "metric": "worker_dlq_total", **labels})


def test_what_was_loaded_is_taken_as_it_is() -> None:
    loaded = counter("worker_dlq_total", [1, 2, 3])

    assert as_samples(loaded) is loaded


def test_series_made_by_hand_are_told_by_their_labels() -> None:
    """Two workers' counters have the same metric; times without a zone are UTC."""
    both = pd.concat([by_hand([1, 2], instance="a"), by_hand([5, 6], instance="b")], ignore_index=True)

    frame = as_samples(both.sample(frac=1, random_state=1))

    assert {name: str(frame[name].dtype) for name in SAMPLES} == dict(SAMPLES)
    assert frame.groupby("series_id")["instance"].nunique().tolist() == [1, 1]
    assert frame["sampled_at"].min() == at(0)


def test_functions_that_read_counters_take_a_frame_made_by_hand() -> None:
    """The page of signals says that it may be; the functions of the decision refused it."""
    frame = by_hand([0, 0, 3, 9], workflow_id="wf")
    own = records([dead(20 + n) for n in range(9)])

    assert find_changes(frame, at(30)).empty
    assert measure_impact(own, samples=frame).value("dead letters by the counter") == 9


def test_a_time_that_could_be_read_in_two_ways_is_not_guessed() -> None:
    frame = by_hand([0, 1]).assign(sampled_at=["03/02/2026 10:00", "03/02/2026 10:15"])

    for read in (as_samples, find_incidents):
        with pytest.raises(FrameError, match="no time") as raised:
            read(frame)
        assert "2026-03-02T14:00:00+00:00" in raised.value.next_step


@pytest.mark.parametrize("name", ["sampled_at", "value"])
def test_a_column_that_is_needed_is_named(name: str) -> None:
    with pytest.raises(FrameError, match=f"no column {name}"):
        as_samples(by_hand([1]).drop(columns=name))


def test_samples_after_now_are_left_out_whatever_precision_their_times_have() -> None:
    """One time has milliseconds and the next has none, as JSON writes them."""
    frame = by_hand([0, 0, 5]).assign(
        sampled_at=["2026-03-02T12:00:00Z", "2026-03-02T12:00:15.250Z", "2026-03-02T12:00:30Z"]
    )

    assert find_incidents(frame, now=at(20)).empty
