"""The reference of the public names, from their docstrings: read as text, nothing is imported or run."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe

ROOT = Path(__file__).parents[1]
# Pages in the order of the runbook: file, title, and the parts of dlqkit whose public names are on it.
_QUESTION = ("errors", "incident", "frames", "settings")
PAGES = (
    ("evidence.md", "Question, sources and evidence", (*_QUESTION, "sources", "evidence")),
    ("analyses.md", "Analyses", ("signals", "executions", "decision")),
    ("scale.md", "Analyses of many records", ("engines", "executions.scale", "decision.scale")),
    ("republish.md", "Republish", ("republish",)),
    ("report.md", "Prevention, report and closure", ("prevention", "report")),
    ("plots.md", "Plots", ("plots",)),
)  # fmt: skip


def public_names(root: Path = ROOT) -> dict[str, str]:
    """Each public name of ``dlqkit`` and the module that it is of, as ``dlqkit/__init__.py`` writes them."""
    tree = ast.parse((root / "dlqkit" / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_WHERE":
            return dict(ast.literal_eval(node.value))
    raise SystemExit("dlqkit/__init__.py has no table _WHERE of the public names.")


def page_of(module: str) -> str:
    """The page on which a module's names are: that of its longest part that is named."""
    fitting = [(len(part), name) for name, _, parts in PAGES for part in parts
               if f"{module}.".startswith(f"dlqkit.{part}.")]  # fmt: skip
    if not fitting:
        raise SystemExit(f"No page of website/reference.py is for the names of {module}.")
    return max(fitting)[1]


def write_reference(folder: Path, root: Path = ROOT) -> list[str]:
    """Write the pages; their paths below the documentation's folder."""
    names = public_names(root)
    package = _package(root)
    folder.mkdir(parents=True, exist_ok=True)
    for file, title, _ in PAGES:
        lines = [f"# {title}", "", "Made from the docstrings. Each name is of `dlqkit` itself: `dlqkit.NAME`.", ""]
        for name, module in names.items():
            if page_of(module) == file:
                lines += _section(name, package[f"{module.removeprefix('dlqkit.')}.{name}"])
        (folder / file).write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return [f"reference/{file}" for file, _, _ in PAGES]


@functools.cache
def _package(root: Path) -> Any:
    return griffe.load("dlqkit", search_paths=[str(root)], docstring_parser="numpy", allow_inspection=False)


def _section(name: str, found: Any) -> Iterator[str]:
    if found.docstring is None:
        raise SystemExit(f"The public name {name} has no docstring.")
    yield from (f"## {name}", "")
    yield from ("```python", _signature(name, found), "```", "")
    yield from _docstring(found.docstring)
    if found.is_class:
        for member in found.members.values():
            if member.is_function and not member.name.startswith("_") and member.docstring is not None:
                yield from (f"### {name}.{member.name}", "", "```python", _signature(member.name, member), "```", "")
                yield from _docstring(member.docstring)


def _signature(name: str, found: Any) -> str:
    parameters = found.parameters
    parts, starred = [], False
    for one in parameters:
        if one.name in {"self", "cls"}:
            continue
        if one.kind is griffe.ParameterKind.keyword_only and not starred:
            parts.append("*")
            starred = True
        starred = starred or one.kind is griffe.ParameterKind.var_positional
        mark = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}.get(one.kind, "")
        text = f"{mark}{one.name}" + (f": {one.annotation}" if one.annotation is not None else "")
        # A starred parameter has an empty default of its own.
        parts.append(text + (f" = {one.default}" if one.default is not None and not mark else ""))
    result = "" if found.is_class or found.returns is None else f" -> {found.returns}"
    line = f"{name}({', '.join(parts)}){result}"
    if len(line) <= 100:
        return line
    return f"{name}(\n    " + ",\n    ".join(parts) + f",\n){result}"


def _docstring(docstring: Any) -> Iterator[str]:
    for section in docstring.parsed:
        kind, value = section.kind.value, section.value
        if kind == "text":
            yield from (_prose(value), "")
        elif kind == "admonition":
            yield from (f"**{section.title or value.annotation.capitalize()}.** {_prose(value.description)}", "")
        elif kind == "examples":
            for part, text in value:
                yield from (("```python", text, "```", "") if part.value == "examples" else (_prose(text), ""))
        else:
            yield from (f"**{_title(kind)}**", "")
            for one in value:
                yield from (_item(one), "")


def _title(kind: str) -> str:
    return {"other parameters": "Further parameters"}.get(kind, kind.capitalize())


def _item(one: Any) -> str:
    name = getattr(one, "name", "") or ""
    annotation = str(one.annotation) if one.annotation is not None else ""
    head = " : ".join(f"`{part}`" for part in (name, annotation) if part)
    return f"{head}\n:   " + _prose(one.description).replace("\n", "\n    ")


def _prose(text: str) -> str:
    """reStructuredText's ``literal`` is Markdown's `literal`; a column's own line stays one."""
    out = []
    for paragraph in re.sub(r"``([^`]+)``", r"`\1`", text).strip().split("\n\n"):
        lines = paragraph.split("\n")
        # "outcome : category" is a column of a frame; a line that goes on is indented.
        if sum(bool(re.match(r"[\w, `]+ : ", line)) for line in lines):
            joined: list[str] = []
            for line in lines:
                if line.startswith("    ") and joined:
                    joined[-1] += " " + line.strip()
                else:
                    joined.append(line.strip())
            lines = [f"- {_column(line)}" for line in joined]
        out.append("\n".join(lines))
    return "\n\n".join(out)


def _column(line: str) -> str:
    names, separator, rest = line.partition(" : ")
    if not separator:
        return line
    return ", ".join(f"`{name.strip('` ')}`" for name in names.split(",")) + f": {rest}"
