"""Change the code in small ways and see whether its tests notice: python -m benchmarks.mutate dlqkit/untrusted.py."""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["COVERED", "Mutant", "mutants", "run"]

ROOT = Path(__file__).parents[1]
# Each module with the tests that are to notice; the first that fails ends a try.
COVERED: dict[str, Sequence[str]] = {
    "dlqkit/untrusted.py": ("tests/test_untrusted.py", "tests/test_fuzz.py"),
    "dlqkit/evidence/audit_log.py": ("tests/evidence/test_tampering.py", "tests/evidence/test_folder.py"),
    "dlqkit/evidence/manifest.py": ("tests/evidence/test_tampering.py", "tests/evidence/test_folder.py",
                                    "tests/evidence/test_interrupted.py"),
    "dlqkit/evidence/zip_import.py": ("tests/evidence/test_zip_import.py",),
    "dlqkit/evidence/signature.py": ("tests/evidence/test_tampering.py",),
    "dlqkit/republish/tampering.py": ("tests/evidence/test_tampering.py",),
    "dlqkit/republish/journal_file.py": ("tests/republish/test_journal.py", "tests/republish/test_journal_place.py",
                                         "tests/evidence/test_tampering.py"),
    "dlqkit/republish/journal_place.py": ("tests/republish/test_journal_place.py", "tests/republish/test_adoption.py"),
    "dlqkit/republish/journal_schema.py": ("tests/republish/test_journal.py", "tests/evidence/test_tampering.py"),
    "dlqkit/republish/journal_rows.py": ("tests/republish/test_journal.py", "tests/republish/test_journal_machine.py"),
    "dlqkit/republish/journal_writer.py": ("tests/republish/test_journal.py", "tests/republish/test_journal_machine.py",
                                           "tests/republish/test_adoption.py"),
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_OPERATE: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Mod: ast.Add, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.FloorDiv: ast.Mult,
}  # fmt: skip
TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: where, what, and the whole module with it."""

    line: int
    what: str
    text: str


def mutants(source: str) -> list[Mutant]:
    """Every change of an operator, a comparison, a condition, a constant or a returned value, one at a time.

    What only people read is left: docstrings, annotations, ``__all__``, and the sentences of errors.
    """
    tree = ast.parse(source)
    left_out = _left_out(tree)
    found = []
    for place, node in enumerate(ast.walk(tree)):
        if id(node) not in left_out:
            for number, what in _ways(node):
                other = copy.deepcopy(tree)
                target = next(one for at, one in enumerate(ast.walk(other)) if at == place)
                _apply(target, number)
                found.append(Mutant(getattr(node, "lineno", 0), what, ast.unparse(ast.fix_missing_locations(other))))
    return found


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


def run(module: str, tests: Sequence[str], *, share: float, seed: int) -> tuple[int, list[Mutant]]:
    """How many mutants were tried, and those that the tests did not notice."""
    source = (ROOT / module).read_text(encoding="utf-8")
    every = mutants(source)
    chosen = random.Random(seed).sample(every, max(1, round(len(every) * share)))
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        for name in ("dlqkit", "tests", "benchmarks", "notebooks", "templates", "docs"):
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "Makefile"):
            shutil.copy(ROOT / name, tree / name)
        assert not _is_noticed(tree, tests), f"the tests of {module} fail as it is"
        for mutant in sorted(chosen, key=lambda one: one.line):
            (tree / module).write_text(mutant.text, encoding="utf-8")
            if not _is_noticed(tree, tests):
                survivors.append(mutant)
                print(f"  survived: {module}:{mutant.line}: {mutant.what}", flush=True)
    return len(chosen), survivors


def _is_noticed(tree: Path, tests: Sequence[str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return (
            subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=TIMEOUT_S).returncode != 0
        )
    except subprocess.TimeoutExpired:
        return True


def main(arguments: list[str] | None = None) -> int:
    """Print the survivors and the share that was noticed; 1 below 85 %."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(COVERED))
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants, drawn by lot")
    parser.add_argument("--seed", type=int, default=20_261_126)
    options = parser.parse_args(arguments)
    tried = missed = 0
    for module in options.modules:
        began = time.monotonic()
        count, survivors = run(module, COVERED[module], share=options.share, seed=options.seed)
        tried, missed = tried + count, missed + len(survivors)
        noticed = count - len(survivors)
        print(f"{module}: {noticed} of {count} noticed, {time.monotonic() - began:.0f} s", flush=True)
    print(f"all: {tried - missed} of {tried} noticed ({(tried - missed) / tried:.1%})")
    return int(missed > 0.15 * tried)


if __name__ == "__main__":
    sys.exit(main())
