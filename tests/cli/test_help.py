"""The help of every command: what it does, and how it is called."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from dlqkit.cli.main import app
from tests.cli.running import Run

GROUP: Any = typer.main.get_command(app)


def every_command(command: Any = GROUP, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The words after ``dlqkit`` of each command and group, and itself."""
    yield path, command
    for name in getattr(command, "commands", ()):
        yield from every_command(command.commands[name], (*path, name))


ALL = dict(every_command())


def examples_of(text: str) -> list[str]:
    return re.findall(r"^ +Example: (dlqkit.*)$", text, flags=re.MULTILINE)


@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(path) or "dlqkit")
def test_every_command_has_an_example_that_it_understands(run: Run, path: tuple[str, ...]) -> None:
    """Each stands in one line, to be copied; an option of it that was renamed is found here."""
    Path("incidents/orders").mkdir(parents=True)
    Path("incidents/orders/incident.toml").touch()
    code, out, _ = run(*path, "--help")
    examples = examples_of(out)

    assert code == 0
    assert examples
    for example in examples:
        words = shlex.split(example)[1:]
        assert tuple(words[: len(path)]) == path
        context, command = None, GROUP
        while True:
            context = command.make_context("dlqkit", list(words), parent=context)
            if not getattr(command, "commands", None) or not context._protected_args + context.args:
                break
            name, *words = context._protected_args + context.args
            command = command.commands[name]


@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(path) or "dlqkit")
def test_help_fits_eighty_columns_but_for_what_is_to_be_copied(run: Run, path: tuple[str, ...]) -> None:
    """And says of every argument and option what it is."""
    _, out, _ = run(*path, "--help")

    assert max(len(line) for line in out.splitlines() if "Example: " not in line) <= 80
    assert [one.name for one in ALL[path].params if not one.help] == []
