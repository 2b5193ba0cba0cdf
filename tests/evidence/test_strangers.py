"""An incident folder from a stranger, and ids that an attacker chose, write and run nothing outside of the folder."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dlqkit.cli.main import main
from dlqkit.cli.shared import name_folder
from dlqkit.incident import Incident
from dlqkit.settings import Settings
from tests.frames import START

END = START + timedelta(hours=1)
# What would be a path, an option, a device, a template or a shell's word if a file were named after it.
IDS = (
    "../../escaped", "/tmp/escaped-absolute", "..", ".", "~/escaped", "$HOME/escaped", "a/../../escaped", "a\\..\\b",
    "-rf", "--config=x", "con", "nul.txt", "{0.__class__}", "%(x)s", "$(touch escaped)", "`touch escaped`",
    "a\nb", "a\x00b", "x" * 5000, "\u202egnp.exe", "\u2025/\u2025/escaped", "％2e％2e/escaped", "%2e%2e%2fescaped", " ",
    "", ";touch escaped", ".hidden", "a/b/c", "file:///tmp/escaped", "incident.toml", "../incident.toml", "audit.jsonl",
)  # fmt: skip


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["dlqkit", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def gather(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain incident folder in the working directory."""
    monkeypatch.chdir(place)
    (place / "export.jsonl").write_text("\n".join(map(json.dumps, rows("wf"))))
    call(monkeypatch, "collect", "incident", "--start", START.isoformat(), "--end", END.isoformat(),
         "--records", "export.jsonl")  # fmt: skip


def rows(text: str) -> list[dict[str, Any]]:
    """Dead letters in which every id is this text."""
    return [
        {"id": f"{text}{number}", "workflow_id": text or "wf", "trace_id": text, "created_at": START.isoformat(),
         "status": text, "queued_to_dlq": True, "attempts": 5, "retryable": True, "last_error": text,
         "payload_snapshot": {text or "k": text, "n": number}}
        for number in range(3)
    ]  # fmt: skip


def test_no_id_leads_a_file_out_of_the_incident_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Collected, looked at, planned and told: files are where they belong, and readable by their owner alone."""
    place = tmp_path / "deep" / "place"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    monkeypatch.setenv("HOME", str(tmp_path / "deep"))
    lines = [json.dumps(row) for text in IDS for row in rows(text)]
    (place / "export.jsonl").write_text("\n".join(lines))
    topics = [IDS[0], f"projects/p/topics/{IDS[0]}", "projects/p/topics/orders"]
    (place / "dlqkit.toml").write_text(f"[republish]\nallowed_topics = {topics}\n")
    before = set(tmp_path.rglob("*"))
    mask = os.umask(0)
    try:
        asked = ("--start", START.isoformat(), "--end", END.isoformat(), "--records", "export.jsonl")
        assert call(monkeypatch, "collect", "incident", *asked) in {0, 3}
        planned = ("republish", "plan", "incident", "--max-rate", "5", "--workflow", IDS[0])
        commands = [("triage", "incident"), ("update", "incident", "--for", "ticket", "--sent"), planned]
        for topic in topics:
            commands.append((*planned, "--topic", topic, "--confirm-topic", topic))
        commands += [("republish", "approve", "incident", "plan-001", "--reason", IDS[0], "--accept-unknown", "1",
                      "--accept-unknown", "2", "--outcome-deadline", "60"),
                     ("republish", "export", "incident", "plan-001"), ("republish", "status", "incident")]  # fmt: skip
        for text in IDS[:12]:
            name = text.replace("\0", "")
            commands += [("event", "incident", "--", name), ("republish", "export", "incident", "--", name),
                         ("triage", "incident", "--snapshot", name)]  # fmt: skip
        for command in commands:
            assert call(monkeypatch, *command) in {0, 1, 2, 3, 4}
    finally:
        os.umask(mask)

    assert (place / "incident" / "republish" / "plan-001.approval.json").is_file()
    made = {path for path in tmp_path.rglob("*") if path not in before}
    assert {path for path in made if path != place / "incident" and place / "incident" not in path.parents} == set()
    assert not Path("/tmp/escaped-absolute").exists()
    for path in (place / "incident", *(place / "incident").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("text", IDS, ids=[str(number) for number in range(len(IDS))])
def test_a_folder_that_is_named_after_an_id_lies_among_the_incidents(text: str) -> None:
    """As investigate names it, where no folder is given."""
    question = Incident(START.to_pydatetime(), END.to_pydatetime(), workflow_id=text.strip() or None)
    folder = name_folder(question, Settings())

    assert folder.parent == Path("incidents")
    assert re.fullmatch(r"2026-03-02-[A-Za-z0-9._-]{1,42}", folder.name)


def collect_incident(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder ``incident`` of one workflow, in the working directory."""
    monkeypatch.chdir(place)
    (place / "export.jsonl").write_text("\n".join(map(json.dumps, rows("wf"))))
    span = ("--start", START.isoformat(), "--end", END.isoformat())
    call(monkeypatch, "collect", "incident", *span, "--records", "export.jsonl")


def test_nothing_in_a_strangers_folder_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules of the names that are imported, settings, start-up files, a template: none is read by any command."""
    collect_incident(tmp_path, monkeypatch)
    marker = tmp_path / "it-ran"
    code = f"open({str(marker)!r}, 'w').close()\n"
    incident = tmp_path / "incident"
    modules = ("pandas", "matplotlib", "dlqkit", "json", "papermill", "sitecustomize", "usercustomize", "encodings")
    for folder in ("", "notebooks", "report", "evidence", "templates"):
        (incident / folder).mkdir(exist_ok=True)
        for module in modules:
            (incident / folder / f"{module}.py").write_text(code)
        (incident / folder / "jupyter_server_config.py").write_text(code)
        (incident / folder / "x.pth").write_text(f"import os; {code}")
    startup = incident / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text(code)
    cell = {"cell_type": "code", "source": code, "metadata": {}, "outputs": [], "execution_count": None, "id": "a"}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    for name in ("templates/postmortem.ipynb", "notebooks/01_signals.ipynb", "report/postmortem.ipynb"):
        (incident / name).write_text(json.dumps(notebook))
    command = f'[execution_logs]\nurl = "http://127.0.0.1:9"\napi_key = {{ command = ["touch", "{marker}"] }}\n'
    (incident / "dlqkit.toml").write_text(command)

    monkeypatch.chdir(incident)
    for arguments in (("triage", "."), ("postmortem", ".", "--format", "html", "--format", "ipynb"), ("verify", "."),
                      ("event", ".", "wf"), ("update", ".", "--for", "chat"), ("closure", ".", "--no-refresh"),
                      ("lab", ".", "--prepare"), ("history", ".")):  # fmt: skip
        call(monkeypatch, *arguments)
        assert not marker.exists(), arguments
    assert (incident / "report" / "postmortem.html").is_file()


def test_jupyterlab_is_not_started_from_modules_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``python -m`` looks into the working directory first, which may be the folder."""
    collect_incident(tmp_path, monkeypatch)
    seen: list[list[str]] = []

    def no_start(program: str, arguments: list[str], environment: dict[str, str]) -> None:
        seen.append(arguments)
        raise SystemExit(0)

    monkeypatch.setattr(os, "execve", no_start)
    call(monkeypatch, "lab", "incident", "--no-browser")

    assert seen[0][1:3] == ["-P", "-m"]


@pytest.mark.parametrize("name", ["judgement.yaml", "incident.toml", "audit.jsonl", "audit.head",
                                  "evidence/001/manifest.json", "evidence/001/records.parquet"])  # fmt: skip
def test_odd_bytes_in_any_file_are_an_error_in_words(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    collect_incident(tmp_path, monkeypatch)
    for content in (
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"a": 1',
        b"!!python/object/apply:os.system [touch it-ran]",
        b"[]",
    ):
        (tmp_path / "incident" / name).write_bytes(content)
        for command in ("triage", "verify", "update"):
            more = ("--for", "chat") if command == "update" else ()
            assert call(monkeypatch, command, "incident", *more) in {0, 2, 3, 4, 1}
            assert "Traceback" not in capsys.readouterr().err, (name, content[:10], command)
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("name", ["judgement.yaml", "incident.toml"])
def test_a_file_of_words_that_is_as_large_as_a_disk_is_refused_and_not_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sparse file takes no room in a folder that somebody sends, and all memory where it is read whole."""
    collect_incident(tmp_path, monkeypatch)
    with (tmp_path / "incident" / name).open("ab") as file:
        file.write(b"\n#")
        file.truncate(1 << 40)

    assert call(monkeypatch, "triage", "incident") == 2

    assert f"{name} is longer than anybody writes.\nNext: Mend it" in capsys.readouterr().err


def test_a_file_of_words_may_have_a_mebibyte_of_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    collect_incident(tmp_path, monkeypatch)
    path = tmp_path / "incident" / "incident.toml"
    text = path.read_text()
    for more, code in ((0, 0), (1, 2)):
        path.write_text(f"{text}#{'é' * ((1 << 20) - len(text) - 1 + more)}")
        assert call(monkeypatch, "triage", "incident") == code, capsys.readouterr().err
