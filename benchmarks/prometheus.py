"""An answer of Prometheus to a frame, against prometheus-api-client and prometheus-pandas; and the memory it takes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness import ROOT, Figure, Measure, compare, install_peers
from dlqkit.frames import with_labels
from dlqkit.sources.prometheus_decode import decode_answer, frames_of

POINTS = 1440
# The body is there already, and a first small one loads what is loaded late; Linux keeps the highest resident size.
MEASURE_MEMORY = """
import sys
from pathlib import Path
from benchmarks.prometheus import to_frame
def resident(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
to_frame(Path(sys.argv[2]).read_bytes())
body = Path(sys.argv[1]).read_bytes()
before = resident("VmRSS")
frame = to_frame(body)
print((resident("VmHWM") - before) / len(body))
"""


def make_answer(series: int) -> bytes:
    """Six hours of counters at 15 seconds as ``query_range`` gives them, in the bytes of a server: without spaces."""
    rng = np.random.default_rng(1)
    counters = (np.cumsum(rng.poisson(3, POINTS)) for _ in range(series))
    return _body([[[1_772_452_800 + 15 * n, str(value)] for n, value in enumerate(values)] for values in counters])


def make_raw_answer(series: int) -> bytes:
    """Six hours of sums as they were scraped: each with its own milliseconds, values of up to 17 digits."""
    rng = np.random.default_rng(2)
    rows = []
    for _ in range(series):
        at_ms = 1_772_452_800_000 + int(rng.integers(15_000)) + 15_000 * np.arange(POINTS) + rng.integers(-3, 4, POINTS)
        values = np.cumsum(rng.exponential(0.2, POINTS))
        rows.append([[int(at) / 1000, repr(float(value))] for at, value in zip(at_ms, values, strict=True)])
    return _body(rows)


def _body(rows: list[list[list[object]]]) -> bytes:
    result = [
        {
            "metric": {
                "__name__": "worker_success_total", "workflow_id": f"wf-{number}", "instance": f"w{number % 10}:8000",
            },
            "values": values,
        }
        for number, values in enumerate(rows)
    ]  # fmt: skip
    answer = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    return json.dumps(answer, separators=(",", ":")).encode()


def to_frame(body: bytes) -> pd.DataFrame:
    """What an analyst gets: a row for each sample, its labels beside it."""
    samples, series, _ = frames_of(decode_answer(body).series)
    return with_labels(samples, series)


def run() -> list[Figure | Measure]:
    """The same body for all three, from bytes to a frame."""
    install_peers()
    bodies = {
        "": make_answer(200),
        ", 2,000 series": make_answer(2000),
        ", raw": make_raw_answer(200),
    }
    return [one for words, body in bodies.items() for one in _measure(words, body, must=words != ", raw")]


def _measure(words: str, body: bytes, *, must: bool) -> list[Figure | Measure]:
    from prometheus_api_client import MetricRangeDataFrame
    from prometheus_pandas.query import to_pandas

    frame = to_frame(body)
    assert len(frame) == len(MetricRangeDataFrame(json.loads(body)["data"]["result"]))
    name = f"Prometheus body to frame{words}, {len(frame):,} samples, {len(body) / 1e6:.1f} MB"
    peers: list[tuple[str, Callable[[], object], float, float]] = [
        ("prometheus-api-client", lambda: MetricRangeDataFrame(json.loads(body)["data"]["result"]), 20, 27),
        ("prometheus-pandas", lambda: to_pandas(json.loads(body)["data"]), 28, 37),
    ]
    out: list[Figure | Measure] = []
    for peer, theirs, least, aim in peers:
        figure = compare(name, ("dlqkit", lambda: to_frame(body)), (peer, theirs))
        out.append(figure)
        if must:
            out.append(Measure(f"{name}, against {peer}", figure.ratio, least, aim, True, "CPU, theirs over ours"))
    memory = _peak_memory(body)
    out.append(Measure(f"{name}, peak memory above the body", memory, 3 if must else None, 2.1 if must else None,
                       False, "highest resident size over the size of the body, in a process of its own"))  # fmt: skip
    return out


def _peak_memory(body: bytes) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path, small = Path(folder) / "body.json", Path(folder) / "small.json"
        path.write_bytes(body)
        small.write_bytes(make_answer(2))
        command = [sys.executable, "-c", MEASURE_MEMORY, str(path), str(small)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    for line in run():
        print(line.line(), flush=True)
