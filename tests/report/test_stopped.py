"""A notebook that did not run to its end, a source that was down: said first and by the exit code; still a report."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pypdfium2
import pytest

from dlqkit.cli.main import main
from dlqkit.report import run as run_module
from dlqkit.resources import find_template
from tests.evidence.service import record, serving
from tests.frames import START

Run = Callable[..., tuple[int, str]]
KILL = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
CELLS = [
    number
    for number, cell in enumerate(json.loads(find_template("postmortem.ipynb").read_text(encoding="utf-8"))["cells"])
    if cell["cell_type"] == "code"
]
# The first, the one of the parameters' folder, one between two figures, and the last.
SOME = (CELLS[0], CELLS[2], CELLS[len(CELLS) // 2], CELLS[-1])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder; exit code, and all that was printed."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["dlqkit", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out + err

    return call


@pytest.fixture
def incident(tmp_path: Path, run: Run) -> Path:
    """Forty dead letters in twenty minutes of four hours, and a success a minute."""
    rows = [{"id": f"d{n}", "workflow_id": "wf", "trace_id": f"t{n}", "status": "failed", "retryable": True,
             "created_at": (START + timedelta(minutes=120, seconds=30 * n)).isoformat(), "queued_to_dlq": True,
             "attempts": 5, "last_error": "no route", "payload_snapshot": {}} for n in range(40)]  # fmt: skip
    rows += [{"id": f"s{n}", "workflow_id": "wf", "trace_id": f"s{n}", "status": "success", "queued_to_dlq": False,
              "created_at": (START + timedelta(minutes=n)).isoformat(), "attempts": 1} for n in range(240)]  # fmt: skip
    (tmp_path / "export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, said = run("collect", "incident", "--start", START.isoformat(), "--end",
                     (START + timedelta(hours=4)).isoformat(), "--records", "export.jsonl")  # fmt: skip
    assert code == 0, said
    return tmp_path / "incident"


def put_in(number: int, code: str, place: Path, patch: pytest.MonkeyPatch) -> None:
    """Let the template run this code in place of one of its cells."""
    notebook = json.loads(find_template("postmortem.ipynb").read_text(encoding="utf-8"))
    cell = notebook["cells"][number]
    # Its parameters are still declared: it is while it runs that the kernel ends.
    cell["source"] = "".join(cell["source"]) + "\n" + code
    (place / "changed.ipynb").write_text(json.dumps(notebook))
    patch.setattr(run_module, "find_template", lambda _: place / "changed.ipynb")


def texts_of(report: Path) -> dict[str, str]:
    document = pypdfium2.PdfDocument(report / "postmortem.pdf")
    try:
        pdf = " ".join(" ".join(page.get_textpage().get_text_range() for page in document).split())
    finally:
        document.close()
    return {"html": (report / "postmortem.html").read_text(encoding="utf-8"),
            "md": (report / "postmortem.md").read_text(encoding="utf-8"), "pdf": pdf}  # fmt: skip


def check_killed(number: int, incident: Path, run: Run, patch: pytest.MonkeyPatch) -> None:
    put_in(number, KILL, incident.parent, patch)

    code, said = run("postmortem", "incident")

    assert code == 3
    assert "Not whole: the notebook's kernel died." in said
    for name, text in texts_of(incident / "report").items():
        assert "This report is not whole: the notebook" in text and "kernel died." in text, name
        # What was computed before the kernel started is all there.
        assert "40 events dead-lettered" in text and "no route" in text, name
    assert json.loads((incident / "report" / "facts.json").read_text())["events"]["affected"]["value"] == 40
    ran = json.loads((incident / "report" / "postmortem.ipynb").read_text())["cells"]
    assert sum(cell.get("execution_count") is not None for cell in ran) <= CELLS.index(number) + 2


@pytest.mark.parametrize("number", SOME)
def test_a_kernel_that_is_killed_leaves_a_report_that_says_so(
    number: int, incident: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_killed(number, incident, run, monkeypatch)


@pytest.mark.bench
@pytest.mark.parametrize("number", sorted(set(CELLS) - set(SOME)))
def test_a_kernel_that_is_killed_at_any_cell_leaves_a_report_that_says_so(
    number: int, incident: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_killed(number, incident, run, monkeypatch)


def test_a_cell_past_its_time_is_stopped_and_named_in_the_readers_language(
    incident: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was drawn before it is kept; nothing of the cell's own text is told."""
    put_in(CELLS[-1], "import time; time.sleep(600)", incident.parent, monkeypatch)
    monkeypatch.setattr(run_module, "CELL_TIMEOUT_S", 30)

    code, said = run("postmortem", "incident", "--lang", "ru")

    assert code == 3
    assert "ячейка выполнялась дольше 30 с и была остановлена." in said
    page = (incident / "report" / "postmortem.html").read_text(encoding="utf-8")
    assert "ячейка выполнялась дольше 30 с" in page and "time.sleep" not in page
    assert page.count("<img ") == 3


def test_a_notebook_past_its_time_leaves_the_report(incident: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Papermill itself hangs: it is ended, and what it had written is read."""
    monkeypatch.setattr(run_module, "RUN_TIMEOUT_S", 0.05)

    code, said = run("postmortem", "incident", "--format", "html")

    assert code == 3
    assert "Not whole: the notebook took too long and was stopped." in said
    page = (incident / "report" / "postmortem.html").read_text(encoding="utf-8")
    assert "took too long and was stopped" in page and "40 events dead-lettered" in page


def test_what_python_says_of_its_own_fault_is_not_told() -> None:
    """A path of this machine, or a value of the evidence, may stand in it; its name does not."""
    said = "Traceback (most recent call last):\n  File x\nnbformat.ValidationError: /home/olga/IVAN PETROV\n"

    assert run_module._why_it_stopped(1, said) == "the notebook stopped: ValidationError."
    assert run_module._why_it_stopped(-9, "") == "the notebook stopped: exit code -9."


def test_a_source_that_was_down_stands_in_the_banner_and_in_the_exit_code(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prometheus is broken, the records are there: a report of what is known, which says what is not."""
    with serving(records=[record(number, 30 - number) for number in range(6)], prometheus_status=500) as service:
        monkeypatch.setenv("DLQKIT_EXECUTION_LOGS__URL", f"{service.url}/execution-logs")
        monkeypatch.setenv("DLQKIT_PROMETHEUS__URL", service.url)
        collected, told = run("collect", "incident", "--workflow", "wf", "--since", "1h")
    code, _ = run("postmortem", "incident", "--format", "html", "--format", "md")

    assert (collected, code) == (3, 3), told
    page = (tmp_path / "incident" / "report" / "postmortem.html").read_text(encoding="utf-8")
    text = (tmp_path / "incident" / "report" / "postmortem.md").read_text(encoding="utf-8")
    banner = page.partition('class="banner"')[2].partition("</p>")[0]
    assert "Not whole: counters of Prometheus" in banner and "broken or overloaded (500)" in banner
    said = "> Not whole: counters of Prometheus"
    assert said in text
    # The banner stands before the first section, and the numbers of the records are there.
    assert text.index(said) < text.index("\n## ")
    assert "6 events dead-lettered" in page
