"""Small changes of a module's source, one at a time, as somebody may make them by mistake."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Mutant", "mutants", "with_probes"]

_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_OPERATE: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Mod: ast.Add, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.FloorDiv: ast.Mult,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: where, what, and the whole module with it."""

    number: int
    """Among the changes of its module."""
    line: int
    statement: int | None
    """Line of the statement within a function that it is in; None for what runs when the module is imported."""
    what: str
    text: str


def mutants(source: str) -> list[Mutant]:
    """Every change of an operator, a comparison, a condition, a constant or a returned value, one at a time.

    What only people read is left: docstrings, annotations, ``__all__``, and the sentences of errors.
    """
    tree = ast.parse(source)
    left_out, statements = _left_out(tree), dict(_statements(tree, None, within=False))
    found = []
    for node in list(ast.walk(tree)):
        if id(node) not in left_out:
            for number, what in list(_ways(node)):
                as_it_was = {name: list(value) if isinstance(value, list) else value
                             for name, value in vars(node).items()}  # fmt: skip
                _apply(node, number)
                text = ast.unparse(tree)
                vars(node).update(as_it_was)
                found.append(Mutant(len(found), getattr(node, "lineno", 0), statements.get(id(node)), what, text))
    return found


def _statements(node: ast.AST, line: int | None, *, within: bool) -> Iterator[tuple[int, int | None]]:
    """Of each node the line of the innermost statement that it is part of, where a function's body has that."""
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                own = within or (name == "body" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
                at = child.lineno if own and isinstance(child, ast.stmt) else line
                yield id(child), at
                yield from _statements(child, at, within=own)


def with_probes(source: str, probe: str, name: str) -> str:
    """The module as it is, but before each statement of a function it calls ``_probe("name:line")``.

    Parameters
    ----------
    source : str
        Of the module.
    probe : str
        Source that defines ``_probe``.
    name : str
        By which the probe's calls are told apart from those of other modules.
    """
    tree = ast.parse(source)
    _put_probes(tree, name, within=False)
    first = next(at for at, one in enumerate(tree.body) if not _is_docstring(one) and not _is_from_the_future(one))
    tree.body[first:first] = ast.parse(probe).body
    return ast.unparse(ast.fix_missing_locations(tree))


def _put_probes(node: ast.AST, name: str, *, within: bool) -> None:
    is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for child in ast.iter_child_nodes(node):
        _put_probes(child, name, within=within or is_function)
    for field in ("body", "orelse", "finalbody"):
        body = getattr(node, field, None)
        if isinstance(body, list) and (within or is_function):
            probed: list[ast.stmt] = []
            for one in body:
                if not _is_docstring(one):
                    probed += ast.parse(f"_probe({f'{name}:{one.lineno}'!r})").body
                probed.append(one)
            body[:] = probed


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_from_the_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _left_out(tree: ast.AST) -> set[int]:
    out: set[int] = set()
    for node in ast.walk(tree):
        skipped: list[ast.AST | None] = []
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
            skipped.append(node.body[0])
        if isinstance(node, ast.AnnAssign | ast.arg):
            skipped.append(node.annotation)
        if isinstance(node, ast.FunctionDef):
            skipped.append(node.returns)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.append(node)
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == "__all__" for one in
                                                node.targets):  # fmt: skip
            skipped.append(node)
        if isinstance(node, ast.Raise):
            skipped.append(node)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"mark", "language.mark", "StorageError", "damaged",
                                                                     "EvidenceError", "ParameterError"}:  # fmt: skip
            skipped.append(node)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped.append(node)
        for one in skipped:
            if one is not None:
                out |= {id(inner) for inner in ast.walk(one)}
    return out


def _ways(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARE:
        yield 0, f"{ast.unparse(node)}: {type(node.ops[0]).__name__} → {_COMPARE[type(node.ops[0])].__name__}"
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATE and not isinstance(node.left, ast.JoinedStr):
        yield 0, f"{ast.unparse(node)[:60]}: {type(node.op).__name__} → {_OPERATE[type(node.op)].__name__}"
    elif isinstance(node, ast.BoolOp):
        yield 0, f"{ast.unparse(node)[:60]}: and ↔ or"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield 0, f"{ast.unparse(node)[:60]}: not taken away"
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield 0, f"if {ast.unparse(node.test)[:60]}: always"
        yield 1, f"if {ast.unparse(node.test)[:60]}: never"
    elif isinstance(node, ast.Constant) and node.value is not ... and not isinstance(node.value, complex | None):
        yield 0, f"{ast.unparse(node)[:60]} → {_changed(node.value)!r:.40}"
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield 0, f"return {ast.unparse(node.value)[:60]} → None"


def _changed(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "X" if value else "X"
    return bytes(value) + b"X" if isinstance(value, bytes) else value


def _apply(node: ast.AST, number: int) -> None:
    if isinstance(node, ast.Compare):
        node.ops[0] = _COMPARE[type(node.ops[0])]()
    elif isinstance(node, ast.BinOp):
        node.op = _OPERATE[type(node.op)]()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, ast.UnaryOp):
        node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        node.test = ast.Constant(number == 0)
    elif isinstance(node, ast.Constant):
        node.value = _changed(node.value)  # type: ignore[assignment]
    elif isinstance(node, ast.Return):
        node.value = ast.Constant(None)
