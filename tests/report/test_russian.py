"""The report's own words in Russian: no English sentence stands between what the evidence says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from dlqkit import language
from dlqkit.report import figure_tables, render, run, sections, tables
from tests.report.example import make_facts

# What is the same in every language: names of fields, settings, files and programs.
NAMES = {"UTC", "MAX_ATTEMPTS", "DLQ", "dlqkit", "facts", "json", "retryable", "workflow", "Workflow", "Prometheus",
         "Papermill", "verify", "id", "payload"}  # fmt: skip
FIGURES = ("signals", "timeline", "durations")
RULE = {"events": 12, "failure_class": "infrastructure", "reason": "As was said.", "retryable": True,
        "attempts": [4, 5], "max_attempts": 5, "action_duration_ms": [29_990.0, 30_000.0], "timeout_ms": 30_000.0,
        "text_says": None, "texts": [], "counter_evidence": None, "counter_events": 0}  # fmt: skip


def said_in(value: Any) -> Iterator[str]:
    """Every text that the facts hold: not of the tables, but of the evidence and of people."""
    if isinstance(value, dict):
        for one in value.values():
            yield from said_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from said_in(one)
    elif isinstance(value, str) and value:
        yield value


def latin_words(shown: str, facts: dict[str, Any]) -> list[str]:
    """Words of Latin letters that are neither of the facts nor names."""
    for text in sorted(said_in(facts), key=len, reverse=True):
        # A code alone, such as "partial" or "timeout", has to be translated.
        if not re.fullmatch("[a-z_]+", text):
            shown = shown.replace(text, " ")
    return [word for word in re.findall("[A-Za-z_]{2,}", shown) if word not in NAMES]


@pytest.fixture
def facts() -> dict[str, Any]:
    """An incident of which each table has a row, and a source that was cut."""
    found = make_facts(language="ru", redacted=True, assumptions=["5 attempts"])
    found["class"] |= {"rules": [RULE], "timeout_ms": {"value": 30_000.0, "basis": "as set"}}
    found["signatures"][0] |= {"disputed": True, "overridden_by": "Anna", "override_reason": "wrong flag"}
    found["signals"][0] |= {"size": None, "evidence": "As the records say."}
    found["coverage"][0]["completeness"] = "partial"
    found["coverage"].append(found["coverage"][0] | {"kind": "worker logs", "completeness": "unverified"})
    return found


def test_every_table_of_the_report_is_in_the_readers_language(facts: dict[str, Any]) -> None:
    """Titles, columns, and words of ours within cells."""
    shows = (tables.show_signals, tables.show_signatures, tables.show_rules, tables.show_classes, tables.show_changes,
             tables.show_timeline, tables.show_coverage, tables.show_advice, tables.show_impact)  # fmt: skip

    with language.use("ru"):
        texts = {show.__name__: show(facts).to_markdown().replace("\\", "") for show in shows}
        data = [one for name in FIGURES for one in figure_tables.show_figure_data(facts, name)]
        texts |= {table.title: " ".join((table.title, *table.columns)) for table in data}

    assert len(texts) == 13
    assert {name: latin_words(text, facts) for name, text in texts.items()} == {name: [] for name in texts}


def test_what_stands_around_the_tables_is_in_the_readers_language(facts: dict[str, Any]) -> None:
    """Headings, status, banners, what is missing, and what made it."""
    with language.use("ru"):
        texts = [
            *(title for title, _ in sections.choose_sections(facts)), sections.report_status(facts),
            *render.banners(facts, ["9"]), render.meta_text(facts), render.footer_text(facts),
            render.missing_figure_text("signals"), tables.mark_text("judgement"), tables.mark_text("unknown"),
        ]  # fmt: skip

    assert len(texts) == 19
    assert {text: latin_words(text, facts) for text in texts} == {text: [] for text in texts}


@pytest.mark.parametrize(
    ("failed", "said"),
    [
        (1, "1 ячейка завершилась ошибкой."),
        (3, "3 ячейки завершились ошибкой."),
        (12, "12 ячеек завершились ошибкой."),
    ],
)
def test_cells_that_failed_are_counted_in_the_right_form(failed: int, said: str) -> None:
    error = {"cell_type": "code", "execution_count": 1, "outputs": [{"output_type": "error"}]}

    with language.use("ru"):
        assert run._judge({"cells": [error] * failed}) == [said]


def test_a_time_is_known_in_a_cell_of_either_language(facts: dict[str, Any]) -> None:
    """It is not broken within, and a span of two only between them."""
    assert 'class="when" data-label="when">2026-03-02 13:55:00 UTC<' in tables.show_changes(facts).to_html()
    with language.use("ru"):
        changes, coverage = tables.show_changes(facts).to_html(), tables.show_coverage(facts).to_html()

    assert 'class="when" data-label="когда">02.03.2026 13:55:00 UTC<' in changes
    assert 'class="span" data-label="запрошенное окно">02.03.2026 12:00 UTC — 02.03.2026 16:00 UTC<' in coverage


def test_the_page_says_its_language_to_those_who_hear_it(facts: dict[str, Any]) -> None:
    """And the hint on a phone is not left in English."""
    page = render.render_html(facts, [])

    assert '<html lang="ru">' in page
    assert "Прокрутите рисунок вбок. " in page
    assert "Scroll" not in page
