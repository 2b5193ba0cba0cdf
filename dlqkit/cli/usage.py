"""What was typed and is no command or option: what is wrong in one sentence, what was meant in the next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dlqkit.errors import ParameterError
from dlqkit.suggestions import did_you_mean, nearest

__all__ = ["unknown_command", "usage_error"]


def unknown_command(typed: str, group: str, commands: Mapping[str, Any]) -> ParameterError:
    """That a group has no such command; a command of one of its own groups is found by its name alone too.

    Parameters
    ----------
    typed : str
    group : str
        The command so far, such as ``dlqkit republish``.
    commands : mapping
        The group's commands by name.
    """
    problem = f"{group} has no command {typed[:40]!r}."
    otherwise = f"All of them: {group} --help"
    if not nearest(typed, commands):
        deeper = {f"{outer} {inner}": inner for outer, inner in _inner(commands)}
        meant = [whole for whole, inner in deeper.items() if inner in nearest(typed, deeper.values())]
        if meant:
            step = f"Did you mean {' or '.join(f'{group} {one}' for one in meant)}? {otherwise}"
            return ParameterError(problem, step)
    return ParameterError(problem, did_you_mean(typed, commands, otherwise))


def _inner(commands: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for outer, command in commands.items():
        for inner in getattr(command, "commands", ()):
            yield outer, inner


def usage_error(error: Any, arguments: Sequence[str]) -> ParameterError | None:
    """A usage error of the command line library in two sentences; None where it is the help itself.

    Parameters
    ----------
    error : exception
        Of click, whichever copy of it typer brings.
    arguments : sequence of str
        As the process got them.
    """
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        return None
    command, option = getattr(context, "command_path", "dlqkit"), getattr(error, "option_name", None)
    otherwise = f"How it is called, with an example: {command} --help"
    if type(error).__name__ != "NoSuchOption" or option is None or context is None:
        return ParameterError(_sentence(error.format_message()), otherwise)
    typed = next((one for one in arguments[1:] if one.partition("=")[0] == option or _begins(one, option)), option)
    name = typed.partition("=")[0]
    problem = f"{command} has no option {name[:60]}."
    if name in {one for known in context.find_root().command.params for one in known.opts}:
        return ParameterError(problem, f"It stands before the command: dlqkit {name} VALUE {command.partition(' ')[2]}")
    own = [one for known in context.command.get_params(context) for one in known.opts if one.startswith("--")]
    meant = [f"--{one}" for one in nearest(name.strip("-"), [one.removeprefix("--") for one in own])]
    if not meant and len(_places(context)) > 1 and typed in arguments:
        rest = list(arguments[1:])
        rest.remove(typed)
        as_given = shlex.join(["dlqkit", *rest, "--", typed])
        return ParameterError(problem, f"If it is an id that begins with a dash, write -- before it: {as_given}")
    return ParameterError(problem, f"Did you mean {' or '.join(meant)}? {otherwise}" if meant else otherwise)


def _begins(argument: str, option: str) -> bool:
    # Letters after one dash are options each to click, and it names the first that there is not.
    return len(option) == 2 and argument.startswith("-") and not argument.startswith("--") and option[1] in argument


def _places(context: Any) -> list[Any]:
    return [known for known in context.command.params if known.param_type_name == "argument"]


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "?")) else f"{text}."
