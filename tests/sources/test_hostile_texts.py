"""Whatever a Prometheus answers, a log's line or an export holds: it is read, counted, or refused in words."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest

from dlqkit.errors import DlqkitError
from dlqkit.frames import SAMPLES
from dlqkit.sources.prometheus_decode import decode_answer, frames_of
from dlqkit.sources.record_exports import RecordExports
from dlqkit.sources.worker_logs import WorkerLogs
from tests.sources.hostile_records import CASES, GOOD
from tests.sources.hostile_texts import LOG_LINES, PROMETHEUS_BODIES

MOST_S = 10.0


def test_every_answer_of_a_prometheus_is_read_or_refused_in_words() -> None:
    """No other error than ours, no answer that takes long, and no sample that has no time."""
    read = refused = 0
    for body in PROMETHEUS_BODIES:
        began = time.monotonic()
        try:
            samples, series, _ = frames_of(decode_answer(body).series)
        except DlqkitError as error:
            assert error.next_step, body[:200]
            refused += 1
        else:
            read += 1
            assert {name: str(dtype) for name, dtype in samples.dtypes.items()} == dict(SAMPLES), body[:200]
            assert set(samples["series_id"]) <= set(series["series_id"]), body[:200]
        assert time.monotonic() - began < MOST_S, body[:200]

    assert (read + refused, min(read, refused) > 20) == (len(PROMETHEUS_BODIES), True)


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_every_line_of_a_log_is_there_once(zone: str | None, tmp_path: Path) -> None:
    """As fields or as text; a log has no line that is left out in silence."""
    lines = [line for line in LOG_LINES if line.strip()]
    path = tmp_path / "worker.log"
    path.write_bytes(b"\n".join(lines) + b"\n")
    began = time.monotonic()
    loaded = WorkerLogs(path, timezone=zone).load()

    # A line of three million letters is longer than what is read at once.
    longer = loaded.coverage.details["lines"] - len(lines)
    assert 0 <= longer <= 4
    assert len(loaded.frame) == loaded.coverage.details["lines"]
    assert time.monotonic() - began < MOST_S
    assert pd.api.types.is_datetime64_any_dtype(loaded.frame["logged_at"])


def test_every_line_of_an_export_is_a_record_or_counted(tmp_path: Path) -> None:
    """The corpus as JSON lines, among as many good records; each record has an id of its own."""
    cases = [case.raw.replace(b"\n", b" ").replace(b"\r", b" ").replace(b'"r1"', b'"h%d"' % number)
             for number, case in enumerate(CASES)]  # fmt: skip
    good = [GOOD.replace(b'"r1"', b'"g%d"' % number) for number in range(len(cases) + 1)]
    path = tmp_path / "export.jsonl"
    path.write_bytes(b"\n".join(line for pair in zip(good, cases, strict=False) for line in pair) + b"\n" + good[-1])
    began = time.monotonic()
    loaded = RecordExports(path).load()

    assert time.monotonic() - began < MOST_S
    assert loaded.frame["record_id"].str.match("^g[0-9]+$").sum() == len(good)
    alike = len(good) + len(cases) - len(loaded.frame) - loaded.coverage.quarantined
    # Records without an id of their own, alike in all that tells one state from another, are one.
    assert 0 <= alike <= 25, alike
    assert loaded.coverage.completeness == "complete"


@pytest.mark.parametrize("sign", [b",", b";", b"\t"])
def test_every_row_of_a_table_is_read_or_the_table_refused(sign: bytes, tmp_path: Path) -> None:
    """Cells of any text: quotes, formulas, NUL, letters of another encoding."""
    head = sign.join([b"id", b"trace_id", b"status", b"last_error", b"created_at", b"attempts"])
    refused = 0
    cells = (b"=1+1", b"'", b'"a ""b"" c"', b'"a\nb"', b"\x00", b"\xff", b"NaN", b"1e400", b"9" * 5000, b'{"a": 1}',
             b'{"a": ', b"", b"null", b"\\ud800", b"x" * 1_000_000)  # fmt: skip
    for number, cell in enumerate(cells):
        path = tmp_path / f"{number}.csv"
        row = sign.join([b"r1", b"t1", b"failed", cell, b"2026-03-02T14:00:05Z", cell])
        path.write_bytes(head + b"\n" + row + b"\n")
        began = time.monotonic()
        try:
            loaded = RecordExports(path).load()
        except DlqkitError as error:
            refused += 1
            assert error.next_step
        else:
            assert loaded.frame["record_id"].tolist() == ["r1"], cell[:20]
        assert time.monotonic() - began < MOST_S
    assert refused <= 2
