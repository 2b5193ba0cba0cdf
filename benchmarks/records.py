"""A page of execution records to a frame, against ``requests.json()`` and ``json_normalize``."""

from __future__ import annotations

import json
import time

import numpy as np
import pandas as pd
import requests

from benchmarks.harness import Figure, compare
from dlqkit.sources.record_decode import decode_page

RECORDS = 100_000
PAGE = 1_000


def make_page(count: int) -> bytes:
    """Records of 0.8 kB with eight shapes of payload, a third of them failed."""
    rng = np.random.default_rng(1)
    rows = []
    for number in range(count):
        shape = number % 8
        customer = {"name": "Анна", "email": f"u{number}@example.com"}
        payload = {f"order_id_{shape}": f"ORD-{number}", "customer": customer,
                   "items": [{"sku": f"S-{n}", "qty": n, "price": 9.5 * n} for n in range(1 + shape % 4)],
                   **{f"field_{shape}_{n}": "x" * 12 for n in range(6)}}  # fmt: skip
        failed = number % 3 == 0
        message = f"could not connect to 10.0.0.{number % 250}:5432"
        rows.append({
            "id": f"r{number}", "workflow_id": f"5f0c2a1e-0000-4000-8000-{number % 5:012d}",
            "trace_id": f"{number:032x}",
            "created_at": f"2026-03-02T{number % 24:02d}:{number % 60:02d}:05.123Z",
            "status": "failed" if failed else "success", "retryable": True if failed else None,
            "queued_to_dlq": failed,
            "attempts": 5 if failed else 1,
            "last_error": None if not failed else message if number % 2 else {"type": "DbError", "message": message},
            "payload_snapshot": payload, "action_duration_ms": float(rng.lognormal(5, 0.5)),
        })  # fmt: skip
    return json.dumps(rows).encode()


def run() -> list[Figure]:
    """One figure for a long page, one for a page as an API gives it."""
    figures = []
    for count, rounds, unit, clock in ((RECORDS, 7, "CPU", time.process_time), (PAGE, 31, "wall", time.perf_counter)):
        body = make_page(count)

        def theirs(body: bytes = body) -> pd.DataFrame:
            response = requests.Response()
            response._content = body
            return pd.json_normalize(response.json())

        def ours(body: bytes = body) -> pd.DataFrame:
            return decode_page(body).frame

        assert len(ours()) == len(theirs()) == count
        name = f"records page to frame, {count:,} records, {len(body) / 1e6:.1f} MB"
        figures.append(
            compare(
                name,
                ("dlqkit", ours),
                ("requests.json + json_normalize", theirs),
                rounds=rounds,
                unit=unit,
                clock=clock,
            )
        )
    return figures
