"""Small frames for tests: a few named columns, the rest NA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dlqkit.frames import RECORDS, SAMPLES, WORKER_LOGS, conform

START = pd.Timestamp("2026-03-02T12:00:00Z")


def at(seconds: float) -> pd.Timestamp:
    """Seconds after the start of every test's day."""
    return START + pd.Timedelta(seconds=seconds)


def records(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Records; ``at`` is seconds after START, ids are given where they are missing."""
    filled = []
    for number, row in enumerate(rows):
        own = {"record_id": f"r{number}", "event_key": f"e{number}", "trace_id": f"t{number}", "workflow_id": "wf"}
        moment = {"recorded_at": at(row["at"])} if "at" in row else {}
        filled.append({**own, **moment, **{name: value for name, value in row.items() if name != "at"}})
    return conform(pd.DataFrame(filled, columns=None if filled else list(RECORDS)), RECORDS)


def dead(seconds: float, **more: Any) -> dict[str, Any]:
    """A dead letter's row."""
    return {"at": seconds, "status": "failed", "retryable": True, "queued_to_dlq": True, "attempts": 5,
            "last_error": "connection refused", "action_duration_ms": 120.0, **more}  # fmt: skip


def good(seconds: float, **more: Any) -> dict[str, Any]:
    """A success's row."""
    return {
        "at": seconds,
        "status": "success",
        "queued_to_dlq": False,
        "attempts": 1,
        "action_duration_ms": 100.0,
        **more,
    }


def counter(
    metric: str, values: Sequence[float | None], *, every_s: float = 15, series_id: int = 0, **labels: str
) -> pd.DataFrame:
    """A counter's scrapes from START on; None is a scrape that failed."""
    rows = [{"series_id": series_id, "sampled_at": at(every_s * number), "value": value, "metric": metric, **labels}
            for number, value in enumerate(values) if value is not None]  # fmt: skip
    return conform(pd.DataFrame(rows), SAMPLES)


def lines(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Worker log lines; ``at`` is seconds after START."""
    filled = [
        {"logged_at": at(row["at"]), **{name: value for name, value in row.items() if name != "at"}} for row in rows
    ]
    return conform(pd.DataFrame(filled), WORKER_LOGS)
