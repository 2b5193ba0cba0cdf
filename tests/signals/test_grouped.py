"""Records that are counted by time give the signals of the records themselves."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from dlqkit.frames import SAMPLES, conform, empty_frame
from dlqkit.signals.grouped import GROUPED, points_of_records, sizes
from dlqkit.signals.signals import find_incidents
from tests.frames import at, dead, good, records


def counted(frame: pd.DataFrame, width: str) -> pd.DataFrame:
    """The records by stretches of time, as a frame of GROUPED."""
    rows: list[dict[str, Any]] = []
    keys = ["workflow_id", "queued_to_dlq", frame["recorded_at"].dt.floor(width).rename("stretch")]
    for (workflow_id, is_dead, _), part in frame.groupby(keys):
        rows.append({"workflow_id": workflow_id, "queued_to_dlq": is_dead, "signature_id": "s" if is_dead else None,
                     "recorded_at": part["recorded_at"].min(), "until_at": part["recorded_at"].max(),
                     "records": len(part), "timed": 0, "log_ms": None})  # fmt: skip
    return conform(pd.DataFrame(rows), GROUPED)


@pytest.mark.parametrize("width", ["1s", "60s"])
def test_a_run_of_dead_letters_counted_by_time_has_its_own_onset_and_size(width: str) -> None:
    """Sixty dead letters from 12:50:03 to 12:59:53, ten seconds apart: first, last and number are what they are."""
    rows = [good(20 * n) for n in range(300)] + [dead(3003 + 10 * n) for n in range(60)]

    found = find_incidents(empty_frame(SAMPLES), records=counted(records(rows), width), now=at(6000))

    own = found[found["signal"] == "dead_letters"].iloc[0]
    assert (own["onset_at"], own["end_at"], own["size"]) == (at(3003), at(3593), 60.0)


def test_a_row_stands_for_as_many_records_as_it_says() -> None:
    """Of three records in a minute and one in the next the pause is from the third to the fourth."""
    frame = counted(records([good(0), good(20), good(50), good(90)]), "60s")

    points = points_of_records(frame)

    assert sizes(frame).tolist() == [3.0, 1.0]
    assert (points.previous_s[1] - points.at_s[0], points.grown.sum()) == (40.0, 4.0)


def test_records_that_are_not_counted_stand_for_themselves() -> None:
    """Without a column of numbers each row is one record."""
    assert sizes(records([good(0), dead(1)])).tolist() == [1.0, 1.0]
