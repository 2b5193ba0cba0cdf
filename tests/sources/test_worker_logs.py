from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest
import zstandard

from dlqkit.errors import ParameterError
from dlqkit.frames import WORKER_LOGS
from dlqkit.sources import worker_logs
from dlqkit.sources.worker_logs import WorkerLogs

LINE = {"ts": "2026-03-02T14:00:05Z", "level": "ERROR", "msg": "refused", "trace_id": "t1", "workflow_id": "wf",
        "attempts": 3, "host": "w1"}  # fmt: skip
AT = pd.Timestamp("2026-03-02T14:00:05Z")


def read(path: Path, text: str | bytes, **options: object) -> pd.DataFrame:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return WorkerLogs(path).load(**options).frame  # type: ignore[arg-type]


def check(frame: pd.DataFrame) -> None:
    row = frame.iloc[0]
    assert (row.logged_at, row.level, row.message, row.trace_id, row.workflow_id, row.attempts) == (
        AT, "ERROR", "refused", "t1", "wf", 3,
    )  # fmt: skip
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == dict(WORKER_LOGS)


def test_json_lines_plain_gzip_and_zstd(tmp_path: Path) -> None:
    text = json.dumps(LINE).encode() + b"\n"
    for body in (text, gzip.compress(text), zstandard.compress(text)):
        check(read(tmp_path / "log", body))


def test_an_array_as_gcloud_writes_it(tmp_path: Path) -> None:
    inner = {name: value for name, value in LINE.items() if name not in {"ts", "level"}}
    entry = {"timestamp": LINE["ts"], "severity": "ERROR", "jsonPayload": inner, "resource": {"type": "k8s"}}

    check(read(tmp_path / "log", json.dumps([entry], indent=2)))


def test_lines_as_kubectl_and_logcli_write_them(tmp_path: Path) -> None:
    body = {name: value for name, value in LINE.items() if name != "ts"}
    check(read(tmp_path / "a", f"2026-03-02T14:00:05.000000000Z {json.dumps(body)}\n"))
    check(read(tmp_path / "b", f"[pod/worker-1/app] {json.dumps(LINE)}\n"))
    check(read(tmp_path / "c", json.dumps({"labels": {"app": "w"}, "line": json.dumps(LINE), "timestamp": LINE["ts"]})))


def test_lines_that_are_no_json_are_kept_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(f'{json.dumps(LINE)}\nTraceback (most recent call last):\n  File "x.py"\n\n')

    loaded = WorkerLogs(path).load()

    assert loaded.frame["message"].tolist() == ["refused", "Traceback (most recent call last):", 'File "x.py"']
    assert loaded.coverage.details["not_json"] == 2
    assert "2 of 3 lines are no JSON" in loaded.coverage.findings[0]


def test_only_what_was_asked_for(tmp_path: Path) -> None:
    rows = [LINE, {**LINE, "trace_id": "t2"}, {**LINE, "ts": "2026-03-02T15:00:00Z"}]
    text = "\n".join(map(json.dumps, rows))

    assert len(read(tmp_path / "log", text, trace_id="t2")) == 1
    assert (
        len(read(tmp_path / "log", text, start=AT.to_pydatetime(), end=(AT + pd.Timedelta("1min")).to_pydatetime()))
        == 2
    )


def test_a_time_without_zone_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(json.dumps({**LINE, "ts": "2026-03-02T14:00:05"}))

    loaded = WorkerLogs(path).load()

    assert loaded.frame["logged_at"].isna().all()
    assert "Times have no zone, so they are not used; set worker_logs.timezone." in loaded.coverage.findings
    assert loaded.coverage.completeness == "unverified"
    assert loaded.coverage.missing == ("1 of 1 lines have no time that can be read.",)
    assert WorkerLogs(path, timezone="UTC").load().frame["logged_at"].iloc[0] == AT


def test_a_compressed_file_that_was_cut_is_partial(tmp_path: Path) -> None:
    whole = gzip.compress("\n".join(json.dumps({**LINE, "n": n}) for n in range(5000)).encode())
    path = tmp_path / "log.gz"
    path.write_bytes(whole[: len(whole) // 2])

    loaded = WorkerLogs(path).load()

    assert loaded.coverage.completeness == "partial"
    assert "was cut" in loaded.coverage.missing[0]
    assert len(loaded.frame) > 100


def test_rotated_files_by_a_pattern_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    for name in ("worker.log", "worker.log.1"):
        (tmp_path / name).write_text(json.dumps(LINE) + "\n")

    assert len(WorkerLogs(tmp_path / "worker.log*").load().frame) == 2
    with pytest.raises(ParameterError, match="no log file"):
        WorkerLogs(tmp_path / "other.log")


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"asctime": "2026-03-02 15:00:05,123", "levelname": "ERROR", "message": "refused"}),
        "2026-03-02 15:00:05,123 - worker - ERROR - refused",
        "[2026-03-02 15:00:05.123] ERROR refused",
        "2026-03-02T14:00:05,123Z refused",
    ],
)
def test_times_as_pythons_logging_writes_them(line: str, tmp_path: Path) -> None:
    """Milliseconds after a comma, local time; as JSON or at the head of a line of text."""
    path = tmp_path / "log"
    path.write_text(line + "\n")

    loaded = WorkerLogs(path, timezone="Europe/Berlin").load()

    assert loaded.frame["logged_at"].iloc[0] == AT + pd.Timedelta("123ms")
    assert "refused" in loaded.frame["message"].iloc[0]
    assert loaded.coverage.completeness == "complete"
    assert not loaded.coverage.missing


def test_lines_without_a_time_are_counted_and_do_not_make_the_rest_doubtful(tmp_path: Path) -> None:
    """A traceback's lines have no time of their own."""
    path = tmp_path / "log"
    path.write_text(f"{json.dumps(LINE)}\nTraceback (most recent call last):\n")

    coverage = WorkerLogs(path).load().coverage

    assert coverage.completeness == "complete"
    assert coverage.missing == ("1 of 2 lines have no time that can be read.",)


def test_an_empty_log_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("")

    coverage = WorkerLogs(path).load().coverage

    assert (coverage.completeness, coverage.missing) == ("complete", ())


def test_secrets_in_log_lines_are_masked(tmp_path: Path) -> None:
    """A key that a worker logs is in no frame, and the coverage says that something was masked."""
    path = tmp_path / "log"
    path.write_text(f"{json.dumps({**LINE, 'msg': 'sent k3y-of-the-tests'})}\nX-API-Key: k3y-of-the-tests\n")

    loaded = WorkerLogs(path, secrets=["k3y-of-the-tests"]).load()

    assert loaded.frame["message"].tolist() == ["sent ********", "X-API-Key: ********"]
    assert "Known secrets stood in 2 places; they are masked." in loaded.coverage.findings


def test_an_array_that_expands_without_an_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are read one by one, an array as a whole; a packed one of blanks may be of any size."""
    monkeypatch.setattr(worker_logs, "_LONGEST_ARRAY", 1000)
    path = tmp_path / "log"
    path.write_bytes(gzip.compress(b"[" + b" " * 2000 + json.dumps(LINE).encode() + b"]"))
    coverage = WorkerLogs(path).load().coverage

    assert coverage.completeness == "partial"
    assert "log could not be read to its end: an array of more than 0 MiB." in coverage.missing
