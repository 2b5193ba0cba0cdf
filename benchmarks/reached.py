"""Which tests reach which statement, and how long each takes: from one run of all of them."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.forks import OURS, forked, run_pytest
from benchmarks.mutants import with_probes
from benchmarks.trials import Tree

__all__ = ["Known", "learn", "preload"]

# A test that takes longer runs after all the others of a try.
_SLOW_S = 1.0
_HOUR_S = 3_600
# Each first call of a place within a test is a line of a file, in processes that the tests start too.
_PROBE = """
import os as _probe_os
_probe_seen = {{}}
def _probe(place, open=_probe_os.open, write=_probe_os.write, close=_probe_os.close):
    now = _probe_os.environ.get("MUTATE_TEST")
    if _probe_seen.get(place, "") != now:
        _probe_seen[place] = now
        file = open({path!r}, _probe_os.O_WRONLY | _probe_os.O_APPEND)
        write(file, (place + "\\n").encode())
        close(file)
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What a run of all tests showed."""

    seconds: Mapping[str, float]
    """Of the processor, of each test with its fixtures."""
    reached: Mapping[str, Collection[str]]
    """Tests by place, ``module:line`` of a statement."""
    imported: Sequence[str]
    """Modules of third parties, in the order of their import."""

    def chosen(self, module: str, statement: int | None, files: Collection[str]) -> list[str]:
        """The tests of these files that reach a statement, or, where it is None, all; in the order to run them."""
        of_files = [test for test in self.seconds if test.partition("::")[0] in files]
        if statement is not None:
            reaching = self.reached.get(f"{module}:{statement}", ())
            of_files = [test for test in of_files if test in reaching]
        least: dict[str, float] = {}
        for test in of_files:
            file = test.partition("::")[0]
            least[file] = min(self.seconds[test], least.get(file, self.seconds[test]))
        return sorted(
            of_files,
            key=lambda test: (
                self.seconds[test] > _SLOW_S,
                least[test.partition("::")[0]],
                test.partition("::")[0],
                self.seconds[test],
            ),
        )


class _Learning:
    """Say in the file of the probes which test or shared fixture is at work, and how long each test took."""

    def __init__(self, reached: Path, modules: Collection[str]) -> None:
        self.reached = reached
        self.modules = [name.removesuffix(".py").replace("/", ".") for name in modules]
        self.seconds: dict[str, float] = {}
        self.uses: dict[str, set[str]] = {}

    def _now(self, what: str) -> None:
        os.environ["MUTATE_TEST"] = f"{time.monotonic_ns()}"
        with self.reached.open("a", encoding="utf-8") as file:
            file.write(f"> {what}\n")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        for name in self.modules:  # what an earlier test left in a cache would hide what this one reaches
            for value in list(vars(sys.modules[name]).values()) if name in sys.modules else ():
                if callable(getattr(value, "cache_clear", None)):
                    value.cache_clear()
        for name in getattr(item, "fixturenames", ()):
            self.uses.setdefault(name, set()).add(item.nodeid)
        self._now(f"test {item.nodeid}")
        began = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.process_time() - began

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: pytest.FixtureRequest) -> Iterator[object]:
        if fixturedef.scope == "function":
            return (yield)
        self._now(f"fixture {fixturedef.argname}")
        try:
            return (yield)
        finally:
            self._now(f"test {request.node.nodeid if '::' in request.node.nodeid else self._current()}")

    @staticmethod
    def _current() -> str:
        return os.environ["PYTEST_CURRENT_TEST"].rpartition(" (")[0]


def learn(tree: Tree, files: Sequence[str]) -> Known:
    """Run the tests of these files once, with probes in the modules of the tree."""
    reached, told = tree.path.with_suffix(".reached"), tree.path.with_suffix(".known")
    reached.touch()
    for module in tree.modules:
        tree.put(module, with_probes(tree.source(module), _PROBE.format(path=str(reached)), module))

    def work() -> int:
        plugin = _Learning(reached, tree.modules)
        code = run_pytest(tree.path, files, [plugin])
        uses = {name: sorted(tests) for name, tests in plugin.uses.items()}
        told.write_text(json.dumps([plugin.seconds, uses, list(_third_parties(tree.path))]))
        return code

    out = tree.path.with_suffix(".out")
    code = forked(work, out, _HOUR_S)
    for module in tree.modules:
        tree.restore(module)
    if code != 0:
        said = out.read_text(encoding="utf-8")[-4_000:]
        raise RuntimeError(f"The tests fail as they are (exit code {code}):\n{said}")
    seconds, uses, imported = json.loads(told.read_text())
    by_place: dict[str, set[str]] = {}
    at: Collection[str] = ()
    for line in reached.read_text(encoding="utf-8").splitlines():
        if line.startswith("> test "):
            at = {line.removeprefix("> test ")}
        elif line.startswith("> fixture "):
            at = uses.get(line.removeprefix("> fixture "), ())
        else:
            by_place.setdefault(line, set()).update(at)
    return Known(seconds, by_place, imported)


def preload(names: Sequence[str]) -> None:
    """Import what a run imported of third parties."""
    for name in names:
        with contextlib.suppress(ImportError):  # a module that makes itself up while its package is imported
            importlib.import_module(name)
    # A collection in a fork would copy all of it.
    gc.collect()
    gc.freeze()
    ours = sorted(name for name in sys.modules if name.split(".")[0] in {"dlqkit", "tests"})
    if ours:
        raise RuntimeError(f"The server has imported what is to be changed: {ours[:3]}.")


def _third_parties(tree: Path) -> Iterator[str]:
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.split(".")[0] not in OURS and file and not Path(file).is_relative_to(tree) and name != "__main__":
            yield name
