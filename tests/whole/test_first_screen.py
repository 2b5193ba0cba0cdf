"""The first screen of the HTML and the first 60 lines of the Markdown, against the truth."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.real import find_program
from tests.whole.accuracy import GIVEN_AT_LEAST, count_affected, run_dlqkit, simulator

pytestmark = pytest.mark.real
SCENARIOS = ("infrastructure", "business", "timeout", "mixed")
CLASS_WORDS = {"infrastructure": "infrastructure error", "business": "business error", "timeout": "timeout",
               "mixed": "mixed, by signature"}  # fmt: skip


def first_screen(path: Path) -> str:
    """The text that can be seen at 1440×900 without scrolling."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_program("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(path.as_uri())
        text: str = page.evaluate(
            """() => [...document.querySelectorAll("h1, dt, dd, .state")]
                .filter(e => e.getBoundingClientRect().bottom <= innerHeight).map(e => e.innerText).join("\\n")"""
        )
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        page.set_viewport_size({"width": 390, "height": 844})
        wide_on_phone = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        browser.close()
    assert not wide
    assert not wide_on_phone
    return text


def check(text: str, truth: dict[str, Any], facts: dict[str, Any]) -> None:
    """Which workflow, going on or ended, since when, how many, class, top signature, what changed, what next."""
    # The first of each: sections further down say some of it again.
    label = dict(reversed(re.findall(r"^([A-Z][A-Za-z ]+)\n(.+)$", text, re.MULTILINE)))
    assert truth["workflow_id"] in label["Workflow"]
    assert truth["workflow_name"] in label["Workflow"]
    assert label["State"].startswith("GOING ON" if truth["going_on"] else "Ended")
    said = datetime.fromisoformat(re.search(r"([-0-9]+ [0-9:]+) UTC", label["Since"])[1] + "+00:00")  # type: ignore[index]
    assert abs(said - datetime.fromisoformat(truth["onset_at"])) <= timedelta(seconds=31)
    count = re.match(r"(≥ )?([0-9,]+);", label["Events affected"])
    assert count is not None
    number, true = int(count[2].replace(",", "")), count_affected(truth, facts["as_of"])
    cut = truth["pagination"] == "none"
    assert cut if count[1] else number == true
    assert min(true, GIVEN_AT_LEAST) <= number <= true
    assert label["Class"].startswith(CLASS_WORDS[truth["scenario"]])
    share = int(re.match(r"([0-9]+)%: ", label["Top signature"])[1])  # type: ignore[index]
    assert 10 <= share <= 100
    if truth["change"]:
        assert truth["change"]["what"] in label["Changed before"]
    assert label["Do next"].endswith(".")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_first_screen_says_what_is_true(scenario: str, tmp_path: Path) -> None:
    """HTML and Markdown answer at first sight, and their answers are the platform's own."""
    with simulator(tmp_path, "--scenario", scenario, "--seed", "4") as (served, environment, path):
        names = {f"DLQKIT_WORKFLOWS__{key}__NAME": name for key, name in served["workflow_names"].items()}
        run = run_dlqkit(environment | names, "investigate", "--since", "4h", "--dir", "incident", cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        truth = json.loads(path.read_text())
    report = tmp_path / "incident" / "report"
    facts = json.loads((report / "facts.json").read_text())

    check(first_screen(report / "postmortem.html"), truth, facts)
    head = (report / "postmortem.md").read_text().splitlines()[:60]
    plain = [re.sub(r"\\(.)", r"\1", line) for line in head]
    check("\n".join(re.sub(r"^- \*\*(.+?)\*\*: ", r"\1\n", line) for line in plain), truth, facts)
    # The triage comes first, from the dead letters alone, and the post-mortem after it.
    assert run.stdout.index("collecting the rest") < run.stdout.index("postmortem.html")
