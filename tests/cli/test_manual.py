"""``docs/cli.md`` and ``docs/json.md`` say what the commands do."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from dlqkit.cli import settings_page
from dlqkit.cli.demo import _platform
from dlqkit.cli.main import main
from dlqkit.cli.manual import commands, manual
from dlqkit.settings import Settings
from tests.cli.running import Run, runner

DOCS = Path(__file__).parents[2] / "docs"


def documented() -> dict[str, list[str]]:
    """The keys of each command's document, by the words after ``dlqkit``."""
    table: dict[str, list[str]] = {}
    for line in (DOCS / "json.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            names, keys = line.strip("| ").split(" | ")
            outer = re.sub(r"\(.*?\)", "", keys.partition(", of each ")[0])
            table |= {name: re.findall(r"`([a-z_]+)`", outer) for name in re.findall(r"`([^`]+)`", names)}
    return table


TABLE = documented()


def test_the_page_of_the_commands_is_made_from_them() -> None:
    """Else ``make docs-cli`` was forgotten."""
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == manual()


def test_the_page_of_the_settings_is_made_from_them() -> None:
    """Else ``make docs-cli`` was forgotten."""
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == settings_page.page()


def test_every_setting_has_a_meaning_and_is_taken_where_the_page_says() -> None:
    """Each key of each table, with its default where it has one, in a file that dlqkit reads."""
    every = [(name, *row) for name, model in settings_page.tables() for row in settings_page.rows(model)]

    assert [f"{name}.{key}" for name, key, _, _, meaning in every if not meaning] == []
    assert len(every) > 70 and len({(name, key) for name, key, *_ in every}) == len(every)
    for name, key, _, default, _ in every:
        if default not in {"", "needed"}:
            needed = '\nurl = "https://host"' if name == "republish.http" else ""
            text = f"[{name}]{needed}\n{key} = {default.strip('`')}\n"
            Settings.model_validate(tomllib.loads(text))


def test_every_command_that_prints_json_has_its_keys_on_the_page() -> None:
    having = {
        " ".join(path[1:]) for path, command in commands() if any(one.name == "as_json" for one in command.params)
    }

    assert {name.partition(" --")[0] for name in TABLE} == having


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The demo's folder, its facts, the settings to plan with, and the keys of what was printed on the way."""
    place = tmp_path_factory.mktemp("demo")
    found: dict[str, Any] = {"place": place, "keys": {}}
    with pytest.MonkeyPatch.context() as patch, _platform("infrastructure", 4000, 7, place / "scratch") as served:
        found["keys"]["simulator"] = list(served)
        patch.chdir(place)
        for name, value in served["environment"].items():
            patch.setenv(name, value)
        found["settings"] = {
            "DLQKIT_REPUBLISH__ALLOWED_TOPICS": json.dumps(sorted(served["topics"].values())),
            "DLQKIT_REPUBLISH__MAX_RATE": "5",
            "DLQKIT_REPUBLISH__OUTCOME_DEADLINE_S": "60",
            **{f"DLQKIT_WORKFLOWS__{key}__TOPIC": topic for key, topic in served["topics"].items()},
        }
        for words in ("investigate --since 4h --dir demo --json", "signals --since 4h --json", "doctor --json",
                      "--config settings.toml init --yes --json"):  # fmt: skip
            told = _printed(patch, shlex.split(words))
            found["keys"][next(word for word in words.split() if word in TABLE)] = list(told)
            found.setdefault("facts", told.get("facts"))
    return found


def _printed(patch: pytest.MonkeyPatch, words: list[str]) -> dict[str, Any]:
    """The document that a command prints."""
    patch.setattr(sys, "argv", ["dlqkit", *words])
    written = io.StringIO()
    with contextlib.redirect_stdout(written), pytest.raises(SystemExit):
        main()
    told: dict[str, Any] = json.loads(written.getvalue())
    return told


@pytest.mark.parametrize("command", ["simulator", "investigate", "signals", "doctor", "init"])
def test_commands_that_ask_a_platform_print_the_documented_keys(demo: dict[str, Any], command: str) -> None:
    assert demo["keys"][command] == TABLE[command]


def test_commands_on_the_demos_folder_print_the_documented_keys(
    demo: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order of the runbook: each finds what the one before it left."""
    monkeypatch.chdir(demo["place"])
    for name, value in demo["settings"].items():
        monkeypatch.setenv(name, value)
    run, facts = runner(monkeypatch, capsys), demo["facts"]
    plan = f"demo --workflow {facts['workflow']['id']}"
    calls = {
        "triage": "demo",
        "event --fact": "demo --fact events.affected",
        "history": "demo",
        "lab --prepare": "demo --prepare",
        "postmortem": "demo --format md",
        "update": "demo",
        "closure": "demo --no-refresh",
        "verify": "demo",
        "republish plan": plan,
        "republish edit": 'demo plan-001 --all --reason x --patch \'{"note": "x"}\'',
        "republish approve": "demo plan-002 --reason known",
        "republish diff": "demo plan-002",
        "republish run": "demo plan-002",
        "republish status": "demo",
        "republish resolve": "demo plan-002",
        "republish prove": "demo plan-002 --no-refresh",
        "republish cancel": "demo plan-002 --reason x",
    }
    unknowns = 0
    for command, words in calls.items():
        name = command.partition(" --")[0]
        by = ["--by", "ann"] if name in {"republish plan", "republish approve", "republish edit"} else []
        if name == "republish approve":
            by += [word for number in range(unknowns) for word in ("--accept-unknown", str(number + 1))]
        code, out, err = run(*name.split(), *shlex.split(words), *by, "--json")
        told = json.loads(out)
        unknowns = len(told.get("unknowns", ()))
        assert "error" not in told, (command, code, err)
        expected = list(facts) if command == "triage" else TABLE[command]
        assert set(told) == set(expected), command
    assert set(json.loads(run("republish", "status", "demo", "--json")[1])["plans"][0]) == set(
        re.findall(r"`([a-z_]+)`", re.findall(r"of each (.*) \|", (DOCS / "json.md").read_text(encoding="utf-8"))[0])
    )


def test_a_lake_and_an_event_and_an_error_have_the_documented_keys(run: Run, tmp_path: Path) -> None:
    (tmp_path / "export.jsonl").write_text('{"id": "r", "trace_id": "t", "created_at": "2026-03-02T12:00:00Z"}')
    window = ("--start", "2026-03-02T11:00Z", "--end", "2026-03-02T13:00Z")

    collected = json.loads(run("collect", "one", *window, "--records", "export.jsonl", "--json")[1])
    shown = json.loads(run("event", "one", "t", "--json")[1])
    lake = json.loads(run("simulator", "records", "--out", "lake", "--count", "1000", "--json")[1])
    refused = json.loads(run("triage", "nowhere", "--json")[1])

    assert list(collected) == TABLE["collect"]
    assert list(shown) == TABLE["event"]
    assert set(lake) == set(TABLE["simulator records"])
    assert list(refused["error"]) == ["problem", "next_step"]
