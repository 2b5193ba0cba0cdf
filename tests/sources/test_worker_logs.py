from __future__ import annotations

import codecs
import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
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


MEASURE = """
import json, sys
from pathlib import Path
from dlqkit.sources.worker_logs import WorkerLogs
def peak():
    said = Path("/proc/self/status").read_text().split()
    return int(said[said.index("VmHWM:") + 1]) / 1024
WorkerLogs(sys.argv[1]).load()
before = peak()
coverage = WorkerLogs(sys.argv[2]).load().coverage
print(json.dumps([coverage.completeness, coverage.rows, coverage.missing, peak() - before]))
"""
EXPANDS = "it expands far more than logs do; if it is your own, give it unpacked"
SHORT = "more than 250,000 lines or elements of hardly anything"
# What the file holds, how many rows are kept of it, and why it is read no further.
ENDLESS = {
    "a line without an end": (lambda: b"a" * (80 << 20), 16, "a line of more than 16 MiB"),
    "an array of nothing": (lambda: b"[" + b"{}," * 10_000_000 + b"{}]", 0, EXPANDS),
    "an array of blanks": (lambda: b"[{" + b" " * (80 << 20), 0, EXPANDS),
    "lines of nothing": (lambda: b"{}\n" * 3_000_000, 250_000, EXPANDS),
    "empty lines": (lambda: b"\n" * 3_000_000, 0, EXPANDS),
    "lines of no text": (lambda: (b"\xff" * 1_000_000 + b"\n") * 80, 67, EXPANDS),
    "an object of nothings": (lambda: b'{"a":[' + b"{}," * 5_000_000 + b"{}]}", 15, None),
}


def load_apart(log: bytes, folder: Path) -> tuple[str, int, list[str], float]:
    """Completeness, rows, what is missing, and the megabytes that it took, in a process of its own."""
    few, path = folder / "few", folder / "log"
    few.write_text(json.dumps(LINE) + "\n")
    path.write_bytes(log)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(few), str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    completeness, rows, missing, grown = json.loads(done.stdout)
    return completeness, rows, missing, grown


@pytest.mark.parametrize(
    ("kind", "pack"), [*((kind, zstandard.compress) for kind in ENDLESS), ("a line without an end", gzip.compress)]
)
def test_a_packed_log_that_expands_without_an_end_is_read_to_a_bound_and_told(
    kind: str, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """Some kilobytes would take minutes and gigabytes; what is read of them by then is kept."""
    make, kept, reason = ENDLESS[kind]

    completeness, rows, missing, grown = load_apart(pack(make()), tmp_path)

    if reason is not None:
        assert f"log could not be read to its end: {reason}." in missing
        assert completeness == "partial"
    assert kept <= rows <= kept + 100_000
    assert grown < 300


@pytest.mark.parametrize("log", [b"{}\n" * 2_000_000, b"[" + b"{}," * 2_000_000 + b"{}]"])
def test_a_log_of_hardly_anything_is_read_to_a_bound_and_told(log: bytes, tmp_path: Path) -> None:
    completeness, rows, missing, grown = load_apart(log, tmp_path)

    assert (completeness, f"log could not be read to its end: {SHORT}." in missing) == ("partial", True)
    assert rows < 400_000
    assert grown < 300


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
@pytest.mark.parametrize("begin, between, end", [(b"", b"\n", b"\n"), (b"[", b",\n", b"]")])
def test_a_log_of_lines_that_differ_is_read_to_its_end_however_well_it_is_packed(
    begin: bytes, between: bytes, end: bytes, pack: Callable[[bytes], bytes], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Each has a time of its own and the same text: few logs have less in a line."""
    monkeypatch.setattr(worker_logs, "_FREE_ROWS", 100)
    monkeypatch.setattr(worker_logs, "_FREE_BYTES", 1 << 10)
    start = AT.to_pydatetime()
    lines = [
        json.dumps({**LINE, "ts": (start + timedelta(milliseconds=n * n)).isoformat(timespec="milliseconds")}).encode()
        for n in range(5_000)
    ]
    path = tmp_path / "log"
    path.write_bytes(pack(begin + between.join(lines) + end))

    coverage = WorkerLogs(path).load().coverage

    assert (coverage.rows, coverage.completeness, coverage.missing) == (5_000, "complete", ())


def test_a_hole_before_the_lines_costs_none_of_them(tmp_path: Path) -> None:
    """As a rotation leaves it that empties the file while the worker writes on where it was."""
    path = tmp_path / "log"
    text = json.dumps(LINE).encode() + b"\n"
    with path.open("wb") as file:
        file.truncate(100 << 20)
        file.seek(100 << 20)
        file.write(b"\n" + text * 3)

    loaded = WorkerLogs(path).load()

    assert loaded.frame["message"].tolist()[-3:] == ["refused"] * 3
    assert loaded.coverage.details["not_json"] == len(loaded.frame) - 3 < 4
    assert loaded.coverage.completeness == "complete"


def test_an_array_of_odd_commas_is_no_array_of_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commas in texts and in lists are none between elements."""
    monkeypatch.setattr(worker_logs, "_FREE_ROWS", 10)
    path = tmp_path / "log"
    path.write_text(json.dumps([{**LINE, "msg": "," * 1_000, "list": [1] * 100}] * 5))

    assert WorkerLogs(path).load().coverage.rows == 5


def test_a_long_element_is_kept_in_pieces_as_a_long_line_is(tmp_path: Path) -> None:
    body = json.dumps({**LINE, "msg": "x" * (3 << 20)})
    (tmp_path / "lines").write_text(body + "\n")
    (tmp_path / "array").write_text(f"[{body}]")

    lines, array = (WorkerLogs(tmp_path / name).load().frame for name in ("lines", "array"))

    assert len(lines) == 4
    pd.testing.assert_frame_equal(lines, array)


MARKED = {
    "utf-8-sig": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
SECRET = "Zq7-planted+secret"


def as_powershell(text: str, encoding: str) -> bytes:
    return MARKED[encoding] + text.encode(encoding.removesuffix("-sig"))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
@pytest.mark.parametrize("encoding", MARKED)
def test_a_log_with_a_mark_of_its_encoding_is_read_as_one_without(
    encoding: str, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    text = f"2026-03-02T14:00:05Z ERROR ключ {SECRET}\r\n{json.dumps(LINE)}\r\n"
    path = tmp_path / "log"
    path.write_bytes(pack(as_powershell(text, encoding)))

    loaded = WorkerLogs(path, secrets=[SECRET]).load()

    assert loaded.frame["message"].tolist() == ["ERROR ключ ********", "refused"]
    assert loaded.frame["logged_at"].tolist() == [AT, AT]
    assert "Known secrets stood in 1 places; they are masked." in loaded.coverage.findings
    assert loaded.coverage.completeness == "complete"


@pytest.mark.parametrize("encoding", MARKED)
def test_an_array_in_another_encoding_is_read(encoding: str, tmp_path: Path) -> None:
    check(read(tmp_path / "log", as_powershell(json.dumps([LINE], indent=2), encoding)))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_log_in_utf16_without_its_mark_is_read(encoding: str, tmp_path: Path) -> None:
    check(read(tmp_path / "log", json.dumps({**LINE, "note": "пять раз"}, ensure_ascii=False).encode(encoding)))


@pytest.mark.parametrize("rest", [b"\x3d", b"\x3d\xd8", b"\x3d\xd8\x00"])
def test_a_log_in_utf16_that_was_cut_within_a_character_keeps_the_rest_of_its_line(rest: bytes, tmp_path: Path) -> None:
    frame = read(tmp_path / "log", as_powershell(f"{json.dumps(LINE)}\nrefused ", "utf-16-le") + rest)

    assert frame["message"].tolist() == ["refused", "refused \N{REPLACEMENT CHARACTER}"]


@pytest.mark.parametrize(
    ("first", "second"),
    [("utf-8", "utf-16-le"), ("utf-8", "utf-16-be"), ("utf-16-le", "utf-8"), ("utf-16-be", "utf-8")],
)
@pytest.mark.parametrize("before", ["", "."])
def test_a_secret_is_masked_in_a_log_to_which_two_shells_wrote(
    first: str, second: str, before: str, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    body = MARKED.get(first, b"") + "2026-03-02T14:00:05Z begun\n".encode(first)
    path.write_bytes(body + f"{before}auth with {SECRET} failed\n".encode(second))

    loaded = WorkerLogs(path, secrets=[SECRET]).load()

    assert loaded.frame["message"].str.contains("auth with ******** failed", regex=False).sum() == 1
    assert loaded.coverage.findings[-1] == "Known secrets stood in 1 places; they are masked."


def test_a_log_in_utf16_is_read_in_the_memory_of_some_lines(tmp_path: Path) -> None:
    log = as_powershell(f"{' ' * 4000}\n" * 10_000, "utf-16-le")  # 76 MiB

    completeness, rows, missing, grown = load_apart(log, tmp_path)

    assert (completeness, rows, missing) == ("complete", 0, [])
    assert grown < 20
