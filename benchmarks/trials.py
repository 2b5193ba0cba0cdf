"""Try changes of a module against the tests that reach them, each in a fork of a process that imported all else.

Each try is a session of its own and ends at its limits: a hang counts as noticed.
"""

from __future__ import annotations

import compileall
import gc
import inspect
import os
import shutil
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.abc import InspectLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import pytest
from hypothesis import settings

from benchmarks.forks import begin, ended, forked, limit, run_pytest

__all__ = ["Job", "Tree", "Verdict"]

_COPIED = ("dlqkit", "tests", "benchmarks", "notebooks", "templates", "docs", "pyproject.toml", "README.md", "Makefile")
_EXAMPLES = 5
# A try may take so many times what its tests took; by the clock, on a machine that others use, so many times that.
_TIMES, _BY_CLOCK = 2, 8
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a try."""

    noticed: bool
    by: str
    """The test that failed; or the limit, or the file that could not be imported."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Job:
    """A change to try."""

    key: int
    text: str
    tests: Sequence[str]
    seconds: float


class Tree:
    """A copy of the project in which one module after another is changed."""

    least_s = 5.0
    """A try may take that long however short its tests are."""

    def __init__(self, root: Path, path: Path, modules: Collection[str], like: Tree | None = None) -> None:
        self.root = root
        self.path = path
        self.modules = modules
        # Kept, so that the project may go on being worked on.
        self._sources = {module: (root / module).read_text(encoding="utf-8") for module in modules}
        if like is not None:  # with what is compiled there
            shutil.copytree(like.path, path, symlinks=True)
            self._sources = like._sources
            return
        for name in _COPIED:
            if (root / name).is_dir():
                shutil.copytree(root / name, path / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif (root / name).exists():
                shutil.copy(root / name, path / name)
        compileall.compile_dir(path / "dlqkit", quiet=1)
        for module in modules:
            self._forget_compiled(module)

    def put(self, module: str, text: str) -> None:
        """Write a module; what was compiled of it may be as old and as long as this."""
        (self.path / module).write_text(text, encoding="utf-8")
        self._forget_compiled(module)

    def restore(self, module: str) -> None:
        """Write it as it is in the project."""
        self.put(module, self.source(module))

    def source(self, module: str) -> str:
        """The module as it is in the project."""
        return self._sources[module]

    def _forget_compiled(self, module: str) -> None:
        path = self.path / module
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()

    def attempt(self, tests: Sequence[str], seconds: float) -> Verdict:
        """Run these tests in a fork that imports the tree anew, and say whether one failed."""
        told = self.path.with_name(f"{self.path.name}.told")
        told.unlink(missing_ok=True)
        began = time.monotonic()
        most_s = self.least_s + _TIMES * seconds

        def work() -> int:
            limit(most_s)
            files = sorted({test.partition("::")[0] for test in tests})
            return run_pytest(self.path, files, [_Chosen(tests, told)], "-x", "--tb=no")

        code = forked(work, self.path.with_suffix(".out"), most_s * _BY_CLOCK)
        return _verdict(code, told, time.monotonic() - began)

    def attempt_many(
        self, module: str, files: Sequence[str], jobs: Sequence[Job], done: Callable[[Job, Verdict], None]
    ) -> None:
        """Try changes within functions: the tests are collected once, and each fork takes the changed code over.

        What a function of the module did while the tests were imported stays as it was, so that a change which is not
        noticed here has to be tried anew by ``attempt``.
        """

        def work() -> int:
            return run_pytest(self.path, files, [_Swapping(self, module, jobs, done)], "-x", "--tb=no")

        self.restore(module)
        out = self.path.with_suffix(".many")
        if forked(work, out, _DAY_S) != 0:
            raise RuntimeError(f"The tests of {module} cannot be collected:\n{out.read_text()[-4_000:]}")
        self.restore(module)


def _verdict(code: int | None, told: Path, took: float) -> Verdict:
    if code == 0:
        return Verdict(False, "", took)
    by = told.read_text(encoding="utf-8") if told.exists() else ""
    if code is None or code < 0:
        by = f"limit of time or memory ({'clock' if code is None else signal.Signals(-code).name})"
    return Verdict(True, by or f"exit code {code}", took)


class _Swapping:
    """When all tests are collected, fork for each change, and let the fork go on to run its tests."""

    def __init__(self, tree: Tree, module: str, jobs: Sequence[Job], done: Callable[[Job, Verdict], None]) -> None:
        self.tree = tree
        self.module = module
        self.jobs = jobs
        self.done = done
        self.chosen: _Chosen | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.chosen is not None:
            self.chosen.pytest_runtest_logreport(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        told = self.tree.path.with_name(f"{self.tree.path.name}.told")
        gc.collect()
        gc.freeze()
        waiting, ended_at_limit = deque(self.jobs), dict[int, Verdict]()
        while waiting:
            job = waiting.popleft()
            told.unlink(missing_ok=True)
            self.tree.put(self.module, job.text)  # for the processes that tests start
            most_s = self.tree.least_s + _TIMES * job.seconds
            began = time.monotonic()
            child = os.fork()
            if not child:
                begin(self.tree.path.with_suffix(".out"))
                limit(most_s)
                _swap(sys.modules[self.module.removesuffix(".py").replace("/", ".")], job.text)
                self.chosen = _Chosen(job.tests, told)
                self.chosen.pytest_collection_modifyitems(session.items)
                return
            verdict = _verdict(ended(child, most_s * _BY_CLOCK), told, time.monotonic() - began)
            if job.key in ended_at_limit:
                first = ended_at_limit.pop(job.key)
                self.done(job, first if not verdict.noticed else replace(first, noticed=False))
            elif verdict.noticed and "::" not in verdict.by:
                # No test failed: that counts only if the tests of the module as it is do not end so as well.
                ended_at_limit[job.key] = verdict
                waiting.appendleft(replace(job, text=self.tree.source(self.module)))
            else:
                self.done(job, verdict)
        os._exit(0)


def _swap(module: ModuleType, text: str) -> None:
    """Give every function of the module the code that it has in the changed text."""
    new: dict[str, CodeType] = {}
    waiting = [InspectLoader.source_to_code(text, str(module.__file__))]
    while waiting:
        code = waiting.pop()
        new[code.co_qualname] = code
        waiting += [one for one in code.co_consts if isinstance(one, CodeType)]
    for function in _functions(module, module.__name__):
        code = new.get(function.__code__.co_qualname, function.__code__)
        if code.co_freevars == function.__code__.co_freevars:
            function.__code__ = code


def _functions(of: object, name: str) -> Iterator[FunctionType]:
    """Of a module or a class: its own functions, in whatever they are wrapped."""
    for value in list(vars(of).values()):
        if callable(getattr(value, "cache_clear", None)):
            value.cache_clear()
        for one in (value, *(getattr(value, part, None) for part in ("__func__", "fget", "fset"))):
            inner = inspect.unwrap(one) if callable(one) else one
            if isinstance(inner, FunctionType) and inner.__module__ == name:
                yield inner
        if isinstance(value, type) and value.__module__ == name:
            yield from _functions(value, name)


class _Chosen:
    """Run these tests in this order, and note the first that fails."""

    def __init__(self, tests: Sequence[str], told: Path) -> None:
        self.order = {test: at for at, test in enumerate(tests)}
        self.told = told

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((one for one in items if one.nodeid in self.order), key=lambda one: self.order[one.nodeid])
        for item in items:
            # A state machine says for itself how many examples it wants.
            machine = getattr(getattr(item, "cls", None), "settings", None)
            if isinstance(machine, settings):
                item.cls.settings = settings(machine, max_examples=_EXAMPLES)  # type: ignore[attr-defined]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.told.exists():
            self.told.write_text(report.nodeid, encoding="utf-8")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.told.exists():
            self.told.write_text(f"import of {report.nodeid}", encoding="utf-8")
