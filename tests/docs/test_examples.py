"""Every block of code in the documentation does what a reader who pastes it would see: it runs, in the page's order."""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from dlqkit.cli.main import app
from dlqkit.report.judgement import parse_judgement
from dlqkit.settings import load_settings
from tests.docs.blocks import PAGES, ROOT, Block, blocks_of, commands_of
from tests.docs.world import World, open_world, page_folder, run_line, run_shell

LANGUAGES = {"console", "sh", "python", "toml", "yaml", "json", "text"}
# Its examples are those of every --help: none has the folder that it speaks of.
COMMANDS = "docs/cli.md"
TUTORIAL = "docs/tutorial.md"
RUN = [path for path in PAGES if path.relative_to(ROOT).as_posix() not in {COMMANDS, TUTORIAL} and blocks_of(path)]


@pytest.fixture
def own_world(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(tmp_path_factory.mktemp("own-world"), like=world) as made:
        yield made


def test_the_tutorial_runs_from_its_first_line_to_its_last(own_world: World, tmp_path: Path) -> None:
    """On a platform of its own: what other pages have sent again leaves its plan nothing."""
    names: dict[str, Any] = {}
    with page_folder(own_world, tmp_path) as place:
        for block in blocks_of(ROOT / TUTORIAL):
            if block.not_run is None:
                run(block, names, place)


@pytest.mark.parametrize("path", RUN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_block_of_a_page_runs(path: Path, world: World, tmp_path: Path) -> None:
    """One after the other: what an earlier block of the page left is there for a later one."""
    names: dict[str, Any] = {}
    with page_folder(world, tmp_path) as place:
        for block in blocks_of(path):
            if block.not_run is None:
                run(block, names, place)


def run(block: Block, names: dict[str, Any], place: Path) -> None:
    """What a reader does with a block: paste it, or put it into the file that it is of."""
    where = f"{block.page}:{block.line}"
    for line in block.before:
        code, said = run_line(line)
        assert code in {0, 3, 4}, f"{where}: before: {line}\n{said}"
    if block.language == "console" or (block.language == "sh" and only_dlqkit(block)):
        for line in commands_of(block):
            code, said = run_line(line)
            assert code in block.codes, f"{where}: {line} ended with {code}\n{said}"
    elif block.language == "sh":
        code, said = run_shell(block.text)
        assert code in block.codes, f"{where}: ended with {code}\n{said}"
    elif block.language == "python":
        with contextlib.redirect_stdout(io.StringIO()):
            (place / "of_the_page.py").write_text(block.text, encoding="utf-8")
            names.update(runpy.run_path(str(place / "of_the_page.py"), init_globals=names))
    elif block.language == "toml":
        tomllib.loads(block.text)
        (place / "of-the-page.toml").write_text(block.text, encoding="utf-8")
        load_settings(place / "of-the-page.toml", environ={})
    elif block.language == "yaml":
        parse_judgement(yaml.safe_load(block.text))
    elif block.language == "json":
        json.loads(block.text)


def only_dlqkit(block: Block) -> bool:
    return all(line.startswith(("dlqkit ", "#")) for line in commands_of(block))


def test_every_block_says_what_it_is_and_every_one_that_is_not_run_says_why() -> None:
    """A block without a language is run by nobody and coloured by nobody."""
    every = [block for path in PAGES for block in blocks_of(path)]

    assert {f"{one.page}:{one.line}: {one.language}" for one in every if one.language not in LANGUAGES} == set()
    assert [f"{one.page}:{one.line}" for one in every if one.not_run is not None and len(one.not_run) < 12] == []
    assert [f"{one.page}:{one.line}" for one in every if one.language == "text" and one.not_run is None] == []


def test_every_example_of_the_command_line_is_taken_by_its_command(world: World, tmp_path: Path) -> None:
    """Its words, options and values; the command itself is tested elsewhere."""
    root: Any = typer.main.get_command(app)
    with page_folder(world, tmp_path):
        parse(root)


def parse(root: Any) -> None:
    for block in blocks_of(ROOT / COMMANDS):
        for line in commands_of(block)[1:]:
            words = shlex.split(line)[1:]
            command, context = root, root.make_context("dlqkit", list(words))
            while getattr(command, "commands", None) and context._protected_args:
                name, *rest = [*context._protected_args, *context.args]
                command = command.commands[name]
                context = command.make_context(name, rest, parent=context)
