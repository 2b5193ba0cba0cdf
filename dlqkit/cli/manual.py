"""``docs/cli.md``, made from the commands themselves: ``python -m dlqkit.cli.manual docs/cli.md``."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from dlqkit.cli.main import app

__all__ = ["commands", "manual"]

_HEAD = """# The command line

Made from the code by `make docs-cli`; the same stands in `dlqkit COMMAND --help`, with an example each.

- `--json` prints one document on standard output, also of an error; [its keys](json.md) are kept.
- Exit codes, the first that holds: 130 interrupted, 2 usage, 1 any other failure, 4 a check says no, 3 done but partial
  (with `--strict` also unverified), 0 done.
- What is for people alone, such as progress, goes to standard error, and only to a terminal; so does colour, which
  `NO_COLOR=1` turns off.
- Lines are as wide as the terminal or as `COLUMNS` says, 80 in a pipe; commands, ids and hashes that are to be copied
  stay whole.
- A reader that goes away, as `head` does, is no error to look at; the command ends with 1 where something was left.
- An id that begins with a dash stands behind `--`: `dlqkit event DIR -- -t3`.
- Completion of commands, options, incident folders, plans, snapshots and the words that an option knows:
  `dlqkit --install-completion` in bash, zsh or fish; or in a start-up file of your own
  `eval "$(_DLQKIT_COMPLETE=source_bash dlqkit)"`, with `source_zsh` in zsh; in fish
  `_DLQKIT_COMPLETE=source_fish dlqkit | source`.
"""


def commands(command: Any = None, path: tuple[str, ...] = ("dlqkit",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command and group with the words that call it, in the order of the help."""
    known: Any = typer.main.get_command(app) if command is None else command
    yield path, known
    for name in getattr(known, "commands", ()):
        yield from commands(known.commands[name], (*path, name))


def manual() -> str:
    """The page, in Markdown."""
    return _HEAD + "".join(f"\n{_section(path, command)}" for path, command in commands())


def _section(path: tuple[str, ...], command: Any) -> str:
    context = command.context_class(command, info_name=" ".join(path))
    usage = " ".join([*path, *command.collect_usage_pieces(context)])
    said, *examples = re.split(r"(?:^|\s)Example:\s+", inspect.cleandoc(command.help or ""))
    lines = [f"{'#' * (len(path) + 1)} {' '.join(path)}", "", *_paragraphs(said), "```console", f"$ {usage}"]
    lines += [f"$ {' '.join(example.split())}" for example in examples]
    rows = [_row(one, context) for one in command.get_params(context) if one.name != "help"]
    return "\n".join(
        [*lines, "```", "", *(["| Argument or option | Meaning |", "|---|---|", *rows, ""] if rows else [])]
    )


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.strip().split("\n\n"):
        yield " ".join(paragraph.split())
        yield ""


def _row(parameter: Any, context: Any) -> str:
    if parameter.param_type_name == "argument":
        name = f"`{parameter.metavar or parameter.name}`"
        needed = ", needed" if parameter.required else ""
        return f"| {name} | {_cell(parameter.help)}{needed} |"
    shown, text = parameter.get_help_record(context)
    return f"| `{shown}` | {_cell(text)} |"


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|").replace("  [", " [")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(manual(), encoding="utf-8")
