"""A post-mortem by Papermill: what is kept out of it, and what it says when its notebook did not run to the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pikepdf
import pypdfium2
import pytest

from dlqkit import language
from dlqkit.errors import ParameterError, StorageError
from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import open_incident
from dlqkit.incident import Incident
from dlqkit.report import run as run_module
from dlqkit.report.facts import load_facts
from dlqkit.report.run import kernel_environment, run_postmortem
from dlqkit.resources import find_template
from dlqkit.settings import Settings
from tests.frames import START

SECRET = "s3cr3t-of-the-environment"
PRIVATE = ("IVAN PETROV", "4111-1111-2222", "hunter2", "lenina-street-5")


@pytest.fixture
def incident(tmp_path: Path) -> Path:
    """Forty dead letters whose errors and log lines repeat what they should not."""
    rows = [{"id": f"d{n}", "workflow_id": "wf", "trace_id": f"t{n}", "status": "failed", "retryable": False,
             "created_at": (START + timedelta(minutes=120, seconds=30 * n)).isoformat(), "queued_to_dlq": True,
             "attempts": 5, "last_error": 'card holder "IVAN PETROV" of lenina-street-5 is not valid',
             "payload_snapshot": {"card": {"holder": "IVAN PETROV", "number": "4111-1111-2222"},
                                  "to": "lenina-street-5"}}
            for n in range(40)]  # fmt: skip
    rows += [{"id": f"s{n}", "workflow_id": "wf", "trace_id": f"s{n}", "status": "success", "queued_to_dlq": False,
              "created_at": (START + timedelta(minutes=n)).isoformat(), "attempts": 1} for n in range(240)]  # fmt: skip
    line = {"time": (START + timedelta(minutes=115)).isoformat(), "level": "info",
            "message": "config loaded: DATABASE_URL=postgres://worker:hunter2@db/orders"}  # fmt: skip
    (tmp_path / "export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "worker.jsonl").write_text(json.dumps(line))
    question = Incident(START.to_pydatetime(), (START + timedelta(hours=4)).to_pydatetime())
    collect(question, Settings(), tmp_path / "incident", records_files=(tmp_path / "export.jsonl",),
            worker_logs=(str(tmp_path / "worker.jsonl"),))  # fmt: skip
    return tmp_path / "incident"


def words_of(path: Path) -> str:
    """A report's text; of a PDF what is copied from its pages, and its metadata."""
    if path.suffix != ".pdf":
        return path.read_text(encoding="utf-8")
    document = pypdfium2.PdfDocument(path)
    try:
        pages = [page.get_textpage().get_text_range() for page in document]
        return "\n".join([*pages, *document.get_metadata_dict().values()])
    finally:
        document.close()


def test_no_export_holds_a_payload_value_a_secret_or_a_path(incident: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not where an error repeats the payload, not where a log line tells a password, not from the environment."""
    monkeypatch.setenv("DLQKIT_API_KEY", SECRET)

    result = run_postmortem(incident)

    assert result.complete, result.problems
    assert set(result.paths) == {"facts", "ipynb", "html", "md", "pdf"}
    assert "config loaded" in json.dumps(result.facts)
    for path in result.paths.values():
        text = words_of(path)
        assert not [word for word in (*PRIVATE, SECRET, str(incident.parent)) if word in text], path.name
        assert "card holder" in text or path.suffix == ".ipynb"


def test_nothing_that_lies_in_the_folder_is_run(incident: Path) -> None:
    """A folder may come from a stranger: a module of a known name in it, or settings for the plots, are data."""
    mark = incident.parent / "was-run"
    for name in ("papermill", "pandas", "matplotlib", "sitecustomize", "pyarrow"):
        (incident / f"{name}.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    (incident / "matplotlibrc").write_text("backend: module://planted\n")
    (incident / "planted.py").write_text(f"open({str(mark)!r}, 'w').close()\n")

    result = run_postmortem(incident)

    assert result.complete, result.problems
    assert not mark.exists()


def _template(change: Callable[[list[dict[str, object]]], None], folder: Path) -> Path:
    notebook = json.loads(find_template("postmortem.ipynb").read_text(encoding="utf-8"))
    change(notebook["cells"])
    path = folder / "changed.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os._exit(1)", "cells did not run"),
        ("raise ValueError('IVAN' + chr(32) + 'PETROV')", "ended in an error"),
    ],
)
def test_a_kernel_that_dies_still_leaves_a_report_that_says_so(
    code: str, said: str, incident: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Papermill calls a notebook complete whose kernel died; the banner and the result say what did not run."""

    def break_fourth(cells: list[dict[str, object]]) -> None:
        [cell for cell in cells if cell["cell_type"] == "code"][3]["source"] = code

    broken = _template(break_fourth, incident.parent)
    monkeypatch.setattr(run_module, "find_template", lambda _: broken)

    result = run_postmortem(incident)

    assert not result.complete
    assert any(said in problem for problem in result.problems), result.problems
    html = result.paths["html"].read_text(encoding="utf-8")
    assert "This report is not whole" in html
    assert "40 events dead-lettered" in html
    for path in result.paths.values():
        assert "IVAN PETROV" not in words_of(path)


def test_a_notebook_without_its_last_cell_is_not_whole(incident: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shortened = _template(lambda cells: cells.pop(), incident.parent)
    monkeypatch.setattr(run_module, "find_template", lambda _: shortened)

    result = run_postmortem(incident, formats=("md",))

    assert any("last cell" in problem for problem in result.problems)


def test_what_a_person_wrote_stands_in_the_report(incident: Path) -> None:
    (incident / "judgement.yaml").write_text("cause: The registry <b>refused</b> names.\nowner: team-cards\n")

    html = run_postmortem(incident, formats=("html",)).paths["html"].read_text(encoding="utf-8")

    assert "The registry &lt;b&gt;refused&lt;/b&gt; names." in html
    assert "team-cards" in html


def test_an_unknown_format_is_refused_before_anything_runs(incident: Path) -> None:
    with pytest.raises(ParameterError, match="no format"):
        run_postmortem(incident, formats=("docx",))


def test_a_kernel_sees_only_what_it_needs() -> None:
    environment = {"PATH": "/bin", "HOME": "/home/a", "AWS_SECRET_ACCESS_KEY": SECRET, "DLQKIT_API_KEY": SECRET,
                   "PROMETHEUS_TOKEN": SECRET}  # fmt: skip

    assert kernel_environment(environment) == {"PATH": "/bin", "HOME": "/home/a"}


def test_a_report_of_changed_evidence_says_so(incident: Path) -> None:
    """A frame that was rewritten can still be read; the report must not pass it off as what was collected."""
    path = incident / "evidence" / "001" / "records.parquet"
    frame = pd.read_parquet(path)
    path.chmod(0o600)
    frame.head(100).to_parquet(path)

    result = run_postmortem(incident, formats=("md",))

    assert not result.complete
    assert "changed since it was collected" in result.paths["md"].read_text(encoding="utf-8")


@pytest.mark.parametrize("below", [".", "reports"])
def test_a_place_that_is_no_folder_is_refused_before_anything_is_computed(
    incident: Path, tmp_path: Path, below: str
) -> None:
    taken, steps = tmp_path / "taken", list[str]()
    taken.write_text("a file")

    with pytest.raises(StorageError, match="could not be written: it is not a folder"):
        run_postmortem(incident, output=taken / below, progress=steps.append)

    assert steps == []
    assert taken.read_text() == "a file"


def test_a_report_is_of_one_language_and_equal_each_time(incident: Path) -> None:
    """Facts, headings of the notebook, HTML and PDF say which; a second run gives the same bytes."""
    with language.use("ru"):
        result = run_postmortem(incident)
        again = run_postmortem(incident, output=incident / "again")

    assert result.complete, result.problems
    assert result.facts["language"] == "ru"
    notebook = json.loads(result.paths["ipynb"].read_text(encoding="utf-8"))
    assert "## Хронология" in "".join("".join(cell["source"]) for cell in notebook["cells"])
    assert "language = 'ru'" in "".join("".join(cell["source"]) for cell in notebook["cells"])
    assert "постмортем выполнен до конца" in json.dumps(notebook["cells"][-1], ensure_ascii=False)
    assert '<html lang="ru">' in result.paths["html"].read_text(encoding="utf-8")
    with pikepdf.open(result.paths["pdf"]) as document:
        assert str(document.Root.Lang) == "ru"
    assert sorted(path.name for path in result.paths.values()) == [
        "facts.json", "postmortem.html", "postmortem.ipynb", "postmortem.md", "postmortem.pdf",
    ]  # fmt: skip
    for name in ("facts", "html", "md", "pdf"):
        assert result.paths[name].read_bytes() == again.paths[name].read_bytes(), name


def test_facts_of_another_language_are_not_shown(incident: Path) -> None:
    """A notebook that is opened in English shows no sentence of the report that was made in Russian."""
    with language.use("ru"):
        run_postmortem(incident, formats=("md",))
        told = load_facts(open_incident(incident), "report/facts.json")

    assert told["redacted"]
    assert load_facts(open_incident(incident), "report/facts.json")["language"] == "en"
