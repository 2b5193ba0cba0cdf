"""A secret of the settings that somebody pastes into an option is written nowhere."""

from __future__ import annotations

import base64
import inspect
import json
import shlex
import typing
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer

from dlqkit.cli.commands import COMMANDS
from dlqkit.cli.main import app
from dlqkit.evidence import audit_log
from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import read_incident
from dlqkit.incident import Incident
from dlqkit.settings import Settings
from tests.cli.running import Run
from tests.frames import START

# With what an URL and JSON write otherwise.
SECRET = 'violet/harbour "lantern"'
PASTED = f"curl -H 'X-API-Key: {SECRET}' shows none"
TOPIC = "projects/p/topics/orders"
# Each with what it needs beside the option that is looked at.
WRITERS = {
    "investigate": (),
    "collect": ("incident", "--records", "export.jsonl"),
    "postmortem": ("incident",),
    "update": ("incident", "--sent"),
    "closure": ("incident", "--no-refresh"),
    "reveal": ("incident", "PSEUDONYM"),
    "republish plan": ("incident",),
    "republish edit": ("incident", "PLAN", "--reason", "x", "--all"),
    "republish approve": ("incident", "PLAN", "--reason", "x"),
    "republish cancel": ("incident", "PLAN", "--reason", "x"),
    "republish resolve": ("incident", "PLAN", "--item", "1", "--sent"),
}
# They write nothing of what is typed but paths, and addresses into the settings themselves.
OTHERS = {"demo", "simulator records", "init", "doctor", "signals", "triage", "event", "history", "lab", "verify",
          "import", "republish diff", "republish export", "republish run", "republish status",
          "republish prove"}  # fmt: skip


def _commands() -> Iterator[tuple[str, Any]]:
    group: Any = typer.main.get_command(app)
    for one in COMMANDS:
        command = group.commands[one.name]
        inner = getattr(command, "commands", None)
        yield from [(one.name, command)] if inner is None else ((f"{one.name} {name}", inner[name]) for name in inner)


def _texts() -> Iterator[tuple[str, str]]:
    """Each option and argument of a writing command that takes a text."""
    for name, command in _commands():
        kinds = typing.get_type_hints(inspect.unwrap(command.callback))
        for known in command.params if name in WRITERS else ():
            if {str, list[str]} & {kinds[known.name], *typing.get_args(kinds[known.name])}:
                yield name, known.opts[0] if known.opts[0].startswith("-") else known.metavar


TEXTS = list(_texts())


def _bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def incident(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three dead letters, and settings that name the secret and a source that is asked nothing."""
    rows = [{"id": f"d{n}", "workflow_id": "wf", "trace_id": f"trace-{n}-of-the-orders", "status": "failed",
             "created_at": (START + timedelta(minutes=n)).isoformat(), "queued_to_dlq": True, "attempts": 5,
             "last_error": "refused", "payload": {"n": n}} for n in range(3)]  # fmt: skip
    (tmp_path / "export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    collect(Incident(START, START + timedelta(hours=1)), Settings(), tmp_path / "incident",
            records_files=(tmp_path / "export.jsonl",))  # fmt: skip
    (tmp_path / "dlqkit.toml").write_text(
        '[tickets]\ntoken = { env = "THE_TOKEN" }\n[execution_logs]\nurl = "http://127.0.0.1:9/execution-logs"\n'
        f'[republish]\nallowed_topics = ["{TOPIC}"]\nmax_rate = 5\n[workflows.wf]\ntopic = "{TOPIC}"\n'
    )
    monkeypatch.setenv("THE_TOKEN", SECRET)
    return tmp_path / "incident"


def test_every_command_is_known_to_write_texts_or_not() -> None:
    assert {name for name, _ in _commands()} == set(WRITERS) | OTHERS
    for command, option in (("closure", "--reason"), ("closure", "--how"), ("closure", "--by"), ("update", "--by"),
                            ("closure", "--attached"), ("republish plan", "--by"), ("republish approve", "--reason"),
                            ("collect", "--trace"), ("reveal", "PSEUDONYM")):  # fmt: skip
        assert (command, option) in TEXTS
    assert len(TEXTS) > 50


@pytest.mark.parametrize(("command", "option"), TEXTS, ids=map(" ".join, TEXTS))
@pytest.mark.usefixtures("incident")
def test_a_secret_of_the_settings_in_a_text_is_refused_and_written_nowhere(
    command: str, option: str, run: Run, tmp_path: Path
) -> None:
    beside, before = WRITERS[command], _bytes_below(tmp_path)
    given = (
        (*beside, option, PASTED) if option.startswith("-") else [PASTED if one == option else one for one in beside]
    )

    code, out, err = run(*command.split(), *given)

    assert (code, out) == (2, "")
    assert " ".join(err.split()) == (
        f"{option} holds a secret of the settings, so nothing was written. Next: Give it without the secret; if others "
        "have seen that, have the service give a new one."
    )
    assert "harbour" not in out + err
    assert _bytes_below(tmp_path) == before


@pytest.mark.parametrize(
    "written",
    [
        lambda secret: urllib.parse.quote(secret, safe=""),
        lambda secret: "Basic " + base64.b64encode(f"olga:{secret}".encode()).decode(),
        json.dumps,
    ],
)
def test_it_is_refused_however_it_is_written(incident: Path, run: Run, written: Callable[[str], str]) -> None:
    code, _, err = run("closure", "incident", "--no-refresh", "--accept", "metrics", "--reason", written(SECRET))

    assert (code, err.startswith("--reason holds a secret of the settings")) == (2, True)
    assert not (incident / "judgement.yaml").exists()


def test_a_text_without_a_secret_is_kept(incident: Path, run: Run, tmp_path: Path) -> None:
    why, who = "there is no Prometheus here", "ann of the payments team"

    run("closure", "incident", "--no-refresh", "--accept", "metrics", "--reason", why, "--by", who)
    planned, _, _ = run("republish", "plan", "incident", "--workflow", "wf", "--by", who)
    sent, _, _ = run("update", "incident", "--sent", "--by", who)
    collected, _, _ = run("collect", "other", "--records", "export.jsonl", "--start", START.isoformat(),
                          "--trace", "trace-1-of-the-orders")  # fmt: skip

    lines = {line["action"]: line for line in audit_log.read(incident)}
    assert (lines["closure acceptance"]["reason"], lines["closure acceptance"]["by"]) == (why, who)
    # Partial, since nobody is at the address of the API.
    assert (planned, sent, collected) == (0, 0, 3)
    assert lines["update sent"]["sent_by"] == who
    assert read_incident(tmp_path / "other").trace_id == "trace-1-of-the-orders"


@pytest.mark.parametrize("reference", ['{ env = "NOT_SET" }', '{ file = "/nowhere/key" }', '{ file = "~nobody-/key" }'])
def test_a_secret_that_cannot_be_had_is_not_looked_for(
    incident: Path, run: Run, reference: str, tmp_path: Path
) -> None:
    """A command that needed none of them works as before."""
    path = tmp_path / "dlqkit.toml"
    path.write_text(path.read_text().replace('{ env = "THE_TOKEN" }', reference))

    code, out, err = run("republish", "plan", "incident", "--workflow", "wf", "--by", "ann of the payments team")

    assert (code, "plan-001" in out, (incident / "republish").is_dir()) == (0, True, True), err


def test_a_secret_of_seven_letters_may_be_a_word(incident: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TOKEN", "payment")

    run("closure", "incident", "--no-refresh", "--confirmed-by", "Olga of payment", "--how", "by phone")

    assert "Olga of payment" in (incident / "judgement.yaml").read_text()


def test_a_command_that_prints_a_secret_is_run_only_where_it_is_run_anyway(
    incident: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan is made without a source, so nobody is asked for a passphrase; a collect looks the secret up for it."""
    script = f"touch asked; echo {shlex.quote(SECRET)}"
    path = tmp_path / "own.toml"
    key = f"api_key = {{ command = {json.dumps(['sh', '-c', script])} }}\n"
    path.write_text((tmp_path / "dlqkit.toml").read_text().replace("[republish]", f"{key}[republish]"))
    (tmp_path / "dlqkit.toml").unlink()
    monkeypatch.delenv("THE_TOKEN")
    config = ("--config", "own.toml")

    planned, _, _ = run(
        *config, "republish", "plan", "incident", "--workflow", "wf", "--by", "ann of the payments team"
    )
    closed, _, _ = run(*config, "closure", "incident", "--no-refresh", "--confirmed-by", "Olga of payments",
                       "--how", "by phone")  # fmt: skip
    assert (planned, closed, (tmp_path / "asked").exists()) == (0, 4, False)

    before = _bytes_below(incident)
    code, _, err = run(*config, "collect", "incident", "--records", "export.jsonl", "--trace", SECRET)
    assert (code, err.startswith("--trace holds a secret of the settings")) == (2, True)
    assert (_bytes_below(incident), (tmp_path / "asked").exists()) == (before, True)
