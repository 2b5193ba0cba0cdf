"""Imports go one way, and the public names are the ones that the README speaks of."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dlqkit

ROOT = Path(dlqkit.__file__).parent
BASE = {
    "cells", "engines", "errors", "frames", "imports", "incident", "invocation", "json_places",
    "language", "membership", "notebook_html", "resources", "settings", "suggestions", "untrusted",
}  # fmt: skip
ALLOWED = {
    **dict.fromkeys(BASE, BASE),
    "sources": BASE,
    "evidence": BASE | {"sources"},
    "setup": BASE | {"sources", "evidence", "signals"},
    "signals": BASE,
    "executions": BASE | {"signals"},
    "decision": BASE | {"signals", "executions"},
    "prevention": BASE | {"signals", "executions", "decision"},
    "plots": BASE | {"signals", "executions"},
    "republish": BASE | {"sources", "evidence", "signals", "executions", "decision", "prevention"},
    "closure": BASE | {"evidence", "signals", "executions", "decision", "republish"},
    "tickets": BASE | {"sources", "evidence"},
    "report": BASE
    | {"tickets", "closure", "evidence", "signals", "executions", "decision", "prevention", "plots", "republish"},
    "simulator": set(),
    "cli": BASE
    | {
        "closure",
        "tickets",
        "evidence",
        "signals",
        "executions",
        "decision",
        "prevention",
        "plots",
        "republish",
        "report",
        "setup",
        "sources",
        "simulator",
    },
}


def imports_of(path: Path) -> set[str]:
    """First parts below ``dlqkit`` of everything a module imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "dlqkit":
            names |= {alias.name for alias in node.names} & set(ALLOWED)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("dlqkit."):
            names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("dlqkit.")}
    return names


@pytest.mark.parametrize("part", sorted(ALLOWED))
def test_each_part_imports_only_what_stands_below_it(part: str) -> None:
    """An analysis can be tested without a network, because it cannot reach one."""
    paths = list((ROOT / part).rglob("*.py")) if (ROOT / part).is_dir() else [ROOT / f"{part}.py"]

    wrong = {path.name: imports_of(path) - ALLOWED[part] - {part} for path in paths}

    assert paths
    assert not {name: names for name, names in wrong.items() if names}


def test_every_way_to_import_a_part_is_seen(tmp_path: Path) -> None:
    """Three spellings of the same import."""
    for number, text in enumerate(("from dlqkit import simulator", "import dlqkit.simulator.platform",
                                   "def f():\n    from dlqkit.simulator import platform")):  # fmt: skip
        path = tmp_path / f"{number}.py"
        path.write_text(text)
        assert imports_of(path) == {"simulator"}


def test_only_the_simulators_own_commands_import_the_simulator() -> None:
    """Nothing that works on a real platform knows the simulated one."""
    users = {
        path.name for path in ROOT.rglob("*.py") if "simulator" in imports_of(path) and "simulator" not in path.parts
    }

    assert users <= {"simulator.py"}


def test_every_public_name_can_be_imported() -> None:
    """What ``dir(dlqkit)`` shows is there."""
    missing = [name for name in dlqkit.__all__ if not hasattr(dlqkit, name)]

    assert not missing


def test_importing_dlqkit_imports_nothing_heavy() -> None:
    """``import dlqkit`` costs nothing; a name is loaded when it is used."""
    code = "import sys, dlqkit; print([m for m in ('pandas', 'matplotlib', 'requests', 'grpc') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_kernel_of_a_report_imports_what_it_shows_and_no_more(tmp_path: Path) -> None:
    """It reads no settings, asks nobody, checks no schema and writes no page: the figures are there the sooner."""
    others = ("dlqkit.settings", "pydantic", "requests", "jsonschema", "papermill", "nbconvert", "jinja2", "duckdb")
    code = f"import sys, dlqkit.report.ahead; print([name for name in {others} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert done.stdout.strip() == "[]"


def test_a_command_compiles_no_grammar_and_a_notebook_may(tmp_path: Path) -> None:
    """Over a second for forms that nobody asks for; whoever imports dlqkit into an own program keeps them."""
    code = (
        "import jsonschema, sys; "
        "print([sys.modules.get(name) is None for name in ('rfc3987_syntax', 'isoduration', 'arrow')])"
    )
    ours = "from dlqkit.imports import leave_out_grammars; leave_out_grammars(); "
    answers = [
        subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
        for text in (ours + code, "import dlqkit.prevention.payload_check; " + code)
    ]

    assert [answer.strip() for answer in answers] == ["[True, True, True]", "[False, False, False]"]


def test_secrets_are_resolved_where_the_outside_world_is_asked_alone() -> None:
    """No report, notebook or manifest can hold a secret, because nothing there can look one up."""
    paths = {
        path.relative_to(ROOT) for path in ROOT.rglob("*.py") if "resolve_secret" in path.read_text(encoding="utf-8")
    }

    assert {path.parts[0] for path in paths} <= {"sources", "republish", "tickets"}
    assert {path.name for path in paths if path.parts[0] == "republish"} == {"publisher.py"}
