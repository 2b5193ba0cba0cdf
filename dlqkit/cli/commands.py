"""The commands by name, each imported when it is called, so that ``dlqkit --help`` imports none of them."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from dlqkit.cli.usage import unknown_command

__all__ = ["COMMANDS", "Command", "CommandGroup", "WholeCommand", "WholeGroup"]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its module below ``dlqkit.cli``, and the first paragraph of its help."""

    name: str
    help: str

    def load(self) -> Any:
        """The command itself, or the group of commands, with its options."""
        # `import` is a word of Python's own, and no module's name.
        name = {"import": "import_folder"}.get(self.name, self.name)
        module = importlib.import_module(f"dlqkit.cli.{name}")
        if hasattr(module, "app"):
            return typer.main.get_command(module.app)
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
                            context_settings={"help_option_names": ["-h", "--help"]})  # fmt: skip
        alone.command(self.name, cls=WholeCommand)(getattr(module, name))
        return typer.main.get_command(alone)


COMMANDS = (
    Command("demo", "Carry out the runbook on a simulated incident: post-mortem, then the republish. Loopback only."),
    Command("simulator", "Serve a simulated worker platform on loopback until stopped, so that everything else can be "
                         "tried."),
    Command("init", "Ask for the addresses, try each source live, and write dlqkit.toml into your configuration "
                    "folder."),
    Command("doctor", "Ask every configured source and say what no longer works, and why. Needs the network; writes "
                      "nothing."),
    Command("signals", "Say which workflows are in trouble, since when, by which of the five signals. Needs the "
                       "network."),
    Command("investigate", "From an alert to a post-mortem: folder, dead letters, triage on the screen, the rest, the "
                           "report."),
    Command("collect", "Ask every configured source and keep what it answers. Needs the network, unless only files are "
                       "given."),
    Command("triage", "Say on one screen what is wrong, since when, how many, why, and what to do. Offline."),
    Command("event", "Show one event's history: every record, log line, error, payload, and its original message. "
                     "Offline."),
    Command("history", "Show other incidents with the same error: when, how many events, the cause then, what helped. "
                       "Offline."),
    Command("lab", "Open JupyterLab with the seven notebooks, filled in for this incident."),
    Command("postmortem", "Run the post-mortem notebook over a snapshot and write ipynb, html, md, pdf and facts.json. "
                          "Offline."),
    Command("update", "Write the short status text from the same facts as the report. Offline; nothing is sent."),
    Command("closure", "Say whether the incident may be closed: the counter, the records, people's word; exits with 4 "
                       "if not."),
    Command("reveal", "Show what a pseudonym stands for. Offline; only where the folder's key is, and noted in the "
                      "audit log."),
    Command("verify", "Compare every byte of the evidence, plans and journal with what was written. Exit code 4 if "
                      "anything changed."),
    Command("import", "Unpack an incident folder that somebody sent as a zip, as data, and verify it. Offline."),
    Command("republish", "§5: send dead events again, from a plan that says all of it before anything is sent."),
)  # fmt: skip


class _Loaded(MutableMapping[str, Any]):
    """The commands that a group has, each loaded when it is asked for by name."""

    def __init__(self) -> None:
        self._waiting = {command.name: command for command in COMMANDS}
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = self._waiting[name].load()
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        self._waiting.pop(name, None)
        self._loaded.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._waiting or name in self._loaded

    def __iter__(self) -> Iterator[str]:
        return iter({**self._waiting, **self._loaded})

    def __len__(self) -> int:
        return len({**self._waiting, **self._loaded})


class _Help:
    """The text of a help: an example stands in a line of its own, as it is to be copied."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """As click does, but for the examples."""
        del ctx
        for paragraph in inspect.cleandoc(getattr(self, "help", None) or "").split("\n\n"):
            said, *examples = re.split(r"(?:^|\s)Example:\s+", paragraph)
            formatter.write_paragraph()
            with formatter.indentation():
                if said:
                    formatter.write_text(said)
                if said and examples:
                    formatter.write_paragraph()
                for example in examples:
                    formatter.write(f"{'':>{formatter.current_indent}}Example: {' '.join(example.split())}\n")

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """As typer does, without the braces that it puts around what must be given."""
        pieces: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc]
        return [piece.removeprefix("{").removesuffix("}") for piece in pieces]


class WholeCommand(_Help, TyperCommand):
    """A command whose example is not wrapped."""


class WholeGroup(_Help, TyperGroup):
    """A group whose help has the first sentences of each command whole, which else are cut to a line."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As typer does; a command that there is not is told with the one that was meant."""
        if args and args[0] not in self.commands and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise unknown_command(args[0], ctx.command_path, self.commands)
        return super().resolve_command(ctx, args)

    def rows(self) -> list[tuple[str, str]]:
        """Each command's name and the first paragraph of its help."""
        return [(name, (command.help or "").split("\n\n")[0]) for name, command in self.commands.items()]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """As typer does, but whole."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, " ".join(text.split())) for name, text in self.rows()])


class CommandGroup(WholeGroup):
    """The group of all commands; its help is written from ``COMMANDS`` alone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Loaded()

    def rows(self) -> list[tuple[str, str]]:
        """The same without any command's module."""
        return [(command.name, command.help) for command in COMMANDS]
