"""What five people do with dlqkit, in how many commands: counted here, so that it does not grow unseen."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.blocks import DOCS, blocks_of
from tests.docs.world import World, call, page_folder, run_shell

Told = tuple[int, str]


@pytest.fixture
def commands() -> tuple[list[str], Callable[[str], Told]]:
    """What was typed so far, and how to type."""
    typed: list[str] = []

    def run(line: str) -> Told:
        typed.append(line)
        return call(line.split()[1:])

    return typed, run


def test_the_one_on_call_has_a_triage_and_a_post_mortem_from_the_alert(
    world: World, tmp_path: Path, commands: tuple[list[str], Callable[[str], Told]]
) -> None:
    """Two commands at most to the triage, one more at most to the post-mortem: it is one for both."""
    typed, run = commands
    with page_folder(world, tmp_path) as place:
        code, said = run("dlqkit investigate --alert alert.json --dir incidents/now")
        report = place / "incidents" / "now" / "report" / "postmortem.html"

        assert code in {0, 3}, said
        assert "events dead-lettered " in said
        assert "Next:  dlqkit" in said
        assert report.is_file()
    assert len(typed) == 1


def test_the_newcomer_has_a_report_without_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commands: tuple[list[str], Callable[[str], Told]]
) -> None:
    """Two commands at most after the install: it is one, and it says where to look and how to go on."""
    typed, run = commands
    monkeypatch.chdir(tmp_path)

    code, said = run("dlqkit demo --events 2000 --no-republish")

    assert code == 0, said
    path = Path(said.partition("The post-mortem: ")[2].splitlines()[0])
    assert path.is_file()
    assert "dlqkit lab demo/infrastructure" in said
    assert len(typed) <= 2


def test_the_engineer_who_scripts_needs_standard_output_and_the_exit_code_alone(world: World, tmp_path: Path) -> None:
    """The script of the recipes, as a webhook's receiver starts it: a document, and paths that are there."""
    recipe = next(block for block in blocks_of(DOCS / "recipes.md") if block.text.startswith("ALERT="))
    with page_folder(world, tmp_path) as place:
        code, said = run_shell(recipe.text)

        assert code in {0, 3}, said
        told = json.loads(next(place.glob("told-*.json")).read_text(encoding="utf-8"))
        log = next(place.glob("told-*.log")).read_text(encoding="utf-8")
        assert set(told) >= {"directory", "paths", "complete", "facts"}
        assert all((place / path).is_file() for path in told["paths"].values())
        assert told["facts"]["workflow"]["id"] == world.workflow_id
        assert "1h before the alert" in log


def test_the_lead_sees_what_is_missing_and_that_nothing_was_changed(
    world: World, tmp_path: Path, commands: tuple[list[str], Callable[[str], Told]]
) -> None:
    """May it be closed, is the evidence what was collected, and one file to hand on: three commands."""
    typed, run = commands
    with page_folder(world, tmp_path) as place:
        closure, said = run("dlqkit closure incidents/orders --no-refresh --json")
        verified, _ = run("dlqkit verify incidents/orders")
        packed, _ = run("dlqkit postmortem incidents/orders --format html --zip --json")

        assert closure == 4
        assert {item["name"] for item in json.loads(said)["items"]} >= {"metrics", "records", "confirmation", "ticket"}
        assert verified == 0
        assert packed == 0
        (archive,) = place.glob("incidents/orders/report/*.zip")
        assert any(name.endswith(".html") for name in zipfile.ZipFile(archive).namelist())
    assert len(typed) == 3


def test_the_colleague_reads_a_copied_folder_in_another_language_without_settings(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commands: tuple[list[str], Callable[[str], Told]]
) -> None:
    """No address, no key, no network: the folder is enough, and says the same number."""
    typed, run = commands
    shutil.copytree(world.base / "incidents" / "orders", tmp_path / "copied")
    monkeypatch.chdir(tmp_path)

    code, said = run("dlqkit triage copied --lang ru")
    facts = json.loads((tmp_path / "copied" / "report" / "facts.json").read_text(encoding="utf-8"))

    assert code in {0, 3}, said
    assert str(facts["events"]["affected"]["value"]) in said
    assert "событ" in said
    assert len(typed) == 1
