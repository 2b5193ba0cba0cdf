"""Pictures of a post-mortem and of the main steps in JupyterLab, for the docs, made anew: ``make screenshots``."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from tests.lab import chromium, count_code, open_notebook, run_all, serve_lab

__all__ = ["TARGET", "make_screenshots"]

TARGET = Path(__file__).resolve().parent.parent / "docs" / "pictures"
# As much as a laptop shows; a palette, since a picture of a screen is to be small.
HEIGHT, COLOURS = 800, 256
# Nobody waits for it, and a machine may have other work.
PATIENCE_MS = 300_000


def make_screenshots(target: Path = TARGET) -> None:
    """Run a demo, open its notebooks in JupyterLab, and keep what the analyst sees at each step."""
    with tempfile.TemporaryDirectory(prefix="dlqkit-") as scratch:
        environment = {**os.environ, "LOGNAME": "anna"}
        called = [sys.executable, "-m", "dlqkit", "demo", "orders-sync", "--no-fix"]
        subprocess.run(called, cwd=scratch, env=environment, check=True, stdout=subprocess.DEVNULL)
        incident = Path(scratch) / "orders-sync"
        with serve_lab(str(incident), environment=environment) as lab, chromium() as browser:
            _keep_first_screen(browser, incident / "report" / "postmortem.html", target / "postmortem.png")
            for notebook, steps in _STEPS.items():
                path = f"notebooks/{notebook}.ipynb"
                page = open_notebook(browser, lab, path).page
                run_all(page, count_code(incident / path), within_ms=PATIENCE_MS)
                for name, words, do in steps:
                    do(page)
                    _save(_picture(page, words), target / f"{name}.png")
                page.close()
                lab.stop_kernels()


def _keep_first_screen(browser: Any, report: Path, target: Path) -> None:
    """What the post-mortem shows before anybody scrolls; the README begins with it."""
    page = browser.new_page(viewport={"width": 1280, "height": HEIGHT})
    page.goto(report.as_uri())
    _save(page.screenshot(), target)
    page.close()


def _picture(page: Any, words: str) -> bytes:
    """What stands from the cell on that has these words; of the first cell, with all that is around it."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(800)
    cell = page.locator(".jp-Notebook .jp-Cell").filter(has_text=words).first
    panel, box = page.locator(".jp-NotebookPanel").bounding_box(), cell.bounding_box()
    top = max(box["y"] - 10, 0)
    clip = {"x": panel["x"], "y": top, "width": panel["width"], "height": HEIGHT}
    if words == FIRST:
        clip = {"x": 0, "y": 0, "width": page.viewport_size["width"], "height": HEIGHT}
    picture: bytes = page.screenshot(clip=clip, animations="disabled")
    return picture


def _contents(page: Any) -> None:
    page.click('[title^="Table of Contents"]')


def _table(page: Any) -> None:
    box = page.locator('.dlqkit-table:has(caption:text-is("Newest dead letters"))')
    box.get_by_role("columnheader", name="action_duration_ms").click()
    box.get_by_role("searchbox").fill("pool")


def _event(page: Any) -> None:
    page.locator(".jp-Notebook .jp-Cell").first.click()


def _choice(page: Any) -> None:
    page.locator(".widget-vbox select").select_option(index=1)
    page.wait_for_timeout(4000)


FIRST = "1 · Signals"
_STEPS: Mapping[str, Sequence[tuple[str, str, Callable[[Any], None]]]] = {
    "01_signals": [("lab-signals", FIRST, _contents)],
    "03_execution_logs": [
        ("lab-table", "show_newest_dead_letters", _table),
        ("lab-event", "What is the story of one event?", _event),
    ],
    "04_decision": [("lab-choice", "What is behind one of them?", _choice)],
}


def _save(png: bytes, path: Path) -> None:
    with Image.open(io.BytesIO(png)) as picture:
        # Of the other methods the orange of the dead letters, a small share of the picture, comes out beige.
        picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)


if __name__ == "__main__":
    make_screenshots()
