"""An answer of Prometheus to a frame, against prometheus-api-client and prometheus-pandas."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from benchmarks.harness import Figure, compare, install_peers
from dlqkit.frames import with_labels
from dlqkit.sources.prometheus_decode import decode_answer, frames_of

SERIES, POINTS = 200, 1440


def make_answer() -> bytes:
    """Six hours of 200 counters at 15 seconds, as ``query_range`` gives them."""
    rng = np.random.default_rng(1)
    result = []
    for number in range(SERIES):
        values = np.cumsum(rng.poisson(3, POINTS))
        pairs = [[1_772_452_800 + 15 * n, str(value)] for n, value in enumerate(values)]
        metric = {"__name__": "worker_success_total", "workflow_id": f"wf-{number}", "instance": f"w{number % 10}:8000"}
        result.append({"metric": metric, "values": pairs})
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


def run() -> list[Figure]:
    """The same body for all three, from bytes to a frame."""
    install_peers()
    from prometheus_api_client import MetricRangeDataFrame
    from prometheus_pandas.query import to_pandas

    body = make_answer()

    def ours() -> pd.DataFrame:
        samples, series, _ = frames_of(decode_answer(body).series)
        return with_labels(samples, series)

    def api_client() -> pd.DataFrame:
        return MetricRangeDataFrame(json.loads(body)["data"]["result"])

    def pandas_client() -> pd.DataFrame:
        return to_pandas(json.loads(body)["data"])

    assert len(ours()) == SERIES * POINTS == len(api_client())
    name = f"Prometheus body to frame, {SERIES * POINTS:,} samples, {len(body) / 1e6:.1f} MB"
    return [
        compare(name, ("dlqkit", ours), ("prometheus-api-client", api_client), rounds=5),
        compare(name, ("dlqkit", ours), ("prometheus-pandas", pandas_client), rounds=5),
    ]
