"""Calls that run what was read, trust whoever answers, or write where they are told: not one stands in the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = {"eval", "exec", "compile", "__import__"}
ATTRIBUTES = {"extractall", "read_pickle", "to_pickle", "unsafe_load", "full_load", "mktemp", "system", "popen"}
MODULES = {"pickle", "cPickle", "dill", "marshal", "shelve", "joblib", "cloudpickle"}
KEYWORDS = {"shell": True, "verify": False, "allow_pickle": True}
# A fixture of pytest has the name of a function that is refused; ``os.popen`` and ``os.system`` are of the module os.
OF_OS = {"system", "popen"}


def refused(text: str) -> Iterator[tuple[int, str]]:
    """Line and name of each refused call or import."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, one.name) for one in node.names if one.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] in MODULES:
                yield node.lineno, str(node.module)
            yield from ((node.lineno, one.name) for one in node.names if one.name in ATTRIBUTES | NAMES)
        elif isinstance(node, ast.Assign | ast.keyword) and _is_unsafe(node):
            yield node.value.lineno, ast.unparse(node)
        elif isinstance(node, ast.Call):
            yield from _of_call(node)


def _is_unsafe(node: ast.Assign | ast.keyword) -> bool:
    if not isinstance(node.value, ast.Constant):
        return False
    names = [node.arg] if isinstance(node, ast.keyword) else [one.attr for one in node.targets if
                                                              isinstance(one, ast.Attribute)]  # fmt: skip
    return any(name in KEYWORDS and KEYWORDS[name] is node.value.value for name in names)


def _of_call(node: ast.Call) -> Iterator[tuple[int, str]]:
    called = node.func
    if isinstance(called, ast.Name) and called.id in NAMES:
        yield node.lineno, called.id
    elif isinstance(called, ast.Attribute):
        of = called.value.id if isinstance(called.value, ast.Name) else ""
        loads = (
            called.attr == "load"
            and of == "yaml"
            and not any(one.arg == "Loader" and "Safe" in ast.unparse(one.value) for one in node.keywords)
        )
        unsafe = called.attr in ATTRIBUTES - OF_OS or (called.attr in OF_OS and of == "os")
        if loads or (unsafe and of != "tmp_path_factory"):
            yield node.lineno, f"{of}.{called.attr}"


def sources() -> list[Path]:
    return sorted(path for folder in ("dlqkit", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py"))


def test_no_file_of_ours_has_a_refused_call() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}": name
        for path in sources()
        for line, name in refused(path.read_text(encoding="utf-8"))
    }

    assert found == {}


def test_no_notebook_or_template_has_one() -> None:
    import json

    paths = [*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "templates").glob("*.ipynb")]
    assert paths
    for path in paths:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                assert not list(refused("".join(cell["source"]))), path.name


@pytest.mark.parametrize(
    "text",
    ["import pickle", "from pickle import loads", "import joblib.parallel", "eval('1')", "exec(x)", "__import__('os')",
     "subprocess.run(x, shell=True)", "requests.get(u, verify=False)", "session.verify = False", "z.extractall('.')",
     "yaml.load(x)", "yaml.load(x, Loader=yaml.Loader)", "yaml.full_load(x)", "os.system('x')", "os.popen('x')",
     "tempfile.mktemp()", "from tempfile import mktemp", "from os import system", "np.load(x, allow_pickle=True)",
     "pd.read_pickle(x)", "frame.to_pickle(x)"],
)  # fmt: skip
def test_each_refused_call_is_seen(text: str) -> None:
    assert list(refused(text))


@pytest.mark.parametrize(
    "text", ["yaml.safe_load(x)", "yaml.load(x, Loader=yaml.CSafeLoader)", "re.compile('x')", "platform.system()",
             "tmp_path_factory.mktemp('x')", "session.verify = str(ca)", "evaluate(x)"],
)  # fmt: skip
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert not list(refused(text))
