"""The answers of triage over records in Parquet, on DuckDB: what Narwhals costs over SQL that was written by hand."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.harness import ROOT, Measure
from dlqkit.decision.scale import folding
from dlqkit.decision.scale.classes import count_classes
from dlqkit.decision.scale.failures import count_failures
from dlqkit.decision.scale.signatures import count_signatures
from dlqkit.engines.scan import connect, scan_files
from dlqkit.executions.scale.counts import count_outcomes, count_records, count_workflows
from dlqkit.executions.scale.durations import count_durations
from dlqkit.executions.scale.states import count_states
from dlqkit.executions.scale.timeline import count_timeline

LAKE = ROOT / "build" / "lake"
RECORDS = int(os.environ.get("DLQKIT_BENCH_RECORDS", "10000000"))
ROUNDS = 3
MAX_ATTEMPTS, TIMEOUT_MS = 3, 30_000.0
PER_FILE = 250_000
# Of ten records six are of events that died, each after two attempts that failed.
DEAD_SHARE = 0.6
WORKFLOWS = 12
TEMPLATES = (
    ("connection to 10.0.", "octet", ".7:5432 refused after ", "n", " ms"),
    ("could not lock row ", "n", " of table orders, transaction ", "id"),
    ("HTTP 503 from payments for order ", "id", ", attempt ", "n"),
    ("java.net.SocketTimeoutException: read of ", "id", " timed out after ", "n", " ms"),
    ("customer ", "id", " has no address; field ship_to is empty"),
    ("mail to user", "n", "@example.com bounced: mailbox ", "id", " is full"),
    ("lease ", "uuid", " was lost to worker-", "n"),
    ("status code: 404, no product ", "id", " in catalogue ", "n"),
)


def write_lake(folder: Path, rows: int) -> list[Path]:
    """So many records, the same each time, in files of a quarter of a million."""
    files = []
    for number in range(-(-rows // PER_FILE)):
        file = folder / f"{rows}" / f"part-{number:05d}.parquet"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            part = _make_records(number * PER_FILE, min(PER_FILE, rows - number * PER_FILE))
            pq.write_table(part, file.with_suffix(".tmp"), compression="zstd", compression_level=1)
            file.with_suffix(".tmp").rename(file)
        files.append(file)
    return files


def _hex(rng: np.random.Generator, count: int, size: int) -> pa.Array:
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)[rng.integers(0, 16, (count, size), dtype=np.uint8)]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), count, [None, pa.py_buffer(digits)]).cast(
        pa.binary()
    ).cast(pa.string())  # fmt: skip


def _make_texts(rng: np.random.Generator, count: int) -> pa.Array:
    which = rng.integers(0, len(TEMPLATES), count)
    ids, long = _hex(rng, count, 12), _hex(rng, count, 32)
    uuids = pc.replace_substring_regex(long, "^(.{8})(.{4}).(.{3})(.{4})(.{12})$", r"\1-\2-4\3-\4-\5")
    octets = pa.array(rng.integers(1, 255, count)).cast(pa.string())
    numbers = pa.array(rng.integers(1, 60_000, count)).cast(pa.string())
    out = pa.nulls(count, pa.string())
    for place, template in enumerate(TEMPLATES):
        parts = [
            {"n": numbers, "octet": octets, "id": ids, "uuid": uuids}.get(part, pa.scalar(part)) for part in template
        ]
        out = pc.if_else(pa.array(which == place), pc.binary_join_element_wise(*parts, ""), out)
    return out


def _make_records(first: int, count: int) -> pa.Table:
    rng = np.random.default_rng((7, first))
    numbers = np.arange(first, first + count)
    # Records of an event follow each other: two failures, and the dead letter.
    dying = (numbers // 3) % 10 < DEAD_SHARE * 10
    attempt = np.where(dying, numbers % 3 + 1, 1)
    dead = attempt == 3
    events = np.where(dying, numbers // 3, numbers)
    texts = _make_texts(rng, count)
    workflow = events % WORKFLOWS
    at = np.datetime64("2026-03-02T00:00:00", "us") + (numbers * 10_000).astype("timedelta64[us]")
    duration = np.where(rng.random(count) < 0.05, 30_000.0, rng.lognormal(6, 1.0, count))
    status = np.where(dead, "failed", np.where(dying, "retrying", "success"))
    return pa.table(
        {
            "record_id": pc.binary_join_element_wise("r", pa.array(numbers).cast(pa.string()), ""),
            "event_key": pc.binary_join_element_wise("event-", pa.array(events).cast(pa.string()), ""),
            "workflow_id": pc.binary_join_element_wise("wf-", pa.array(workflow).cast(pa.string()), ""),
            "trace_id": pc.binary_join_element_wise("trace-", pa.array(events).cast(pa.string()), ""),
            "recorded_at": pa.array(at),
            "status": pa.array(status),
            "retryable": pa.array(workflow % 4 != 0, mask=~dying),
            "queued_to_dlq": pa.array(dead),
            "attempts": pa.array(attempt),
            "last_error": pc.if_else(pa.array(dying), texts, pa.scalar(None, pa.string())),
            "error_type": pc.if_else(pa.array(dying), pa.scalar("WorkerError"), pa.scalar(None, pa.string())),
            "error_code": pa.nulls(count, pa.string()),
            "action_duration_ms": pa.array(duration),
        }
    )


COUNTS = """
SELECT count(*), count(*) FILTER (queued_to_dlq), count(DISTINCT event_key),
  count(DISTINCT event_key) FILTER (queued_to_dlq), min(recorded_at), max(recorded_at),
  min(recorded_at) FILTER (queued_to_dlq), max(recorded_at) FILTER (queued_to_dlq)
FROM records
"""
OUTCOMES = """
SELECT workflow_id, status, coalesce(queued_to_dlq, false) AS dead, coalesce(last_error, '') <> '' AS failed, count(*)
FROM records GROUP BY ALL
"""
LAST = (
    "row_number() OVER (PARTITION BY event_key "
    "ORDER BY recorded_at DESC, attempts DESC, record_id DESC, last_error DESC)"
)
FAILURES = f"""
WITH dead AS (
  SELECT *, coalesce(last_error, '') AS text, {LAST} = 1 AS is_last, coalesce(action_duration_ms >= 0.95 * {TIMEOUT_MS},
    false) AS is_late FROM records WHERE queued_to_dlq
), chosen AS (
  SELECT *, CASE
    WHEN ((length(text) > {folding.LONGEST} OR contains(text, chr(10)))
      AND regexp_matches(text, '{folding.FRAME_DIGITS}')) OR regexp_matches(text, '{folding.NAME}')
      OR (regexp_matches(text, '{folding.STATUS}') AND regexp_matches(text, '{folding.HIDDEN_WORD}')) THEN 'numbers'
    WHEN regexp_matches(text, '{folding.STATUS}') THEN 'statuses' ELSE 'all' END AS way
  FROM dead
), known AS (
  SELECT *, CASE WHEN way = 'numbers' THEN regexp_replace(text, '{folding.UUID}', '0', 'g')
    ELSE regexp_replace(CASE WHEN contains(text, '@') THEN regexp_replace(text, '{folding.EMAIL}', '0a', 'g') ELSE text
      END, '{folding.UUID}', '0a', 'g') END AS short
  FROM chosen
), folded AS (
  SELECT *, CASE WHEN way = 'all' THEN regexp_replace(short, '{folding.WITH_DIGIT}', '0', 'g')
    ELSE regexp_replace(regexp_replace(regexp_replace(CASE WHEN way = 'statuses'
      THEN regexp_replace(regexp_replace(short, '{folding.ADDRESS}', '0.0.0.0', 'g'), '{folding.MIXED}', '0a', 'g')
      ELSE short END, '[0-9]{{5,}}', '00000', 'g'), '[0-9]{{4}}', '0000', 'g'), '[0-36-9][0-9][0-9]', '000', 'g')
    END AS fold
  FROM known
)
SELECT workflow_id, error_type, error_code, way, fold, retryable, attempts, is_late, CASE
    WHEN NOT retryable THEN 'business'
    WHEN retryable AND attempts < {MAX_ATTEMPTS} THEN 'unknown'
    WHEN retryable AND is_late THEN 'timeout'
    WHEN retryable THEN 'infrastructure' ELSE 'unknown' END AS failure_class,
  count(*) AS records, count(*) FILTER (is_last) AS events, min(recorded_at), max(recorded_at), min(last_error)
FROM folded GROUP BY ALL
"""


def answer_by_sql(files: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """The four answers as somebody would ask DuckDB for them; texts come out folded, neither masked nor merged."""
    connection = connect()
    names = ", ".join(f"'{file}'" for file in files)
    connection.execute(f"CREATE VIEW records AS SELECT * FROM read_parquet([{names}])")
    queries = {"counts": COUNTS, "outcomes": OUTCOMES, "failures": FAILURES}
    return {name: connection.sql(query).df() for name, query in queries.items()}


def answer_by_dlqkit(files: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """The same by dlqkit, up to signatures."""
    records = scan_files(files, "duckdb")
    failures = count_failures(records, max_attempts=MAX_ATTEMPTS, timeout_ms=TIMEOUT_MS)
    return {
        "counts": count_records(records),
        "outcomes": count_outcomes(records),
        "signatures": failures.signatures,
        "classes": failures.classes,
    }


ANSWERS: dict[str, Callable[[Sequence[Path]], dict[str, pd.DataFrame]]] = {
    "dlqkit": answer_by_dlqkit,
    "sql": answer_by_sql,
}


def _check(ours: dict[str, pd.DataFrame], theirs: dict[str, pd.DataFrame]) -> None:
    """Whether both have counted the same."""
    assert ours["counts"].iloc[0, :4].tolist() == theirs["counts"].iloc[0, :4].tolist()
    for name in ("events", "records"):
        assert ours["signatures"][name].sum() == theirs["failures"][name].sum()
    classes = [one.groupby("failure_class")["events"].sum().to_dict() for one in (ours["classes"], theirs["failures"])]
    assert classes[0] == classes[1]


def _time(files: Sequence[Path], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """CPU and wall seconds of both, in turn, the order changing; the first round warms up."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ANSWERS}
    for number in range(rounds + 1):
        found = {}
        for name in list(ANSWERS)[:: 1 if number % 2 else -1]:
            gc.collect()
            cpu, wall = time.process_time(), time.perf_counter()
            found[name] = ANSWERS[name](files)
            if number:
                spent[name].append((time.process_time() - cpu, time.perf_counter() - wall))
        _check(found["dlqkit"], found["sql"])
    return spent


def _peak_mb(name: str, rows: int) -> float:
    """The most memory that a process of its own takes for the answers, megabytes."""
    command = [sys.executable, "-m", "benchmarks.engines", name, str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return float(done.stdout)


def _measure_each(files: Sequence[Path]) -> list[Measure]:
    """What each answer alone takes."""
    records = scan_files(files, "duckdb")
    answers: dict[str, Callable[[], object]] = {
        "counts": lambda: count_records(records),
        "workflows": lambda: count_workflows(records),
        "outcomes": lambda: count_outcomes(records),
        "timeline": lambda: count_timeline(records),
        "durations": lambda: count_durations(records, timeout_ms=TIMEOUT_MS),
        "signatures": lambda: count_signatures(records),
        "classes": lambda: count_classes(records, max_attempts=MAX_ATTEMPTS, timeout_ms=TIMEOUT_MS),
        "states": lambda: count_states(records),
    }
    out = []
    for name, answer in answers.items():
        cpu, wall = time.process_time(), time.perf_counter()
        answer()
        spent, detail = time.process_time() - cpu, f"{time.perf_counter() - wall:.1f} s by the clock, one run"
        out.append(Measure(f"{name} of {RECORDS:,} records on DuckDB, CPU s", spent, None, None, False, detail))
    return out


def run() -> list[Measure]:
    """Ours over hand-written SQL, how the time grows from a tenth of the records, and what each answer takes."""
    few, many = (write_lake(LAKE, rows) for rows in (RECORDS // 10, RECORDS))
    spent, less = _time(many, ROUNDS), _time(few, ROUNDS)
    cpu = {name: statistics.median(one for one, _ in times) for name, times in spent.items()}
    wall = {name: statistics.median(one for _, one in times) for name, times in spent.items()}
    ratios = [own / other for (own, _), (other, _) in zip(spent["dlqkit"], spent["sql"], strict=True)]
    peaks = {name: _peak_mb(name, RECORDS) for name in ANSWERS}
    each = [f"{one} {cpu[one]:.1f} CPU s, {wall[one]:.1f} s, peak {peaks[one]:,.0f} MB" for one in ANSWERS]
    detail = f"{'; '.join(each)}; {min(ratios):.2f} to {max(ratios):.2f} in {ROUNDS} rounds"
    name = f"answers of triage over {RECORDS:,} records in Parquet on DuckDB, CPU over that of hand-written SQL"
    growth = cpu["dlqkit"] / (10 * statistics.median(one for one, _ in less["dlqkit"]))
    return [
        Measure(name, statistics.median(ratios), 1.3, 1.1, False, detail),
        Measure(f"growth from {RECORDS // 10:,} records, CPU over ten times as much", growth, 1.15, 1.0, False, detail),
        *_measure_each(many),
    ]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        ANSWERS[sys.argv[1]](write_lake(LAKE, int(sys.argv[2])))
        # Not ru_maxrss, which a new process takes over from the one that started it.
        status = Path("/proc/self/status").read_text(encoding="ascii").split()
        print(int(status[status.index("VmHWM:") + 1]) / 1024)
    else:
        for measure in run():
            print(measure.line())
