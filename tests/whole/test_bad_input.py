"""Bad input: one sentence on what is wrong, one on what to do next, the exit code of the design, and nothing lost."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest

from tests.whole.accuracy import run_dlqkit, simulator

SECRET = "s3cret-of-the-test"


@contextmanager
def answering(status: int, body: bytes, content_type: str = "text/html") -> Iterator[str]:
    """A server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/execution-logs"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def environment_of(**settings: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("DLQKIT_")}
    return plain | settings


def two_sentences(done: subprocess.CompletedProcess[str], words: str) -> None:
    # Both are wrapped to the width of a terminal.
    problem, begins, _ = done.stderr.strip().partition("\nNext: ")
    assert begins and words in " ".join(problem.split()), done.stderr
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b'{"error": "no"}', "refuses access"),
        (404, b"not here", "nothing at"),
        (200, b"<html><title>Log in</title></html>", "Log in"),
        (200, b"", "empty answer"),
        (200, b'{"ok": true}', "no list of records"),
        (302, b"", "302"),
    ],
)
def test_an_api_that_answers_something_else(status: int, body: bytes, words: str, tmp_path: Path) -> None:
    """A wrong key, a wrong address, a web page, an empty answer: said in two sentences, without the key."""
    with answering(status, body) as url:
        environment = environment_of(
            DLQKIT_EXECUTION_LOGS__URL=url, DLQKIT_EXECUTION_LOGS__API_KEY='{ env = "THE_KEY" }', THE_KEY=SECRET
        )
        done = run_dlqkit(environment, "collect", "incident", "--since", "1h", cwd=tmp_path)

    assert done.returncode == 1
    two_sentences(done, words)


def test_nobody_listens(tmp_path: Path) -> None:
    """A wrong URL."""
    environment = environment_of(DLQKIT_PROMETHEUS__URL="http://127.0.0.1:9/")

    done = run_dlqkit(environment, "collect", "incident", "--since", "1h", cwd=tmp_path)

    assert done.returncode == 1
    two_sentences(done, "cannot be reached")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--start", "2026-03-02T14:00Z", "--end", "2026-03-02T12:00Z"), "before it starts"),
        (("--start", "2026-03-02T14:00"), "has no zone"),
        (("--since", "soon"), "not a time"),
        (("--since", "1h", "--workflow", " "), "is empty"),
        (("--since", "1h", "--records", "none.jsonl"), "no file"),
        (("--since", "1h", "--worker-logs", "none.log"), "no log file"),
    ],
)
def test_a_question_that_cannot_be_asked(options: tuple[str, ...], words: str, tmp_path: Path) -> None:
    """A window the wrong way round, a time without zone, a file that is not there: exit code 2."""
    environment = environment_of(DLQKIT_EXECUTION_LOGS__URL="http://127.0.0.1:9/")

    done = run_dlqkit(environment, "collect", "incident", *options, cwd=tmp_path)

    assert done.returncode == 2
    two_sentences(done, words)


def test_a_parquet_that_was_cut(tmp_path: Path) -> None:
    """An export that is not whole."""
    pd.DataFrame({"trace_id": ["t"] * 100, "status": ["failed"] * 100}).to_parquet(tmp_path / "export.parquet")
    whole = (tmp_path / "export.parquet").read_bytes()
    (tmp_path / "export.parquet").write_bytes(whole[: len(whole) // 2])

    done = run_dlqkit(
        environment_of(), "collect", "incident", "--since", "1h", "--records", "export.parquet", cwd=tmp_path
    )

    assert done.returncode == 1
    two_sentences(done, "was cut")


def test_an_unknown_workflow_is_not_known(tmp_path: Path) -> None:
    """A workflow that nobody has seen is neither healthy nor in trouble."""
    with simulator(tmp_path, "--scenario", "quiet", "--events", "1000") as (_, environment, _path):
        options = ("--since", "1h", "--workflow", "no-such-workflow")
        done = run_dlqkit(environment, "collect", "incident", *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    told = run_dlqkit(environment, "triage", "incident", cwd=tmp_path)

    assert told.returncode == 0
    assert "no-such-workflow" in told.stdout
    assert "Not known" in told.stdout


def test_one_source_that_fails_makes_the_evidence_partial(tmp_path: Path) -> None:
    """What the other source gave is kept, and the exit code is 3."""
    with simulator(tmp_path, "--events", "2000") as (_, environment, _path):
        broken = environment | {"DLQKIT_API_KEY": SECRET}
        done = run_dlqkit(broken, "collect", "incident", "--since", "4h", cwd=tmp_path)

    assert done.returncode == 3, done.stderr
    assert "partial" in done.stdout
    assert (tmp_path / "incident" / "evidence" / "001" / "samples.parquet").is_file()
    assert SECRET not in done.stdout + done.stderr


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """No room for a file: said so, and what was collected before stays."""
    limit = 40_000  # a file size that the frames of two thousand events do not fit into

    with simulator(tmp_path, "--events", "4000", "--pagination", "offset") as (_, environment, _path):
        done = subprocess.run(
            [sys.executable, "-m", "dlqkit", "collect", "incident", "--since", "8h"],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )  # fmt: skip

    assert done.returncode == 1
    two_sentences(done, "disk is full")
    assert list((tmp_path / "incident" / "evidence" / "001.part" / "snapshot" / "raw").iterdir())
