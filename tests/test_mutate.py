"""``python -m benchmarks.mutate``: what it changes, and what it counts as noticed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.mutants import mutants, with_probes

ROOT = Path(__file__).parents[1]
MODULE = '''
"""A module."""

import functools

KNOWN = {"a": 10}
FIRST = {"b": 50}["b"]


@functools.cache
def known(name):
    return KNOWN[name]


def count_down(number):
    left = 3
    while left > 0:
        left -= number
    return left


def is_large(number):
    return number > 100


def unreached():
    return 7 + 1
'''
TESTS = """
import subprocess
import sys

import pytest

from dlqkit import small


@pytest.fixture(scope="module")
def counted():
    return small.count_down(1)


def test_first(counted):
    assert small.known("a")


def test_second(counted):
    assert counted == 0


def test_third():
    code = "from dlqkit import small; sys.exit(small.is_large(1))"
    subprocess.run([sys.executable, "-c", "import sys; " + code], check=True)
    assert small.known("a") == 10
"""
RUN = """
import json, sys, pathlib
from dataclasses import astuple
from benchmarks import trials
from benchmarks.mutate import run
trials.Tree.least_s = 1.0
root, folder = map(pathlib.Path, sys.argv[1:])
print(json.dumps([astuple(one) for one in run({"dlqkit/small.py": ["tests/test_small.py"]}, folder, root=root)]))
"""


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bool, str, int]]:
    """Whether each change was noticed, by what, and how many tests were run; "" is the module as it is."""
    root, folder = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("trees")
    (root / "dlqkit").mkdir()
    (root / "tests").mkdir()
    (root / "dlqkit" / "__init__.py").touch()
    (root / "dlqkit" / "small.py").write_text(MODULE)
    (root / "tests" / "test_small.py").write_text(TESTS)
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    done = subprocess.run([sys.executable, "-c", RUN, str(root), str(folder)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])
    return {what: (noticed, by, tests) for _, _, _, what, noticed, by, tests, _ in rows}


def test_the_module_as_it_is_passes(tried: dict[str, tuple[bool, str, int]]) -> None:
    """Or everything would count as noticed."""
    assert tried[""][:2] == (False, "")


def test_a_change_that_a_test_fails_by_is_noticed_and_one_that_none_reaches_is_not(
    tried: dict[str, tuple[bool, str, int]],
) -> None:
    assert tried["10 → 11"] == (True, "tests/test_small.py::test_third", 3)
    assert tried["7 + 1: Add → Sub"] == (False, "", 0)
    # 100 or 101, and more or as many: 1 is neither.
    assert not tried["100 → 101"][0]
    assert not tried["number > 100: Gt → GtE"][0]


def test_a_change_that_a_shared_fixture_or_a_cache_brings_to_another_test_is_noticed(
    tried: dict[str, tuple[bool, str, int]],
) -> None:
    """The fixture and the cache work within the first test that asks for them; what they gave fails the second."""
    assert tried["return left → None"] == (True, "tests/test_small.py::test_second", 2)
    assert tried["return KNOWN[name] → None"][2] == 2


def test_a_change_is_seen_by_the_processes_that_a_test_starts(tried: dict[str, tuple[bool, str, int]]) -> None:
    assert tried["return number > 100 → None"] == (False, "", 1)  # sys.exit(None) is 0


def test_a_module_that_cannot_be_imported_and_one_that_never_ends_are_noticed(
    tried: dict[str, tuple[bool, str, int]],
) -> None:
    assert tried["'b' → 'bX'"][:2] == (True, "import of tests/test_small.py")
    assert tried["if left > 0: always"][0]
    assert tried["if left > 0: always"][1].startswith("limit of time or memory (")


def test_what_only_people_read_is_not_changed() -> None:
    source = '''"""What it is."""\n__all__ = ["a"]\n\ndef a(b: "c") -> "d":\n    """More."""\n    raise E("f")\n'''

    assert mutants(source) == []


def test_each_change_is_of_one_place_and_tells_its_statement() -> None:
    source = "A = 1\n\ndef f(b=2):\n    if (b ==\n            3):\n        return lambda: b + 4\n"

    found = [(one.line, one.statement, one.what) for one in mutants(source)]

    assert found == [
        (1, None, "1 → 2"),
        (4, 4, "if b == 3: always"),
        (4, 4, "if b == 3: never"),
        (3, None, "2 → 3"),
        (4, 4, "b == 3: Eq → NotEq"),
        (6, 6, "return lambda: b + 4 → None"),
        (5, 4, "3 → 4"),
        (6, 6, "b + 4: Add → Sub"),
        (6, 6, "4 → 5"),
    ]
    assert all(ast.unparse(ast.parse(source)) != one.text for one in mutants(source))


def test_a_probe_stands_before_each_statement_of_a_function() -> None:
    source = (
        '"""A."""\nfrom __future__ import annotations\nA = 1\n\ndef f(b):\n    """B."""\n    if b:\n        return 1\n'
    )

    assert with_probes(source, "_probe = print", "m").splitlines() == [
        '"""A."""', "from __future__ import annotations", "_probe = print", "A = 1", "", "def f(b):", '    """B."""',
        "    _probe('m:7')", "    if b:", "        _probe('m:8')", "        return 1",
    ]  # fmt: skip
