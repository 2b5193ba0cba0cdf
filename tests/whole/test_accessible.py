"""Every scenario's report, as someone with a screen reader, a keyboard or a small screen meets it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dlqkit.report.render import render_html
from dlqkit.report.run import collect_figures, run_postmortem
from dlqkit.simulator.platform import SCENARIOS
from tests.real import find_program, find_violations
from tests.whole.accuracy import run_dlqkit, simulator

pytestmark = pytest.mark.real


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_axe_finds_no_violation_in_any_report(scenario: str, tmp_path: Path) -> None:
    """On a desk and on a phone, figures' numbers unfolded; headings have no gap, and every figure has its numbers."""
    from playwright.sync_api import sync_playwright

    with simulator(tmp_path, "--scenario", scenario, "--seed", "4") as (_, environment, _):
        run = run_dlqkit(environment, "collect", "incident", "--since", "4h", cwd=tmp_path)
        assert run.returncode in {0, 3}, run.stderr
    result = run_postmortem(tmp_path / "incident", formats=("html", "ipynb"))
    assert result.complete
    page_text = result.paths["html"].read_text(encoding="utf-8")
    levels = [int(level) for level in re.findall(r"<h([1-6])", page_text)]
    assert levels[0] == 1 and set(levels[1:]) == {2}
    figures = collect_figures(json.loads(result.paths["ipynb"].read_text(encoding="utf-8")))
    assert page_text.count("<figure>") == len(re.findall("<details><summary>", page_text)) <= len(figures)
    # Equal facts and figures, rendered again, are the same page: nothing of the browser's run is needed for it.
    assert render_html(result.facts, figures) == page_text
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_program("chromium"), args=["--no-sandbox"])
        for width in (1280, 390):
            page = browser.new_page(viewport={"width": width, "height": 844})
            page.goto(result.paths["html"].as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            assert find_violations(page) == []
        browser.close()
