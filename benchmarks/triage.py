"""Triage of an incident whose records outgrow memory, a republish plan of it, and the states of all events."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.engines import LAKE, write_lake
from benchmarks.harness import ROOT, Measure
from dlqkit.engines.scan import MOST_MB, connect, scan_files
from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import open_incident
from dlqkit.executions.scale.states import count_states
from dlqkit.incident import Incident
from dlqkit.report.planning import plan_incident
from dlqkit.report.scale.triage import triage_facts
from dlqkit.republish.selection import Selection
from dlqkit.settings import Settings

LARGEST = 100_000_000
# The largest takes some ten minutes and four gigabytes of disk, and can be left out; only triage is tried on it.
SIZES = tuple(
    int(size) for size in os.environ.get("DLQKIT_BENCH_TRIAGE", f"1000000,10000000,{LARGEST}").split(",")
)  # fmt: skip
MUST_MB, AIM_MB = 4096, 2048
AIM_S = 240
START = datetime(2026, 3, 2, tzinfo=UTC)
# Of the lake's first and last records, from which the folder is made before it holds all of them.
FEW = 1000
# Whose dead letters are retryable. One plan is made of so many events; of more the first.
WORKFLOW, TOPIC, MOST_PLANNED = "wf-1", "projects/p/topics/orders", 100_000
# Some 250 letters, as an order has them.
PAYLOAD = (
    """'{"order_id": "' || event_key || '", "client_id": "c' || (hash(event_key) % 500) || '", "amount": ' """
    """|| (hash(event_key) % 90000) || ', "currency": "EUR", "note": "' || repeat(md5(event_key), 5) || '"}'"""
)


def make_incident(rows: int, payload: str = "") -> Path:
    """An incident folder over so many records: collected from a few, which are then replaced by all.

    ``payload`` is SQL of each record's payload, if it is to have one.
    """
    files = write_lake(LAKE, rows)
    folder = LAKE / f"incident-{rows}{'-payloads' if payload else ''}"
    if folder.exists():
        return folder
    made = LAKE / f"making-{rows}"
    last = pq.read_table(files[-1])
    few = pa.concat_tables([pq.read_table(files[0]).slice(0, FEW), last.slice(len(last) - FEW)])
    export = LAKE / f"few-{rows}.parquet"
    pq.write_table(few, export)
    end = START + timedelta(milliseconds=10 * rows)
    settings = Settings(execution_logs={"timezone": "UTC"})
    collect(Incident(START, end + timedelta(minutes=1)), settings, made, records_files=(export,))
    stored = made / "evidence" / "001" / "records.parquet"
    stored.unlink()
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET memory_limit = '1GB'")
    names = ", ".join(f"'{file}'" for file in files)
    columns = f"*, {payload} AS payload_snapshot" if payload else "*"
    connection.execute(
        f"COPY (SELECT {columns} FROM read_parquet([{names}])) TO '{stored}' (FORMAT parquet, COMPRESSION zstd, "
        "COMPRESSION_LEVEL 1)"
    )
    made.rename(folder)
    return folder


def _triage(rows: int) -> int:
    """Dead events that triage counts."""
    found = triage_facts(open_incident(make_incident(rows), engine="duckdb"))
    return int(found["events"]["affected"]["value"])


def _plan(rows: int) -> int:
    """Events of a workflow's first plan, which is made of as many as one may."""
    folder = open_incident(make_incident(rows, PAYLOAD), engine="duckdb")
    settings = Settings(republish={"allowed_topics": [TOPIC], "max_rate": 10}, workflows={WORKFLOW: {"topic": TOPIC}})
    plan, _ = plan_incident(folder, Selection(workflows=(WORKFLOW,)), settings, most=MOST_PLANNED)
    return len(plan.events)


def _states(rows: int) -> int:
    return int(count_states(scan_files(write_lake(LAKE, rows), "duckdb", connection=connect(MOST_MB)))["events"].sum())


WORK: dict[str, Callable[[int], int]] = {"triage": _triage, "plan": _plan, "states": _states}
# Of ten records six are of events that died, of three records each; triage is of one workflow of twelve. A third of the
# keys of events that died are those of others, too.
EVENTS: dict[str, Callable[[int], float]] = {
    "triage": lambda rows: rows / 60,
    # Two of the eight texts speak of the payload: such events are left out of those that are meant.
    "plan": lambda rows: min(rows / 60, MOST_PLANNED) * 3 / 4,
    "states": lambda rows: rows * 8 / 15,
}


def _measure(work: str, rows: int) -> dict[str, float]:
    """CPU and wall seconds and the most memory of a process of its own."""
    command = [sys.executable, "-m", "benchmarks.triage", "--one", work, "--records", str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _one(work: str, rows: int) -> None:
    write_lake(LAKE, rows) if work == "states" else make_incident(rows, PAYLOAD if work == "plan" else "")
    cpu, wall = time.process_time(), time.perf_counter()
    events = WORK[work](rows)
    spent = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    # The shares of the lake: what is counted is all there is.
    assert abs(events / EVENTS[work](rows) - 1) < 0.01, events
    # Not ru_maxrss, which a new process takes over from the one that started it.
    status = Path("/proc/self/status").read_text(encoding="ascii").split()
    print(json.dumps({**spent, "peak_mb": int(status[status.index("VmHWM:") + 1]) / 1024}))


def run(sizes: Sequence[int] = SIZES, works: Sequence[str] = tuple(WORK)) -> list[Measure]:
    """Time and memory of each size, and the growth from one to the next."""
    out = []
    for work in works:
        tried = [rows for rows in sizes if work == "triage" or rows < LARGEST]
        found = {rows: _measure(work, rows) for rows in tried}
        name = {
            "triage": "triage of {:,} records on DuckDB",
            "plan": "republish plan of {:,} records on DuckDB",
            "states": "states of the events of {:,} records on DuckDB",
        }
        for rows, spent in found.items():
            detail = f"{spent['cpu_s']:.1f} CPU s, one run of a process of its own"
            title, aim = name[work].format(rows), AIM_S if rows == LARGEST and work == "triage" else None
            out.append(Measure(f"{title}, most memory in MB", spent["peak_mb"], MUST_MB, AIM_MB, False, detail))
            out.append(Measure(f"{title}, s by the clock", spent["wall_s"], None, aim, False, detail))
        for few, many in pairwise(tried):
            growth = found[many]["cpu_s"] / (many / few * found[few]["cpu_s"])
            detail = f"{found[few]['cpu_s']:.1f} and {found[many]['cpu_s']:.1f} CPU s"
            title = f"{work}: growth from {few:,} to {many:,} records, CPU over linear"
            out.append(Measure(title, growth, 1.15, 1.0, False, detail))
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--only", choices=list(WORK), nargs="+", default=list(WORK))
    parser.add_argument("--one", choices=list(WORK), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        _one(asked.one, asked.records[0])
    else:
        for measure in run(asked.records, asked.only):
            print(measure.line())
