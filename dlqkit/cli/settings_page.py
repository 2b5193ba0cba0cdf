"""``docs/settings.md``, made from the settings themselves: ``python -m dlqkit.cli.settings_page docs/settings.md``."""

from __future__ import annotations

import ast
import functools
import inspect
import json
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dlqkit import settings
from dlqkit.settings import Settings

__all__ = ["page", "rows", "tables"]

_HEAD = """# Settings

Made from the code by `make docs-cli`. [Getting started](getting-started.md) asks for the needed ones and writes them.

- `dlqkit.toml` is sought in the working directory, above it, and in the user's configuration folder; `--config FILE`
  takes that one alone. Each command names the file that it used.
- A later one wins: defaults, the user's file, a file that was found, `[profiles.NAME]` with `--profile NAME`, the
  environment.
- In the environment a key is `DLQKIT_TABLE__KEY`, such as `DLQKIT_PROMETHEUS__URL`; a list or table is written as in
  TOML.
- A secret never stands here, only where it is: a *secret reference* is one of `{ env = "NAME" }`, `{ file = "/PATH" }`,
  `{ command = ["PROGRAM", "ARGUMENT"] }` and `{ keyring = "NAME" }`. A file that was merely found is refused where it
  names one beside an address, or a command: it may be a stranger's.
- An unknown key, or a value that does not fit, ends the command with 2 and says which.
"""
_WORDS = {"str": "text", "int": "whole number", "float": "number", "bool": "`true` or `false`"}
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def tables(model: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[tuple[str, type[BaseModel]]]:
    """Each table of ``dlqkit.toml`` with its model, in the order of ``Settings``."""
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is None or field.exclude or inner in {settings.SecretReference, settings.Auth}:
            continue
        place = (*path, name)
        shown = f'{".".join(place)}."ID"' if typing.get_origin(field.annotation) is dict else ".".join(place)
        yield shown, inner
        yield from tables(inner, place)


def rows(model: type[BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    """Of each key of a table: its name, what it takes, its default, and what it means."""
    said = _docstrings()[model.__name__]
    for name, field in model.model_fields.items():
        if _model_in(field.annotation) is None or _is_one_value(field):
            yield field.alias or name, _taken(field), _default(field), said.get(name, "")


def page() -> str:
    """The page, in Markdown."""
    parts = [_HEAD]
    for name, one in tables():
        lines = [f"\n## `[{name}]`\n\n{inspect.cleandoc(one.__doc__ or '')}\n"]
        lines += ["| key | takes | default | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{key}` | {_cell(taken)} | {default} | {_cell(said)} |" for key, taken, default, said in rows(one)
        ]
        parts.append("\n".join([*lines, ""]))
    return "".join(parts)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The table that a key holds, also where it is optional or one of several under names of their own."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in typing.get_args(annotation) if (found := _model_in(one))), None)


def _is_one_value(field: FieldInfo) -> bool:
    return _model_in(field.annotation) in {settings.SecretReference, settings.Auth}


@functools.cache
def _docstrings() -> dict[str, dict[str, str]]:
    """Of each class the text below each of its fields, which Python itself does not keep."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(settings)).body:
        if isinstance(node, ast.ClassDef):
            texts = found.setdefault(node.name, {})
            for one, below in zip(node.body, node.body[1:], strict=False):
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and isinstance(below, ast.Expr):
                    texts[one.target.id] = inspect.cleandoc(ast.literal_eval(below.value)).replace("``", "`")
    return found


def _taken(field: FieldInfo) -> str:
    bounds = [
        f"{word} {getattr(one, name):,}"
        for one in field.metadata
        for name, word in _BOUNDS.items()
        if getattr(one, name, None) is not None
    ]
    return ", ".join([_kind(field.annotation), *bounds])


def _kind(annotation: Any) -> str:
    """What a person writes there."""
    arguments = typing.get_args(annotation)
    match typing.get_origin(annotation):
        case typing.Union | types.UnionType:
            return " or ".join(_kind(one) for one in arguments if one is not types.NoneType)
        case origin if origin is Literal:
            return " or ".join(f"`{_toml(one)}`" for one in arguments)
        case origin if origin is tuple:
            return f"list of {_kind(arguments[0])}s"
        case origin if origin is dict:
            return f"table of {_kind(arguments[1])}s"
    if annotation is settings.SecretReference:
        return "secret reference"
    if annotation is settings.Auth:
        return "`{ bearer = … }` or `{ basic = { user = …, password = … } }`"
    return "path" if issubclass(annotation, PurePath) else _WORDS[annotation.__name__]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    return "" if value is None or value in ({}, ()) else f"`{_toml(value)}`"


def _toml(value: Any) -> str:
    return f"{value:_}" if type(value) is int else json.dumps(value, ensure_ascii=False)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
