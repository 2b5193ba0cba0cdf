"""A secret that dlqkit was given is in no byte of what it writes, whatever the services echo."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import sys
import urllib.parse
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from dlqkit.cli.main import main
from dlqkit.evidence.manifest import read_manifest, verify
from tests.every_byte import where
from tests.evidence.service import END, record, serving

# What settings name: by the environment, by a file, and with signs that every encoder writes in another way.
KEY = "k3y-0f/the+tests==&<q>'s"
TOKEN = "t0ken-0f-the-tests-4711"
TICKETS = "jira-t0ken-of-the-tests"
# What no setting names, in the environment of whoever works.
STRANGER = "aws-s3cret-0f-somebody"
SECRETS = (KEY, TOKEN, TICKETS)
ECHOES: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: f"refused: X-API-Key: {secret}",
    "url": lambda secret: f"GET /execution-logs?key={urllib.parse.quote_plus(secret)} failed",
    "path": lambda secret: f"no such file /tmp/{urllib.parse.quote(secret)}",
    "base64": lambda secret: "Authorization: Basic " + base64.b64encode(f"olga:{secret}".encode()).decode(),
    "json": lambda secret: json.dumps({"headers": {"X-API-Key": secret}}),
    "hex": lambda secret: f"key {secret.encode().hex()} is not known",
}


def echoing() -> list[dict[str, Any]]:
    """Six dead letters and their events' successes; each secret in each form, in the error, the payload and beside."""
    rows = []
    for number, echo in enumerate(ECHOES.values()):
        text = " ".join(echo(secret) for secret in SECRETS)
        rows.append({**record(number, 30 - number), "last_error": text, "request_headers": {"x-api-key": KEY},
                     f"note {TOKEN}": text, "payload_snapshot": {"auth": text, KEY: number}})  # fmt: skip
    return rows


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command in a folder of its own, with settings that name the secrets; its code and all that it printed."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("THE_KEY", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", STRANGER)
    monkeypatch.setenv("THE_TICKETS", TICKETS)

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["dlqkit", "--config", str(tmp_path / "dlqkit.toml"), *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out + err

    return call


def write_settings(folder: Path, url: str, tickets: Path) -> None:
    (folder / "token").write_text(TOKEN + "\n")
    tickets.mkdir()
    (folder / "dlqkit.toml").write_text(
        f"""
        [execution_logs]
        url = "{url}/execution-logs"
        api_key = {{ env = "THE_KEY" }}
        page_limit = 4
        [prometheus]
        url = "{url}"
        headers = {{ X-Token = {{ file = "{folder / "token"}" }} }}
        [worker]
        metrics_urls = ["{url}/metrics?token={TOKEN}"]
        [workflows.wf]
        topic = "projects/my-project/topics/orders"
        [republish]
        allowed_topics = ["projects/my-project/topics/orders"]
        [tickets]
        kind = "directory"
        path = "{tickets}"
        token = {{ env = "THE_TICKETS" }}
        """
    )


def test_no_secret_is_in_any_byte_of_the_folder_the_zip_or_the_ticket(
    run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    """Echoed by the API, Prometheus, the worker's page and log, plain or encoded; read inside of whatever is packed."""
    labelled = f'worker_dlq_total{{workflow_id="wf",header="{TOKEN}"}} 10\n'
    page = "# TYPE worker_dlq_total counter\n" + labelled
    log = {
        "time": END.isoformat(),
        "workflow_id": "wf",
        "message": ECHOES["base64"](KEY),
        "env": {"AWS_SECRET_ACCESS_KEY": STRANGER, "THE_KEY": KEY},
    }
    (tmp_path / "worker.jsonl.gz").write_bytes(gzip.compress(json.dumps(log).encode()))
    said = []
    with serving(records=echoing(), page=page) as service:
        write_settings(tmp_path, service.url, tmp_path / "tickets")
        for command in (
            ("collect", "incident", "--workflow", "wf", "--since", "1h", "--worker-logs", "../worker.jsonl.gz"),
            ("triage", "incident"),
            ("event", "incident", "t1"),
            ("postmortem", "incident", "--zip", "--attach", "OPS-1", "--include-payload"),
            ("postmortem", "incident", "--lang", "ru", "--output", "russian"),
            *(("update", "incident", "--for", one, "--sent") for one in ("chat", "client", "ticket")),
            ("closure", "incident"),
            ("republish", "plan", "incident", "--workflow", "wf", "--max-rate", "5"),
        ):  # fmt: skip
            code, told = run(*command)
            assert code in {0, 3, 4}, (command, told)
            said.append(told)

    words = [*(secret.encode() for secret in SECRETS), STRANGER.encode()]
    # What a worker wrote into its own log is evidence; only what dlqkit was given is known to be secret.
    assert where(tmp_path / "work", words) == [("incident/evidence/001/worker_logs.parquet", STRANGER.encode())]
    assert where(tmp_path / "tickets", words) == []
    assert not [word for word in SECRETS for text in said if word in text]
    assert verify(Path("incident")) == ()
    assert (tmp_path / "tickets" / "OPS-1").is_dir()


def test_the_manifest_says_where_a_secret_was_masked_and_what_the_page_was(
    run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    """Whoever doubts a masked page can ask the service again, and compare the hash."""
    with serving(records=echoing()) as service:
        write_settings(tmp_path, service.url, tmp_path / "tickets")
        run("collect", "incident", "--workflow", "wf", "--since", "1h")

    masked = [one for source in read_manifest(Path("incident/evidence/001"))["sources"] for one in source["masked"]]
    assert masked
    for one in masked:
        assert (Path("incident/evidence/001") / one["file"]).is_file()
        # Each record has its echo of three secrets in three fields, and three names or values that are one.
        assert one["places"] >= 3 * 3 + 3
        assert len(one["original_sha256"]) == 64


@pytest.mark.parametrize("kind", ["parquet", "sqlite", "zip", "gzip", "zstd", "base64", "json", "url", "html", "name"])
def test_a_secret_that_is_packed_is_found_by_these_tests(kind: str, tmp_path: Path) -> None:
    """The tests above could fail: what they read, they read to the bottom."""
    text = f"before {KEY} after"
    packed = io.BytesIO()
    if kind == "parquet":
        pq.write_table(pa.table({"a": [text] * 1000}), packed, compression="zstd")
    elif kind == "sqlite":
        with sqlite3.connect(tmp_path / "x") as database:
            database.execute("create table t (a)")
            database.execute("insert into t values (?)", (text.replace(KEY, f"{KEY} {KEY}"),))
        database.close()
        packed.write((tmp_path / "x").read_bytes())
    elif kind == "zip":
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("inner.gz", gzip.compress(text.encode()))
    elif kind == "gzip":
        packed.write(gzip.compress(text.encode()))
    elif kind == "zstd":
        packed.write(zstandard.ZstdCompressor().compress(text.encode() * 9))
    elif kind == "base64":
        packed.write(b"xy" + base64.b64encode(text.encode()))
    elif kind == "json":
        packed.write(json.dumps({"a": text}).replace("k", "\\u006b").encode())
    elif kind == "url":
        packed.write(urllib.parse.quote(text, safe="").encode())
    elif kind == "html":
        packed.write("".join(f"&#{ord(sign)};" for sign in text).encode())
    name = f"a-{TOKEN}" if kind == "name" else "a"
    (tmp_path / "x").unlink(missing_ok=True)
    (tmp_path / name).write_bytes(packed.getvalue())

    assert [found for found, _ in where(tmp_path, [KEY.encode(), TOKEN.encode()])] == [name]
