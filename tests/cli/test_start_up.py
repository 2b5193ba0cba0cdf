"""What a command costs before it does anything."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import typer

from dlqkit.cli.commands import COMMANDS
from dlqkit.cli.main import app

# Of each the import takes longer than Python itself does to start.
HEAVY = ("pandas", "numpy", "pyarrow", "matplotlib", "requests", "grpc", "papermill", "rich", "babel")
GROUP: Any = typer.main.get_command(app)


def imported_by(*arguments: str) -> tuple[set[str], str]:
    """What a command has imported when it ends, and what it printed."""
    code = (
        "import sys\nfrom dlqkit.cli.main import main\n"
        f"sys.argv = ['dlqkit', *{list(arguments)!r}]\n"
        "try: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return set(done.stderr.split()), done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["postmortem", "--help"], ["republish", "--help"]])
def test_help_is_there_before_anything_heavy_is_imported(arguments: list[str]) -> None:
    """Somebody who forgot an option at three in the morning does not wait for pandas."""
    modules, printed = imported_by(*arguments)

    assert "dlqkit.cli.main" in modules
    assert printed
    assert modules.isdisjoint(HEAVY)


def test_the_list_of_commands_imports_none_of_them() -> None:
    """And has each of them with its first sentences, whole."""
    modules, printed = imported_by("--help")

    assert not {f"dlqkit.cli.{command.name}" for command in COMMANDS} & modules
    # Typer reads the types of a command's options by pydantic.
    assert "pydantic" not in modules
    for command in COMMANDS:
        assert command.help in " ".join(printed.split())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_list_says_what_the_command_says_of_itself(command: Any) -> None:
    """The sentences stand in two places, so that one can be shown without the other."""
    own = GROUP.commands[command.name].help.split("\n\n")[0]

    assert " ".join(own.split()) == command.help


def test_a_group_shows_its_commands_whole() -> None:
    """What a command does may stand at the end of its sentence."""
    _, printed = imported_by("republish", "--help")

    for one in GROUP.commands["republish"].commands.values():
        assert " ".join(one.help.split("\n\n")[0].split()) in " ".join(printed.split())
