"""JupyterLab as ``dlqkit lab`` starts it, in a browser that writes down what goes wrong and who is asked."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.real import find_program

START_S = 40
# Taller than any notebook: JupyterLab draws only the cells that are seen.
TALL = {"width": 1300, "height": 12_000}


@dataclass(frozen=True)
class Lab:
    """A running server: where it is, and its token."""

    base: str
    token: str

    def ask(self, path: str, method: str = "GET") -> Any:
        """What the server's own API answers."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.base}{path}", headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def stop_kernels(self) -> None:
        """Two cores do not carry the kernels of seven notebooks."""
        for kernel in self.ask("/api/kernels"):
            self.ask(f"/api/kernels/{kernel['id']}", "DELETE")


@dataclass
class Watched:
    """A page, the errors of its console, and the addresses beside its own server that it asked."""

    page: Any
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


@contextmanager
def serve_lab(
    *arguments: str, module: Sequence[str] = ("dlqkit", "lab"), environment: Mapping[str, str] | None = None
) -> Iterator[Lab]:
    """Run ``dlqkit lab`` with these arguments, or another module that starts JupyterLab."""
    command = (sys.executable, "-m", *module, *arguments)
    process = subprocess.Popen(
        [*command, "--no-browser"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=None if environment is None else dict(environment),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        deadline, lines = time.monotonic() + START_S, [""]
        while time.monotonic() < deadline and process.poll() is None:
            lines.append(process.stdout.readline())
            found = re.search(r"(http://127\.0\.0\.1:[0-9]+)/lab\S*token=(\w+)", lines[-1])
            if found:
                break
        else:
            pytest.fail("".join([*lines, process.stdout.read() if process.poll() is not None else ""]))
        lab = Lab(found[1], found[2])
        _wait(lab)
        yield lab
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _wait(lab: Lab) -> None:
    """The address is printed a moment before anybody answers there."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            lab.ask("/api")
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_program("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


def open_notebook(browser: Any, lab: Lab, path: str, *, viewport: Mapping[str, int] | None = None) -> Watched:
    """Open a notebook of the server's folder in a workspace of its own; no kernel is waited for."""
    watched = Watched(browser.new_page(viewport=viewport or TALL))
    page = watched.page

    def on_request(request: Any) -> None:
        if not request.url.startswith((f"{lab.base}/", lab.base.replace("http:", "ws:"), "data:", "blob:")):
            watched.outside.append(request.url)

    page.on("request", on_request)
    page.on("console", lambda said: watched.errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    workspace = re.sub("[^a-z0-9]", "", path.lower())
    page.goto(f"{lab.base}/lab/workspaces/{workspace}/tree/{path}?token={lab.token}&reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=30_000)
    return watched


def run_all(page: Any, cells: int, *, within_ms: float = 45_000) -> None:
    """“Run All Cells”, until so many code cells have a number."""
    from playwright.sync_api import TimeoutError

    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=30_000, state="attached")
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
    ran = """n => {
        const prompts = document.querySelectorAll(".jp-Notebook .jp-CodeCell .jp-InputPrompt");
        const texts = [...prompts].map(e => e.innerText);
        return texts.length >= n && texts.every(t => /\\[[0-9]+\\]/.test(t));
    }"""
    page.wait_for_function(ran, arg=cells, timeout=within_ms)


def count_code(notebook: Path) -> int:
    """Code cells of a notebook."""
    return sum(cell["cell_type"] == "code" for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"])
