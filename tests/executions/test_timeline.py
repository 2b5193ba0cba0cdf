from __future__ import annotations

import pandas as pd

from dlqkit.executions.timeline import timeline
from tests.frames import at, dead, good, lines, records


def test_records_are_counted_in_lanes_and_moments_stand_between() -> None:
    """An hour in bins of a minute: what died, what failed, what succeeded, and a note."""
    rows = [good(0), good(30), dead(61), dead(3599), {"at": 70, "status": "failed", "queued_to_dlq": False,
            "last_error": "busy", "retryable": True}]  # fmt: skip
    frame = timeline(records(rows), notes=[(at(55).to_pydatetime(), "deploy")])

    lanes = frame.groupby("lane", observed=True)["count"].sum().to_dict()
    assert lanes == {"dead letters": 2, "failures": 1, "successes": 2, "notes": 0}
    assert frame["at"].is_monotonic_increasing
    assert frame.loc[frame["lane"] == "notes", "text"].tolist() == ["deploy"]
    assert (frame["end_at"].dropna() - frame.loc[frame["end_at"].notna(), "at"]).eq(pd.Timedelta(minutes=1)).all()


def test_only_loud_log_lines_are_counted() -> None:
    logs = lines([{"at": 1, "level": "INFO", "message": "a"}, {"at": 2, "level": "ERROR", "message": "b"}])

    frame = timeline(records([good(0), good(60)]), worker_logs=logs)

    assert frame.loc[frame["lane"] == "worker logs", "count"].tolist() == [1]


def test_nothing_is_an_empty_timeline() -> None:
    assert timeline(records([])).empty


def test_what_is_under_way_is_no_success() -> None:
    """One record says running, without an error: no lane has it. One failed before and is tried again."""
    rows = [good(0), {"at": 10, "status": "running", "queued_to_dlq": False},
            {"at": 20, "status": "retrying", "queued_to_dlq": False, "last_error": "busy"}]  # fmt: skip

    bins = timeline(records(rows))

    assert bins.groupby(bins["lane"].astype("str"))["count"].sum().to_dict() == {"failures": 1, "successes": 1}
