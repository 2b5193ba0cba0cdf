"""The first screen of the HTML and the first 60 lines of the Markdown, against the truth."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import dlqkit
from dlqkit import language
from dlqkit.report.facts import facts as compute_facts
from dlqkit.report.render import render_html
from dlqkit.report.updates import AUDIENCES, write_update
from tests.pseudo_language import left_outside, pseudo_language, texts_of_page
from tests.real import find_program
from tests.whole.accuracy import AFTERNOON, GIVEN_AT_LEAST, clock_options, count_affected, run_dlqkit, simulator

pytestmark = pytest.mark.real
SCENARIOS = ("infrastructure", "business", "timeout", "mixed")
CLASS_WORDS = {
    "en": {"infrastructure": "infrastructure error", "business": "business error", "timeout": "timeout",
           "mixed": "mixed, by signature"},
    "ru": {"infrastructure": "инфраструктурная ошибка", "business": "бизнес-ошибка", "timeout": "таймаут",
           "mixed": "смешанный, по сигнатурам"},
}  # fmt: skip
STATE_WORDS = {"en": {True: "Going on", False: "Ended"}, "ru": {True: "Продолжается", False: "Закончилось"}}


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
    label = dict(reversed(re.findall(r"^([A-ZА-Я][A-Za-zА-Яа-яё ]+)\n(.+)$", text, re.MULTILINE)))
    code = facts["language"]
    with language.use(code):
        workflow, state = label[language.say("Workflow")], label[language.say("State")]
        since, affected = label[language.say("Since")], label[language.say("Events affected")]
        failure_class, signature = label[language.say("Class")], label[language.say("Top signature")]
        changed, step = label.get(language.say("Changed before"), ""), label[language.say("Do next")]
        said = language.moments(since)[0][2]
    assert truth["workflow_id"] in workflow
    assert truth["workflow_name"] in workflow
    assert state.startswith(STATE_WORDS[code][truth["going_on"]])
    assert abs(said - datetime.fromisoformat(truth["onset_at"])) <= timedelta(seconds=31)
    count = re.match(r"(≥ )?([0-9][0-9,\s]*?)(?:;| =)", affected)
    assert count is not None
    number, true = int(re.sub(r"[,\s]", "", count[2])), count_affected(truth, facts["as_of"])
    cut = truth["pagination"] == "none"
    assert cut if count[1] else number == true
    assert min(true, GIVEN_AT_LEAST) <= number <= true
    assert failure_class.startswith(CLASS_WORDS[code][truth["scenario"]])
    share_of = r"([0-9]+)\s?% (?:of the (?:events|[0-9,]+ seen)|(?:увиденных )?событий(?: \([0-9\s]+\))?): "
    share = int(re.match(share_of, signature)[1])  # type: ignore[index]
    assert 10 <= share <= 100
    if truth["change"]:
        assert truth["change"]["what"] in changed
    # Several steps have a line each.
    first = re.search(rf"^{re.escape(step)}\n1\) (.+)\n2\) ", text, re.MULTILINE)
    assert (first[1] if first else step).endswith(".")


def check_translated(place: Path) -> None:
    """Each word of the report and of the status texts is of a catalog, or of somebody else."""
    incident = dlqkit.open_incident(place / "incident")
    with pseudo_language(place / "locale"):
        found = compute_facts(incident)
        texts = texts_of_page(render_html(found, ()))
        for audience in AUDIENCES:
            texts += write_update(found, audience).to_text(10_000).splitlines()
    rows = [*found["signatures"], *found["class"]["rules"]]
    foreign = [str(row[key]) for row in rows for key in ("signature", "text_says") if row.get(key)]
    foreign += [str(row[key]) for row in found["coverage"] for key in ("source", "query")]
    foreign += [str(row) for row in found["sources"]]
    foreign += list(incident.records().frame["payload_snapshot"].dropna())
    foreign += [path.name for path in (place / "incident" / "evidence").rglob("*")]
    foreign += [str(found["incident"]), *(str(row["workflow_name"]) for row in found["signals"])]
    assert left_outside(texts, foreign) == {}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_first_screen_says_what_is_true(scenario: str, tmp_path: Path) -> None:
    """HTML and Markdown answer at first sight in both languages, and their answers are the platform's own."""
    clock, window = clock_options(AFTERNOON)
    with simulator(tmp_path, "--scenario", scenario, "--seed", "4", *clock) as (served, environment, path):
        names = {f"DLQKIT_WORKFLOWS__{key}__NAME": name for key, name in served["workflow_names"].items()}
        run = run_dlqkit(environment | names, "investigate", *window, "--dir", "incident", cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        truth = json.loads(path.read_text())
    # The same evidence; the whole incident is not simulated again.
    again = run_dlqkit(environment | names, "postmortem", "incident", "--lang", "ru", "--output", "ru",
                       "--format", "html", "--format", "md", cwd=tmp_path)  # fmt: skip
    assert again.returncode == run.returncode, again.stderr
    for report in (tmp_path / "incident" / "report", tmp_path / "ru"):
        facts = json.loads((report / "facts.json").read_text())
        check(first_screen(report / "postmortem.html"), truth, facts)
        head = (report / "postmortem.md").read_text().splitlines()[:60]
        plain = [re.sub(r"\\(.)", r"\1", line) for line in head]
        check("\n".join(re.sub(r"^- \*\*(.+?)\*\*: ", r"\1\n", line) for line in plain), truth, facts)
    assert facts["language"] == "ru"
    check_translated(tmp_path)
    # The triage comes first, from the dead letters alone, and the post-mortem after it.
    assert run.stdout.index("collecting the rest") < run.stdout.index("postmortem.html")
