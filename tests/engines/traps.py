"""Records that engines read in different ways, where one does not take care."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tests.frames import dead, good, records

# The clock of New York jumps over the second one and has the third one twice.
ODD_TIMES = ("2026-03-08T01:59:59.999999Z", "2026-03-08T02:30:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z")
STATUSES = (
    "success",
    " SUCCESS ",
    "INCOMPLETE",
    "retrying",
    "in_progress",
    "404",
    "failed",
    "",
    None,
    "ОТКАЗ",
    "ошибка",
)
TEXTS = (
    "connection to 10.0.0.7:5432 refused",
    "connection to 10.0.0.12:5432 refused",
    "order 3fa85f64-5717-4562-b3fc-2c963f66afa6 is unknown",
    "order 00000000-0000-0000-0000-000000000000 is unknown",
    "HTTP 503 from payments after 31 ms",
    "HTTP 502 from payments after 4711 ms",
    "http2 503",
    "code error1234 503",
    "code error12345 503",
    "aws.s3.Fault: bucket b7 is gone",
    "aws.s4.Fault: bucket c9 is gone",
    "java.net.SocketTimeoutException: 30000 ms",
    "заказ ٤٥٦ не найден",
    "заказ 456 не найден",
    "mail to anna.smith@example.com bounced",
    "mail to ivan_7@mail.example.org bounced",
    r"cost is $1 \1 & more of a1b2c3",
    "Traceback (most recent call last):\n  File \"/app/a.py\", line 12, in f\nValueError: bad id 7a8b9c",
    "Traceback (most recent call last):\n  File \"/app/a.py\", line 345, in f\nValueError: bad id 1a2b3c",
    "RuntimeException: no room\n\tat com.shop.Order.save(Order.java:123)\n\t... 12 more\nCaused by: disk 4 is full",
    "a text of one word " + "and more " * 80 + "17",
    "",
    None,
)  # fmt: skip


def make_traps(count: int = 600, *, seed: int = 1) -> pd.DataFrame:
    """Records with ties, nulls, odd times, statuses and texts; some events have several of them."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number in range(count):
        is_dead = number % 3 == 0
        row = dead(0) if is_dead else good(0)
        # Whole seconds, so that records of one event tie.
        row["at"] = int(rng.integers(0, 120)) * 30
        row["event_key"] = f"e{rng.integers(0, count // 3)}"
        row["workflow_id"] = f"wf{rng.integers(0, 3)}"
        row["attempts"] = int(rng.integers(1, 6)) if number % 7 else None
        row["action_duration_ms"] = float(rng.lognormal(7, 2)) if number % 5 else (None, 0.0, 30_000.0)[number % 3]
        row["last_error"] = TEXTS[int(rng.integers(0, len(TEXTS)))] if is_dead or number % 4 == 0 else None
        row["error_type"] = ("DbError", None)[number % 2]
        row["error_code"] = ("E7", None, None)[number % 3]
        row["retryable"] = (True, False, None)[int(rng.integers(0, 3))]
        if not is_dead:
            row["status"] = STATUSES[int(rng.integers(0, len(STATUSES)))]
            row["queued_to_dlq"] = (False, None)[number % 2]
        rows.append(row)
    out = records(rows)
    out.loc[[1, 3], ["event_key", "workflow_id"]] = pd.NA
    out.loc[[4, 6], "recorded_at"] = pd.NaT
    return out


def with_odd_times(frame: pd.DataFrame, day: str) -> pd.DataFrame:
    """The records on a day when clocks are set in New York, some at the moments that its clock tells wrongly."""
    moved = frame["recorded_at"] + (pd.Timestamp(day, tz="UTC") - pd.Timestamp("2026-03-02T12:00:00Z"))
    odd = [pd.Timestamp(text) for text in ODD_TIMES if text.startswith(day[:7])]
    out = frame.assign(recorded_at=moved)
    for place, at in enumerate(odd, start=10):
        out.loc[place, "recorded_at"] = at
    return out
