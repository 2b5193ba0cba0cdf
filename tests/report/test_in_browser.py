"""The report in a real browser: on a phone and on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dlqkit.plots.theme import figure_png, new_axes
from dlqkit.report.figure import Figure
from dlqkit.report.render import render_html
from tests.real import find_program, find_violations
from tests.report.example import make_facts

pytestmark = pytest.mark.real
LONG = 'prometheus: {__name__=~"worker_dlq_total|worker_failure_total|worker_success_total|worker_dlq|worker_failure"}'


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A report with figures and long words, open in Chromium."""
    from playwright.sync_api import sync_playwright

    facts = make_facts()
    facts["coverage"] = [{**facts["coverage"][0], "query": LONG, "findings": ["Found out. " * 20]} for _ in range(7)]
    figures = [Figure(name, figure_png(new_axes()), name) for name in ("signals", "timeline", "durations")]
    path: Path = tmp_path_factory.mktemp("report") / "postmortem.html"
    path.write_text(render_html(facts, figures))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_program("chromium"), args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 390, "height": 844})
        opened.goto(path.as_uri())
        yield opened
        browser.close()


@pytest.mark.parametrize("width", [1280, 900, 390])
def test_axe_finds_no_violation_at_any_width(page: Any, width: int) -> None:
    """With the numbers of each figure folded and unfolded; WCAG 2 and axe-core's own good practice."""
    page.set_viewport_size({"width": width, "height": 844})
    for is_open in (False, True):
        page.evaluate("open => document.querySelectorAll('details').forEach(one => one.open = open)", is_open)
        assert find_violations(page) == []
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = false)")
    page.set_viewport_size({"width": 390, "height": 844})


def test_axe_sees_what_is_wrong(page: Any) -> None:
    """The test above could fail: of a figure without words axe-core says so."""
    alt = page.evaluate(
        "(() => { const one = document.images[0], alt = one.alt; one.removeAttribute('alt'); return alt })()"
    )
    found = find_violations(page)
    page.evaluate("alt => document.images[0].alt = alt", alt)

    assert [name for name, _ in found] == ["image-alt"]


def test_on_a_phone_nothing_lies_beside_the_page(page: Any) -> None:
    """Rows are cards with the column's name before each value; nothing but a figure's own box is scrolled sideways."""
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    widest = (
        "Math.max(...[...document.querySelectorAll('td, dd, h1, caption')].map(e => e.getBoundingClientRect().right))"
    )
    assert page.evaluate(widest) <= 390
    labels = page.evaluate(
        "[...document.querySelectorAll('section:last-of-type tr:nth-child(1) td')]"
        ".map(e => getComputedStyle(e, '::before').content)"
    )
    assert labels == ['"what"', '"command"']


def test_on_a_phone_a_name_without_a_blank_is_broken_below_a_figure_too(page: Any, tmp_path: Path) -> None:
    facts = make_facts()
    name = "@a" * 500
    figure = Figure("signals", figure_png(new_axes()), f"Dead letters of {name}")
    (tmp_path / "long.html").write_text(render_html(facts, [figure]), encoding="utf-8")
    phone = page.context.browser.new_page(viewport={"width": 400, "height": 900})
    phone.goto((tmp_path / "long.html").as_uri())

    assert name in phone.evaluate("document.querySelector('figcaption').textContent")
    assert phone.evaluate("document.documentElement.scrollWidth") == 400
    phone.close()


def test_on_a_laptop_seven_russian_columns_fit_and_the_sentence_among_them_can_be_read(
    page: Any, tmp_path: Path
) -> None:
    """Words are longer than in English; still nothing is scrolled sideways, and the evidence is no column of words."""
    facts = make_facts(language="ru")
    evidence = (
        "Счётчик DLQ вырос на 139; обычная доля событий дала бы 0,2 (логарифм отношения правдоподобия 282, порог 13)."
    )
    facts["signals"] = [
        {**facts["signals"][0], "signal": signal, "evidence": evidence, "end_at": None}
        for signal in ("dead_letters", "failures")
    ]
    (tmp_path / "ru.html").write_text(render_html(facts, []), encoding="utf-8")
    laptop = page.context.browser.new_page()
    laptop.set_viewport_size({"width": 1280, "height": 900})
    laptop.goto((tmp_path / "ru.html").as_uri())

    wide = "[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
    assert laptop.evaluate("document.querySelectorAll('.wide').length") > 3
    assert laptop.evaluate(wide) == 0
    assert laptop.evaluate("document.querySelector('td.prose').clientWidth") >= 150
    laptop.close()


def test_on_a_phone_a_figure_keeps_a_size_that_can_be_read(page: Any) -> None:
    """It is scrolled inside its box instead of shrunk to the screen."""
    box, image = page.evaluate(
        "[document.querySelector('.drawn').clientWidth, document.querySelector('.drawn img').clientWidth]"
    )

    assert box < 390
    assert image >= 640


def test_on_paper_the_page_has_margins_and_rows_are_tables(page: Any) -> None:
    """What is printed is the wide layout, at any width of the screen."""
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.querySelector('td')).display") == "table-cell"
    assert page.evaluate("getComputedStyle(document.querySelector('thead')).breakAfter") == "avoid"
    assert page.evaluate("getComputedStyle(document.querySelector('details')).display") == "none"
    page.emulate_media(media="screen")

    # Without the rule a browser takes its own size, which is Letter here.
    assert re.search(rb"/MediaBox \[0 0 59[45][.0-9]* 84[12]", page.pdf(prefer_css_page_size=True))
