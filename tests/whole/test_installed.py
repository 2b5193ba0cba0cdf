"""dlqkit from its wheel, in a folder without a checkout; and from the checkout, editable."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import dlqkit
from dlqkit.resources import find_notebooks, find_template

ROOT = Path(dlqkit.__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel, built from this checkout."""
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("the tests do not run from a checkout")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
             "--disable-pip-version-check", "-w", str(folder), str(ROOT)]  # fmt: skip
    subprocess.run(build, check=True, capture_output=True)
    target = folder / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target),
               "--disable-pip-version-check", str(next(folder.glob("*.whl")))]  # fmt: skip
    subprocess.run(install, check=True, capture_output=True)
    return target


def test_the_wheel_has_the_notebooks_and_the_template(installed: Path) -> None:
    """What Papermill runs is in the wheel, and nothing of the tests is."""
    wheel = next(installed.parent.glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()

    assert sum("_resources/notebooks/" in name for name in names) == 7
    assert "dlqkit/_resources/templates/postmortem.ipynb" in names
    assert "dlqkit/py.typed" in names
    assert not [name for name in names if name.startswith(("tests", "benchmarks"))]


def test_the_wheel_runs_the_demo_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    """An installed dlqkit needs no checkout."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DLQKIT_")}
    environment["PYTHONPATH"] = str(installed)
    where = [sys.executable, "-c", "import dlqkit; print(dlqkit.__file__)"]
    told = subprocess.run(where, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout.startswith(str(installed))

    run = subprocess.run(
        [sys.executable, "-m", "dlqkit", "demo", "--events", "4000", "--no-republish"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert run.returncode == 0, run.stderr
    report = tmp_path / "demo" / "infrastructure" / "report"
    assert {path.name for path in report.iterdir()} >= {
        "postmortem.html",
        "postmortem.md",
        "postmortem.ipynb",
        "facts.json",
    }
    assert "The post-mortem: " in run.stdout


def test_an_editable_install_finds_the_same_files() -> None:
    """In a checkout the notebooks lie beside the package."""
    assert [path.name[:2] for path in find_notebooks()] == ["01", "02", "03", "04", "05", "06", "07"]
    assert find_template("postmortem.ipynb").is_file()
