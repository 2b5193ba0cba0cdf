"""A colleague opens the post-mortem's notebook in JupyterLab: without dlqkit, without trust, without running it."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlqkit.report.run import run_postmortem
from tests.lab import Lab, chromium, open_notebook, serve_lab
from tests.report.example import HOSTILE
from tests.report.test_drawn import folder_of, row

ROWS = [
    *(row(f"s{n}", n, lost=False, took_ms=100.0) for n in range(0, 240, 2)),
    *(row(f"d{n}", 120 + n / 4, lost=True, took_ms=30_000.0) | {"last_error": f"refused {HOSTILE}"} for n in range(40)),
]


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the notebook of a report alone, as it comes from a ticket."""
    work, folder = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("received")
    incident = folder_of(work, ROWS)
    incident.pin("Olga saw it, too", HOSTILE)
    made = run_postmortem(incident.path, formats=("ipynb",))
    assert made.complete, made.problems
    shutil.copy(made.paths["ipynb"], folder / "postmortem.ipynb")
    return folder


@pytest.fixture(scope="module")
def lab(received: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The colleague's own JupyterLab, whose record of trusted notebooks is empty; no cell is run."""
    empty = {name: str(tmp_path_factory.mktemp("home")) for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    arguments = (f"--ServerApp.root_dir={received}", "--ServerApp.ip=127.0.0.1", "--port=0", "--allow-root")
    environment = {**os.environ, **empty, "JUPYTER_PREFER_ENV_PATH": "0"}
    with serve_lab(*arguments, module=("jupyterlab",), environment=environment) as served:
        yield served


@pytest.mark.real
def test_every_table_and_figure_is_seen_without_trust(received: Path, lab: Lab) -> None:
    """As many tables as were shown, every figure as large as it is, no script, nothing run, nothing asked outside."""
    notebook = json.loads((received / "postmortem.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    html = ["".join(output["data"]["text/html"]) for output in outputs if "text/html" in output.get("data", {})]
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    tables, lists = (sum(text.count(f"<{tag}") for text in html) for tag in ("table", "dl"))
    assert pictures == 3 and tables >= 8 and lists >= 8

    with chromium() as browser:
        watched = open_notebook(browser, lab, "postmortem.ipynb")
        page = watched.page
        page.wait_for_function("n => document.querySelectorAll('.jp-OutputArea img').length === n", arg=pictures)
        for tag, count in (("table", tables), ("dl", lists)):
            page.wait_for_function(
                "([tag, n]) => document.querySelectorAll(`.jp-OutputArea ${tag}`).length === n", arg=[tag, count]
            )
        widths = page.eval_on_selector_all(
            ".jp-OutputArea img", "all => Promise.all(all.map(e => e.decode().then(() => e.naturalWidth)))"
        )
        text = page.inner_text(".jp-Notebook")
        scripts = page.query_selector_all(".jp-OutputArea script")
        aligned = page.eval_on_selector_all(
            ".jp-OutputArea td", "all => [...new Set(all.map(e => getComputedStyle(e).textAlign))]"
        )
    assert min(widths) > 300
    assert "Olga saw it, too" in text and "<script>alert(1)</script>" in text
    assert not scripts
    assert aligned == ["left"]
    assert not watched.outside


def test_a_viewer_that_takes_plain_text_alone_has_all_of_it(received: Path) -> None:
    """What VS Code shows of a folder that is not trusted, and a terminal: no MIME type but these, HTML never alone."""
    notebook = json.loads((received / "postmortem.ipynb").read_text(encoding="utf-8"))
    shown = [output["data"] for cell in notebook["cells"] for output in cell.get("outputs", [])]

    assert {kind for data in shown for kind in data} == {"text/html", "text/plain", "image/png"}
    for data in shown:
        text = "".join(data["text/plain"])
        assert len(text) >= 10 and not text.startswith("<"), text[:100]
        html = "".join(data.get("text/html", ""))
        assert not re.search('<(script|style|link|iframe|img)|class="jp-', html)


@pytest.mark.real
def test_a_page_without_any_style_sheet_keeps_tables_apart_and_whole(received: Path, tmp_path: Path) -> None:
    """As nbviewer or a mail shows it: nbconvert's barest template. No column touches the next one."""
    from nbconvert import HTMLExporter

    body, _ = HTMLExporter(template_name="basic").from_filename(str(received / "postmortem.ipynb"))
    (tmp_path / "page.html").write_text(body, encoding="utf-8")
    notebook = json.loads((received / "postmortem.ipynb").read_text(encoding="utf-8"))
    html = json.dumps([cell.get("outputs", []) for cell in notebook["cells"]])

    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.goto((tmp_path / "page.html").as_uri())
        tables = page.locator("table").count()
        gaps = page.eval_on_selector_all("td, th", "all => all.map(e => parseFloat(getComputedStyle(e).paddingRight))")
        bold = page.eval_on_selector_all("dt", "all => all.map(e => getComputedStyle(e).fontWeight)")
        dialogs = page.evaluate("document.querySelectorAll('.output script').length")
    assert tables == html.count("<table") >= 8
    assert min(gaps) >= 4
    assert set(bold) == {"700"}
    assert dialogs == 0
