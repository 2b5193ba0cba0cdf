"""The two reports of the docs are as today's dlqkit would write them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from dlqkit import language
from dlqkit.report.diagnosis_tables import show_impact_counts
from dlqkit.report.sections import choose_sections
from dlqkit.report.tables import Table, show_advice, show_classes, show_rules, show_signals, show_signatures
from dlqkit.report.wording import summary
from dlqkit.untrusted import for_markdown
from tests.report.example import make_facts

DOCS = Path(__file__).resolve().parents[2] / "docs"
REPORTS = [("infrastructure", "en"), ("business", "ru")]


def head_of(table: Table) -> str:
    return "| " + " | ".join(for_markdown(name) for name in table.columns) + " |"


@pytest.mark.parametrize(("scenario", "lang"), REPORTS)
def test_headings_tables_and_first_screen_are_those_of_today(scenario: str, lang: str) -> None:
    """Where one was renamed or added, ``make reports`` is to be run again."""
    text = (DOCS / "reports" / f"{scenario}-{lang}" / "postmortem.md").read_text(encoding="utf-8")
    with language.use(lang):
        facts = make_facts()
        headings = [title for title, _ in choose_sections(facts)]
        labels = {line.label for line in summary(facts)}
        said = {
            language.say(label)
            for label in (
                "Durations",
                "In common",
                "What differs",
                "Other times",
                "Failing alike",
                "Failing too",
                "Not whole",
            )
        }
        shown = (show_signals, show_impact_counts, show_classes, show_rules, show_signatures, show_advice)
        heads = [head_of(show(facts)) for show in shown]
    first = re.findall(r"^- \*\*(.+?)\*\*: ", text.split("\n## ")[0], re.MULTILINE)

    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == headings
    assert [head for head in heads if head not in text] == []
    assert labels - said <= set(first) <= labels | said


@pytest.mark.parametrize(("scenario", "lang"), REPORTS)
def test_what_a_report_of_the_docs_shows_lies_beside_it_and_is_small(scenario: str, lang: str) -> None:
    """Three figures and the first page, a quarter of a megabyte in all; nothing of whoever made it."""
    place = DOCS / "reports" / f"{scenario}-{lang}"
    text = (place / "postmortem.md").read_text(encoding="utf-8")

    assert sorted(re.findall(r"\]\((figures/[a-z]+\.png)\)", text)) == [
        "figures/durations.png", "figures/signals.png", "figures/timeline.png",
    ]  # fmt: skip
    pictures = [*sorted((place / "figures").iterdir()), place / "first-page.png"]
    assert len(pictures) == 4
    for picture in pictures:
        with Image.open(picture) as opened:
            assert opened.width > 600
    assert sum(path.stat().st_size for path in place.rglob("*") if path.is_file()) < 400_000
    assert not re.search(r"/(?:tmp|home|root|work|var)/|\broot\b", text)


def test_the_page_on_post_mortems_names_both_and_the_command_that_makes_them() -> None:
    page = (DOCS / "postmortem.md").read_text(encoding="utf-8")

    assert all(f"reports/{scenario}-{lang}/postmortem.md" in page for scenario, lang in REPORTS)
    assert "make reports" in page
