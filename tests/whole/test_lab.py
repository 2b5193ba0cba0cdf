"""The seven notebooks of an incident, by Papermill and in JupyterLab."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlqkit.cli.lab import fill_notebooks
from dlqkit.errors import ParameterError
from dlqkit.report.run import run_notebook
from dlqkit.resources import find_notebooks
from tests.real import find_program, free_port
from tests.whole.accuracy import run_dlqkit, simulator

NAMES = [path.name for path in find_notebooks()]


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collected incident folder."""
    folder = tmp_path_factory.mktemp("lab")
    with simulator(folder, "--scenario", "infrastructure", "--seed", "4", "--events", "8000") as (
        served,
        environment,
        _,
    ):
        logs = ("--worker-logs", f"{served['logs_dir']}/*.jsonl")
        run = run_dlqkit(environment, "collect", "incident", "--since", "4h", *logs, cwd=folder)
        assert run.returncode == 0, run.stderr
    return folder / "incident"


@pytest.mark.parametrize("name", NAMES)
def test_each_notebook_runs_by_papermill(name: str, incident: Path, tmp_path: Path) -> None:
    """Every cell runs, none ends in an error."""
    source = next(path for path in find_notebooks() if path.name == name)

    notebook, problems = run_notebook(source, tmp_path / name, {"incident_dir": str(incident)})

    assert problems == []
    assert notebook is not None


def test_a_name_that_a_notebook_does_not_have_is_refused(incident: Path, tmp_path: Path) -> None:
    """Papermill would take it as code in silence."""
    with pytest.raises(ParameterError, match="no parameter"):
        run_notebook(find_notebooks()[0], tmp_path / "out.ipynb", {"incident": "."})


def test_the_analysts_own_copies_are_kept(incident: Path) -> None:
    """Filling in again leaves what the analyst changed."""
    first = fill_notebooks(incident)[0]
    changed = json.loads(first.read_text())
    changed["cells"][0]["source"] = ["# mine"]
    first.write_text(json.dumps(changed))

    fill_notebooks(incident)

    assert json.loads(first.read_text())["cells"][0]["source"] == ["# mine"]
    first.unlink()


@pytest.fixture(scope="module")
def lab(incident: Path) -> Iterator[str]:
    """JupyterLab as ``dlqkit lab`` opens it; its address with the token."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "dlqkit", "lab", str(incident), "--no-browser", "--port", str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        deadline = time.monotonic() + 40
        lines: list[str] = []
        while time.monotonic() < deadline:
            lines.append(process.stdout.readline())
            found = re.search(r"http://127\.0\.0\.1:[0-9]+/lab\S*token=\S+", lines[-1])
            if found:
                break
        else:
            pytest.fail("".join(lines))
        yield found[0]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _stop_kernels(base: str, token: str) -> None:
    """Two cores do not carry the kernels of seven notebooks."""
    headers = {"Authorization": f"token {token}"}
    with urllib.request.urlopen(urllib.request.Request(f"{base}/api/kernels", headers=headers), timeout=10) as answer:
        kernels = json.loads(answer.read())
    for kernel in kernels:
        request = urllib.request.Request(f"{base}/api/kernels/{kernel['id']}", headers=headers, method="DELETE")
        urllib.request.urlopen(request, timeout=10).close()


@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_each_notebook_runs_from_top_to_bottom_in_jupyterlab(name: str, lab: str, incident: Path) -> None:
    """Opened by ``dlqkit lab`` in a browser, “Run All Cells” leaves every cell numbered and none red."""
    from playwright.sync_api import TimeoutError, sync_playwright

    cells = json.loads((incident / "notebooks" / name).read_text())["cells"]
    code = sum(cell["cell_type"] == "code" for cell in cells)
    base, token = re.match(r"(http://[^/]+)/.*token=(\S+)", lab).groups()  # type: ignore[union-attr]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_program("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1300, "height": 12_000})
        page.goto(f"{base}/lab/workspaces/t-{name[:2]}/tree/notebooks/{name}?token={token}&reset")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=30_000)
        page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=30_000, state="attached")
        ran = """n => {
            const prompts = document.querySelectorAll(".jp-Notebook .jp-CodeCell .jp-InputPrompt");
            const texts = [...prompts].map(e => e.innerText);
            return texts.length >= n && texts.every(t => /\\[[0-9]+\\]/.test(t));
        }"""
        # Cells are not taken before the kernel is there; its name then stands in the toolbar.
        page.wait_for_selector('.jp-KernelName:has-text("Python 3")', timeout=30_000)
        begun = """() => [...document.querySelectorAll(".jp-Notebook .jp-CodeCell .jp-InputPrompt")]
            .some(e => /\\[[0-9*]+\\]/.test(e.innerText))"""
        for _ in range(3):
            page.click('.lm-MenuBar-itemLabel:text-is("Run")')
            page.click('.lm-Menu-itemLabel:text-is("Run All Cells")')
            # On a slow machine the kernel's name stands there before it takes cells; a person would click again.
            with contextlib.suppress(TimeoutError):
                page.wait_for_function(begun, timeout=8_000)
                break
        page.wait_for_function(ran, arg=code, timeout=45_000)
        prompts = page.eval_on_selector_all(
            ".jp-Notebook .jp-CodeCell .jp-InputPrompt", "all => all.map(e => e.innerText)"
        )
        assert len(prompts) == code
        assert all(re.fullmatch(r"\[[0-9]+\]:?", prompt.strip()) for prompt in prompts), prompts
        errors = page.query_selector_all('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]')
        red = page.query_selector_all(".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']")
        page.screenshot(path=str(incident.parent / f"{name}.png"))
        assert not red, red[0].inner_text()
        assert not errors, errors[0].inner_text()
        browser.close()
    _stop_kernels(base, token)
