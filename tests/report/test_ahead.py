"""Figures that are drawn while the facts are computed, and the process in which that happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dlqkit import language
from dlqkit.evidence.folder import IncidentFolder, open_incident
from dlqkit.report import ahead, figures
from dlqkit.report.facts import facts
from dlqkit.report.notebook_process import Executed, NotebookProcess, start_process
from dlqkit.report.papermill_run import KERNEL_DIED
from dlqkit.report.run import kernel_environment
from tests.report.test_drawn import ROWS, folder_of

SHOWN = (figures.show_signals_figure, figures.show_timeline_figure, figures.show_durations_figure)


@pytest.fixture
def incident(tmp_path: Path) -> IncidentFolder:
    return folder_of(tmp_path, ROWS)


def fail(*_: object) -> figures.DrawnFigure:
    raise AssertionError("drawn anew")


def forbid_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_draw", fail)


def test_the_notebook_s_process_begins_before_the_command_imports_pandas(incident: IncidentFolder) -> None:
    """Papermill and its kernel take seconds to start; nobody is to wait for them behind our own imports."""
    code = (
        "import sys\n"
        "from dlqkit.cli import main\n"
        "from dlqkit.report import run\n"
        "def start(*_):\n"
        "    print(sorted({'pandas', 'pyarrow', 'numpy'} & sys.modules.keys()))\n"
        "    raise SystemExit(0)\n"
        "run.start_process = start\n"
        f"sys.argv = ['dlqkit', 'postmortem', {str(incident.path)!r}]\n"
        "main.main()\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_what_is_drawn_ahead_is_what_the_cells_would_have_drawn(
    incident: IncidentFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes and the same words; of the facts that are known early, before the rest is computed."""
    known: list[dict[str, Any]] = []
    found = facts(incident, on_drawable=known.append)
    anew = [show(incident, found) for show in SHOWN]

    ahead.draw(str(incident.path), incident.snapshot, "en", json.dumps(known[0]))

    forbid_drawing(monkeypatch)
    again = open_incident(incident.path)
    assert [show(again, found) for show in SHOWN] == anew
    assert "figures" not in known[0]


def test_what_is_drawn_ahead_is_read_before_it_is_known(
    incident: IncidentFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel has nothing else to do until then; the folder is opened once."""
    known: list[dict[str, Any]] = []
    found = facts(incident, on_drawable=known.append)
    ahead.read(str(incident.path), None)
    monkeypatch.setattr(ahead, "open_incident", fail)

    ahead.draw(str(incident.path), incident.snapshot, "en", json.dumps(known[0]))

    forbid_drawing(monkeypatch)
    assert [show(incident, found).name for show in SHOWN] == ["signals", "timeline", "durations"]
    assert not ahead._FOLDERS


def test_the_command_does_something_else_while_the_cells_run(tmp_path: Path) -> None:
    """It is called before the process is waited for, which only then is told that nothing more will come."""
    waiting: list[bool] = []
    with start_process(tmp_path, kernel_environment()) as process:
        process.execute({"cells": []}, 60, lambda: waiting.append(process.process.poll() is None))

    assert waiting == [True]


def test_a_figure_is_shown_once_and_then_drawn_anew(incident: IncidentFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the cell again has changed something, maybe a note in incident.toml."""
    found = facts(incident)
    figures.draw_ahead(incident, found)
    figures.show_timeline_figure(incident, found)

    forbid_drawing(monkeypatch)

    with pytest.raises(AssertionError, match="drawn anew"):
        figures.show_timeline_figure(incident, found)


@pytest.mark.parametrize("part", ["as_of", "workflow", "signals", "changes", "class"])
def test_of_other_facts_the_figure_is_drawn_anew(
    part: str, incident: IncidentFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was known early need not be what the report says in the end."""
    found = facts(incident)
    figures.draw_ahead(incident, found)
    forbid_drawing(monkeypatch)

    with pytest.raises(AssertionError, match="drawn anew"):
        figures.show_durations_figure(incident, {**found, part: "other"})


def test_a_figure_of_another_language_is_drawn_anew(incident: IncidentFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its axes and labels are words, too."""
    found = facts(incident)
    figures.draw_ahead(incident, found)

    forbid_drawing(monkeypatch)

    with language.use("ru"), pytest.raises(AssertionError, match="drawn anew"):
        figures.show_signals_figure(incident, found)


def kernel_of(process: NotebookProcess) -> int:
    """The kernel's process, once its code has run."""
    path = process.cwd / "kernel"
    process.run_ahead(f"import os; open({str(path)!r}, 'w').write(str(os.getpid()))")
    until = time.monotonic() + 120
    while not (path.is_file() and path.read_text()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return int(path.read_text())


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIG_DFL)
    except ProcessLookupError:
        return False
    return True


def test_no_kernel_is_left_behind_where_the_facts_could_not_be_computed(tmp_path: Path) -> None:
    """It was started before anybody knew that the folder cannot be read."""
    with pytest.raises(RuntimeError, match="no facts"), start_process(tmp_path, kernel_environment()) as process:
        kernel = kernel_of(process)
        assert is_running(kernel)
        raise RuntimeError("no facts")

    assert process.process.returncode == 0
    assert not is_running(kernel)


def request_of(folder: Path) -> dict[str, Any]:
    """To execute a notebook of one cell that prints 42."""
    source = folder / "in.ipynb"
    cell = {"cell_type": "code", "execution_count": None, "id": "one", "metadata": {}, "outputs": [],
            "source": "print(6 * 7)"}  # fmt: skip
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    source.write_text(json.dumps({"cells": [cell], "metadata": {"kernelspec": kernelspec}, "nbformat": 4,
                                  "nbformat_minor": 5}))  # fmt: skip
    return {"source": str(source), "target": str(folder / "out.ipynb"), "parameters": {}, "cwd": str(folder),
            "cell_timeout_s": 60, "start_timeout_s": 60}  # fmt: skip


def execute_after(code: str, folder: Path) -> Executed:
    """Run code ahead, and then that notebook."""
    with start_process(folder, kernel_environment()) as process:
        process.run_ahead(code)
        return process.execute(request_of(folder), 300)


def printed(folder: Path) -> list[list[str]]:
    """What the cell printed; it was the first that was executed."""
    (ran,) = json.loads((folder / "out.ipynb").read_text())["cells"]
    assert ran["execution_count"] == 1
    return [output["text"] for output in ran["outputs"]]


def test_the_cells_are_run_by_the_client_that_was_ready_before_the_facts(tmp_path: Path) -> None:
    """One that is made for them listens for a fifth of a second to a kernel that has nothing to say."""
    code = (
        "from nbclient import NotebookClient\n"
        "NotebookClient.start_new_kernel_client = None\n"
        "from dlqkit.report import papermill_run\n"
        "raise SystemExit(papermill_run.main())\n"
    )
    lines = [{"cwd": str(tmp_path)}, {"code": "ahead = True"}, request_of(tmp_path)]

    done = subprocess.run(
        [sys.executable, "-c", code], input="".join(json.dumps(line) + "\n" for line in lines), text=True,
        capture_output=True, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert printed(tmp_path) == [["42\n"]]


def test_code_that_fails_ahead_is_seen_by_nobody(tmp_path: Path) -> None:
    """The cell that needs it does it itself, and says why it cannot."""
    done = execute_after("raise ValueError('IVAN PETROV')", tmp_path)

    assert done.code == 0
    assert printed(tmp_path) == [["42\n"]]
    assert "PETROV" not in done.said + (tmp_path / "out.ipynb").read_text()


def test_a_kernel_that_dies_before_its_notebook_is_said_to_have_died(tmp_path: Path) -> None:
    """Drawing ahead may take more memory than there is; the report then says what happened, and not how."""
    done = execute_after("import os; os._exit(1)", tmp_path)

    assert done.code == KERNEL_DIED, done.said
    assert "Traceback" not in done.said
