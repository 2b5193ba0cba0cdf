"""The notebooks that ``dlqkit lab`` lays into an incident folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dlqkit import language
from dlqkit.cli.lab import fill_notebooks, lay_notebooks


def words_of(path: Path) -> str:
    return "".join("".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])


def test_the_notebooks_of_the_report_speak_the_readers_language(tmp_path: Path) -> None:
    """Headings and what the cells show; a notebook that the analyst has already stays in its own."""
    with language.use("ru"):
        communication, closure = fill_notebooks(tmp_path)[-2:]
    told = words_of(communication)

    assert "# 7 · Закрытие" in words_of(closure)
    assert 'language: str = "ru"' in told
    fill_notebooks(tmp_path, "002")
    assert words_of(communication) == told.replace('snapshot: str = ""', 'snapshot: str = "002"')


@pytest.fixture
def laid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An incident folder into which this user's dlqkit laid the notebooks, and the user wrote code of his own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = tmp_path / "incident"
    assert lay_notebooks(folder, None, mine=False) is None
    write_code(folder, "mine()")
    return folder


def write_code(folder: Path, code: str) -> None:
    first = folder / "notebooks" / "01_signals.ipynb"
    notebook = json.loads(first.read_text())
    notebook["cells"][2]["source"] = [code]
    first.write_text(json.dumps(notebook))


def test_ones_own_notebooks_are_kept_also_where_the_folder_was_moved(laid: Path) -> None:
    """Whoever laid them may change them, and tidy up."""
    moved = laid.rename(laid.with_name("INC-12"))

    assert lay_notebooks(moved, "002", mine=False) is None
    assert "mine()" in words_of(moved / "notebooks" / "01_signals.ipynb")


def test_notebooks_that_somebody_else_may_have_changed_are_moved_aside(laid: Path) -> None:
    """A folder that was sent and unpacked: what lies in it would be run, so fresh ones are laid; nothing is lost."""
    copy = Path(shutil.copytree(laid, laid.with_name("received")))
    write_code(copy, "steal()")
    (copy / "notebooks" / "pandas.py").write_text("steal()")

    aside = lay_notebooks(copy, None, mine=False)

    assert aside == copy / "notebooks-not-mine-1"
    assert "steal()" in words_of(aside / "01_signals.ipynb")
    assert "steal()" not in words_of(copy / "notebooks" / "01_signals.ipynb")
    assert not (copy / "notebooks" / "pandas.py").exists()
    assert lay_notebooks(copy, None, mine=False) is None


def test_a_received_folder_whose_code_is_ours_is_opened_as_it_is(laid: Path) -> None:
    """Only words and the values of parameters differ, and neither is run."""
    shutil.rmtree(laid / "notebooks")
    with language.use("ru"):
        fill_notebooks(laid, "001")

    assert lay_notebooks(laid, None, mine=False) is None


@pytest.mark.parametrize("value", ['"".join(steal())', "steal()", '"x"; steal()'])
def test_a_parameter_that_is_no_literal_is_code(laid: Path, value: str) -> None:
    """It would be run like any cell."""
    shutil.rmtree(laid / "notebooks")
    first = fill_notebooks(laid)[0]
    first.write_text(
        first.read_text().replace('incident_dir: str = \\"..\\"', f"incident_dir: str = {json.dumps(value)[1:-1]}")
    )

    assert lay_notebooks(laid, None, mine=False) is not None


def test_notebooks_that_a_link_leads_to_are_nobodys(laid: Path) -> None:
    """A link leads out of the folder, to whatever its maker chose."""
    (laid / "notebooks").rename(laid / "elsewhere")
    (laid / "notebooks").symlink_to(laid / "elsewhere")

    assert lay_notebooks(laid, None, mine=False) == laid / "notebooks-not-mine-1"


def test_the_user_may_say_that_notebooks_are_his(laid: Path) -> None:
    """From then on they are."""
    copy = Path(shutil.copytree(laid, laid.with_name("restored")))

    assert lay_notebooks(copy, None, mine=True) is None
    assert lay_notebooks(copy, None, mine=False) is None
    assert "mine()" in words_of(copy / "notebooks" / "01_signals.ipynb")
