"""The notebooks and templates: thin, typed, without outputs, and with help for each parameter."""

import ast
import json
import re
from pathlib import Path

import papermill
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TEMPLATES = sorted((ROOT / "templates").glob("*.ipynb"))
NAMES = [
    "01_signals",
    "02_diagnosis",
    "03_execution_logs",
    "04_decision",
    "05_republish",
    "06_communication",
    "07_closure",
]
# What would be code that wants a module and a test.
PROGRAMS = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.AsyncFor, ast.While, ast.ListComp,
    ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Try, ast.With,
)  # fmt: skip
PARAMETER = re.compile(r"^[a-z_]+: (str|int|float|bool) = \S.*?  # \S")

every = pytest.mark.parametrize("path", NOTEBOOKS + TEMPLATES, ids=lambda path: path.stem)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(path):
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def source(cell):
    return "".join(cell["source"])


def parameter_cells(path):
    return [cell for cell in code_cells(path) if "parameters" in cell["metadata"].get("tags", [])]


def test_the_notebooks_are_the_runbook():
    """Seven notebooks, in the order of the runbook."""
    assert [path.stem for path in NOTEBOOKS] == NAMES
    assert [path.stem for path in TEMPLATES] == ["postmortem"]


@every
def test_no_run_is_kept(path):
    """Git keeps the source alone: a run's output may hold what clients sent."""
    for cell in code_cells(path):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@every
def test_cells_are_thin(path):
    """Cells call the library; what would need a test is not in a notebook."""
    for cell in code_cells(path):
        tree = ast.parse(source(cell))
        assert not [node for node in ast.walk(tree) if isinstance(node, PROGRAMS)], source(cell)
        assert len(source(cell).splitlines()) <= 8


@every
def test_only_dlqkit_is_imported(path):
    """A notebook needs nothing but dlqkit."""
    for cell in code_cells(path):
        for node in ast.walk(ast.parse(source(cell))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert all(name.split(".")[0] == "dlqkit" for name in names)


@every
def test_payloads_are_not_shown(path):
    """A notebook travels; what clients sent stays in the evidence."""
    assert "payload_snapshot" not in path.read_text(encoding="utf-8")
    assert "extra_json" not in path.read_text(encoding="utf-8")


@every
def test_parameters_are_typed_and_explained(path):
    """The first code cell is the parameters: each typed, a literal, and with a comment that says what it is."""
    cells = code_cells(path)
    assert parameter_cells(path) == cells[:1]
    for line in source(cells[0]).splitlines():
        assert PARAMETER.match(line), line
        statement = ast.parse(line).body[0]
        assert isinstance(statement, ast.AnnAssign) and isinstance(statement.value, ast.Constant)
        assert type(statement.value.value).__name__ == ast.unparse(statement.annotation)


@every
def test_papermill_shows_each_parameter_with_its_help(path):
    """``papermill --help-notebook`` tells an analyst what may be set."""
    shown = papermill.inspect_notebook(str(path))

    written = [line.partition(":")[0] for line in source(parameter_cells(path)[0]).splitlines()]
    assert list(shown) == written
    assert list(shown)[:2] == ["incident_dir", "snapshot"]
    for parameter in shown.values():
        assert parameter["help"] and parameter["inferred_type_name"] in {"str", "int", "bool"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebooks_open_the_folder_they_lie_in(path):
    """The two parameters that ``dlqkit lab`` fills in are the same in all seven."""
    first, second = source(parameter_cells(path)[0]).splitlines()[:2]

    assert first == 'incident_dir: str = ".."  # incident folder, made by dlqkit collect'
    assert second == 'snapshot: str = ""  # number of the evidence snapshot, such as 001; empty: the newest'


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebooks_guide_the_analyst(path):
    """A question first, words before each table or figure, a finding last, and the way to the next notebook."""
    cells = read(path)["cells"]
    assert "**The question:**" in source(cells[0])
    assert "## Finding" in source(cells[-1])
    following = NAMES[NAMES.index(path.stem) + 1 :][:1]
    assert all(f"({name}.ipynb)" in source(cells[-1]) for name in following)
    linked = re.findall(r"\((\d\d_\w+)\.ipynb\)", path.read_text(encoding="utf-8"))
    assert set(linked) <= set(NAMES)


@every
def test_the_format_is_plain(path):
    """Version 4.5, Python 3, an id of its own for each cell, and a final line end."""
    notebook = read(path)
    ids = [cell["id"] for cell in notebook["cells"]]

    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert len(set(ids)) == len(ids)
    assert path.read_text(encoding="utf-8").endswith("}\n")


@every
def test_commands_named_in_a_notebook_exist(path):
    """What a notebook tells the analyst to type is there, with the options it names."""
    from typer.main import get_command

    from dlqkit.cli.main import app

    commands = get_command(app).commands
    words = "".join(source(cell) for cell in read(path)["cells"] if cell["cell_type"] == "markdown")
    for name, rest in re.findall(r"`dlqkit ([a-z]+)([^`]*)`", words):
        assert name in commands
        options = {option for parameter in commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options


def test_pictures_of_the_docs_are_small_and_shown() -> None:
    """Each is on a page, and a page loads at once; ``make screenshots`` makes those of JupyterLab anew."""
    pictures = list((ROOT / "docs" / "pictures").glob("*.png"))
    pages = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])

    assert len(pictures) >= 5
    assert [
        path.name for path in pictures if path.stat().st_size > 200_000 or f"pictures/{path.name})" not in pages
    ] == []
